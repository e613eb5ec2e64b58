//! `serve`: everything is looked at first, then the doors are opened.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use super::{
    Gateway,
    check::{self, Level},
    config::{Config, Limits, Tls},
    desk, intake,
    listener::{self, Bound, Routers},
    log::{self, Log},
    notice,
    retention::Retention,
    roster::{self, CurrentRoster, Seen},
    store::FileStore,
    tls_key::{self, CurrentTlsKey},
    upkeep, watch,
};
use crate::{
    clock::{Clock, SystemClock},
    random::{Entropy, SystemEntropy},
};

/// Threads that wait for connections.
const WORKERS: usize = 2;

/// Blocking threads beside those of uploads: the store, the roster, names to look up.
const OTHER_BLOCKING: usize = 16;

/// An idle thread's memory is given back after this.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// One sentence, before anything is served, on whatever [`check::before_serving`] calls a problem,
/// a store that cannot be opened or a listener that cannot be bound.
pub fn run(config: &Path) -> anyhow::Result<()> {
    withdraw()?;
    let config = Config::load(config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let findings = check::before_serving(&config, clock.now());
    if let Some(problem) = findings.into_iter().find(|f| f.level == Level::Problem) {
        return Err(anyhow!(problem.text));
    }
    let store = open_store(&config, &entropy)?;
    let runtime = runtime(&config.limits)?;
    let served = runtime.block_on(async {
        let log = Log::stderr();
        let roster = current_roster(&config, &store, &*clock, &log).await?;
        let retention = Retention::load(&store).await.context("marks cannot be read")?;
        serve(Arc::new(Gateway { config, store, roster, retention, clock, entropy, log })).await
    });
    // a blocked thread must not keep the process; what it was doing was not acknowledged
    runtime.shutdown_timeout(Duration::from_secs(5));
    served
}

/// No core dump, no debugger of another process, no file for others, no payload of a panic.
fn withdraw() -> anyhow::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)
        .context("core dumps cannot be switched off")?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("core dumps cannot be switched off")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    log::silence_panics();
    Ok(())
}

fn open_store(config: &Config, entropy: &Arc<dyn Entropy>) -> anyhow::Result<FileStore> {
    let options = config
        .store_options()
        .with_context(|| format!("{}: the store's disk cannot be used", config.store.display()))?;
    let (store, findings) = FileStore::open(&config.store, entropy.clone(), options)?;
    for finding in findings {
        writeln!(io::stderr(), "store: {finding}")?;
    }
    Ok(store)
}

async fn current_roster(
    config: &Config,
    store: &FileStore,
    clock: &dyn Clock,
    log: &Log,
) -> anyhow::Result<CurrentRoster> {
    let seen = Seen::from_store(store).await?;
    let roster =
        CurrentRoster::open(&config.publication, config.newsroom, config.epoch, seen, log.clone())
            .map_err(|why| {
                let folder = config.publication.display();
                anyhow!("{folder}: the publication is not taken: {why}")
            })?;
    // the epoch, too, is remembered before the first tip can come
    roster.refresh(clock.now());
    roster.remember(store).await.context("roster and epoch cannot be remembered in the store")?;
    Ok(roster)
}

fn runtime(limits: &Limits) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        // an upload may hold one thread for its spool and one for sealing
        .max_blocking_threads(2 * limits.max_uploads + OTHER_BLOCKING)
        .thread_keep_alive(KEEP_ALIVE)
        .enable_all()
        .build()
}

async fn serve(gateway: Arc<Gateway<FileStore>>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let open = |files: &Tls| CurrentTlsKey::open(files.clone(), gateway.log.clone()).map(Arc::new);
    let tls = gateway.config.tls.as_ref().map(open).transpose()?;
    let bound = listener::bind(&gateway.config.listeners, tls.clone()).await?;
    let authorities =
        bound.iter().filter_map(Bound::address).map(|a| a.to_string()).collect::<Vec<_>>();
    let routers = Routers {
        tips: intake::router(gateway.clone()),
        desk: desk::router(gateway.clone(), authorities),
    };
    let mut background = JoinSet::new();
    background.spawn(roster::keep_current(gateway.clone()));
    background.spawn(notice::run(gateway.clone()));
    background.spawn(upkeep::run(gateway.clone()));
    background.spawn(watch::run(gateway.clone()));
    if let Some(tls) = tls {
        background.spawn(tls_key::keep_current(tls, gateway.clone()));
    }
    // a gateway whose output nobody reads any more serves all the same
    let _ = say_ready(&bound);
    let max_connections = gateway.config.limits.max_connections;
    listener::serve(bound, routers, max_connections, async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await;
    background.shutdown().await;
    Ok(())
}

/// One line for each listener, such as `ready tips https://127.0.0.1:8443`: the only output on
/// standard output.
fn say_ready(bound: &[Bound]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for listener in bound {
        writeln!(out, "ready {listener}")?;
    }
    out.flush()
}
