//! `serversTransport` -> `default@internal`, the backend leg of services that name no transport (A7.11).

use std::path::Path;

use viaduct_config::Install;
use viaduct_config::dynamic::http::{ForwardingTimeouts, ServersTransport};
use viaduct_providers::read_pem;

use crate::failure::Failure;

/// The default transport, with the contents of its CA files.
pub(crate) fn default(install: &Install) -> Result<ServersTransport, Failure> {
    let written = &install.servers_transport;
    let root_cas = written
        .root_cas
        .as_ref()
        .map(|list| list.iter().map(|item| file_or_content(item)).collect())
        .transpose()?;
    let timeouts = &written.forwarding_timeouts;
    Ok(ServersTransport {
        insecure_skip_verify: written.insecure_skip_verify,
        root_cas,
        max_idle_conns_per_host: Some(written.max_idle_conns_per_host),
        forwarding_timeouts: Some(ForwardingTimeouts {
            dial_timeout: Some(timeouts.dial_timeout),
            response_header_timeout: Some(timeouts.response_header_timeout),
            idle_conn_timeout: Some(timeouts.idle_conn_timeout),
            ..ForwardingTimeouts::default()
        }),
        ..ServersTransport::default()
    })
}

/// PEM as it stands, or what the file of that name holds.
fn file_or_content(item: &str) -> Result<String, Failure> {
    if item.contains("-----BEGIN ") {
        return Ok(item.to_owned());
    }
    read_pem(Path::new(item)).map_err(|error| {
        Failure::new("`serversTransport.rootCAs` cannot be used").because(error).hint(
            "each entry is PEM or the name of a PEM file; without CAs that can be read nothing is forwarded",
        )
    })
}
