use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{Directory, DirectoryError, MAX_FILE_BYTES, Refresh};
use crate::index::Index;

fn set_up() -> (TempDir, Directory, Index) {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::new(root.path());
    (root, directory, Index::new(|_| Ok(())))
}

fn config_map(name: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}")
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(count: usize) -> Refresh {
    Refresh {
        read: count,
        ..Refresh::default()
    }
}

#[test]
fn manifests_are_found_at_any_depth_and_nothing_else_is_read() {
    let (root, mut directory, mut index) = set_up();
    for (number, path) in ["a.yaml", "b/c.yml", "b/d/e.json"].into_iter().enumerate() {
        write(root.path(), path, &config_map(&format!("m{number}")));
    }
    for path in [
        ".hidden.yaml",
        "..data/f.yaml",
        "notes.txt",
        "g.yaml~",
        "b/.h/i.yaml",
    ] {
        write(root.path(), path, &config_map("other"));
    }
    assert_eq!(directory.refresh(&mut index).unwrap(), read(3));
    assert_eq!(index.len(), 3);
}

#[test]
fn a_mounted_volume_is_read_once() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "..2024_1/a.yaml", &config_map("old"));
    symlink("..2024_1", root.path().join("..data")).unwrap();
    symlink("..data/a.yaml", root.path().join("a.yaml")).unwrap();
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    assert_eq!(index.len(), 1);

    write(root.path(), "..2024_2/a.yaml", &config_map("new"));
    symlink("..2024_2", root.path().join("..data_tmp")).unwrap();
    fs::rename(root.path().join("..data_tmp"), root.path().join("..data")).unwrap();
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    assert_eq!(index.len(), 1);
}

#[test]
fn only_what_changed_is_read_again() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "a.yaml", &config_map("one"));
    write(root.path(), "b.yaml", &config_map("two"));
    assert_eq!(directory.refresh(&mut index).unwrap(), read(2));
    assert!(!directory.refresh(&mut index).unwrap().changed());
    write(root.path(), "b.yaml", &config_map("six"));
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    fs::remove_file(root.path().join("a.yaml")).unwrap();
    let refresh = directory.refresh(&mut index).unwrap();
    assert_eq!((refresh.read, refresh.removed, index.len()), (0, 1, 1));
}

/// Two writes of the same length within one tick of the file system's clock.
#[test]
fn a_change_without_a_trace_in_the_times_is_seen() {
    let (root, mut directory, mut index) = set_up();
    let now = SystemTime::now();
    for (name, expected) in [("one", true), ("two", true), ("two", false)] {
        write(root.path(), "a.yaml", &config_map(name));
        let file = fs::File::options()
            .write(true)
            .open(root.path().join("a.yaml"))
            .unwrap();
        file.set_modified(now).unwrap();
        assert_eq!(
            directory.refresh(&mut index).unwrap().changed(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn an_old_file_is_not_read_again_until_its_times_change() {
    let (root, mut directory, mut index) = set_up();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let path = root.path().join("a.yaml");
    let set = |text: &str, time| {
        fs::write(&path, text).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    set(&config_map("one"), long_ago);
    assert!(directory.refresh(&mut index).unwrap().changed());
    set(&config_map("two"), long_ago);
    assert!(
        !directory.refresh(&mut index).unwrap().changed(),
        "same length and times: nothing tells"
    );
    set(&config_map("two"), long_ago + Duration::from_secs(1));
    assert!(directory.refresh(&mut index).unwrap().changed());
}

#[test]
fn a_directory_that_vanishes_changes_nothing() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "a.yaml", &config_map("one"));
    directory.refresh(&mut index).unwrap();
    fs::remove_dir_all(root.path()).unwrap();
    let error = directory.refresh(&mut index).unwrap_err();
    assert!(matches!(error, DirectoryError::Unreadable { .. }));
    assert_eq!(index.len(), 1);
    fs::create_dir(root.path()).unwrap();
    let refresh = directory.refresh(&mut index).unwrap();
    assert_eq!((refresh.removed, index.len()), (1, 0));
}

#[test]
fn a_file_that_cannot_be_read_keeps_its_objects() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "a.yaml", &config_map("one"));
    directory.refresh(&mut index).unwrap();
    let path = root.path().join("a.yaml");
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(directory.refresh(&mut index).unwrap().unreadable, 1);
    assert_eq!(index.len(), 1);
    assert!(!directory.refresh(&mut index).unwrap().changed(), "told twice");
    write(root.path(), "a.yaml", &config_map("one"));
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    assert_eq!(index.findings().count(), 0);
}

#[test]
fn a_huge_file_is_not_read() {
    let (root, mut directory, mut index) = set_up();
    let file = fs::File::create(root.path().join("a.yaml")).unwrap();
    file.set_len(MAX_FILE_BYTES + 1).unwrap();
    assert_eq!(directory.refresh(&mut index).unwrap().unreadable, 1);
    let finding = index.findings().next().unwrap();
    assert!(
        finding.message.contains("larger than 33554432 bytes"),
        "{}",
        finding.message
    );
}

#[test]
fn links_that_lead_nowhere_or_in_circles_do_no_harm() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "a.yaml", &config_map("one"));
    symlink("missing.yaml", root.path().join("b.yaml")).unwrap();
    for name in ["one", "two", "three"] {
        symlink(".", root.path().join(name)).unwrap();
    }
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    assert_eq!(index.len(), 1);
}

