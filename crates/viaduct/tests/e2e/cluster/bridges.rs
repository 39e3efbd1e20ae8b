//! What is demanded of the routes of a namespace (C7).

use viaduct_testkit::manifest::Manifests;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::viaduct::Running;

use super::{Cluster, plain, status};
use crate::fixture::BACKEND;

#[test]
fn c7_a_namespace_raises_what_is_required_of_its_routes_and_an_exception_is_for_an_object() {
    let cluster = Cluster::new();
    let origin = Origin::http(|_| ok("hello"));
    for namespace in ["pay", "shop"] {
        cluster.server.create_namespace(namespace);
        let all = Manifests::new().backend(BACKEND, origin.port()).yaml();
        for text in [
            all,
            plain("one", &format!("one.{namespace}.test")).yaml(),
            plain("two", &format!("two.{namespace}.test")).yaml(),
        ] {
            cluster.server.apply(&text.replace(
                "\"namespace\": \"web\"",
                &format!("\"namespace\": \"{namespace}\""),
            ));
        }
    }
    let demand = [
        "--bridge.namespaces.pay.require=verified",
        "--bridge.exceptions[0].router=pay/two",
        "--bridge.exceptions[0].until=2999-12-31",
        "--bridge.exceptions[0].reason=moved in May",
    ];
    let running = Running::until_ready(&mut cluster.command(&demand));
    let found = ["one.pay.test", "two.pay.test", "one.shop.test"].map(|host| status(&running, host));
    assert_eq!(found, [503, 200, 200]);
}
