//! What a new connection to a server says of the trust of its transport, where somebody wants to know: while a
//! replaced bundle is still believed (C8), and where verification is skipped (C15).

use std::sync::Arc;
use std::time::SystemTime;

use viaduct_observe::BackendLeg;
use viaduct_observe::counters::{Shown, UnderTransport, Verdict, WorkerCounters, WouldFail};
use viaduct_snapshot::{Router, Server, Transport, rotation};
use viaduct_tls::Fault;
use viaduct_tls::verify::{Proof, Shadow};

/// Once per connection.
pub(super) fn tell(
    counters: &WorkerCounters,
    (transport, server): (&Transport, &Server),
    router: Option<&Router>,
    (leg, proof): (&BackendLeg, &Proof),
) {
    let Some(verdict) = verdict(transport, router, proof) else {
        return;
    };
    let under = UnderTransport {
        name: &transport.name,
        generation: transport.generation.0.get(),
    };
    let shown = Shown {
        at: SystemTime::now(),
        names: &leg.peer_sans,
        not_after: leg.peer_not_after,
    };
    counters.saw_standing(under, &server.url, shown, verdict);
}

/// `None`: nobody wants to know.
fn verdict(transport: &Transport, router: Option<&Router>, proof: &Proof) -> Option<Verdict> {
    if let Some(shadow) = &proof.shadow {
        return Some(match &shadow.outcome {
            Ok(root) => Verdict::WouldPass(root.to_string().into()),
            Err(fault) => Verdict::WouldFail(Arc::new(would_fail(shadow, fault, transport, router))),
        });
    }
    if proof.by_previous {
        return Some(Verdict::Previous);
    }
    let bundle = rotation::bundle(transport.tls.policy())?;
    (!bundle.previous().is_empty()).then_some(Verdict::Current)
}

fn would_fail(shadow: &Shadow, fault: &Fault, transport: &Transport, router: Option<&Router>) -> WouldFail {
    let leaf = fault.presented.first();
    WouldFail {
        reason: fault.reason.code(),
        wanted: fault.wanted.clone(),
        got: fault.got.clone(),
        suggestion: router.and_then(|router| viaduct_snapshot::explain::suggestion(fault, transport, router)),
        issuer: leaf.map(|leaf| leaf.issuer.clone()).unwrap_or_default(),
        authority: shadow.authority.clone(),
    }
}
