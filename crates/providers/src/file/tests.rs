//! Each test waits for updates with a deadline; none sleeps.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use viaduct_config::finding::Code;

use super::*;

fn env(name: &str) -> Option<String> {
    (name == "HOST").then(|| "env.test".to_owned())
}

fn settings(source: FileSource) -> FileSettings {
    FileSettings {
        source,
        watch: true,
        debug_log_generated_template: false,
    }
}

fn open_file(path: &Path) -> Result<(Update, FileProvider), FileProviderError> {
    FileProvider::open(settings(FileSource::File(path.to_owned())), env)
}

fn open_directory(path: &Path) -> Result<(Update, FileProvider), FileProviderError> {
    FileProvider::open(settings(FileSource::Directory(path.to_owned())), env)
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// One router of this name.
fn router(name: &str) -> String {
    format!("http:\n  routers:\n    {name}:\n      rule: Host(`{name}`)\n      service: s\n")
}

fn routers(update: &Update) -> Vec<&str> {
    update.dynamic.http.routers.keys().map(String::as_str).collect()
}

/// The next update, in good time.
async fn next(updates: &mut mpsc::Receiver<Update>) -> Update {
    tokio::time::timeout(Duration::from_secs(8), updates.recv())
        .await
        .expect("an update in time")
        .expect("a provider that goes on")
}

/// The first update that satisfies `wanted`.
async fn until(updates: &mut mpsc::Receiver<Update>, wanted: impl Fn(&Update) -> bool) -> Update {
    loop {
        let update = next(updates).await;
        if wanted(&update) {
            return update;
        }
    }
}

fn faults(error: FileProviderError) -> Vec<Problem> {
    match error {
        FileProviderError::Faults(problems) => problems,
        other => panic!("{other}"),
    }
}

#[test]
fn a10_1_a_directory_is_read_with_all_below_it() {
    let root = directory();
    fs::create_dir_all(root.path().join("b/c")).unwrap();
    fs::write(root.path().join("a.yaml"), router("a")).unwrap();
    fs::write(
        root.path().join("b/b.toml"),
        "[http.routers.b]\nrule = \"Host(`b`)\"\n",
    )
    .unwrap();
    fs::write(
        root.path().join("b/c/c.JSON"),
        r#"{"http":{"routers":{"c":{"rule":"Host(`c`)"}}}}"#,
    )
    .unwrap();
    fs::write(root.path().join("notes.txt"), "not: [configuration").unwrap();
    let (update, _) = open_directory(root.path()).unwrap();
    assert_eq!(routers(&update), ["a", "b", "c"]);
    assert_eq!(update.provider.as_str(), "file");
    assert!(update.notes.is_empty(), "{:?}", update.notes);
}

#[test]
fn a10_1_of_one_name_in_two_files_the_first_counts_and_the_other_is_told() {
    let root = directory();
    fs::write(root.path().join("1.yaml"), router("a")).unwrap();
    fs::write(
        root.path().join("2.yaml"),
        router("a").replace("service: s", "service: other"),
    )
    .unwrap();
    let (update, _) = open_directory(root.path()).unwrap();
    assert_eq!(update.dynamic.http.routers["a"].service, "s");
    let [note] = update.notes.as_slice() else {
        panic!("one expected: {:#?}", update.notes);
    };
    assert_eq!(note.code, Code::DuplicateObject);
    assert!(
        note.message
            .starts_with("the router `a` is configured already, at "),
        "{}",
        note.message
    );
    let place = note.location.as_ref().unwrap();
    assert!(place.file.ends_with("2.yaml"));
    assert_eq!((place.line, place.column), (3, 5));
}

#[test]
fn a10_2_templates_are_rendered_with_the_environment() {
    let root = directory();
    let path = root.path().join("dyn.yaml");
    let text = "http:\n  routers:\n{{- range $i, $name := split \"a,b\" \",\" }}\n    {{ $name }}:\n      \
                rule: Host(`{{ $name }}.{{ env \"HOST\" }}`)\n      service: s\n{{- end }}\n";
    fs::write(&path, text).unwrap();
    let (update, _) = open_file(&path).unwrap();
    assert_eq!(routers(&update), ["a", "b"]);
    assert_eq!(update.dynamic.http.routers["b"].rule, "Host(`b.env.test`)");
}

#[test]
fn a10_3_at_the_start_every_fault_of_every_file_is_said() {
    let root = directory();
    fs::write(
        root.path().join("a.yaml"),
        "http:\n  routers:\n    a: { rul: x }\n",
    )
    .unwrap();
    fs::write(root.path().join("b.toml"), "[http\n").unwrap();
    fs::write(root.path().join("c.yaml"), "a: {{ nofunction }}\n").unwrap();
    fs::write(root.path().join("d.yaml"), router("d")).unwrap();
    let problems = faults(open_directory(root.path()).unwrap_err());
    let codes: Vec<_> = problems.iter().map(|problem| problem.finding.code).collect();
    assert_eq!(
        codes,
        [
            Code::UnknownField,
            Code::UnreadableDocument,
            Code::UnreadableDocument
        ]
    );
    assert!(problems.iter().all(|problem| problem.finding.location.is_some()));

    let missing = root.path().join("missing.yaml");
    let problems = faults(open_file(&missing).unwrap_err());
    assert!(
        problems[0]
            .finding
            .message
            .starts_with(&format!("`{}` cannot be read", missing.display()))
    );
    let problems = faults(open_file(&root.path().join("x.ini")).unwrap_err());
    assert!(problems[0].finding.message.contains("cannot be read"));
    assert!(matches!(
        open_directory(&root.path().join("nowhere")),
        Err(FileProviderError::Directory { .. })
    ));
}

#[tokio::test]
async fn a10_1_every_way_to_change_a_file_is_seen() {
    let root = directory();
    let path = root.path().join("dyn.yaml");
    fs::write(&path, router("a")).unwrap();
    let (first, provider) = open_file(&path).unwrap();
    assert_eq!(routers(&first), ["a"]);
    let mut updates = provider.follow();

    fs::write(&path, router("b")).unwrap();
    until(&mut updates, |update| routers(update) == ["b"]).await;

    let aside = root.path().join("new");
    fs::write(&aside, router("c")).unwrap();
    fs::rename(&aside, &path).unwrap();
    until(&mut updates, |update| routers(update) == ["c"]).await;

    // As Kubernetes mounts a volume: files are links through a directory that is swapped.
    let volume = directory();
    let at = |name: &str| volume.path().join(name);
    for (version, name) in [("..1", "d"), ("..2", "e")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("dyn.yaml"), router(name)).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/dyn.yaml", at("dyn.yaml")).unwrap();
    for (first, mut updates) in [
        open_file(&at("dyn.yaml"))
            .map(|(first, provider)| (first, provider.follow()))
            .unwrap(),
        open_directory(volume.path())
            .map(|(first, provider)| (first, provider.follow()))
            .unwrap(),
    ] {
        assert_eq!(routers(&first), ["d"]);
        symlink("..2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        until(&mut updates, |update| routers(update) == ["e"]).await;
        symlink("..1", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        until(&mut updates, |update| routers(update) == ["d"]).await;
    }
}

#[tokio::test]
async fn a10_3_a_broken_file_keeps_its_last_good_state_and_others_go_on() {
    let root = directory();
    let (one, two) = (root.path().join("1.yaml"), root.path().join("2.yaml"));
    fs::write(&one, router("a")).unwrap();
    fs::write(&two, router("b")).unwrap();
    let (_, provider) = open_directory(root.path()).unwrap();
    let mut updates = provider.follow();

    fs::write(&one, "http:\n  routers:\n    a: { rul: x }\n").unwrap();
    let update = until(&mut updates, |update| !update.notes.is_empty()).await;
    assert_eq!(routers(&update), ["a", "b"]);
    let note = &update.notes[0];
    assert_eq!(
        (note.code, note.message.as_str()),
        (
            Code::UnknownField,
            "field not found: rul: its last good configuration stays in service"
        )
    );
    assert!(note.location.as_ref().unwrap().file.ends_with("1.yaml"));

    fs::write(&two, router("c")).unwrap();
    let update = until(&mut updates, |update| routers(update) == ["a", "c"]).await;
    assert_eq!(update.notes.len(), 1, "still told");

    fs::write(&one, router("d")).unwrap();
    let update = until(&mut updates, |update| routers(update) == ["c", "d"]).await;
    assert!(update.notes.is_empty());

    fs::remove_file(&one).unwrap();
    until(&mut updates, |update| routers(update) == ["c"]).await;
}

#[tokio::test]
async fn c24_a_file_that_is_being_written_is_waited_for() {
    use std::io::Write as _;
    let root = directory();
    let path = root.path().join("dyn.yaml");
    let both = format!("{}    b:\n      rule: Host(`b`)\n      service: s\n", router("a"));
    fs::write(&path, &both).unwrap();
    let (_, provider) = open_file(&path).unwrap();
    let mut updates = provider.follow();
    // Truncated, and then half of it: a whole configuration by itself.
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(router("a").as_bytes()).unwrap();
    file.flush().unwrap();
    let early = tokio::time::timeout(Duration::from_millis(1000), updates.recv()).await;
    assert!(early.is_err(), "half a file was applied: {early:?}");
    file.write_all(
        both.replace(&router("a"), "")
            .replace("    b:", "    c:")
            .as_bytes(),
    )
    .unwrap();
    drop(file);
    assert_eq!(routers(&next(&mut updates).await), ["a", "c"]);
}

#[tokio::test]
async fn c24_an_emptied_file_gets_time_before_it_counts() {
    let root = directory();
    let path = root.path().join("dyn.yaml");
    fs::write(&path, router("a")).unwrap();
    let (_, provider) = open_file(&path).unwrap();
    let mut updates = provider.follow();
    fs::write(&path, "").unwrap();
    fs::write(&path, router("b")).unwrap();
    assert_eq!(routers(&next(&mut updates).await), ["b"], "not empty in between");
    fs::write(&path, "").unwrap();
    assert_eq!(
        routers(&next(&mut updates).await).len(),
        0,
        "in the end it says nothing"
    );
}

#[tokio::test]
async fn a14_12_the_pem_files_that_are_named_are_watched() {
    use viaduct_testkit::pki::{Ca, Leaf};
    let (root, pems) = (directory(), directory());
    let ca = Ca::new("CA");
    let (old, new) = (ca.issue(Leaf::server("a.test")), ca.issue(Leaf::server("a.test")));
    let files = old.write_to(pems.path(), "tls");
    let path = root.path().join("dyn.yaml");
    let (cert, key) = (files.cert.display(), files.key.display());
    fs::write(
        &path,
        format!("tls:\n  certificates:\n  - certFile: {cert}\n    keyFile: {key}\n"),
    )
    .unwrap();
    let (first, provider) = open_file(&path).unwrap();
    assert_eq!(*first.dynamic.tls.certificates[0].pair.cert_file, *old.chain_pem);
    let mut updates = provider.follow();
    new.write_to(pems.path(), "tls");
    let update = until(&mut updates, |update| {
        let pair = &update.dynamic.tls.certificates[0].pair;
        let whole = (*pair.cert_file == *new.chain_pem) == (*pair.key_file == *new.key_pem);
        assert!(whole, "a certificate with another one's key");
        *pair.cert_file == *new.chain_pem
    })
    .await;
    assert!(update.broken.is_empty());
}

#[tokio::test]
async fn a10_1_without_watch_nothing_is_read_again() {
    let root = directory();
    let path = root.path().join("dyn.yaml");
    fs::write(&path, router("a")).unwrap();
    let still = FileSettings {
        watch: false,
        ..settings(FileSource::File(path.clone()))
    };
    let (_, provider) = FileProvider::open(still, env).unwrap();
    let mut updates = provider.follow();
    fs::write(&path, router("b")).unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(800), updates.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}
