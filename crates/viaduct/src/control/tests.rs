use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use viaduct_config::dynamic::http::{LoadBalancer, Router, Server, Service};
use viaduct_config::finding::Code;
use viaduct_config::{Dynamic, EntryPointName, Finding, Location, ObjectRef, ProviderName, Update};
use viaduct_snapshot::bridge::{BridgeException, Excepted};
use viaduct_snapshot::{BridgeClass, BridgePolicy, EntryPointInstall, Install, RouterState, Snapshot};

use super::Control;
use super::report::{Report, Told, gather, text};

fn finding(message: &str) -> Finding {
    Finding::error(Code::InvalidRule, message)
        .object(ObjectRef::new("IngressRoute", "web", "a"))
        .field("spec.routes[0].match")
}

fn messages<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a str> {
    let findings = findings.into_iter();
    findings.map(|finding| finding.message.as_str()).collect()
}

fn told(told: &[Told]) -> Vec<&str> {
    messages(told.iter().map(|told| &told.finding))
}

#[test]
fn a13_8_a_reload_tells_only_what_changed() {
    let mut report = Report::default();
    let (added, resolved) = report.replace(vec![finding("one"), finding("two")]);
    assert_eq!((told(&added), messages(&resolved)), (vec!["one", "two"], vec![]));
    let (added, resolved) = report.replace(vec![finding("two"), finding("three")]);
    assert_eq!((told(&added), messages(&resolved)), (vec!["three"], vec!["one"]));
    let (added, resolved) = report.replace(vec![]);
    assert_eq!(
        (told(&added), messages(&resolved)),
        (vec![], vec!["two", "three"])
    );
}

#[test]
fn a13_8_a_fault_that_moved_in_its_file_is_not_told_again() {
    let at = |line| {
        finding("one").at(Some(Location {
            file: "a.yaml".into(),
            line,
            column: 1,
        }))
    };
    let mut report = Report::default();
    report.replace(vec![at(1)]);
    let (added, resolved) = report.replace(vec![at(7)]);
    assert_eq!((added, resolved), (vec![], vec![]));
}

#[test]
fn c2_a_finding_says_what_where_and_how_to_mend_it() {
    let finding = finding("the rule does not parse")
        .at(Some(Location {
            file: "web.yaml".into(),
            line: 9,
            column: 12,
        }))
        .wanted("`)`")
        .got("the end")
        .hint("close the parenthesis");
    assert_eq!(
        text(&Told {
            finding,
            affects: Vec::new()
        }),
        "error: IngressRoute web/a: the rule does not parse\n  at: web.yaml:9:12 (spec.routes[0].match)\n  \
         wanted: `)`\n  got: the end\n  hint: close the parenthesis"
    );
}

#[test]
fn c2_one_mistake_is_one_line_with_the_cause_and_what_it_affects() {
    let object = |kind, name| ObjectRef::new(kind, "web", name);
    let root = Finding::error(Code::MissingReference, "Secret `web/ca` does not exist")
        .object(object("ServersTransport", "t"));
    let follows = |kind, name| {
        Finding::error(
            Code::MissingReference,
            "servers transport `t`: Secret `web/ca` does not exist",
        )
        .object(object(kind, name))
        .because(&root)
    };
    let findings = vec![
        follows("IngressRoute", "a"),
        root.clone(),
        follows("IngressRoute", "a").field("service"),
        follows("IngressRoute", "b").because(&follows("IngressRoute", "c")),
    ];
    let only = Told {
        finding: root.clone(),
        affects: vec!["IngressRoute web/a".into(), "IngressRoute web/b".into()],
    };
    assert_eq!(gather(findings.clone()).as_slice(), std::slice::from_ref(&only));
    assert!(text(&only).ends_with("affects: IngressRoute web/a, IngressRoute web/b"));

    let mut report = Report::default();
    report.replace(findings.clone());
    // Another route that comes to use what is broken is told, and so is one line when all is mended.
    let (added, _) = report.replace([findings, vec![follows("IngressRoute", "d")]].concat());
    assert_eq!(told(&added), [follows("", "").message]);
    let (_, resolved) = report.replace(vec![]);
    assert_eq!(messages(&resolved), [root.message.as_str()]);
}

