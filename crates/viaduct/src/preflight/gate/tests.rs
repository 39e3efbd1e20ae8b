//! The gate without a process around it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use viaduct_config::{Dynamic, EntryPointName, ProviderName, Update};
use viaduct_snapshot::{EntryPointInstall, Inputs, Install, Snapshot, compile};
use viaduct_testkit::openssl::SServer;
use viaduct_testkit::pki::{Ca, Leaf};
use viaduct_tls::{Backend, CertificateStore, Trust, TrustBundle};

use super::super::endpoints::endpoints;
use super::Gate;
use super::check::Check;

const HOST: &str = "web.example.com";

/// One service with these servers, verified with `ca`.
fn snapshot(ports: &[u16], ca: &Ca) -> Arc<Snapshot> {
    let servers: Vec<_> = ports
        .iter()
        .map(|port| json!({ "url": format!("https://127.0.0.1:{port}") }))
        .collect();
    let dynamic: Dynamic = serde_json::from_value(json!({ "http": {
        "routers": { "app": { "rule": "PathPrefix(`/`)", "service": "app" } },
        "services": { "app": { "loadBalancer": { "servers": servers, "serversTransport": "to-app" } } },
        "serversTransports": { "to-app": { "serverName": HOST, "rootCAs": [ca.pem()] } },
    } }))
    .unwrap();
    let install = Install {
        entry_points: vec![EntryPointInstall {
            name: EntryPointName::new("web"),
            tls: None,
            middlewares: Vec::new(),
            as_default: true,
        }],
        ..Install::default()
    };
    let inputs = Inputs {
        install: &install,
        updates: &[Arc::new(Update::new(ProviderName::new("file"), dynamic))],
        generated_default: Arc::new(CertificateStore::generate_default()),
        staples: None,
        overlaps: None,
    };
    compile(&inputs, None).0
}

fn bundle(ca: &Ca) -> Backend<Trust> {
    Backend(Trust::Bundle(Arc::new(
        TrustBundle::from_pem([ca.pem().as_bytes()]).unwrap(),
    )))
}

#[test]
fn c11_who_had_no_turn_is_undecided_and_not_taken_for_good() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    // They take connections and say nothing.
    let silent: Vec<_> = (0..20)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap())
        .collect();
    let last = SServer::start(&old.issue(Leaf::server(HOST)), &[]);
    let ports = silent
        .iter()
        .map(|listener| listener.local_addr().unwrap().port());
    let ports: Vec<u16> = ports.chain([last.port()]).collect();
    let mut check = Check::new(endpoints(&snapshot(&ports, &new)), bundle(&old));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    runtime.block_on(check.go_on(Duration::from_millis(400)));
    let outcome = check.outcome();
    assert_eq!((outcome.undecided, outcome.of), (21, 21));
    assert!(outcome.broken.is_empty() && !outcome.is_good());
    assert_eq!(outcome.why(), "not all of 21 servers have been tried yet");

    drop(silent);
    runtime.block_on(check.go_on(Duration::from_secs(30)));
    let outcome = check.outcome();
    assert_eq!(
        (outcome.undecided, outcome.broken.len(), outcome.away.len()),
        (0, 1, 20)
    );
    assert!(!outcome.is_good());
    let why = outcome.why();
    let wanted = format!(
        "1 of 21 servers would fail: https://127.0.0.1:{}: unknown_ca",
        last.port()
    );
    assert!(why.starts_with(&wanted), "{why}");
    assert!(why.contains("20 of 21 servers cannot be tried now"), "{why}");
}

/// Leads each connection to the next of these servers; after the last of them nothing is said any more.
fn in_turn(servers: [SocketAddr; 2]) -> u16 {
    let front = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = front.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for server in servers {
            let (client, _) = front.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).unwrap_or_default();
                    to.shutdown(std::net::Shutdown::Write).unwrap_or_default();
                });
            }
        }
        let _silent = front.accept();
        std::thread::park();
    });
    port
}

#[test]
fn c11_a_server_that_is_refused_now_is_not_good_because_it_once_passed() {
    let (old, new) = (Ca::new("Old CA"), Ca::new("New CA"));
    let [good, bad] = [&new, &old].map(|ca| SServer::start(&ca.issue(Leaf::server(HOST)), &[]));
    let port = in_turn([&good, &bad].map(|server| ([127, 0, 0, 1], server.port()).into()));
    let mut check = Check::new(endpoints(&snapshot(&[port], &new)), bundle(&old));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(check.go_on(Duration::from_secs(30)));
    assert!(check.outcome().is_good());
    // Refused under the new trust, and under the one in force it comes to nothing within the round.
    runtime.block_on(check.go_on(Duration::from_secs(6)));
    let outcome = check.outcome();
    assert_eq!((outcome.undecided, outcome.is_good()), (1, false));
}

#[test]
fn c11_no_change_of_what_is_wanted_or_of_servers_puts_the_day_off() {
    let [a, b, c] = ["A", "B", "C"].map(Ca::new);
    let name: Arc<str> = "to-app@file".into();
    let in_force = snapshot(&[1], &a);
    // Nobody runs its tasks: no check ever comes to a verdict.
    let idle = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut gate = Gate::new(idle.handle().clone());
    let day = gate.longest;
    gate.hold(&in_force, &snapshot(&[1], &b));
    let since = gate.pending[&name].since;
    for candidate in [snapshot(&[1], &c), snapshot(&[1, 2], &c), snapshot(&[2], &b)] {
        let held = gate.hold(&in_force, &candidate);
        assert_eq!(held[&name].trust, bundle(&a));
        assert_eq!(gate.pending[&name].since, since);
    }
    assert_eq!(day, Duration::from_secs(24 * 3600));

    // When it is over, that is news without any verdict, and the trust wanted then is put in force.
    gate.longest = Duration::from_millis(1);
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    waiting
        .block_on(async { tokio::time::timeout(Duration::from_secs(30), gate.changed()).await })
        .expect("the day is over");
    let held = gate.hold(&in_force, &snapshot(&[1, 2, 3], &c));
    assert!(held.is_empty() && gate.pending.is_empty());
    assert!(gate.hold(&in_force, &snapshot(&[1], &c)).is_empty());
}

#[test]
fn c11_checks_at_the_same_time_share_the_handshakes_there_are() {
    let ca = Ca::new("CA");
    let silent: Vec<_> = (0..12)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap())
        .collect();
    let ports: Vec<u16> = silent
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    let servers = endpoints(&snapshot(&ports, &ca));
    let [mut one, mut other] = [(); 2].map(|()| Check::new(servers.clone(), bundle(&ca)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limit = Duration::from_millis(600);
    runtime.block_on(async { tokio::join!(one.go_on(limit), other.go_on(limit)) });
    let connections: usize = silent
        .iter()
        .map(|listener| {
            listener.set_nonblocking(true).unwrap();
            listener.incoming().take_while(Result::is_ok).count()
        })
        .sum();
    assert!(connections <= 4, "{connections} at once to one host");
}
