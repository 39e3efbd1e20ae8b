//! Middlewares that look at addresses.

use http::{HeaderName, StatusCode};
use viaduct_config::Finding;
use viaduct_config::dynamic::http as written;

use super::invalid;
use crate::middleware::{AddressChoice, InFlightReq, IpAllowList, SourceCriterion, network};

pub(super) fn allow_list(written: &written::IpAllowList) -> Result<IpAllowList, Finding> {
    if written.source_range.is_empty() {
        return Err(invalid(
            "sourceRange",
            "sourceRange is empty, IPAllowList not created",
        ));
    }
    let reject = match written.reject_status_code {
        None | Some(0) => Ok(StatusCode::FORBIDDEN),
        Some(code) => status(code),
    };
    Ok(IpAllowList {
        networks: networks(&written.source_range, "sourceRange")?,
        choice: choice(written.ip_strategy.as_ref())?,
        reject: reject?,
    })
}

pub(super) fn in_flight(written: &written::InFlightReq) -> Result<InFlightReq, Finding> {
    let amount = written.amount.unwrap_or(0);
    let amount = u64::try_from(amount)
        .map_err(|_| invalid("inFlightReq.amount", "not a number of requests").got(amount.to_string()))?;
    Ok(InFlightReq {
        amount,
        criterion: criterion(written.source_criterion.as_ref())?,
    })
}

/// Default the host.
fn criterion(written: Option<&written::SourceCriterion>) -> Result<SourceCriterion, Finding> {
    let Some(written) = written else {
        return Ok(SourceCriterion::Host);
    };
    let header = Some(written.request_header_name.as_str()).filter(|name| !name.is_empty());
    match (&written.ip_strategy, header, written.request_host) {
        (None, None, _) => Ok(SourceCriterion::Host),
        (Some(strategy), None, false) => Ok(SourceCriterion::Address(choice(Some(strategy))?)),
        (None, Some(name), false) => HeaderName::try_from(name)
            .map(SourceCriterion::Header)
            .map_err(|_| invalid("sourceCriterion.requestHeaderName", "not a header name").got(name)),
        _ => Err(invalid(
            "sourceCriterion",
            "iPStrategy, requestHeaderName and requestHost are mutually exclusive",
        )),
    }
}

fn choice(written: Option<&written::IpStrategy>) -> Result<AddressChoice, Finding> {
    let Some(written) = written else {
        return Ok(AddressChoice::Connection { ipv6_prefix: None });
    };
    let ipv6_prefix = match written.ipv6_subnet {
        None | Some(0) => None,
        Some(length) => match u8::try_from(length) {
            Ok(length @ 1..=128) => Some(length),
            _ => {
                let message = "the prefix length of an IPv6 network is 1 to 128";
                return Err(invalid("ipStrategy.ipv6Subnet", message).got(length.to_string()));
            }
        },
    };
    let depth = written.depth.unwrap_or(0);
    match usize::try_from(depth) {
        Err(_) => Err(invalid("ipStrategy.depth", "depth counts from 1").got(depth.to_string())),
        Ok(0) if written.excluded_ips.is_empty() => Ok(AddressChoice::Connection { ipv6_prefix }),
        Ok(0) => Ok(AddressChoice::Excluding(networks(
            &written.excluded_ips,
            "ipStrategy.excludedIPs",
        )?)),
        Ok(depth) => Ok(AddressChoice::Depth { depth, ipv6_prefix }),
    }
}

fn networks(written: &[String], field: &str) -> Result<Vec<ipnet::IpNet>, Finding> {
    (0..)
        .zip(written)
        .map(|(index, text): (usize, _)| {
            let field = format!("{field}[{index}]");
            network(text).ok_or_else(|| {
                invalid(&field, format!("not an address or a network: {text}")).got(text.as_str())
            })
        })
        .collect()
}

fn status(code: i64) -> Result<StatusCode, Finding> {
    u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|status| !status.is_informational() && status.canonical_reason().is_some())
        .ok_or_else(|| invalid("rejectStatusCode", "invalid HTTP status code").got(code.to_string()))
}
