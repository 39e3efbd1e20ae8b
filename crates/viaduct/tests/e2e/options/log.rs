//! `log`.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use viaduct_testkit::child::Child;
use viaduct_testkit::wait::{wait_for, wait_until};

use super::Seen;
use crate::fixture::{BINARY, root};
use crate::install::sources;
use crate::observability;

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(sources::a1_2_flags => "log", "log.level"),
        seen!(observability::log::a11_1_a_log_of_objects_is_one_from_its_first_line_to_its_last => "log.format"),
        seen!(a11_1_a_large_log_is_rotated_compressed_and_thinned_out =>
            "log.filePath", "log.maxSize", "log.maxAge", "log.maxBackups", "log.compress",
            "providers.file.debugLogGeneratedTemplate",
        ),
        seen!(a11_1_a_log_on_a_terminal_may_do_without_colours => "log.noColor"),
    ]
}

/// What a template of half a megabyte comes to is told whole, and twice: more than the megabyte that fits.
#[test]
fn a11_1_a_large_log_is_rotated_compressed_and_thinned_out() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let logs = work.path().join("logs");
    std::fs::create_dir(&logs).expect("a directory");
    let old = |year: u32, days: u64| {
        let file = File::create(logs.join(format!("v-{year}-01-01T00-00-00.000.log"))).expect("a file");
        let day = Duration::from_secs(24 * 60 * 60);
        let then = SystemTime::now().checked_sub(day * u32::try_from(days).expect("few days"));
        file.set_modified(then.expect("a time")).expect("a time");
    };
    for (year, days) in [(2002, 0), (2003, 0), (2004, 0), (2005, 3)] {
        old(year, days);
    }
    let template = format!("# {{{{ \"x\" }}}} {}\n", "long ".repeat(120_000));
    std::fs::write(work.path().join("routes.yml"), &template).expect("a file");
    let _child = Child::spawn(root(work.path()).args([
        "--entrypoints.web.address=127.0.0.1:0",
        "--providers.file.filename=routes.yml",
        "--providers.file.debugloggeneratedtemplate",
        "--log.level=DEBUG",
        "--log.filepath=logs/v.log",
        "--log.maxsize=1",
        "--log.maxage=1",
        "--log.maxbackups=3",
        "--log.compress",
    ]));
    // 2005's is too old, 2003's and 2002's are too many.
    let names = wait_for("the files that are to stay", || {
        let mut names: Vec<String> = std::fs::read_dir(&logs)
            .ok()?
            .map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect::<Option<_>>()?;
        names.sort();
        let of_before: Vec<_> = names.iter().filter(|name| name.starts_with("v-200")).collect();
        let compressed = names
            .iter()
            .filter(|name| name.starts_with("v-2"))
            .all(|name| name.ends_with(".log.gz"));
        (of_before == ["v-2004-01-01T00-00-00.000.log.gz"] && compressed && names.len() >= 3).then_some(names)
    });
    let newest = names
        .iter()
        .rev()
        .find(|name| name.starts_with("v-"))
        .expect("a rotated file");
    let packed = std::fs::read(logs.join(newest)).expect("a rotated file");
    assert!(
        packed.len() < 100_000 && packed.starts_with(&[0x1f, 0x8b]),
        "{names:?}"
    );
    assert!(logs.join("v.log").exists());
}

/// `script` gives it a terminal.
fn on_a_terminal(work: &Path, flags: &str) -> String {
    let command = format!("{BINARY} --entrypoints.web.address=127.0.0.1:0 --log.level=INFO {flags}");
    let mut command_line = Command::new("script");
    command_line
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(work)
        .env_clear()
        .env("HOME", work)
        .env("TERM", "xterm")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let child = Child::spawn(&mut command_line);
    wait_until("it to be ready", || child.output().contains(" ready"));
    child.output()
}

#[test]
fn a11_1_a_log_on_a_terminal_may_do_without_colours() {
    let work = tempfile::tempdir().expect("a temporary directory");
    let colourful = on_a_terminal(work.path(), "");
    assert!(colourful.contains("\u{1b}[32m INFO\u{1b}[0m"), "{colourful:?}");
    let plain = on_a_terminal(work.path(), "--log.nocolor");
    assert!(plain.contains(" INFO ") && !plain.contains('\u{1b}'), "{plain:?}");
}
