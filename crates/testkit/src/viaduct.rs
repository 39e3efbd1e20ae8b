//! The product under test: the real binary, its files and its logs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::access_log::{self, Entry};
use crate::child::Child;
use crate::wait::wait_for;

/// `viaduct up` to be. Two entry points on free ports: `web` and `websecure`.
pub struct Up {
    binary: PathBuf,
    files: Vec<(String, String)>,
    arguments: Vec<String>,
    entry_points: Vec<String>,
    /// Entry points beside these.
    internal: usize,
}

impl Up {
    /// `binary`: `env!("CARGO_BIN_EXE_viaduct")` of the test.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            files: Vec::new(),
            arguments: Vec::new(),
            entry_points: vec!["web=127.0.0.1:0".to_owned(), "websecure=127.0.0.1:0".to_owned()],
            internal: 0,
        }
    }

    /// A file of the served directory.
    pub fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.to_owned(), text.into()));
        self
    }

    /// A further argument.
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// HTTP/3 on `websecure`.
    pub fn http3(mut self) -> Self {
        for entry_point in &mut self.entry_points {
            if entry_point.starts_with("websecure=") {
                entry_point.push_str(",http3");
            }
        }
        self
    }

    /// A further entry point, `NAME=ADDR[,tls][,http3]`.
    pub fn entry_point(mut self, text: &str) -> Self {
        self.entry_points.push(text.to_owned());
        self
    }

    /// The API, on the entry point `traefik`.
    pub fn api(mut self) -> Self {
        self.arguments.push("--api=127.0.0.1:0".to_owned());
        self.internal = 1;
        self
    }

    /// Starts it and waits until every entry point listens.
    #[track_caller]
    pub fn start(self) -> Viaduct {
        let work = tempfile::tempdir().expect("a temporary directory");
        let directory = work.path().join("manifests");
        std::fs::create_dir(&directory).expect("the directory of manifests");
        for (name, text) in &self.files {
            std::fs::write(directory.join(name), text).expect("writing a manifest");
        }
        let access_log = work.path().join("access.log");
        let mut command = Command::new(&self.binary);
        command.arg("up").arg(&directory).current_dir(work.path());
        for entry_point in &self.entry_points {
            command.arg("--entrypoint").arg(entry_point);
        }
        if !self
            .arguments
            .iter()
            .any(|argument| argument == "--accesslog" || argument.starts_with("--accesslog="))
        {
            command.arg(format!("--accesslog={}", access_log.display()));
            command.args(["--accesslog-format", "json"]);
        }
        if !self
            .arguments
            .iter()
            .any(|argument| argument.starts_with("--preflight"))
        {
            // Scripted servers count their connections.
            command.arg("--preflight=off");
        }
        let running = Running::start(
            command.args(&self.arguments),
            self.entry_points.len() + self.internal,
        );
        Viaduct {
            running,
            work,
            directory,
            access_log,
        }
    }
}

/// `viaduct up`, serving.
pub struct Viaduct {
    running: Running,
    work: TempDir,
    directory: PathBuf,
    access_log: PathBuf,
}

impl Viaduct {
    #[track_caller]
    pub fn address(&self, entry_point: &str) -> SocketAddr {
        self.running.address(entry_point)
    }

    /// The TLS entry point.
    #[track_caller]
    pub fn websecure(&self) -> SocketAddr {
        self.address("websecure")
    }

    /// The plain entry point.
    #[track_caller]
    pub fn web(&self) -> SocketAddr {
        self.address("web")
    }

    /// The served directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Replaces a served file in one step, as `kubectl`, editors and deployment tools do.
    pub fn replace(&self, name: &str, text: &str) {
        let aside = self.work.path().join(format!(".{name}.new"));
        std::fs::write(&aside, text).expect("writing a manifest");
        std::fs::rename(&aside, self.directory.join(name)).expect("renaming a manifest");
    }

