//! `otlp` of logs, metrics and traces -> whom to send to.

use std::path::Path;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use viaduct_config::dynamic::Secret;
use viaduct_config::install::{ClientTls, Exporter};
use viaduct_providers::read_pem;
use viaduct_tls::backend_leg::Verification;
use viaduct_tls::{Backend, BackendPolicy, BackendTls, Identity, Trust, TrustBundle};

use crate::failure::Failure;
use crate::telemetry::{Protocol, Target};

/// `option`: the section that holds `grpc` or `http`, for messages.
pub(super) fn target(exporter: &Exporter, option: &str) -> Result<Target, Failure> {
    match exporter {
        Exporter::Grpc(grpc) => {
            let option = format!("{option}.grpc");
            let written = &grpc.endpoint;
            Ok(Target {
                authority: without_user(
                    &written
                        .parse()
                        .map_err(|error| unusable(&option, written, "host:port").because(error))?,
                    &option,
                )?,
                protocol: Protocol::Grpc,
                tls: (!grpc.insecure)
                    .then(|| tls(grpc.tls.as_ref(), &option))
                    .transpose()?,
                headers: headers(grpc.headers.iter(), &option)?,
            })
        }
        Exporter::Http(http) => {
            let option = format!("{option}.http");
            let written = &http.endpoint;
            let wanted = "http://host:port or https://host:port";
            let uri: Uri = written
                .parse()
                .map_err(|error| unusable(&option, written, wanted).because(error))?;
            let secure = match uri.scheme() {
                Some(scheme) if *scheme == Scheme::HTTPS => true,
                Some(scheme) if *scheme == Scheme::HTTP => false,
                _ => return Err(unusable(&option, written, wanted)),
            };
            let Some(authority) = uri.authority() else {
                return Err(unusable(&option, written, wanted));
            };
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            Ok(Target {
                authority: without_user(authority, &option)?,
                protocol: Protocol::Http {
                    path: if path == "/" {
                        String::new()
                    } else {
                        path.to_owned()
                    },
                },
                tls: secure.then(|| tls(http.tls.as_ref(), &option)).transpose()?,
                headers: headers(http.headers.iter(), &option)?,
            })
        }
    }
}

/// What stands before an `@` may be a password, and is not said again.
fn unusable(option: &str, written: &str, wanted: &str) -> Failure {
    let shown = written.rsplit_once('@').map_or(written, |(_, rest)| rest);
    Failure::new(format!("`{option}.endpoint`: `{shown}` is not {wanted}"))
}

/// A collector's credentials belong into its headers: the authority is told in logs and sent as `Host`.
fn without_user(authority: &Authority, option: &str) -> Result<Authority, Failure> {
    if authority.as_str().contains('@') {
        return Err(Failure::new(format!(
            "`{option}.endpoint` holds a user or password, which is not sent from there"
        ))
        .hint(format!("set `{option}.headers.Authorization` instead")));
    }
    Ok(authority.clone())
}

fn headers<'h>(
    written: impl Iterator<Item = (&'h String, &'h Secret)>,
    option: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let read = |(name, value): (&String, &Secret)| {
        let failed = || Failure::new(format!("`{option}.headers.{name}` is no header of HTTP"));
        let mut read = HeaderValue::from_str(value.expose()).map_err(|error| failed().because(error))?;
        read.set_sensitive(true);
        let name: HeaderName = name.parse().map_err(|error| failed().because(error))?;
        Ok((name, read))
    };
    written.map(read).collect()
}

fn tls(written: Option<&ClientTls>, option: &str) -> Result<BackendTls, Failure> {
    let failed = |field: &str| Failure::new(format!("`{option}.tls.{field}` cannot be used"));
    let mut policy = BackendPolicy::default();
    if let Some(written) = written {
        if !written.ca.is_empty() {
            let pem = pem(&written.ca).map_err(|error| failed("ca").because(error))?;
            let bundle =
                TrustBundle::from_pem([pem.as_bytes()]).map_err(|error| failed("ca").because(error))?;
            policy.verification = Verification::Full(Backend(Trust::Bundle(Arc::new(bundle))));
        }
        if written.insecure_skip_verify {
            policy.verification = Verification::DangerSkip;
        }
        if !written.cert.is_empty() || !written.key.is_empty() {
            let cert = pem(&written.cert).map_err(|error| failed("cert").because(error))?;
            let key = pem(written.key.expose()).map_err(|error| failed("key").because(error))?;
            let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes())
                .map_err(|error| failed("cert").because(error))?;
            policy.identities = vec![Arc::new(identity)];
        }
    }
    BackendTls::new(policy).map_err(|error| failed("ca").because(error))
}

/// PEM as it stands, or what the file of that name holds.
fn pem(item: &str) -> Result<String, viaduct_providers::FileError> {
    if item.contains("-----BEGIN ") {
        return Ok(item.to_owned());
    }
    read_pem(Path::new(item))
}
