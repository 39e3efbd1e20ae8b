//! `accessLog`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use viaduct_testkit::child::Child;
use viaduct_testkit::http1;
use viaduct_testkit::origin::{Origin, Wire, echo, ok};
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{wait_for, wait_until};

use super::Seen;
use crate::fixture::root;
use crate::install::sources;

pub(super) fn seen() -> Vec<Seen> {
    vec![
        seen!(a11_2_lines_go_to_standard_output_in_traefiks_form => "accessLog"),
        seen!(sources::a11_2_the_access_log_is_that_of_the_options => "accessLog.filePath", "accessLog.format"),
        seen!(a11_4_internal_services_are_told_where_asked_for => "accessLog.addInternals"),
        seen!(a11_4_a_full_buffer_does_not_wait => "accessLog.bufferingSize"),
        seen!(a11_4_a_file_beside_a_collector => "accessLog.dualOutput"),
        seen!(a11_4_fields_headers_and_queries_are_kept_dropped_and_redacted =>
            "accessLog.fields.defaultMode",
            "accessLog.fields.names._name_",
            "accessLog.fields.headers.defaultMode",
            "accessLog.fields.headers.names._name_",
            "accessLog.fields.queryParameters.defaultMode",
        ),
        seen!(a11_4_filters_take_what_any_of_them_takes =>
            "accessLog.filters.minDuration",
            "accessLog.filters.retryAttempts",
            "accessLog.filters.statusCodes",
        ),
    ]
}

/// Routes to `origin`, and the process.
struct Edge {
    running: Running,
    work: tempfile::TempDir,
}

impl Edge {
    fn start(origin: &Origin, flags: &[&str]) -> Self {
        let work = tempfile::tempdir().expect("a temporary directory");
        let routes = format!(
            "http: {{routers: {{r: {{rule: PathPrefix(`/`), service: s}}}}, \
             services: {{s: {{loadBalancer: {{servers: [{{url: 'http://{}'}}]}}}}}}}}\n",
            origin.address()
        );
        std::fs::write(work.path().join("routes.yml"), routes).expect("a file");
        let running = Running::until_ready(
            root(work.path())
                .args([
                    "--entrypoints.web.address=127.0.0.1:0",
                    "--providers.file.filename=routes.yml",
                    "--viaduct.workers=1",
                ])
                .args(flags),
        );
        Self { running, work }
    }

    #[track_caller]
    fn get(&self, path: &str) -> http1::Response {
        self.ask(path, "")
    }

    #[track_caller]
    fn ask(&self, path: &str, headers: &str) -> http1::Response {
        http1::once(
            self.running.address("web"),
            format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n"),
        )
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.work.path().join("access.log")).unwrap_or_default()
    }

    /// The file's lines, when there are so many.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} lines"), || {
            let lines: Vec<String> = self.file().lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })
    }

    fn child(&mut self) -> &mut Child {
        self.running.child()
    }
}

#[test]
fn a11_2_lines_go_to_standard_output_in_traefiks_form() {
    let origin = Origin::http(|_| ok("backend"));
    let mut edge = Edge::start(&origin, &["--accesslog"]);
    assert_eq!(edge.get("/told").status, 200);
    let url = format!("http://{}", origin.address());
    let line = edge
        .child()
        .wait_line("\"GET /told HTTP/1.1\" 200 7 \"-\" \"-\" 1 \"r@file\"");
    assert!(
        line.starts_with("127.0.0.1 - - [") && line.contains(&url),
        "{line}"
    );
}

#[test]
fn a11_4_internal_services_are_told_where_asked_for() {
    let origin = Origin::http(|_| ok("backend"));
    let flags = ["--accesslog.filepath=access.log", "--ping.entrypoint=web"];
    let silent = Edge::start(&origin, &flags);
    silent.get("/ping");
    silent.get("/after");
    let lines = silent.lines(1);
    assert!(lines.len() == 1 && lines[0].contains("/after"), "{lines:?}");
    // Its router leaves them untold by itself: one of the user's does not.
    let work = tempfile::tempdir().expect("a temporary directory");
    let routes = "http: {routers: {p: {rule: Path(`/alive`), service: ping@internal}}}\n";
    std::fs::write(work.path().join("routes.yml"), routes).expect("a file");
    for (flag, told) in [
        ("--accesslog.addinternals=false", false),
        ("--accesslog.addinternals", true),
    ] {
        let file = work.path().join("access.log");
        let running = Running::until_ready(root(work.path()).args([
            "--entrypoints.web.address=127.0.0.1:0",
            "--providers.file.filename=routes.yml",
            "--ping.manualrouting",
            "--accesslog.filepath=access.log",
            flag,
        ]));
        for path in ["/alive", "/after"] {
            http1::once(
                running.address("web"),
                format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
            );
        }
        let text = wait_for("the second line", || {
            let text = std::fs::read_to_string(&file).ok()?;
            text.contains("/after").then_some(text)
        });
        assert_eq!(text.contains("/alive"), told, "{flag}: {text}");
        std::fs::remove_file(&file).expect("the log");
    }
}

