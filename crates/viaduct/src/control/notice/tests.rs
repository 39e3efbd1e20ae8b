//! Which Event tells what: every reason of a fault, and every code of a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use viaduct_check::Diagnosis;
use viaduct_config::finding::Code;
use viaduct_config::{EntryPointName, Location, ObjectRef};
use viaduct_snapshot::{EntryPointInstall, Inputs, Install, compile};
use viaduct_tls::{CertificateStore, Reason};

use super::*;

#[test]
fn c17_an_event_says_code_field_wanted_got_and_fix() {
    let finding = Finding::error(Code::MissingReference, "Secret `web/x` does not exist")
        .object(ObjectRef::new("IngressRoute", "web", "app"))
        .field("spec.tls.secretName")
        .wanted("a Secret")
        .got("nothing")
        .hint("did you mean `y`?");
    let notice = notice(&finding).expect("a notice");
    assert_eq!(notice.object.to_string(), "IngressRoute web/app");
    assert_eq!(notice.reason, "MissingReference");
    assert_eq!(
        notice.message(),
        "spec.tls.secretName: Secret `web/x` does not exist; wanted: a Secret; got: nothing; fix: did you mean `y`?"
    );
}

#[test]
fn c17_what_stands_in_a_file_or_needs_no_mending_is_no_event() {
    let about = |finding: Finding| finding.object(ObjectRef::new("Secret", "web", "app"));
    let place = Location {
        file: "a.yaml".into(),
        line: 1,
        column: 1,
    };
    let written = about(Finding::error(Code::InvalidObject, "x")).at(Some(place));
    assert_eq!(notice(&written), None);
    let info = about(Finding::new(Severity::Info, Code::InvalidObject, "x"));
    assert_eq!(notice(&info), None);
    assert_eq!(notice(&Finding::error(Code::InvalidRule, "x")), None);
}

/// What becomes of a code in a cluster.
enum Told {
    /// An Event with the code as its reason, on the object at fault: an example here shows it.
    Shown,
    /// The same; that the object is in the finding is shown elsewhere.
    ShownIn(&'static str),
    /// None, because...
    Never(&'static str),
}

/// A new code does not compile until it is said what becomes of it.
const fn told(code: Code) -> Told {
    match code {
        Code::InvalidObject
        | Code::UnknownField
        | Code::MisplacedField
        | Code::ApiVersion
        | Code::DuplicateObject
        | Code::InvalidRule
        | Code::MissingReference
        | Code::ForbiddenReference
        | Code::Unsupported
        | Code::InvalidCertificate
        | Code::MissingTrust
        | Code::InvalidTlsOption
        | Code::ConflictingTlsOptions
        | Code::UnknownEntryPoint
        | Code::InvalidService
        | Code::NoServers
        | Code::BelowRequiredClass => Told::Shown,
        Code::CertificateValidity => {
            Told::Never("when a certificate ends is a metric and the API's: it takes nothing out of service")
        }
        Code::OcspStapling | Code::RevokedCertificate => {
            Told::ShownIn("compile::tests::staples of the crate snapshot")
        }
        Code::LastGoodKept => Told::ShownIn("index::tests of the crate kubernetes"),
        Code::TrustHeld => Told::ShownIn("compile::tests::transports of the crate snapshot"),
        Code::UnreadableDocument => Told::Never("an API server has no half-written files"),
        Code::BridgeException => Told::Never("it is about the install configuration, which is no object"),
        Code::ClusterAccess => Told::Never("whoever may not read an object cannot tell it anything"),
    }
}

/// The findings of manifests, as a cluster's objects would have them: without places in files.
fn findings(manifests: &str) -> Vec<Finding> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let around = concat!(env!("CARGO_MANIFEST_DIR"), "/../check/catalogue/around.yaml");
    std::fs::copy(around, directory.path().join("around.yaml")).expect("the objects around");
    std::fs::write(directory.path().join("example.yaml"), manifests).expect("an example");
    let updates =
        crate::source::read_once(directory.path()).unwrap_or_else(|_| panic!("readable:\n{manifests}"));
    let updates: Vec<_> = updates.into_iter().map(Arc::new).collect();
    let mut install = Install {
        entry_points: vec![EntryPointInstall {
            name: EntryPointName::new("websecure"),
            tls: None,
            middlewares: Vec::new(),
            as_default: true,
        }],
        ..Install::default()
    };
    install.bridge.heeds_namespaces = true;
    install.bridge.heed(updates.iter().map(Arc::as_ref));
    let inputs = Inputs {
        install: &install,
        updates: &updates,
        generated_default: Arc::new(CertificateStore::generate_default()),
        staples: None,
        overlaps: None,
    };
    let (_, mut findings) = compile(&inputs, None);
    for finding in &mut findings {
        finding.location = None;
    }
    findings
}

/// What the catalogue of `check` has no example of that is an object.
const MORE: [&str; 3] = [
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {viaduct.io/require: verified}}\n---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: web, namespace: web}\nspec:\n  routes:\n  - match: Host(`a.example`)\n    services: [{name: with-pods, port: 80}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: with-pods, namespace: web}\nspec: {ports: [{port: 80, name: web}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: with-pods-1, namespace: web, labels: {kubernetes.io/service-name: with-pods}}\naddressType: IPv4\nports: [{name: web, port: 80}]\nendpoints: [{addresses: [10.0.0.9]}]\n",
    "apiVersion: traefik.io/v1alpha1\nkind: IngressRouteTCP\nmetadata: {name: db, namespace: web}\nspec:\n  routes:\n  - match: HostSNI(`db.example`)\n    services: [{name: backend-svc, port: 443}]\n",
    "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: empty, namespace: web}\nspec:\n  routes:\n  - match: Host(`a.example`)\n    services: [{name: nobody, port: 80}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: nobody, namespace: web}\nspec: {ports: [{port: 80, name: web}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: nobody-1, namespace: web, labels: {kubernetes.io/service-name: nobody}}\naddressType: IPv4\nports: [{name: web, port: 80}]\nendpoints: []\n",
];

