//! Each test waits for events with a deadline; none sleeps.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{Changes, Target, Timing, Watch, Watcher, sync_channel, watch};

/// "Any change is applied in under a second" leaves this much for the watch itself.
const IN_TIME: Duration = Duration::from_millis(900);

/// A poll that never comes: what a test sees, it sees by events.
fn events_only() -> Timing {
    Timing {
        poll: Duration::from_secs(3600),
        poll_without_events: Duration::from_secs(3600),
        ..Timing::default()
    }
}

fn polls_only() -> Timing {
    Timing {
        poll: Duration::from_millis(20),
        poll_without_events: Duration::from_millis(20),
        ..Timing::default()
    }
}

fn tree(root: &Path, timing: Timing) -> (Watch, Changes) {
    let running = watch(Target::Tree(root.to_owned()), timing).unwrap();
    let changes = running.changes();
    (running, changes)
}

fn files(paths: &[&Path], timing: Timing) -> (Watch, Changes) {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    let running = watch(Target::Files(paths), timing).unwrap();
    let changes = running.changes();
    (running, changes)
}

async fn told(changes: &mut Changes) -> bool {
    tokio::time::timeout(IN_TIME, changes.changed())
        .await
        .unwrap_or(false)
}

/// Writes as `mv` after a full write does it.
fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn a13_7_a_new_file_a_change_and_a_removal_are_told() {
    let root = directory();
    let (_running, mut changes) = tree(root.path(), events_only());
    let file = root.path().join("routes.yaml");
    fs::write(&file, "a: 1").unwrap();
    assert!(told(&mut changes).await, "created");
    fs::write(&file, "a: 2").unwrap();
    assert!(told(&mut changes).await, "rewritten");
    replace(&file, "a: 3");
    assert!(told(&mut changes).await, "renamed over");
    fs::remove_file(&file).unwrap();
    assert!(told(&mut changes).await, "removed");
}

#[tokio::test]
async fn a_relative_path_is_watched_all_the_same() {
    let root = tempfile::tempdir_in(".").unwrap();
    let relative = Path::new(".").join(root.path().file_name().unwrap());
    let (_running, mut changes) = tree(&relative, events_only());
    fs::write(root.path().join("routes.yaml"), "a: 1").unwrap();
    assert!(told(&mut changes).await);
}

#[tokio::test]
async fn a13_7_a_new_subdirectory_is_watched_too() {
    let root = directory();
    let (_running, mut changes) = tree(root.path(), events_only());
    let below = root.path().join("web");
    fs::create_dir(&below).unwrap();
    assert!(told(&mut changes).await, "directory");
    fs::write(below.join("routes.yaml"), "a: 1").unwrap();
    assert!(told(&mut changes).await, "file in it");
}

#[tokio::test]
async fn c24_a_kubernetes_volume_swap_is_told() {
    let root = directory();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("..2024_1")).unwrap();
    fs::write(at("..2024_1/tls.crt"), "old").unwrap();
    symlink("..2024_1", at("..data")).unwrap();
    symlink("..data/tls.crt", at("tls.crt")).unwrap();
    let (_tree, mut in_tree) = tree(root.path(), events_only());
    let (_files, mut in_files) = files(&[&at("tls.crt")], events_only());

    fs::create_dir(at("..2024_2")).unwrap();
    fs::write(at("..2024_2/tls.crt"), "new").unwrap();
    symlink("..2024_2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();

    assert!(told(&mut in_tree).await, "tree");
    assert!(told(&mut in_files).await, "files");
    assert_eq!(fs::read_to_string(at("tls.crt")).unwrap(), "new");
}

#[tokio::test]
async fn c24_the_file_behind_a_link_is_watched() {
    let live = directory();
    let archive = directory();
    fs::write(archive.path().join("cert1.pem"), "old").unwrap();
    let link = live.path().join("cert.pem");
    symlink(archive.path().join("cert1.pem"), &link).unwrap();
    let (_running, mut changes) = files(&[&link], events_only());
    replace(&archive.path().join("cert1.pem"), "newer");
    assert!(told(&mut changes).await);
}

