//! Options of earlier Traefiks: what to write instead.

use super::options::Step;

/// What to do instead of an option that is gone.
pub(super) fn instead_of(path: &[Step<'_>]) -> Option<&'static str> {
    look_up(REMOVED, path)
}

/// What to say of an option that still works.
pub(super) fn deprecated(path: &[Step<'_>]) -> Option<&'static str> {
    look_up(DEPRECATED, path)
}

fn look_up(table: &[(&'static str, &'static str)], path: &[Step<'_>]) -> Option<&'static str> {
    let is = |name: &str| {
        let mut parts = name.split('.');
        path.iter().all(|step| match (step, parts.next()) {
            (Step::Key(_), Some("*")) => true,
            (Step::Key(key), Some(part)) => part.eq_ignore_ascii_case(key),
            (Step::Index, _) | (Step::Key(_), None) => false,
        }) && parts.next().is_none()
    };
    table.iter().find(|(name, _)| is(name)).map(|(_, text)| *text)
}

/// From v2, then from v1.
const REMOVED: &[(&str, &str)] = &[
    (
        "pilot",
        "Traefik Pilot does not exist any more: remove the section",
    ),
    ("hub", "remove the section"),
    (
        "experimental.http3",
        "HTTP/3 is switched on by `entryPoints.<name>.http3`",
    ),
    ("experimental.hub", "remove it"),
    ("providers.marathon", "the provider was removed"),
    ("providers.rancher", "the provider was removed"),
    (
        "providers.http.tls.caOptional",
        "remove it: a CA is never optional for a client",
    ),
    ("metrics.influxDB", "use `metrics.influxDB2`"),
    ("metrics.openTelemetry", "use `metrics.otlp`"),
    ("tracing.openTelemetry", "use `tracing.otlp`"),
    (
        "tracing.spanNameLimit",
        "remove it: names of spans have a fixed length",
    ),
    ("tracing.jaeger", OTLP),
    ("tracing.zipkin", OTLP),
    ("tracing.datadog", OTLP),
    ("tracing.instana", OTLP),
    ("tracing.haystack", OTLP),
    ("tracing.elastic", OTLP),
    ("acme", "use `certificatesResolvers.<name>.acme`"),
    ("accessLogsFile", "use `accessLog.filePath`"),
    ("traefikLogsFile", "use `log.filePath`"),
    ("traefikLog", "use `log`"),
    ("logLevel", "use `log.level`"),
    ("debug", "use `log.level: DEBUG`"),
    ("defaultEntryPoints", "use `entryPoints.<name>.asDefault`"),
    ("insecureSkipVerify", "use `serversTransport.insecureSkipVerify`"),
    ("rootCAs", "use `serversTransport.rootCAs`"),
    (
        "maxIdleConnsPerHost",
        "use `serversTransport.maxIdleConnsPerHost`",
    ),
    ("forwardingTimeouts", "use `serversTransport.forwardingTimeouts`"),
    (
        "respondingTimeouts",
        "use `entryPoints.<name>.transport.respondingTimeouts`",
    ),
    ("lifeCycle", "use `entryPoints.<name>.transport.lifeCycle`"),
    (
        "graceTimeOut",
        "use `entryPoints.<name>.transport.lifeCycle.graceTimeOut`",
    ),
    ("retry", "use a middleware `retry`"),
    ("file", "use `providers.file`"),
    ("rest", "use `providers.rest`"),
    ("docker", "use `providers.docker`"),
    ("kubernetes", "use `providers.kubernetesIngress`"),
    ("web", "use `api`"),
    (
        "entryPoints.*.redirect",
        "use `entryPoints.<name>.http.redirections.entryPoint`",
    ),
    ("entryPoints.*.tls", "use `entryPoints.<name>.http.tls`"),
    (
        "entryPoints.*.auth",
        "use a middleware, in `entryPoints.<name>.http.middlewares`",
    ),
    (
        "entryPoints.*.compress",
        "use a middleware, in `entryPoints.<name>.http.middlewares`",
    ),
    (
        "entryPoints.*.whiteList",
        "use a middleware, in `entryPoints.<name>.http.middlewares`",
    ),
];

const OTLP: &str = "use `tracing.otlp`, with a collector that speaks to it";

const DEPRECATED: &[(&str, &str)] = &[
    (
        "core.defaultRuleSyntax",
        "Traefik will drop v2 rules; write them in v3 syntax",
    ),
    ("tracing.globalAttributes", "use `tracing.resourceAttributes`"),
];
