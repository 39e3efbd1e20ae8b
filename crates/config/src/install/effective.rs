//! What follows from other options, and what contradicts itself.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{EntryPoint, INTERNAL_ENTRY_POINT, Install, OtlpGrpc, ServersTransport, bridge};

/// Fills in what Traefik derives: entry points that are needed and not configured, values that another option
/// stands for.
pub(super) fn complete(install: &mut Install) {
    if install.entry_points.is_empty() {
        install.entry_points.insert("http".to_owned(), listening(":80"));
    }
    if needs_internal_entry_point(install) {
        install
            .entry_points
            .entry(INTERNAL_ENTRY_POINT.to_owned())
            .or_insert_with(|| listening(":8080"));
    }
    if install.global.not_append_x_forwarded_for {
        for entry_point in install.entry_points.values_mut() {
            entry_point.forwarded_headers.not_append_x_forwarded_for = true;
        }
    }
    if let Some(tracing) = &mut install.tracing
        && tracing.resource_attributes.is_empty()
    {
        tracing.resource_attributes = tracing.global_attributes.clone();
    }
    if install.servers_transport.max_idle_conns_per_host == 0 {
        install.servers_transport.max_idle_conns_per_host =
            ServersTransport::default().max_idle_conns_per_host;
    }
}

fn listening(address: &str) -> EntryPoint {
    EntryPoint {
        address: address.to_owned(),
        ..EntryPoint::default()
    }
}

fn needs_internal_entry_point(install: &Install) -> bool {
    let api = install.api.as_ref().is_some_and(|api| api.insecure);
    let ping = install
        .ping
        .as_ref()
        .is_some_and(|ping| !ping.manual_routing && ping.entry_point == INTERNAL_ENTRY_POINT);
    let prometheus = install
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.prometheus.as_ref())
        .is_some_and(|prometheus| {
            !prometheus.manual_routing && prometheus.entry_point == INTERNAL_ENTRY_POINT
        });
    api || ping || prometheus
}

/// An option whose value cannot be used.
pub(super) struct Complaint {
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

impl Complaint {
    fn new(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.split('.').map(str::to_owned).collect(),
            message: message.into(),
        }
    }

    fn of_entry_point(name: &str, path: &str, message: impl Into<String>) -> Self {
        let mut complaint = Self::new(path, message);
        complaint
            .path
            .splice(0..0, ["entryPoints".to_owned(), name.to_owned()]);
        complaint
    }
}

pub(super) fn complaints(install: &Install) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (name, entry_point) in &install.entry_points {
        of_entry_point(name, entry_point, &mut complaints);
        of_redirection(name, entry_point, install, &mut complaints);
    }
    if let Some(api) = &install.api
        && !api.base_path.starts_with('/')
    {
        complaints.push(Complaint::new("api.basePath", "the path has to begin with `/`"));
    }
    if let Some(ping) = &install.ping
        && !FINAL_STATUSES.contains(&ping.terminating_status_code)
    {
        complaints.push(Complaint::new(
            "ping.terminatingStatusCode",
            format!(
                "`{}` is no status that an answer can have: 200 to 999",
                ping.terminating_status_code
            ),
        ));
    }
    if install.viaduct.workers > MAX_WORKERS {
        complaints.push(Complaint::new("viaduct.workers", "more than 1024 workers"));
    }
    of_bridge(install, &mut complaints);
    of_otlp(install, &mut complaints);
    complaints
}

fn of_entry_point(name: &str, entry_point: &EntryPoint, complaints: &mut Vec<Complaint>) {
    if entry_point.address.is_empty() {
        complaints.push(Complaint::of_entry_point(
            name,
            "address",
            format!("entry point `{name}` has no address: give one, such as `:443`"),
        ));
    }
    let mut check_nets = |path: &str, nets: &[String]| {
        for net in nets {
            if let Err(message) = parse_net(net) {
                complaints.push(Complaint::of_entry_point(name, path, message));
            }
        }
    };
    check_nets(
        "forwardedHeaders.trustedIPs",
        &entry_point.forwarded_headers.trusted_ips,
    );
    if let Some(proxy_protocol) = &entry_point.proxy_protocol {
        check_nets("proxyProtocol.trustedIPs", &proxy_protocol.trusted_ips);
    }
}

fn of_redirection(name: &str, entry_point: &EntryPoint, install: &Install, complaints: &mut Vec<Complaint>) {
    let redirections = entry_point.http.redirections.as_ref();
    let Some(redirection) = redirections.and_then(|all| all.entry_point.as_ref()) else {
        return;
    };
    let to = redirection.to.as_str();
    let message = match to.strip_prefix(':') {
        None if to.is_empty() => "`to` is missing: the name of an entry point, or `:port`".to_owned(),
        None if install.entry_points.contains_key(to) => return,
        None => format!("there is no entry point `{to}`"),
        Some(port) if port.parse::<u16>().is_ok() => return,
        Some(port) => format!("`{port}` is not a port"),
    };
    complaints.push(Complaint::of_entry_point(
        name,
        "http.redirections.entryPoint",
        message,
    ));
}

fn of_bridge(install: &Install, complaints: &mut Vec<Complaint>) {
    // Those that are there without being written can be named, too.
    let mut whole = install.clone();
    complete(&mut whole);
    let is_entry_point = |name: &str| whole.entry_points.contains_key(name);
    let faults = bridge::complaints(&install.bridge, is_entry_point);
    complaints.extend(faults.map(|(path, message)| Complaint::new(&path, message)));
}

/// An entry of a list of trusted addresses: an address, or a CIDR range.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    text.parse()
        .map_err(|_| format!("`{text}` is neither an address nor a CIDR range"))
}

fn of_otlp(install: &Install, complaints: &mut Vec<Complaint>) {
    let log = install.log.as_ref().and_then(|log| log.otlp.as_ref());
    let access_log = install.access_log.as_ref().and_then(|log| log.otlp.as_ref());
    let metrics = install.metrics.as_ref().and_then(|metrics| metrics.otlp.as_ref());
    let tracing = install.tracing.as_ref().and_then(|tracing| tracing.otlp.as_ref());
    for (path, set) in [
        ("log.otlp", log.is_some()),
        ("accessLog.otlp", access_log.is_some()),
    ] {
        if set && !install.experimental.otlp_logs {
            complaints.push(Complaint::new(
                path,
                "set `experimental.otlpLogs` to true as well",
            ));
        }
    }
    let contradicts = |grpc: Option<&OtlpGrpc>| grpc.is_some_and(|grpc| grpc.insecure && grpc.tls.is_some());
    for (path, grpc) in [
        ("log.otlp.grpc", log.and_then(|otlp| otlp.grpc.as_ref())),
        (
            "accessLog.otlp.grpc",
            access_log.and_then(|otlp| otlp.grpc.as_ref()),
        ),
        ("metrics.otlp.grpc", metrics.and_then(|otlp| otlp.grpc.as_ref())),
        ("tracing.otlp.grpc", tracing.and_then(|otlp| otlp.grpc.as_ref())),
    ] {
        if contradicts(grpc) {
            complaints.push(Complaint::new(path, "`tls` and `insecure` exclude each other"));
        }
    }
}

const MAX_WORKERS: u16 = 1024;
/// What Go's server takes for a status, less the interim ones: those end no request.
const FINAL_STATUSES: std::ops::RangeInclusive<u16> = 200..=999;
