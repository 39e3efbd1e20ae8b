use super::*;

const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app, namespace: web}
spec: {defaultBackend: {service: {name: backend, port: {number: 80}}}}
";

fn index(documents: &[&str]) -> Index {
    let mut index = Index::new(|_| Ok(()));
    index.apply("test.yaml", &documents.join("\n---\n"));
    index
}

fn fixed(ip: &str) -> Endpoint {
    Endpoint::Fixed(by_ip(ip))
}

fn told(documents: &[&str], endpoint: &Endpoint) -> Vec<(String, Vec<IngressAddress>)> {
    outdated(&index(documents), &IngressPolicy::default(), endpoint)
        .into_iter()
        .map(|one| (one.ingress.to_string(), one.addresses))
        .collect()
}

#[test]
fn r16_a_status_that_says_it_already_is_not_outdated() {
    let endpoint = fixed("192.0.2.1");
    assert_eq!(
        told(&[INGRESS], &endpoint),
        [("web/app".to_owned(), vec![by_ip("192.0.2.1")])]
    );
    let said = INGRESS.to_owned() + "status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n";
    assert_eq!(told(&[&said], &endpoint), []);
    assert_eq!(told(&[&said], &fixed("192.0.2.2")).len(), 1);
}

#[test]
fn a9_10_ingresses_of_others_are_left_alone() {
    let theirs = INGRESS.replace("spec: {", "spec: {ingressClassName: nginx, ");
    assert_eq!(told(&[&theirs], &fixed("192.0.2.1")), []);
}

#[test]
fn a9_10_a_published_service_gives_its_addresses_by_its_type() {
    let service = |rest: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: edge, namespace: infra}}, {rest}}}")
    };
    let node = "{apiVersion: v1, kind: Node, metadata: {name: n}, status: {addresses: [\
                 {type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 192.0.2.9}]}}";
    let published = Endpoint::Service(Name::new("infra", "edge"));
    let by_name = |name: &str| IngressAddress {
        hostname: Some(name.to_owned()),
        ip: None,
    };
    for (rest, wanted) in [
        (
            "spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: lb.test}]}}",
            vec![by_ip("192.0.2.1"), by_name("lb.test")],
        ),
        (
            "spec: {type: ClusterIP, externalIPs: [192.0.2.3]}",
            vec![by_ip("192.0.2.3")],
        ),
        (
            "spec: {type: ExternalName, externalName: e.test}",
            vec![by_name("e.test")],
        ),
        ("spec: {type: NodePort}", vec![by_ip("192.0.2.9")]),
    ] {
        assert_eq!(
            told(&[INGRESS, node, &service(rest)], &published),
            [("web/app".to_owned(), wanted)],
            "{rest}"
        );
    }
    // Not known: nothing is written over what is there.
    for documents in [
        vec![INGRESS],
        vec![
            INGRESS,
            "{apiVersion: v1, kind: Service, metadata: {name: edge, namespace: infra}, spec: {type: LoadBalancer}}",
        ],
    ] {
        assert_eq!(told(&documents, &published), []);
    }
}

#[test]
fn r16_releases_that_serve_other_ingresses_lead_by_themselves() {
    let none: &[String] = &[];
    assert_eq!(lease("", "", none), "viaduct-ingress-status");
    let all = [
        lease("", "", none),
        lease("a", "", none),
        lease("b", "", none),
        lease("", "a", none),
        lease("", "", &["a".to_owned()]),
        lease("", "", &["a".to_owned(), "b".to_owned()]),
        lease("", "", &["a, b".to_owned()]),
    ];
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert_eq!(lease("a", "", none), all[1]);
    assert!(all.iter().all(|name| name.len() < 63), "{all:?}");
}
