//! `otlp` of logs, access logs, metrics and traces: each way to a collector, for each of the four.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tempfile::TempDir;
use viaduct_testkit::child::Child;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::pki::{Ca, Issued, Leaf, Usage};
use viaduct_testkit::python::{self, Module};
use viaduct_testkit::tls;
use viaduct_testkit::wait::wait_for;

use super::Seen;
use crate::observability::{COLLECTOR, Observed, collectors};

pub(super) fn seen() -> Vec<Seen> {
    let mut seen = vec![
        seen!(collectors::a11_5_without_the_experiment_logs_are_not_exported => "experimental.otlpLogs"),
        seen!(a11_9_collectors_over_https_get_a_client_certificate_and_are_verified =>
            "accessLog.otlp", "log.otlp", "metrics.otlp", "tracing", "tracing.otlp",
            "accessLog.otlp.serviceName", "log.otlp.serviceName", "metrics.otlp.serviceName", "tracing.serviceName",
            "accessLog.otlp.resourceAttributes._name_", "log.otlp.resourceAttributes._name_",
            "metrics.otlp.resourceAttributes._name_", "tracing.resourceAttributes._name_",
            "metrics.otlp.pushInterval",
        ),
    ];
    for signal in SIGNALS {
        let of = |option: &str| format!("{signal}.otlp.{option}");
        seen.extend([
            seen!(a11_9_collectors_over_https_get_a_client_certificate_and_are_verified =>
                of("http"), of("http.endpoint"), of("http.headers._name_"),
                of("http.tls.ca"), of("http.tls.cert"), of("http.tls.key"),
            ),
            seen!(a11_9_collectors_over_https_may_be_left_unverified => of("http.tls.insecureSkipVerify")),
            seen!(a11_9_collectors_by_grpc_over_tls_get_a_client_certificate_and_are_verified =>
                of("grpc"), of("grpc.endpoint"), of("grpc.headers._name_"),
                of("grpc.tls.ca"), of("grpc.tls.cert"), of("grpc.tls.key"),
            ),
            seen!(a11_9_collectors_by_grpc_over_tls_may_be_left_unverified => of("grpc.tls.insecureSkipVerify")),
            seen!(collectors::a11_5_a11_9_everything_reaches_a_collector_by_grpc => of("grpc.insecure")),
        ]);
    }
    seen
}

const SIGNALS: [&str; 4] = ["accessLog", "log", "metrics", "tracing"];

/// A collector's authority, its certificate for `localhost`, and the client certificate that it demands.
struct Tls {
    ca: Ca,
    server: Issued,
    files: TempDir,
}

