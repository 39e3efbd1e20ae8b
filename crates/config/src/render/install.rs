//! Takes the secrets out of an install configuration.

use serde_json::Value;

use super::redact;
use crate::install::{ClientTls, Install, OtlpGrpc, OtlpHttp};

pub(super) fn value(install: &Install) -> Result<Value, serde_json::Error> {
    let mut install = install.clone();
    secrets(&mut install);
    let mut value = serde_json::to_value(&install)?;
    redact::strays(&mut value);
    Ok(value)
}

fn secrets(install: &mut Install) {
    for otlp in [
        install.log.as_mut().and_then(|log| log.otlp.as_mut()),
        install.access_log.as_mut().and_then(|log| log.otlp.as_mut()),
    ]
    .into_iter()
    .flatten()
    {
        collector(otlp.grpc.as_mut(), otlp.http.as_mut());
    }
    if let Some(otlp) = install.tracing.as_mut().and_then(|tracing| tracing.otlp.as_mut()) {
        collector(otlp.grpc.as_mut(), otlp.http.as_mut());
    }
    if let Some(metrics) = &mut install.metrics {
        if let Some(otlp) = &mut metrics.otlp {
            collector(otlp.grpc.as_mut(), otlp.http.as_mut());
        }
        if let Some(influx) = &mut metrics.influx_db2 {
            redact::secret(&mut influx.token);
        }
    }
    if let Some(http) = &mut install.providers.http {
        http.headers.values_mut().for_each(redact::secret);
        tls(http.tls.as_mut());
    }
}

fn collector(grpc: Option<&mut OtlpGrpc>, http: Option<&mut OtlpHttp>) {
    if let Some(grpc) = grpc {
        grpc.headers.values_mut().for_each(redact::secret);
        tls(grpc.tls.as_mut());
    }
    if let Some(http) = http {
        http.headers.values_mut().for_each(redact::secret);
        tls(http.tls.as_mut());
    }
}

fn tls(tls: Option<&mut ClientTls>) {
    if let Some(ClientTls { key, .. }) = tls {
        redact::secret(key);
    }
}
