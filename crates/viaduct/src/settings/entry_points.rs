//! `entryPoints` -> listeners, and what routing knows of them.

#[cfg(test)]
mod tests;

use ipnet::IpNet;
use viaduct_config::dynamic::http::RouterTls;
use viaduct_config::install::{self, EntryPoint, INTERNAL_ENTRY_POINT, TraceVerbosity, parse_net};
use viaduct_config::{EntryPointName, Install};
use viaduct_proxy::{
    Config, EntryPointConfig, ForwardedTrust, Http3, Hygiene, KeepAlive, LifeCycle, Limits, Observability,
    ProxyProtocol, RespondingTimeouts, UnderscoreHeaders,
};
use viaduct_snapshot::EntryPointInstall;
use viaduct_snapshot::middleware::EncodedCharacters;

use super::{bridge, timeout};
use crate::cli::{Listen, resolve};
use crate::failure::Failure;

/// What the data plane needs to know.
pub(crate) fn data_plane(install: &Install) -> Result<Config, Failure> {
    let entry_points = install.entry_points.iter().map(|(name, entry_point)| {
        let listener = listener(name, entry_point)?;
        Ok(EntryPointConfig {
            timeouts: RespondingTimeouts {
                tunnel: timeout(install.viaduct.tunnel_idle_timeout),
                ..listener.timeouts
            },
            expose_faults: bridge::exposes_faults(install, name),
            ..listener
        })
    });
    Ok(Config {
        entry_points: entry_points.collect::<Result<_, _>>()?,
        workers: workers(install),
    })
}

fn workers(install: &Install) -> usize {
    match install.viaduct.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => usize::from(workers),
    }
}

/// Options whose values can be read and are refused here, before anything is looked up or opened.
pub(crate) fn refused(install: &Install) -> Vec<(String, String)> {
    let entry_points = install.entry_points.iter();
    let wrong = entry_points.filter_map(|(name, entry_point)| {
        let why = listen(entry_point).err()?;
        Some((format!("entryPoints.{name}.address"), why))
    });
    wrong.collect()
}

fn listen(entry_point: &EntryPoint) -> Result<Listen, String> {
    entry_point.address.parse()
}

fn listener(name: &str, entry_point: &EntryPoint) -> Result<EntryPointConfig, Failure> {
    let written = &entry_point.address;
    let listen = listen(entry_point)
        .map_err(|error| Failure::new(format!("entry point `{name}`: address `{written}`: {error}")))?;
    let address = resolve(&listen).map_err(|error| {
        Failure::new(format!("entry point `{name}`: `{written}` cannot be resolved")).because(error)
    })?;
    let timeouts = &entry_point.transport.responding_timeouts;
    Ok(EntryPointConfig {
        name: EntryPointName::new(name),
        address,
        forwarded: forwarded(name, &entry_point.forwarded_headers)?,
        timeouts: RespondingTimeouts {
            read: timeout(timeouts.read_timeout),
            write: timeout(timeouts.write_timeout),
            idle: timeout(timeouts.idle_timeout),
            ..RespondingTimeouts::default()
        },
        limits: Limits {
            header_bytes: match entry_point.http.max_header_bytes {
                // As in Go.
                0 => Limits::default().header_bytes,
                bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
            },
            h2_streams: entry_point.http2.max_concurrent_streams,
            h2_decoder_table: entry_point.http2.max_decoder_header_table_size,
            ..Limits::default()
        },
        hygiene: hygiene(&entry_point.http),
        keep_alive: KeepAlive {
            max_time: timeout(entry_point.transport.keep_alive_max_time),
            max_requests: entry_point.transport.keep_alive_max_requests,
        },
        life_cycle: LifeCycle {
            accept: timeout(entry_point.transport.life_cycle.request_accept_grace_timeout),
            grace: timeout(entry_point.transport.life_cycle.grace_time_out),
        },
        proxy_protocol: match &entry_point.proxy_protocol {
            Some(written) => Some(ProxyProtocol {
                insecure: written.insecure,
                trusted_ips: nets(name, &written.trusted_ips)?,
            }),
            None => None,
        },
        observability: observability(&entry_point.observability),
        expose_faults: false,
        http3: entry_point.http3.as_ref().map(|http3| Http3 {
            advertised_port: http3.advertised_port,
        }),
    })
}

fn observability(written: &install::Observability) -> Observability {
    Observability {
        access_log: written.access_logs,
        metrics: written.metrics,
        tracing: written.tracing,
        detailed: written.trace_verbosity == TraceVerbosity::Detailed,
    }
}

/// What becomes of unusual requests.
pub(crate) fn hygiene(http: &install::EntryPointHttp) -> Hygiene {
    let allowed = http.encoded_characters;
    Hygiene {
        encoded_characters: EncodedCharacters::allowing([
            allowed.allow_encoded_slash,
            allowed.allow_encoded_back_slash,
            allowed.allow_encoded_null_character,
            allowed.allow_encoded_semicolon,
            allowed.allow_encoded_percent,
            allowed.allow_encoded_question_mark,
            allowed.allow_encoded_hash,
        ]),
        encode_query_semicolons: http.encode_query_semicolons,
        sanitize_path: http.sanitize_path,
        underscores: match http.underscore_headers_strategy {
            install::UnderscoreHeaders::Keep => UnderscoreHeaders::Keep,
            install::UnderscoreHeaders::Delete => UnderscoreHeaders::Delete,
            install::UnderscoreHeaders::Reject => UnderscoreHeaders::Reject,
        },
    }
}

/// Whom an entry point believes what they say of others.
pub(crate) fn forwarded(name: &str, headers: &install::ForwardedHeaders) -> Result<ForwardedTrust, Failure> {
    Ok(ForwardedTrust {
        insecure: headers.insecure,
        trusted_ips: nets(name, &headers.trusted_ips)?,
        connection: headers.connection.clone(),
        not_append_x_forwarded_for: headers.not_append_x_forwarded_for,
        ..ForwardedTrust::default()
    })
}

fn nets(name: &str, written: &[String]) -> Result<Vec<IpNet>, Failure> {
    written
        .iter()
        .map(|net| parse_net(net).map_err(|error| Failure::new(format!("entry point `{name}`: {error}"))))
        .collect()
}

/// What routing needs to know.
pub(crate) fn routing(install: &Install) -> Vec<EntryPointInstall> {
    let any_marked = install
        .entry_points
        .values()
        .any(|entry_point| entry_point.as_default);
    let entry_points = install.entry_points.iter();
    entry_points
        .map(|(name, entry_point)| EntryPointInstall {
            name: EntryPointName::new(name.as_str()),
            tls: entry_point.http.tls.as_ref().map(|tls| RouterTls {
                options: tls.options.clone(),
                cert_resolver: tls.cert_resolver.clone(),
                domains: tls.domains.clone(),
            }),
            middlewares: entry_point.http.middlewares.clone(),
            as_default: if any_marked {
                entry_point.as_default
            } else {
                name != INTERNAL_ENTRY_POINT
            },
        })
        .collect()
}