impl Tls {
    fn new() -> Self {
        let ca = Ca::new("Collector CA");
        let files = tempfile::tempdir().expect("a temporary directory");
        ca.write_to(files.path(), "ca.pem");
        ca.issue(Leaf::client("viaduct")).write_to(files.path(), "client");
        let server = ca.issue(Leaf::bare(Usage::Server).dns("localhost").ip("127.0.0.1"));
        server.write_to(files.path(), "server");
        Self { ca, server, files }
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// `tls` of an exporter that knows the authority and has a certificate.
    fn known(&self) -> String {
        format!(
            "{{ca: '{}', cert: '{}', key: '{}'}}",
            self.path("ca.pem"),
            self.path("client.crt"),
            self.path("client.key"),
        )
    }

    /// `tls` of one that has a certificate, and takes any server.
    fn careless(&self) -> String {
        format!(
            "{{insecureSkipVerify: true, cert: '{}', key: '{}'}}",
            self.path("client.crt"),
            self.path("client.key"),
        )
    }
}

/// The four sections, each with an exporter of its own that `exporter` writes.
fn sections(exporter: impl Fn(&str) -> String) -> String {
    let own = |signal: &str| {
        format!(
            "serviceName: service-{signal}, resourceAttributes: {{team: team-{signal}}}, {}",
            exporter(signal)
        )
    };
    format!(
        "
experimental: {{otlpLogs: true}}
accessLog: {{otlp: {{{}}}}}
log: {{level: INFO, otlp: {{{}}}}}
metrics: {{otlp: {{pushInterval: 1, {}}}}}
tracing: {{serviceName: service-tracing, resourceAttributes: {{team: team-tracing}}, otlp: {{{}}}}}",
        own("accessLog"),
        own("log"),
        own("metrics"),
        exporter("tracing"),
    )
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// One collector for each of the four over HTTP, which demands a client certificate.
fn collectors_over_https(tls: &Tls) -> [Origin; 4] {
    SIGNALS.map(|_| Origin::https(tls::server(&tls.server, &[], Some(&tls.ca)), |_| ok("")))
}

/// Each collector gets what is its own.
#[track_caller]
fn assert_exported(collectors: &[Origin; 4]) {
    let paths = ["/v1/logs", "/v1/logs", "/v1/metrics", "/v1/traces"];
    for ((signal, collector), path) in SIGNALS.iter().zip(collectors).zip(paths) {
        let export = collector.wait_request(path);
        assert_eq!(export.header("x-signal"), Some(*signal));
        assert!(contains(&export.body, &format!("service-{signal}")), "{signal}");
        assert!(contains(&export.body, &format!("team-{signal}")), "{signal}");
    }
}

#[test]
fn a11_9_collectors_over_https_get_a_client_certificate_and_are_verified() {
    let tls = Tls::new();
    let collectors = collectors_over_https(&tls);
    let stranger = Ca::new("Somebody");
    let unknown = Origin::https(
        tls::server(&stranger.issue(Leaf::server("localhost")), &[], None),
        |_| ok(""),
    );
    let port = |signal: &str| {
        let index = SIGNALS
            .iter()
            .position(|known| *known == signal)
            .expect("a signal");
        collectors[index].port()
    };
    let observed = Observed::start(&sections(|signal| {
        format!(
            "http: {{endpoint: 'https://localhost:{}', headers: {{x-signal: {signal}}}, tls: {}}}",
            port(signal),
            tls.known()
        )
    }));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    assert_exported(&collectors);
    // The interval is one second: three exports come long before the default's second.
    let metrics = &collectors[2];
    wait_for("a third export of metrics", || {
        (metrics.requests().len() >= 3).then_some(())
    });

    // Whom this authority does not vouch for gets nothing.
    let mut observed = Observed::start(&format!(
        "log: {{level: INFO}}\ntracing: {{otlp: {{http: {{endpoint: 'https://localhost:{}', tls: {}}}}}}}",
        unknown.port(),
        tls.known()
    ));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    observed
        .child()
        .wait_line("the collector does not take the traces");
    assert!(unknown.requests().is_empty());
}

#[test]
fn a11_9_collectors_over_https_may_be_left_unverified() {
    let tls = Tls::new();
    let collectors = collectors_over_https(&tls);
    let port = |signal: &str| {
        let index = SIGNALS
            .iter()
            .position(|known| *known == signal)
            .expect("a signal");
        collectors[index].port()
    };
    let observed = Observed::start(&sections(|signal| {
        format!(
            "http: {{endpoint: 'https://localhost:{}', headers: {{x-signal: {signal}}}, tls: {}}}",
            port(signal),
            tls.careless()
        )
    }));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    assert_exported(&collectors);
}

/// A collector by gRPC over TLS; demands a client certificate.
fn collector_by_grpc(tls: &Tls) -> (Child, u16) {
    let files = ["server.crt", "server.key", "ca.pem"].map(|name| tls.path(name));
    let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    let collector = python::server(Module::Grpc, COLLECTOR, &arguments);
    let port = collector
        .find_line(|line| line.strip_prefix("port ")?.parse().ok())
        .unwrap_or_else(|| panic!("the collector did not start:\n{}", collector.output()));
    (collector, port)
}

/// Each of the four arrives under its own authorization, and says whose it is.
#[track_caller]
fn assert_exported_by_grpc(collector: &Child) {
    for (signal, kind) in SIGNALS.iter().zip(["logs", "logs", "metrics", "trace"]) {
        wait_for(&format!("{signal} at the collector"), || {
            collector.output().lines().find_map(|line| {
                let hex = line.strip_prefix(&format!("{kind} for-{signal} "))?;
                let wanted: String = format!("service-{signal}")
                    .bytes()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                hex.contains(&wanted).then_some(())
            })
        });
    }
}

#[test]
fn a11_9_collectors_by_grpc_over_tls_get_a_client_certificate_and_are_verified() {
    let tls = Tls::new();
    let (collector, port) = collector_by_grpc(&tls);
    let observed = Observed::start(&sections(|signal| {
        format!(
            "grpc: {{endpoint: 'localhost:{port}', headers: {{authorization: for-{signal}}}, tls: {}}}",
            tls.known()
        )
    }));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    assert_exported_by_grpc(&collector);
}

#[test]
fn a11_9_collectors_by_grpc_over_tls_may_be_left_unverified() {
    let tls = Tls::new();
    let (collector, port) = collector_by_grpc(&tls);
    let observed = Observed::start(&sections(|signal| {
        format!(
            "grpc: {{endpoint: 'localhost:{port}', headers: {{authorization: for-{signal}}}, tls: {}}}",
            tls.careless()
        )
    }));
    assert_eq!(observed.get("web", "there.example", "/").status, 200);
    assert_exported_by_grpc(&collector);
}

#[test]
fn a11_5_a_collector_hears_which_pod_speaks_and_what_the_environment_says_of_it() {
    let collector = Origin::http(|_| ok(""));
    let export = |variables: &[(&str, &str)]| {
        let before = collector.requests().len();
        let observed = Observed::start_with(
            &format!(
                "metrics: {{otlp: {{pushInterval: 1, resourceAttributes: {{team: written}}, \
                 http: {{endpoint: 'http://{}'}}}}}}",
                collector.address()
            ),
            variables,
        );
        let body = wait_for("an export", || {
            Some(collector.requests().get(before)?.body.clone())
        });
        drop(observed);
        let export = ExportMetricsServiceRequest::decode(&*body).expect("an export of metrics");
        let resource = export.resource_metrics[0].resource.as_ref().expect("a resource");
        format!("{:?}", resource.attributes)
    };
    let listed = ("OTEL_RESOURCE_ATTRIBUTES", "team=environment,region=north%20sea");
    let inside = export(&[
        listed,
        ("KUBERNETES_SERVICE_HOST", "192.0.2.1"),
        ("POD_NAMESPACE", "edge"),
        ("POD_NAME", "viaduct-0"),
        ("POD_UID", "7f0c"),
    ]);
    for wanted in [
        "k8s.namespace.name",
        "\"edge\"",
        "k8s.pod.name",
        "\"viaduct-0\"",
        "k8s.pod.uid",
        "\"7f0c\"",
        "region",
        "\"north sea\"",
        "\"written\"",
    ] {
        assert!(inside.contains(wanted), "{wanted}: {inside}");
    }
    assert!(
        !inside.contains("environment"),
        "what is written counts: {inside}"
    );
    let outside = export(&[("POD_NAME", "viaduct-0")]);
    assert!(!outside.contains("k8s."), "{outside}");
}