#[test]
fn c17_every_code_of_a_finding_is_an_event_on_its_object_or_it_is_said_why_not() {
    let catalogue = Diagnosis::ALL.iter().map(|diagnosis| diagnosis.entry().example);
    let mut shown: BTreeMap<Code, BTreeSet<String>> = BTreeMap::new();
    for manifests in catalogue.chain(MORE) {
        for finding in findings(manifests) {
            let code = finding.code;
            if finding.severity == Severity::Info
                || finding
                    .provider
                    .as_ref()
                    .is_some_and(|name| name.as_str() == "file")
            {
                continue;
            }
            match (told(code), notice(&finding)) {
                (Told::Never(_), None) => {}
                (Told::Never(why), Some(notice)) => panic!("{code:?} has an Event ({why}): {notice:?}"),
                (Told::Shown | Told::ShownIn(_), None) => {
                    panic!("{code:?} has no Event: {finding:#?}\nin:\n{manifests}")
                }
                (Told::Shown | Told::ShownIn(_), Some(notice)) => {
                    assert_eq!(notice.reason, format!("{code:?}"));
                    assert!(notice.message().contains(&finding.message), "{notice:?}");
                    for told in [&finding.wanted, &finding.got, &finding.hint]
                        .into_iter()
                        .flatten()
                    {
                        let begin: String = told.chars().take(100).collect();
                        assert!(notice.message().contains(&begin), "`{told}`: {notice:?}");
                    }
                    shown
                        .entry(code)
                        .or_default()
                        .insert(notice.object.kind.to_string());
                }
            }
        }
    }
    for code in Code::ALL {
        match told(code) {
            Told::Shown => assert!(shown.contains_key(&code), "no example has {code:?}: {shown:?}"),
            Told::ShownIn(why) | Told::Never(why) => assert!(why.len() > 10, "{code:?}"),
        }
    }
}

#[test]
fn c17_every_reason_of_a_fault_is_an_event_with_wanted_got_and_fix() {
    let object = ObjectRef::new("ServersTransport", "web", "lane");
    for reason in Reason::ALL {
        let fault = Fault::new(*reason, "the one", "the other");
        let place = ("app@kubernetescrd", "https://10.0.0.1");
        let notice = fault_notice(object.clone(), &fault, place, Some("do this"));
        assert_eq!((&notice.object, &*notice.reason), (&object, "BackendFault"));
        assert_eq!(
            notice.message(),
            format!(
                "{reason}: the backend leg of service app@kubernetescrd to https://10.0.0.1 failed; wanted: the one; got: the other; fix: do this"
            )
        );
    }
}
