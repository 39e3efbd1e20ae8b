//! A kind that seems not to be there (R14): for a while, or for good.

use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::wait::wait_until;

use super::{Cluster, plain, status, wait_status};
use crate::fixture::BACKEND;

#[test]
fn r14_a_kind_that_seems_absent_keeps_its_routes_until_that_is_certain() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    cluster.apply(&Manifests::new().backend(BACKEND, origin.port()));
    cluster.apply(&plain("one", "a.test"));
    let mut running = cluster.start();
    assert_eq!(status(&running, "a.test"), 200);
    cluster.server.undefine("ingressroutes.traefik.io");
    running
        .child()
        .wait_line("does not know ingressroutes.traefik.io any more");
    assert_eq!(status(&running, "a.test"), 200, "one answer is not enough");
    // Back, with what it had.
    cluster.server.define_traefik("traefik.io");
    cluster.server.apply(&plain("one", "a.test").yaml());
    running
        .child()
        .wait_line("resolved: the API server does not know ingressroutes.traefik.io");
    assert_eq!(status(&running, "a.test"), 200);
    // Gone for good.
    cluster.server.undefine("ingressroutes.traefik.io");
    wait_until("its absence to be noticed again", || {
        let log = running.child().output();
        log.matches("does not know ingressroutes.traefik.io any more")
            .count()
            >= 3
    });
    wait_status(&mut running, "a.test", 404);
}