/// Lines wait up to a fifth of a second to be written together. One that fills the buffer does not: twenty of
/// them, one after the other, take less time than nineteen waits.
#[test]
fn a11_4_a_full_buffer_does_not_wait() {
    let origin = Origin::http(|_| ok("backend"));
    let edge = Edge::start(
        &origin,
        &["--accesslog.filepath=access.log", "--accesslog.bufferingsize=1"],
    );
    let started = Instant::now();
    for count in 1..=20 {
        edge.get("/");
        edge.lines(count);
    }
    assert!(
        started.elapsed() < Duration::from_millis(19 * 200),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a11_4_a_file_beside_a_collector() {
    let origin = Origin::http(|_| ok("backend"));
    let collector = Origin::http(|_| ok(""));
    let endpoint = format!("--accesslog.otlp.http.endpoint=http://{}", collector.address());
    let flags = [
        "--experimental.otlplogs",
        &endpoint,
        "--accesslog.filepath=access.log",
    ];
    let alone = Edge::start(&origin, &flags);
    alone.get("/");
    collector.wait_request("/v1/logs");
    assert_eq!(alone.file(), "");
    let both = Edge::start(&origin, &[flags[0], flags[1], flags[2], "--accesslog.dualoutput"]);
    both.get("/");
    both.lines(1);
    wait_until("another export", || collector.requests().len() >= 2);
}

#[test]
fn a11_4_fields_headers_and_queries_are_kept_dropped_and_redacted() {
    let origin = Origin::http(echo);
    let json = ["--accesslog.filepath=access.log", "--accesslog.format=json"];
    let entry = |flags: &[&str]| {
        let edge = Edge::start(&origin, &[&json[..], flags].concat());
        edge.ask("/p?q=hush", "X-One: 1\r\nX-Two: 2\r\n");
        let line = edge.lines(1).remove(0);
        serde_json::from_str::<Value>(&line).expect("an object")
    };
    let plain = entry(&[]);
    assert_eq!(plain["RequestPath"], "/p?q=hush");
    assert!(plain.get("request_X-One").is_none(), "{plain}");
    let some = entry(&[
        "--accesslog.fields.defaultmode=drop",
        "--accesslog.fields.names.RequestPath=keep",
        "--accesslog.fields.names.RouterName=redact",
        "--accesslog.fields.headers.defaultmode=keep",
        "--accesslog.fields.headers.names.X-Two=redact",
        "--accesslog.fields.queryparameters.defaultmode=redact",
    ]);
    assert_eq!(some["RequestPath"], "/p?q=REDACTED");
    assert_eq!(some["RouterName"], "REDACTED");
    assert_eq!(
        (&some["request_X-One"], &some["request_X-Two"]),
        (&"1".into(), &"REDACTED".into())
    );
    assert!(some.get("RequestMethod").is_none(), "{some}");
}

fn read_request(wire: Wire<'_>) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

#[test]
fn a11_4_filters_take_what_any_of_them_takes() {
    let connections = AtomicUsize::new(0);
    // The first connection ends instead of answering a second time, when it is used again.
    let origin = Origin::script(move |wire| {
        let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        let mut served = 0;
        while let Some(head) = read_request(wire) {
            if first && served == 1 {
                return;
            }
            served += 1;
            if head.contains("/slow") {
                std::thread::sleep(Duration::from_millis(300));
            }
            let status = if head.contains("/teapot") {
                "418 No"
            } else {
                "200 OK"
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            if wire.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let edge = Edge::start(
        &origin,
        &[
            "--accesslog.filepath=access.log",
            "--accesslog.filters.statuscodes=400-429,502",
            "--accesslog.filters.retryattempts",
            "--accesslog.filters.minduration=250ms",
        ],
    );
    for path in ["/first", "/retried", "/usual", "/teapot", "/slow", "/usual"] {
        edge.get(path);
    }
    let lines = edge.lines(3);
    let told: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split('"').nth(1)?.split(' ').nth(1))
        .collect();
    assert_eq!(told, ["/retried", "/teapot", "/slow"]);
}