    /// As [`Viaduct::replace`], and waits until the change has been applied, or found to change nothing.
    #[track_caller]
    pub fn apply(&self, name: &str, text: &str) {
        let applied = || {
            let log = self.log();
            log.matches("configuration applied").count() + log.matches("configuration read: ").count()
        };
        let before = applied();
        self.replace(name, text);
        crate::wait::wait_until(&format!("{name} to be applied"), || applied() > before);
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.directory.join(name)).expect("removing a manifest");
    }

    /// The program's own log and status lines so far.
    pub fn log(&self) -> String {
        self.running.child.output()
    }

    /// Waits for a log line that contains `text`.
    #[track_caller]
    pub fn wait_log(&self, text: &str) -> String {
        self.running.child.wait_line(text)
    }

    /// The access log so far.
    #[track_caller]
    pub fn access_log(&self) -> Vec<Entry> {
        access_log::parse(&std::fs::read_to_string(&self.access_log).unwrap_or_default())
    }

    /// Waits for the access-log line of a request to `path`; give each request a path of its own.
    #[track_caller]
    pub fn wait_access(&self, path: &str) -> Entry {
        wait_for(
            &format!("an access-log line of {path}; the log says:\n{}", self.log()),
            || {
                self.access_log()
                    .into_iter()
                    .find(|entry| entry.text("RequestPath") == path)
            },
        )
    }

    pub fn terminate(&self) {
        self.running.child.signal(Signal::TERM);
    }

    pub fn signal(&self, signal: Signal) {
        self.running.child.signal(signal);
    }

    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        self.running.child.wait_exit(limit)
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.running.child.try_exit().is_none()
    }

    /// Resident memory, KiB.
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        status_number(self.running.child.id(), "VmRSS:")
    }

    /// Resident memory that is no part of a file, KiB: what it has allocated.
    #[track_caller]
    pub fn anonymous_kib(&self) -> u64 {
        status_number(self.running.child.id(), "RssAnon:")
    }

    /// The most that was ever resident, KiB.
    #[track_caller]
    pub fn peak_resident_kib(&self) -> u64 {
        status_number(self.running.child.id(), "VmHWM:")
    }

    /// CPU time used so far.
    #[track_caller]
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.running.child.id())).expect("/proc");
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// Open file descriptors.
    #[track_caller]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.running.child.id()))
            .expect("/proc")
            .count()
    }
}

/// `viaduct sidecar`, or any command that announces its entry points.
pub struct Running {
    child: Child,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Running {
    /// Starts `command` and waits until `entry_points` of them listen.
    #[track_caller]
    pub fn start(command: &mut Command, entry_points: usize) -> Self {
        let child = Child::spawn(command.env("NO_COLOR", "1"));
        let mut addresses = BTreeMap::new();
        child
            .find_line(|line| {
                addresses.extend(announced(&said(line)));
                (addresses.len() == entry_points).then_some(())
            })
            .unwrap_or_else(|| {
                panic!(
                    "{} of {entry_points} entry points listen; output:\n{}",
                    addresses.len(),
                    child.output()
                )
            });
        Self { child, addresses }
    }

    /// Starts `command` and waits until it says that it is ready, however many entry points it has.
    #[track_caller]
    pub fn until_ready(command: &mut Command) -> Self {
        let child = Child::spawn(command.env("NO_COLOR", "1"));
        let mut addresses = BTreeMap::new();
        child
            .find_line(|line| {
                let said = said(line);
                addresses.extend(announced(&said));
                (said.starts_with("viaduct ") && said.ends_with(" ready")).then_some(())
            })
            .unwrap_or_else(|| panic!("it did not become ready; output:\n{}", child.output()));
        Self { child, addresses }
    }

    #[track_caller]
    pub fn address(&self, entry_point: &str) -> SocketAddr {
        *self
            .addresses
            .get(entry_point)
            .unwrap_or_else(|| panic!("no entry point `{entry_point}` among {:?}", self.addresses))
    }

    /// The only address, of a command with one.
    #[track_caller]
    pub fn only_address(&self) -> SocketAddr {
        *self.addresses.values().next().expect("an entry point")
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// What a line says: in a log of objects, the message.
fn said(line: &str) -> Cow<'_, str> {
    let message = || {
        let object: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(object["message"].as_str()?.to_owned())
    };
    match line.starts_with('{').then(message).flatten() {
        Some(message) => Cow::Owned(message),
        None => Cow::Borrowed(line),
    }
}

/// `entry point NAME listening on SCHEME://ADDR:PORT`.
fn announced(line: &str) -> Option<(String, SocketAddr)> {
    let (_, rest) = line.split_once("entry point ")?;
    let (name, rest) = rest.split_once(" listening on ")?;
    let (_, address) = rest.split_once("://")?;
    let address = address.split_whitespace().next()?;
    Some((name.trim_matches('`').to_owned(), address.parse().ok()?))
}

#[track_caller]
fn status_number(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("no {field} in /proc/{pid}/status"))
}