fn update(rule: &str) -> Update {
    let mut dynamic = Dynamic::default();
    let router = Router {
        rule: rule.into(),
        service: "app".into(),
        ..Router::default()
    };
    let servers = vec![Server {
        url: "http://127.0.0.1:1".into(),
        ..Server::default()
    }];
    let balancer = LoadBalancer {
        servers,
        ..LoadBalancer::default()
    };
    let service = Service {
        load_balancer: Some(balancer),
        ..Service::default()
    };
    dynamic.http.routers.insert("web".into(), router);
    dynamic.http.services.insert("app".into(), service);
    Update::new(ProviderName::new("test"), dynamic)
}

fn control() -> Control {
    let entry_point = EntryPointInstall {
        name: EntryPointName::new("web"),
        tls: None,
        middlewares: Vec::new(),
        as_default: true,
    };
    Control::new(
        Install {
            entry_points: vec![entry_point],
            ..Install::default()
        },
        Default::default(),
        None,
    )
}

#[test]
fn a13_7_an_identical_configuration_is_skipped_and_another_replaces_it() {
    let mut control = control();
    let first = control.apply(update("Host(`a.example.com`)")).unwrap();
    assert!(control.apply(update("Host(`a.example.com`)")).is_none());
    let second = control.apply(update("Host(`b.example.com`)")).unwrap();
    assert!(second.generation > first.generation);
    assert_eq!(second.routers.len(), 1);
}

#[test]
fn a13_8_a_broken_router_leaves_the_others_in_service() {
    let mut update = update("Host(`a.example.com`)");
    let broken = Router {
        rule: "Host(".into(),
        service: "app".into(),
        ..Router::default()
    };
    update.dynamic.http.routers.insert("broken".into(), broken);
    let snapshot = control().apply(update).unwrap();
    let ready = |name: &str| matches!(snapshot.routers[name].state, RouterState::Ready(_));
    assert!(ready("web@test") && !ready("broken@test"));
}

#[tokio::test]
async fn a13_7_followers_see_each_new_snapshot() {
    let mut control = control();
    let first = control.apply(update("Host(`a.example.com`)")).unwrap();
    let generation = first.generation;
    let (snapshots, mut seen) = watch::channel(first);
    let (sender, updates) = mpsc::channel(1);
    let follower = tokio::spawn(control.follow(updates.into(), snapshots));
    sender.send(update("Host(`b.example.com`)")).await.unwrap();
    seen.changed().await.unwrap();
    assert!(seen.borrow().generation > generation);
    drop(sender);
    follower.await.unwrap();
}

#[test]
fn r20_a_snapshot_is_taken_apart_here_when_the_workers_have_let_go() {
    let mut control = control();
    let first = control.apply(update("Host(`a.example.com`)")).unwrap();
    let held = Arc::downgrade(&first);
    control.apply(update("Host(`b.example.com`)")).unwrap();
    control.take_apart();
    assert_eq!(held.strong_count(), 2, "a worker's, and the one that outlives it");
    drop(first);
    assert_eq!(held.strong_count(), 1);
    control.take_apart();
    assert_eq!(held.strong_count(), 0);
}

#[tokio::test]
async fn c7_a_route_is_refused_as_soon_as_its_exception_has_ended() {
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let over = Arc::new(AtomicBool::new(false));
    let mut control = control();
    let read = Arc::clone(&over);
    control.clock = Box::new(move || match read.load(Ordering::Relaxed) {
        true => end,
        false => end - Duration::from_millis(1),
    });
    control.install.bridge = BridgePolicy {
        require: BridgeClass::Verified,
        exceptions: vec![BridgeException {
            of: Excepted::Router("web@test".into()),
            until: "1970-01-01T00:16:40Z".into(),
            ends: end,
            reason: "a test".into(),
            live: false,
        }],
        ..BridgePolicy::default()
    };
    let is_served = |snapshot: &Snapshot| matches!(snapshot.routers["web@test"].state, RouterState::Ready(_));
    let first = control.apply(update("Host(`a.example.com`)")).unwrap();
    assert!(is_served(&first));
    let (snapshots, mut seen) = watch::channel(first);
    let (sender, updates) = mpsc::channel(1);
    let follower = tokio::spawn(control.follow(updates.into(), snapshots));
    over.store(true, Ordering::Relaxed);
    seen.changed().await.unwrap();
    assert!(!is_served(&seen.borrow()));
    drop(sender);
    follower.await.unwrap();
}
