//! A handshake with an entry point of this process: what the client leg really comes to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use viaduct_proxy::probe::{self, Target};
use viaduct_snapshot::{Scheme, Snapshot};
use viaduct_tls::backend_leg::{Offer, Verification};
use viaduct_tls::{BackendPolicy, BackendTls};

use super::report::{Certificate, Negotiated, Shaken, micros};

/// As a client that names this host, or none. Nothing is verified, as only what is shown is of interest, and nothing is
/// sent behind it.
pub(super) async fn hands(snapshot: &Snapshot, address: SocketAddr, name: Option<&str>) -> Shaken {
    let started = Instant::now();
    let failed = |why: String| Shaken {
        address: address.to_string(),
        done: None,
        certificate: None,
        fault: Some(why),
        took_micros: micros(started.elapsed()),
    };
    let target = match target(snapshot, address, name) {
        Ok(target) => target,
        Err(why) => return failed(why),
    };
    let Ok(seen) = tokio::time::timeout(PATIENCE, probe::probe(&target)).await else {
        return failed(format!("nothing within {} s", PATIENCE.as_secs()));
    };
    let done = seen.handshake().map(|done| Negotiated {
        version: done.version.to_owned(),
        cipher: done.cipher.to_owned(),
        group: done.group.map(str::to_owned),
        alpn: done.alpn.clone(),
    });
    Shaken {
        certificate: seen.presented().first().map(Certificate::of),
        fault: seen
            .fault
            .as_ref()
            .map(|fault| format!("{}: {}", fault.reason, fault.got)),
        took_micros: micros(seen.tls.as_ref().map_or(seen.took, |tls| tls.took)),
        done,
        address: address.to_string(),
    }
}

fn target(snapshot: &Snapshot, address: SocketAddr, name: Option<&str>) -> Result<Target, String> {
    // Only for how long it waits; ours is shorter.
    let transport = snapshot.transports().next().ok_or("there is no transport")?;
    let policy = BackendPolicy {
        verification: Verification::DangerSkip,
        server_name: name.map(str::to_owned),
        ..BackendPolicy::default()
    };
    let tls = BackendTls::new(policy).map_err(|error| error.to_string())?;
    Ok(Target {
        scheme: Scheme::Https,
        host: address.ip().to_string().into(),
        port: address.port(),
        transport: Arc::clone(transport),
        tls: Arc::new(tls),
        offer: Offer::H2OrHttp1,
        revocations: Arc::default(),
    })
}

const PATIENCE: Duration = Duration::from_secs(10);
