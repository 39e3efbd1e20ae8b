//! The whole text of what commands say when they cannot do what they were told to.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use viaduct_testkit::child::{Child, Signal};

use crate::fixture::BINARY;

/// Exit status and standard error of a command that is run in `directory`.
fn refused(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(BINARY)
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary");
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("text"),
    )
}

#[track_caller]
fn assert_refused(directory: &Path, arguments: &[&str], code: i32, text: &str) {
    let (status, said) = refused(directory, arguments);
    assert_eq!(said, text, "{arguments:?}");
    assert_eq!(status, Some(code), "{arguments:?}");
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(directory.path().join("m")).expect("a directory");
    directory
}

#[test]
fn up_says_what_is_wrong_with_its_arguments() {
    let work = directory();
    for (arguments, code, text) in [
        (
            &["up", "gone"][..],
            1,
            "error: cannot read the directory `gone`\n  \
               cause: No such file or directory (os error 2)\n  \
               hint: name a directory of Kubernetes YAML or JSON files\n",
        ),
        (
            &["up", "m", "--entrypoint", "8443"],
            2,
            "error: invalid value '8443' for '--entrypoint <NAME=ADDR[,tls][,http3]>': \
               expected NAME=ADDR, such as websecure=:8443\n\n\
               For more information, try '--help'.\n",
        ),
        (
            &["up", "m", "--entrypoint", "web=:0", "--entrypoint", "web=:0"],
            1,
            "error: entry point `web` is given twice\n",
        ),
        (
            &["up", "m", "--trusted-ips", "wbe=10.0.0.0/8"],
            1,
            "error: --trusted-ips names `wbe`, which is no entry point\n",
        ),
        (
            &["up", "m", "--trusted-ips", "10.0.0.300"],
            2,
            "error: invalid value '10.0.0.300' for '--trusted-ips <[ENTRYPOINT=]CIDR,...>': \
               `10.0.0.300` is neither an address nor a CIDR range\n\n\
               For more information, try '--help'.\n",
        ),
        (
            &[
                "up",
                "m",
                "--entrypoint",
                "web=127.0.0.1:0",
                "--accesslog=logs/a/access.log",
            ],
            1,
            "error: cannot open the access log `logs/a/access.log`: there is no directory `logs/a`\n  \
               hint: make the directory first, or name another file\n",
        ),
        (
            &["up", "m", "--workers", "0"],
            2,
            "error: invalid value '0' for '--workers <N>': 0 is not in 1..=1024\n\n\
               For more information, try '--help'.\n",
        ),
    ] {
        assert_refused(work.path(), arguments, code, text);
    }
    assert!(!work.path().join("logs").exists());
}

#[test]
fn up_says_that_a_port_is_taken() {
    let work = directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    assert_refused(
        work.path(),
        &["up", "m", "--entrypoint", &format!("web={address}")],
        1,
        &format!(
            "error: entry point `web`: cannot listen on {address}\n  \
               cause: Address already in use (os error 98)\n  \
               hint: another process listens there: stop it, or choose another port with `--entrypoint NAME=ADDR`\n"
        ),
    );
}

#[test]
fn sidecar_says_what_is_wrong_with_its_arguments() {
    let work = directory();
    for (to, hint) in [
        ("localhost:8000", "http://localhost:8000"),
        ("ftp://localhost:8000", "http://localhost:80"),
    ] {
        assert_refused(
            work.path(),
            &["sidecar", "--cert", "a.crt", "--key", "a.key", "--to", to],
            1,
            &format!("error: `{to}` is not the URL of an application\n  hint: write it as {hint}\n"),
        );
    }
    assert_refused(
        work.path(),
        &["sidecar", "--cert", "a.crt", "--key", "a.key"],
        1,
        "error: cannot read `a.crt`\n  cause: No such file or directory (os error 2)\n",
    );
}

#[test]
fn demo_leaves_the_files_of_others_alone() {
    let work = directory();
    std::fs::write(work.path().join("m/mine.txt"), "mine").expect("a file");
    assert_refused(
        work.path(),
        &["demo", "--once", "--dir", "m"],
        1,
        "error: the directory `m` holds files that no demo wrote\n  \
           hint: name an empty directory, or one that does not exist yet, with `--dir`\n",
    );
    let files = std::fs::read_dir(work.path().join("m")).expect("the directory");
    assert_eq!(files.count(), 1);
}

#[test]
fn demo_takes_no_directory_of_a_running_demo_and_ends_with_a_word() {
    let work = directory();
    let mut command = Command::new(BINARY);
    command
        .args(["demo", "--port", "0", "--dir", "d"])
        .current_dir(work.path());
    let mut first = Child::spawn(&mut command);
    first.wait_line("Ctrl-C ends it.");
    let second = ["demo", "--once", "--port", "0", "--dir", "d"];
    assert_refused(
        work.path(),
        &second,
        1,
        "error: another demo is running in the directory `d`\n  \
           hint: stop it first, or name another directory with `--dir`\n",
    );
    first.signal(Signal::INT);
    first.wait_line("stopping");
    assert!(first.wait_exit(std::time::Duration::from_secs(11)).success());
    let (status, said) = refused(work.path(), &second);
    assert_eq!((status, said.as_str()), (Some(0), ""), "it is free again");
}

#[test]
fn version_names_what_it_was_made_of() {
    let output = Command::new(BINARY).arg("version").output().expect("the binary");
    let text = String::from_utf8(output.stdout).expect("text");
    let facts: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let names: Vec<_> = facts.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "Version",
            "Commit",
            "Built",
            "Rust version",
            "TLS library",
            "Licence",
            "OS/Arch"
        ]
    );
    let fact = |wanted| {
        facts
            .iter()
            .find(|(name, _)| *name == wanted)
            .map_or("", |(_, value)| value)
    };
    let commit = fact("Commit");
    assert!(
        commit == "unknown" || (commit.len() >= 12 && commit.bytes().all(|b| b.is_ascii_hexdigit())),
        "{commit}"
    );
    let date: Vec<_> = fact("Built").split('-').map(str::len).collect();
    assert_eq!(date, [4, 2, 2], "{}", fact("Built"));
}
