use serde_json::json;

use super::*;
use crate::policy::Policy;
use crate::translate::translate_noting;

fn collection(kind: Kind) -> Collection {
    Collection {
        kind,
        old: false,
        namespace: None,
    }
}

fn index() -> Index {
    Index::new(|secret| match secret.get("tls.crt") {
        Some(b"half") => Err("half a certificate".to_owned()),
        _ => Ok(()),
    })
}

fn metadata(name: &str, uid: &str, version: u64) -> Json {
    json!({"namespace": "web", "name": name, "uid": uid, "resourceVersion": version.to_string(),
           "managedFields": [{"manager": "kubectl"}]})
}

fn route(uid: &str, version: u64, host: &str) -> Json {
    json!({"metadata": metadata("route", uid, version), "spec": {
        "routes": [{"match": format!("Host(`{host}`)"), "kind": "Rule", "services": [{"name": "app", "port": 80}]}],
        "tls": {"secretName": "front"},
    }})
}

fn secret(version: u64, certificate: &str) -> Json {
    // base64 of `good` and of `half`.
    let text = if certificate == "good" {
        "Z29vZA=="
    } else {
        "aGFsZg=="
    };
    json!({"metadata": metadata("front", "s", version), "type": "kubernetes.io/tls",
           "data": {"tls.crt": text, "tls.key": text}})
}

#[track_caller]
fn read(kind: Kind, object: Json) -> Arrival {
    Arrival::read(&collection(kind), object, |_| true).expect("a name")
}

fn hosts(index: &Index) -> Vec<String> {
    let (update, _) = translate_noting(index, &Policy::default());
    let routers = update.dynamic.http.routers.into_values();
    routers.map(|router| router.rule.clone()).collect()
}