#[tokio::test]
async fn a_directory_that_went_away_and_came_back_is_watched_again() {
    let parent = directory();
    let root = parent.path().join("manifests");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), "a: 1").unwrap();
    let (_running, mut changes) = tree(&root, events_only());
    fs::remove_dir_all(&root).unwrap();
    assert!(told(&mut changes).await, "gone");
    fs::create_dir(&root).unwrap();
    assert!(told(&mut changes).await, "back");
    fs::write(root.join("a.yaml"), "a: 2").unwrap();
    assert!(told(&mut changes).await, "changed after it came back");
}

#[tokio::test]
async fn a_directory_may_appear_after_the_watch_began() {
    let parent = directory();
    let root = parent.path().join("later");
    let (_running, mut changes) = tree(&root, events_only());
    fs::create_dir(&root).unwrap();
    assert!(told(&mut changes).await, "appeared");
    fs::write(root.join("a.yaml"), "a: 1").unwrap();
    assert!(told(&mut changes).await, "first file");
}

#[tokio::test]
async fn c24_polling_finds_what_no_event_tells() {
    let parent = directory();
    let root = parent.path().join("deep").join("later");
    // Neither the root nor its parent exists, so there is nothing to put a watch on.
    let (_running, mut changes) = tree(&root, polls_only());
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("a.yaml"), "a: 1").unwrap();
    assert!(told(&mut changes).await);
}

#[tokio::test]
async fn other_files_in_the_directory_of_a_watched_file_do_not_count() {
    let root = directory();
    let ours = root.path().join("cert.pem");
    fs::write(&ours, "cert").unwrap();
    let (_running, mut changes) = files(&[&ours], events_only());
    fs::write(root.path().join("other.pem"), "noise").unwrap();
    // The next change of ours is told; had the noise been told too, there would be two.
    let quiet = tokio::time::timeout(Duration::from_millis(400), changes.changed()).await;
    assert!(quiet.is_err(), "told of a file that is not watched");
    replace(&ours, "new cert");
    assert!(told(&mut changes).await);
}

#[tokio::test]
async fn a_storm_of_changes_is_told_in_time_and_as_few() {
    let root = directory();
    let (_running, mut changes) = tree(root.path(), events_only());
    for number in 0..200 {
        fs::write(root.path().join(format!("{number}.yaml")), "a: 1").unwrap();
    }
    assert!(told(&mut changes).await);
    let mut more = 0;
    while tokio::time::timeout(Duration::from_millis(400), changes.changed())
        .await
        .is_ok()
    {
        more += 1;
    }
    assert!(more <= 3, "200 writes were told {} times", more + 1);
}

#[tokio::test]
async fn reading_is_not_a_change() {
    let root = directory();
    let file = root.path().join("a.yaml");
    fs::write(&file, "a: 1").unwrap();
    let (_running, mut changes) = tree(root.path(), events_only());
    assert_eq!(fs::read_to_string(&file).unwrap(), "a: 1");
    let quiet = tokio::time::timeout(Duration::from_millis(400), changes.changed()).await;
    assert!(quiet.is_err(), "a reader woke the watch");
}

#[tokio::test]
async fn dropping_the_watch_ends_it() {
    let root = directory();
    let (running, mut changes) = tree(root.path(), events_only());
    drop(running);
    assert!(!changes.changed().await);
}

#[test]
fn neighbours_of_a_directory_wake_nobody() {
    let parent = directory();
    let (root, link) = (parent.path().join("manifests"), parent.path().join("link"));
    let points = |root: &Path| -> Vec<PathBuf> {
        let points = super::watch_points(&Target::Tree(root.to_owned()));
        points.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(points(&root), [parent.path(), &root], "to see it come");
    fs::create_dir(&root).unwrap();
    assert_eq!(points(&root), [root.as_path()]);
    symlink(&root, &link).unwrap();
    assert_eq!(points(&link), [parent.path(), &link], "to see it lead elsewhere");
}

#[test]
fn a13_7_a_missing_directory_is_told_of_once_and_watched_when_it_comes() {
    let work = directory();
    let missing = work.path().join("missing");
    let (signals, _queue) = sync_channel(1);
    let mut watcher = Watcher::new(Target::Files(vec![missing.join("users")]), events_only(), signals);
    for _ in 0..3 {
        watcher.follow();
        assert!(watcher.unwatched.contains(&missing) && watcher.watched.is_empty());
    }
    fs::create_dir(&missing).unwrap();
    watcher.follow();
    assert!(watcher.unwatched.is_empty() && watcher.watched.len() == 1);
}
