use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use viaduct_config::Update;
use viaduct_config::finding::Code;

use super::{Manifests, read_once};

fn route(name: &str) -> String {
    format!(
        "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {{name: {name}, namespace: web}}\n\
         spec:\n  routes:\n  - {{kind: Rule, match: 'Host(`{name}.example.com`)', services: [{{name: app, port: 80}}]}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: app, namespace: web}}\n\
         spec: {{clusterIP: 10.0.0.1, ports: [{{port: 80}}]}}\n"
    )
}

/// The next update of the provider `kubernetescrd`.
async fn next(updates: &mut Receiver<Update>) -> Update {
    loop {
        let update = timeout(Duration::from_secs(30), updates.recv())
            .await
            .unwrap()
            .unwrap();
        if update.provider.as_str() == viaduct_kubernetes::PROVIDER {
            return update;
        }
    }
}

fn has_route(update: &Update, name: &str) -> bool {
    update
        .dynamic
        .http
        .routers
        .values()
        .any(|router| router.rule.contains(name))
}

fn is_lost(update: &Update) -> bool {
    update
        .notes
        .iter()
        .any(|note| note.code == Code::LastGoodKept && note.message.contains("directory"))
}

/// Updates until one satisfies the condition: several writes may come as one change or as many.
async fn until(updates: &mut Receiver<Update>, condition: impl Fn(&Update) -> bool) -> Update {
    loop {
        let update = next(updates).await;
        if condition(&update) {
            return update;
        }
    }
}

fn write(directory: &Path, name: &str) {
    std::fs::write(directory.join(format!("{name}.yaml")), route(name)).unwrap();
}

#[tokio::test]
async fn a13_7_each_change_of_the_directory_is_an_update() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "one");
    let mut updates = Manifests::open(directory.path()).unwrap().follow(Vec::new());
    assert!(has_route(&next(&mut updates).await, "one.example.com"));
    write(directory.path(), "two");
    let update = until(&mut updates, |update| has_route(update, "two.example.com")).await;
    assert!(has_route(&update, "one.example.com"));
    std::fs::remove_file(directory.path().join("one.yaml")).unwrap();
    until(&mut updates, |update| !has_route(update, "one.example.com")).await;
}

#[tokio::test]
async fn a13_8_a_directory_that_vanishes_keeps_its_last_configuration_and_says_so() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("manifests");
    std::fs::create_dir(&directory).unwrap();
    write(&directory, "one");
    let mut updates = Manifests::open(&directory).unwrap().follow(Vec::new());
    assert!(!is_lost(&next(&mut updates).await));
    std::fs::rename(&directory, parent.path().join("elsewhere")).unwrap();
    let update = until(&mut updates, is_lost).await;
    assert!(has_route(&update, "one.example.com"));
    std::fs::rename(parent.path().join("elsewhere"), &directory).unwrap();
    let update = until(&mut updates, |update| !is_lost(update)).await;
    assert!(has_route(&update, "one.example.com"));
}

#[tokio::test]
async fn a9_10_both_providers_change_together() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "one");
    let mut updates = Manifests::open(directory.path()).unwrap().follow(Vec::new());
    let mut providers = Vec::new();
    let first = timeout(Duration::from_secs(30), updates.recv()).await.unwrap();
    // The second is there as soon as the first is.
    for update in first.into_iter().chain(updates.try_recv()) {
        providers.push(update.provider.as_str().to_owned());
    }
    assert_eq!(providers, ["kubernetescrd", "kubernetes"]);
}

#[test]
fn a13_8_a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let failure = read_once(&missing).err().unwrap();
    assert!(failure.to_string().contains("missing"), "{failure}");
    assert!(failure.hint_text().is_some());
    assert!(Manifests::open(&missing).is_err());
}