#[test]
fn a9_2_an_object_of_a_cluster_means_what_the_same_manifest_means() {
    let mut live = index();
    assert!(live.put(
        &collection(Kind::IngressRoute),
        read(Kind::IngressRoute, route("u", 1, "a"))
    ));
    let mut written = index();
    let mut manifest = route("u", 1, "a");
    manifest["apiVersion"] = json!("traefik.io/v1alpha1");
    manifest["kind"] = json!("IngressRoute");
    written.apply("a.json", &manifest.to_string());
    let (of_live, of_written) = (
        translate_noting(&live, &Policy::default()).0,
        translate_noting(&written, &Policy::default()).0,
    );
    assert_eq!(of_live.dynamic, of_written.dynamic);
    let elements = |update: &viaduct_config::Update| {
        let broken = update.broken.iter();
        broken
            .map(|(element, finding)| (element.clone(), finding.message.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(elements(&of_live), elements(&of_written));
    assert!(
        of_live
            .broken
            .iter()
            .all(|(_, finding)| finding.location.is_none())
    );
    let object = of_live.broken[0].1.object.as_ref().expect("the object at fault");
    assert_eq!(object.to_string(), "IngressRoute web/route");
}

#[test]
fn r15_repetitions_and_late_events_change_nothing() {
    let mut index = index();
    let routes = collection(Kind::IngressRoute);
    let put = |index: &mut Index, version, host| {
        index.put(&routes, read(Kind::IngressRoute, route("u", version, host)))
    };
    assert!(put(&mut index, 5, "five"));
    assert!(!put(&mut index, 5, "five"), "a repetition");
    assert!(!put(&mut index, 4, "four"), "late");
    assert_eq!(hosts(&index), ["Host(`five`)"]);
    assert!(put(&mut index, 10, "ten"), "versions are numbers, not texts");
    assert!(index.delete(&routes, &route("u", 11, "ten")));
    assert!(!put(&mut index, 9, "nine"), "a deleted object does not come back");
    assert_eq!(hosts(&index), [""; 0]);
    let again = read(Kind::IngressRoute, route("v", 12, "again"));
    assert!(index.put(&routes, again), "another one of its name does");
    assert!(
        !index.delete(&routes, &route("u", 11, "ten")),
        "a late deletion of the old one"
    );
    assert_eq!(hosts(&index), ["Host(`again`)"]);
}

#[test]
fn r15_an_object_that_matches_the_selector_again_is_back() {
    let mut index = index();
    let routes = collection(Kind::IngressRoute);
    let put = |index: &mut Index, version, host| {
        index.put(&routes, read(Kind::IngressRoute, route("u", version, host)))
    };
    assert!(put(&mut index, 5, "five"));
    // It loses its label: to a watch with a selector that is a deletion.
    assert!(index.delete(&routes, &route("u", 6, "five")));
    assert!(!put(&mut index, 5, "five"), "late");
    assert!(!put(&mut index, 6, "five"), "late");
    assert!(put(&mut index, 7, "seven"), "it has its label again");
    assert!(put(&mut index, 8, "eight"), "and is followed on");
    assert_eq!(hosts(&index), ["Host(`eight`)"]);
}

#[test]
fn r15_what_is_listed_is_there_though_it_was_deleted() {
    let mut index = index();
    let routes = collection(Kind::IngressRoute);
    index.put(&routes, read(Kind::IngressRoute, route("u", 9, "nine")));
    assert!(index.delete(&routes, &route("u", 10, "nine")));
    // Restored from a backup, with versions from before.
    assert!(index.swap(&routes, vec![read(Kind::IngressRoute, route("u", 3, "three"))]));
    let next = read(Kind::IngressRoute, route("u", 4, "four"));
    assert!(index.put(&routes, next), "and is followed on");
    assert_eq!(hosts(&index), ["Host(`four`)"]);
}

#[test]
fn r15_a_list_replaces_its_collection_and_nothing_else() {
    let mut index = index();
    let mut old = collection(Kind::IngressRoute);
    old.old = true;
    let mut elsewhere = collection(Kind::IngressRoute);
    elsewhere.namespace = Some("other".into());
    let routes = collection(Kind::IngressRoute);
    index.put(&routes, read(Kind::IngressRoute, route("u", 5, "new")));
    index.put(
        &old,
        Arrival::read(&old, route("o", 5, "old"), |_| true).expect("a name"),
    );
    assert_eq!(hosts(&index), ["Host(`new`)"], "the new API group wins");
    assert!(!index.swap(&elsewhere, Vec::new()), "of other namespaces");
    assert!(index.swap(&routes, Vec::new()));
    assert_eq!(hosts(&index), ["Host(`old`)"]);
    // After a restore from a backup versions are older than what is known.
    let restored = read(Kind::IngressRoute, route("u", 3, "restored"));
    assert!(index.swap(&routes, vec![restored]));
    assert!(!index.swap(&routes, vec![read(Kind::IngressRoute, route("u", 3, "restored"))]));
    assert_eq!(hosts(&index), ["Host(`restored`)"]);
}

#[test]
fn c43_a_secret_that_is_half_rotated_keeps_its_last_good_state() {
    let mut index = index();
    let secrets = collection(Kind::Secret);
    index.put(&secrets, read(Kind::Secret, secret(1, "good")));
    assert!(index.put(&secrets, read(Kind::Secret, secret(2, "half"))));
    let findings: Vec<_> = index.findings().collect();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, Code::LastGoodKept);
    assert_eq!(findings[0].location, None);
    let name = Name::new("web", "front");
    let held = &index.live.objects[&(Kind::Secret, false, name)];
    let Some(Object::Secret(kept)) = held.state.good.as_ref().map(|good| &good.object) else {
        panic!("{held:?}");
    };
    assert_eq!(kept.data.get("tls.crt"), Some(&b"good"[..]));
}

#[test]
fn r14_data_that_nobody_refers_to_is_not_kept() {
    let mut index = index();
    let secrets = collection(Kind::Secret);
    let arrival = Arrival::read(&secrets, secret(1, "good"), |_| false).expect("a name");
    assert!(!format!("{arrival:?}").contains("tls.crt"), "{arrival:?}");
    index.put(&secrets, arrival);
    assert_eq!(index.findings().count(), 0, "which is no fault");
    index.put(
        &collection(Kind::IngressRoute),
        read(Kind::IngressRoute, route("u", 1, "a")),
    );
    let (_, needs) = translate_noting(&index, &Policy::default());
    let front = (Kind::Secret, Name::new("web", "front"));
    assert_eq!(index.lacking(&needs), std::slice::from_ref(&front));
    index.unfetched(front.0, &front.1, "forbidden");
    assert!(
        index.fill(&secrets, read(Kind::Secret, secret(1, "good"))),
        "fetched"
    );
    assert_eq!(index.lacking(&needs), []);
    assert!(!index.put(&secrets, read(Kind::Secret, secret(1, "good"))));
    index.withhold(&needs);
    assert_eq!(index.lacking(&needs), []);
    index.withhold(&Needs::new());
    assert_eq!(index.lacking(&needs), [front]);
}

#[test]
fn c63_an_object_of_the_wrong_shape_is_a_finding_and_no_other_object_suffers() {
    let mut index = index();
    let routes = collection(Kind::IngressRoute);
    index.put(&routes, read(Kind::IngressRoute, route("u", 1, "a")));
    let mut broken = route("w", 2, "b");
    broken["metadata"]["name"] = json!("broken");
    broken["spec"]["routes"] = json!(7);
    index.put(&routes, read(Kind::IngressRoute, broken));
    assert_eq!(hosts(&index), ["Host(`a`)"]);
    let finding = index.findings().next().expect("a finding");
    assert_eq!(
        finding.object.as_ref().map(ToString::to_string).as_deref(),
        Some("IngressRoute web/broken")
    );
    assert_eq!(finding.field.as_deref(), Some("spec.routes"));
}

/// The answer to a GET may come behind whatever the watch and its next list said.
#[test]
fn r14_a_late_answer_brings_no_secret_back() {
    let secrets = collection(Kind::Secret);
    let without_data = |object: Json| Arrival::read(&secrets, object, |_| false).expect("a name");
    let answer = || read(Kind::Secret, secret(1, "good"));
    let held = |index: &Index| {
        index
            .live
            .objects
            .values()
            .next()
            .map(|held| held.identity.clone())
    };

    let mut index = index();
    index.put(&secrets, without_data(secret(1, "good")));
    index.swap(&secrets, Vec::new());
    assert!(!index.fill(&secrets, answer()), "gone by a list");
    assert_eq!(held(&index), None);

    let mut other = secret(7, "good");
    other["metadata"]["uid"] = json!("another");
    index.swap(&secrets, vec![without_data(other.clone())]);
    assert!(!index.fill(&secrets, answer()), "another one under that name");
    assert!(index.fill(&secrets, read(Kind::Secret, other.clone())));
    let of_other = Identity::of(&other);
    assert_eq!(held(&index), Some(of_other));

    // With its data already, and newer.
    index.swap(&secrets, vec![read(Kind::Secret, secret(3, "good"))]);
    assert!(!index.fill(&secrets, answer()));
    assert_eq!(held(&index), Some(Identity::of(&secret(3, "good"))));
}

#[test]
fn c63_after_a_translation_that_failed_everything_is_looked_at_again() {
    let mut index = index();
    drop(index.take_changes());
    index.put(&collection(Kind::Secret), read(Kind::Secret, secret(1, "good")));
    let taken = index.take_changes();
    assert_eq!(taken.objects().map(BTreeSet::len), Some(1));
    index.distrust();
    assert!(index.take_changes().objects().is_none());
}
