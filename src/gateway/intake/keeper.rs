//! What the intake asks of the gateway behind it, and the tip's way from there to the store.

use std::{io, sync::Arc};

use data_encoding::BASE64_NOPAD;
use tokio::task::spawn_blocking;

use super::{problem::Problem, spooling::Spooler};
use crate::{
    gateway::{
        Gateway,
        config::Limits,
        handout::Handout,
        pages::Newsroom,
        roster::{Closed, Door},
        space::Room,
        spool::SpoolWriter,
        store::{Store, StoreError},
    },
    seal::Envelope,
    tip::{FileFate, RawTip},
};

/// The rooms behind the intake. The tests of this room have a stand-in for it.
pub(super) trait Keeper: Send + Sync + 'static {
    /// What the form takes.
    fn limits(&self) -> &Limits;

    /// Who takes tips here.
    fn newsroom(&self) -> Newsroom;

    /// What anybody may see of those who open tips.
    fn handout(&self) -> Handout;

    /// A new spool (blocking).
    fn spool(&self) -> io::Result<Box<dyn Spooler>>;

    /// May a tip be taken now?
    fn door(self: &Arc<Self>) -> impl Future<Output = Result<(), Problem>> + Send;

    /// What could be taken now; uploads under way are not counted.
    fn room(&self) -> impl Future<Output = Result<Room, Problem>> + Send;

    /// Cleans, seals and stores a tip: durable when it returns.
    fn keep(
        self: Arc<Self>,
        tip: RawTip,
    ) -> impl Future<Output = Result<Vec<FileFate>, Problem>> + Send;
}

impl<S: Store> Keeper for Gateway<S> {
    fn limits(&self) -> &Limits {
        &self.config.limits
    }

    fn newsroom(&self) -> Newsroom {
        let publication = self.roster.publication();
        Newsroom {
            name: publication.roster().newsroom_name().to_owned(),
            fingerprint: format!("SHA256:{}", BASE64_NOPAD.encode(&publication.newsroom().0)),
        }
    }

    fn handout(&self) -> Handout {
        Handout::new(&self.roster.public(self.clock.now()))
    }

    fn spool(&self) -> io::Result<Box<dyn Spooler>> {
        Ok(Box::new(SpoolWriter::create(&self.config.spool, &*self.entropy)?))
    }

    async fn door(self: &Arc<Self>) -> Result<(), Problem> {
        let gateway = self.clone();
        // looks at the roster on the disk
        let door =
            spawn_blocking(move || gateway.roster.door(gateway.clock.now(), &*gateway.entropy));
        match door.await {
            Ok(Door::Open { .. }) => Ok(()),
            Ok(Door::Closed(reason)) => Err(Problem::Closed(reason)),
            Err(_) => Err(Problem::Failed),
        }
    }

    async fn room(&self) -> Result<Room, Problem> {
        Ok(Self::room(self).await?)
    }

    async fn keep(self: Arc<Self>, tip: RawTip) -> Result<Vec<FileFate>, Problem> {
        let gateway = self.clone();
        let sealed = spawn_blocking(move || seal(&gateway, tip)).await;
        let (envelope, fates) = sealed.map_err(|_| Problem::Failed)??;
        let has_files = envelope.has_files();
        match self.store.put(envelope, self.clock.now().day()).await {
            Ok(_) => Ok(fates),
            Err(StoreError::Full) if has_files => Err(Problem::NoRoomForFiles),
            Err(error) => Err(error.into()),
        }
    }
}

/// Cleans and seals, to those who are reviewers at this very moment (blocking).
fn seal<S: Store>(gateway: &Gateway<S>, tip: RawTip) -> Result<(Envelope, Vec<FileFate>), Problem> {
    let tip = tip.clean(&gateway.config.limits.clean)?;
    let fates = tip.fates().to_vec();
    let archive = tip.archive(&*gateway.entropy)?;
    match gateway.roster.door(gateway.clock.now(), &*gateway.entropy) {
        Door::Open { recipients, epoch } => {
            Ok((Envelope::seal(archive, epoch, &recipients, &*gateway.entropy), fates))
        }
        Door::Closed(reason @ (Closed::Lapsed | Closed::NoKeys | Closed::Clock)) => {
            Err(Problem::Closed(reason))
        }
    }
}
