//! C64: what comes out does not depend on the order in which objects come.

use super::*;

fn documents() -> Vec<String> {
    let paths = |paths: &[(&str, &str)]| -> String {
        let paths: Vec<_> = paths
            .iter()
            .map(|(path, kind)| format!("{{path: {path}, pathType: {kind}, backend: {PORT_443}}}"))
            .collect();
        paths.join(", ")
    };
    let spec = |host: &str, of: &[(&str, &str)]| {
        format!(
            "{{rules: [{{host: '{host}', http: {{paths: [{}]}}}}]}}",
            paths(of)
        )
    };
    let mut documents: Vec<String> = BACKEND.split("\n---\n").map(str::to_owned).collect();
    documents.extend([
        named("web", "prefix", "{}", &spec("a.test", &[("/x", "Prefix")])),
        named("web", "exact", "{}", &spec("a.test", &[("/x", "Exact")])),
        named("web", "longer", "{}", &spec("a.test", &[("/x/y", "Prefix")])),
        named(
            "web",
            "below",
            "{}",
            &spec("*.test", &[("/x", "Exact"), ("/x", "Prefix")]),
        ),
        named("web", "d-one", "{}", &format!("{{defaultBackend: {PORT_443}}}")),
        named("web", "d-two", "{}", &format!("{{defaultBackend: {PORT_443}}}")),
        named("web", "a-b", "{}", &spec("a.test", &[("/c", "Prefix")])),
        named("web", "a", "{}", &spec("b-a.test", &[("/c", "Prefix")])),
    ]);
    documents
}

#[test]
fn c64_the_update_is_the_same_in_any_order() {
    let wanted = {
        let documents = documents();
        let documents: Vec<_> = documents.iter().map(String::as_str).collect();
        update(&documents)
    };
    assert_eq!(
        wanted.dynamic.http.routers.len(),
        8,
        "{:#?}",
        router_names(&wanted)
    );
    for index in super::super::shuffled(documents()) {
        let got = translate_ingresses(&index, &IngressPolicy::directory()).0;
        assert_eq!(got.dynamic, wanted.dynamic);
        let mut order: Vec<_> = got.dynamic.http.routers.values().collect();
        order.sort_by_key(|router| {
            let length = i64::try_from(router.rule.len()).unwrap();
            std::cmp::Reverse(router.priority.unwrap_or(length))
        });
        let rules: Vec<_> = order.iter().map(|router| router.rule.as_str()).collect();
        let at = |rule: &str| rules.iter().position(|known| *known == rule).unwrap();
        assert!(at("Host(`a.test`) && Path(`/x`)") < at("Host(`a.test`) && PathPrefix(`/x`)"));
        assert!(at("Host(`a.test`) && PathPrefix(`/x/y`)") < at("Host(`a.test`) && PathPrefix(`/x`)"));
        assert!(at("Host(`a.test`) && PathPrefix(`/x`)") < at("Host(`*.test`) && Path(`/x`)"));
        assert!(at("Host(`*.test`) && Path(`/x`)") < at("Host(`*.test`) && PathPrefix(`/x`)"));
        assert_eq!(rules.last(), Some(&"PathPrefix(`/`)"));
    }
}
