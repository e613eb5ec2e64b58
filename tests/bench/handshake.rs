//! Full TLS handshakes per second of one core's time: X25519MLKEM768 beside X25519, by turns in the
//! same run. Client and server are in memory, and each is charged for its own time only.

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConfig, ServerConnection,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};
use sealpost::{
    gateway::tls_key::NewTlsKey,
    reviewer,
    tls::{self, HybridServer},
};

use super::{beside, median};

const ROUNDS: usize = 21;
const HANDSHAKES: u32 = 100;

pub(super) fn run() {
    let key = NewTlsKey::generate(vec!["localhost".into()]).unwrap();
    let server = Arc::new(server(&key));
    let both = reviewer::tls::provider();
    let mut classical = both.clone();
    classical.kx_groups.remove(0);
    let clients = [
        (NamedGroup::X25519MLKEM768, Arc::new(client(&key, both))),
        (NamedGroup::X25519, Arc::new(client(&key, classical))),
    ];
    let mut rates = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for _ in 0..ROUNDS {
        for ((group, client), (servers, clients)) in clients.iter().zip(&mut rates) {
            let mut time = Time::default();
            for _ in 0..HANDSHAKES {
                assert_eq!(handshake(client, &server, &mut time), *group);
            }
            servers.push(f64::from(HANDSHAKES) / time.server);
            clients.push(f64::from(HANDSHAKES) / time.client);
        }
    }
    let [hybrid, classical] = rates.map(|(servers, clients)| (median(servers), median(clients)));
    for ((group, _), (served, asked)) in clients.iter().zip([hybrid, classical]) {
        beside(&format!("server, {group:?} (median of {ROUNDS} × {HANDSHAKES})"), served, "/s");
        beside(&format!("client, {group:?}"), asked, "/s");
    }
    beside("the server's time, hybrid / classical", classical.0 / hybrid.0, "×");
}

/// CPU seconds of this thread, by side.
#[derive(Default)]
struct Time {
    server: f64,
    client: f64,
}

fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    time: &mut Time,
) -> NamedGroup {
    let name = "localhost".try_into().unwrap();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let mut client =
        charged(&mut time.client, || ClientConnection::new(client.clone(), name).unwrap());
    let mut server = charged(&mut time.server, || ServerConnection::new(server.clone()).unwrap());
    while client.is_handshaking() || server.is_handshaking() {
        charged(&mut time.client, || {
            while client.wants_write() {
                client.write_tls(&mut to_server).unwrap();
            }
        });
        charged(&mut time.server, || {
            let mut records = to_server.as_slice();
            while !records.is_empty() {
                server.read_tls(&mut records).unwrap();
                server.process_new_packets().unwrap();
            }
            while server.wants_write() {
                server.write_tls(&mut to_client).unwrap();
            }
        });
        charged(&mut time.client, || {
            let mut records = to_client.as_slice();
            while !records.is_empty() {
                client.read_tls(&mut records).unwrap();
                client.process_new_packets().unwrap();
            }
        });
        to_server.clear();
        to_client.clear();
    }
    server.negotiated_key_exchange_group().unwrap().name()
}

/// Adds what `work` takes of this thread's CPU time, in seconds.
fn charged<T>(account: &mut f64, work: impl FnOnce() -> T) -> T {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        std::time::Duration::try_from(time).unwrap().as_secs_f64()
    };
    let start = now();
    let done = work();
    *account += now() - start;
    done
}

/// With the gateway's key exchange and kind of key.
fn server(key: &NewTlsKey) -> ServerConfig {
    let private = PrivateKeyDer::from_pem_slice(key.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(tls::provider(&HybridServer)))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate(key)], private)
        .unwrap();
    config.send_tls13_tickets = 0;
    config
}

fn client(key: &NewTlsKey, provider: CryptoProvider) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(key)).unwrap();
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn certificate(key: &NewTlsKey) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(key.certificate.as_bytes()).unwrap()
}
