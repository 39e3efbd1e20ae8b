use viaduct_config::install::from_flags;
use viaduct_observe::trace::Propagator;

use super::{propagators, telemetry};

fn failure(flags: &[&str]) -> String {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let loaded = from_flags(&flags).unwrap();
    match telemetry(&loaded.install) {
        Ok(_) => panic!("{flags:?} was taken"),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn a11_10_propagators_are_named_by_the_environment() {
    use Propagator::{B3, B3Multi, TraceContext};
    assert_eq!(propagators(None), [TraceContext]);
    assert_eq!(
        propagators(Some("b3multi, b3,tracecontext")),
        [B3Multi, B3, TraceContext]
    );
    assert_eq!(propagators(Some("none")), []);
    assert_eq!(propagators(Some("xray,baggage")), []);
}

#[test]
fn a1_12_values_that_make_no_sense_are_refused_by_name() {
    for (flags, named) in [
        (&["--tracing.sampleRate=1.5"][..], "tracing.sampleRate"),
        (
            &["--tracing.capturedRequestHeaders=a b"],
            "tracing.capturedRequestHeaders",
        ),
        (
            &["--tracing.otlp.http.endpoint=collector:4318"],
            "tracing.otlp.http.endpoint",
        ),
        (
            &["--tracing.otlp.http.tls.ca=/does/not/exist"],
            "tracing.otlp.http.tls.ca",
        ),
        (
            &["--accessLog.filters.statusCodes=5xx"],
            "accessLog.filters.statusCodes",
        ),
        (&["--metrics.otlp.pushInterval=0"], "metrics.otlp.pushInterval"),
        (
            &["--metrics.prometheus.headerLabels.a-b=x"],
            "metrics.prometheus.headerLabels",
        ),
    ] {
        let message = failure(flags);
        assert!(message.contains(named), "{flags:?}: {message}");
    }
}