#[test]
fn a_subdirectory_that_cannot_be_read_is_not_taken_for_empty() {
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "b/a.yaml", &config_map("one"));
    directory.refresh(&mut index).unwrap();
    let below = root.path().join("b");
    fs::set_permissions(&below, fs::Permissions::from_mode(0o000)).unwrap();
    let readable_anyway = fs::read_dir(&below).is_ok();
    let refreshed = directory.refresh(&mut index);
    fs::set_permissions(&below, fs::Permissions::from_mode(0o755)).unwrap();
    // The superuser reads everything.
    assert_eq!(refreshed.is_ok(), readable_anyway);
    assert_eq!(index.len(), 1);
}

/// Gives a file the time of a write that long ago.
fn written(root: &Path, path: &str, ago: Duration) {
    let file = fs::File::options().append(true).open(root.join(path)).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

#[test]
fn a13_8_nothing_is_read_while_a_file_is_being_written() {
    const LONG_AGO: Duration = Duration::from_secs(60);
    let (root, mut directory, mut index) = set_up();
    write(root.path(), "a.yaml", &config_map("a"));
    written(root.path(), "a.yaml", LONG_AGO);
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
    directory.wait_for_rest(Duration::from_secs(30));

    // Two files that belong together, and the second is not whole yet.
    write(root.path(), "a.yaml", &config_map("renamed"));
    written(root.path(), "a.yaml", LONG_AGO);
    write(root.path(), "b.yaml", &config_map("b"));
    let refresh = directory.refresh(&mut index).unwrap();
    assert!(!refresh.changed() && index.len() == 1, "{refresh:?}");
    let again = refresh.again.unwrap();
    assert!(
        again > Duration::from_secs(20) && again <= Duration::from_secs(30),
        "{again:?}"
    );

    written(root.path(), "b.yaml", Duration::from_secs(31));
    assert_eq!(directory.refresh(&mut index).unwrap(), read(2));
    assert_eq!(index.len(), 2);
}

#[test]
fn a13_8_a_file_that_never_rests_is_read_in_the_end() {
    let (root, mut directory, mut index) = set_up();
    directory.wait_for_rest(Duration::from_secs(30));
    write(root.path(), "a.yaml", &config_map("a"));
    assert!(directory.refresh(&mut index).unwrap().again.is_some());
    directory.restless = directory.restless.map(|since| since - super::RESTLESS);
    assert_eq!(directory.refresh(&mut index).unwrap(), read(1));
}
