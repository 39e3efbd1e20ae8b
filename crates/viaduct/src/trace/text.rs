//! A report for people.

use std::fmt::Write;

use super::report::{BackendLeg, Certificate, ClientLeg, Fault, Met, Report, Routers, Service, Shaken};
use super::worded;

/// Several lines, the verdict last. Plain text.
pub(crate) fn text(report: &Report) -> String {
    let mut out = Lines::default();
    out.line(0, &format!("{} {}", report.method, report.url));
    if let Some(entry_point) = &report.entry_point {
        let address = entry_point
            .address
            .as_deref()
            .map(|address| format!(" ({address})"));
        let address = address.unwrap_or_default();
        out.head("entry point", &format!("{}{address}", entry_point.name));
        out.line(2, &format!("because {}", entry_point.why));
        if let Some(remark) = &entry_point.remark {
            out.line(2, &format!("but {remark}"));
        }
    }
    match &report.client {
        Some(leg) => client(&mut out, leg),
        None if report.entry_point.is_some() => out.head("client leg", "plain HTTP"),
        None => {}
    }
    if report.entry_point.is_some() {
        routers(&mut out, &report.routers);
    }
    if !report.middlewares.is_empty() {
        middlewares(&mut out, &report.middlewares);
    }
    if let Some(told) = &report.service {
        service(&mut out, told);
    }
    if let Some(leg) = &report.backend {
        backend(&mut out, leg);
    }
    verdict(&mut out, report);
    out.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, indent: usize, text: &str) {
        let width = indent * 2;
        // Names and reasons come from objects and peers.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        // Writing to a string does not fail.
        writeln!(self.0, "{:width$}{text}", "").unwrap_or_default();
    }

    fn head(&mut self, what: &str, value: &str) {
        self.line(0, &format!("{what}: {value}"));
    }

    fn fact(&mut self, what: &str, value: &str) {
        self.line(1, &format!("{what:<18} {value}"));
    }

    fn optional(&mut self, what: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.fact(what, value);
        }
    }
}

fn client(out: &mut Lines, leg: &ClientLeg) {
    out.head("client leg", &leg.versions);
    out.fact("server name", leg.server_name.as_deref().unwrap_or("none"));
    out.fact("protocols", &leg.alpn.join(", "));
    out.fact("client certificate", &leg.client_auth);
    out.fact("certificate", &leg.certificate.label);
    certificate(out, &leg.certificate);
    out.line(2, &format!("because {}", leg.why));
    if leg.refused {
        out.line(2, "but `sniStrict` is on: the handshake is refused");
    }
    match &leg.handshake {
        Some(shaken) => handshake(out, leg, shaken),
        None => out.fact(
            "handshake",
            "none: this is read off the configuration, as no process listens",
        ),
    }
}

/// What a client really gets.
fn handshake(out: &mut Lines, leg: &ClientLeg, shaken: &Shaken) {
    let took = millis(shaken.took_micros);
    let with = &shaken.address;
    if let Some(done) = &shaken.done {
        let group = done.group.as_deref().map(|group| format!(", {group}"));
        let alpn = done.alpn.as_deref().unwrap_or("http/1.1, as none was chosen");
        let what = format!(
            "TLS {}, {}{}",
            done.version,
            done.cipher,
            group.unwrap_or_default()
        );
        out.fact("handshake", &format!("{what}, {alpn}, in {took}, with {with}"));
    }
    if let Some(fault) = &shaken.fault {
        out.fact("handshake", &format!("failed after {took}, with {with}: {fault}"));
    }
    if let Some(shown) = &shaken.certificate
        && shown.fingerprint != leg.certificate.fingerprint
    {
        out.line(
            2,
            &format!(
                "but it showed another certificate: {}, SHA-256 {}",
                shown.label, shown.fingerprint
            ),
        );
    }
}

fn certificate(out: &mut Lines, certificate: &Certificate) {
    if !certificate.names.is_empty() {
        out.line(2, &format!("names   {}", certificate.names.join(", ")));
    }
    out.line(2, &format!("issuer  {}", certificate.issuer));
    out.line(
        2,
        &format!("valid   {} to {}", certificate.not_before, certificate.not_after),
    );
    out.line(2, &format!("SHA-256 {}", certificate.fingerprint));
}

fn routers(out: &mut Lines, routers: &Routers) {
    out.head(
        "routing",
        &format!(
            "{} looked at",
            counted(routers.considered.len() + routers.more, "router")
        ),
    );
    for router in &routers.considered {
        let mark = if router.outcome == "chosen" { "->" } else { "  " };
        out.line(
            1,
            &format!(
                "{mark} {}  {}  priority {}",
                router.name, router.rule, router.priority
            ),
        );
        if let Some(object) = &router.object {
            out.line(3, object);
        }
        match router.outcome.as_str() {
            "chosen" => {
                if let Some(why) = &routers.why {
                    out.line(3, &format!("because {why}"));
                }
            }
            "outranked" => out.line(3, "its rule holds too, but it is tried later"),
            _ => out.line(3, &format!("does not hold: {}", router.unmet.join(" && "))),
        }
    }
    if routers.more > 0 {
        out.line(1, &format!("and {} more", routers.more));
    }
    if routers.other_hosts > 0 {
        out.line(
            1,
            &format!("{} for other hosts", counted(routers.other_hosts, "router")),
        );
    }
}

fn middlewares(out: &mut Lines, middlewares: &[Met]) {
    out.head("middlewares", &middlewares.len().to_string());
    for met in middlewares {
        out.line(1, &format!("{} ({}): {}", met.name, met.kind, met.effect));
    }
}

fn service(out: &mut Lines, service: &Service) {
    out.head("service", &service.name);
    for server in &service.servers {
        let mark = if server.chosen { "->" } else { "  " };
        let mut line = format!("{mark} {}", server.url);
        if server.service != service.name {
            line.push_str(&format!("  of {}", server.service));
        }
        if server.weight != 1 {
            line.push_str(&format!("  weight {}", server.weight));
        }
        if server.fenced {
            line.push_str("  ending: takes nothing new");
        }
        out.line(1, &line);
    }
    if service.more > 0 {
        out.line(1, &format!("and {} more", service.more));
    }
    out.line(2, &service.why);
}

fn backend(out: &mut Lines, leg: &BackendLeg) {
    out.head("backend leg", &leg.url);
    let object = leg
        .object
        .as_deref()
        .map(|object| format!(" ({object})"))
        .unwrap_or_default();
    out.fact("transport", &format!("{}{object}", leg.transport));
    if let Some(resolved) = &leg.resolved {
        let took = millis(resolved.took_micros);
        out.fact("name", &format!("{} in {took}", resolved.addresses.join(", ")));
    }
    for attempt in &leg.attempts {
        let outcome = attempt.fault.as_deref().unwrap_or("connected");
        out.fact(
            "TCP",
            &format!("{} {outcome}, {}", attempt.address, millis(attempt.took_micros)),
        );
    }
    let Some(tls) = &leg.tls else {
        return;
    };
    out.fact(
        "server name",
        tls.server_name.as_deref().unwrap_or("none: an address has none"),
    );
    out.fact("must prove to be", &tls.expected);
    out.fact("offered", &tls.offered.join(", "));
    let roots = if tls.roots.is_empty() {
        String::new()
    } else {
        format!(": {}", tls.roots.join("; "))
    };
    out.fact("trust", &format!("{}{roots}", tls.trust));
    out.fact("client certificate", &tls.client_certificate);
    match &tls.done {
        Some(done) => {
            let group = done
                .group
                .as_deref()
                .map(|group| format!(", {group}"))
                .unwrap_or_default();
            let took = millis(tls.took_micros);
            out.fact(
                "TLS",
                &format!("{}, {}{group}, in {took}", done.version, done.cipher),
            );
            out.fact(
                "protocol",
                done.alpn.as_deref().unwrap_or("http/1.1, as none was chosen"),
            );
            out.fact("verified", if done.verified { "yes" } else { "no" });
            out.optional("trusted root", done.verified_by.as_deref());
            if done.by_previous {
                out.line(
                    2,
                    "of the rootCAs that were replaced: trusted until the overlap of the rotation ends, and",
                );
                out.line(2, "not under those in force; see `/api/rotations`");
            }
        }
        None => out.fact("TLS", &format!("failed after {}", millis(tls.took_micros))),
    }
    for (place, presented) in leg.presented.iter().enumerate() {
        let what = if place == 0 { "presented" } else { "then" };
        out.fact(what, &presented.label);
        certificate(out, presented);
    }
}

fn verdict(out: &mut Lines, report: &Report) {
    if let Some(answer) = &report.answer {
        let status =
            http::StatusCode::from_u16(answer.status).map_or_else(|_| answer.status.to_string(), worded);
        let took = millis(answer.took_micros);
        out.head("answer", &format!("{status}, {}, in {took}", answer.version));
        return;
    }
    if let Some(why) = &report.not_sent {
        out.head("no request was sent", why);
        return;
    }
    let status = report
        .status
        .and_then(|status| http::StatusCode::from_u16(status).ok());
    match (status, &report.fault) {
        (Some(status), _) => out.head("answer", &format!("{}, by the proxy", worded(status))),
        (None, Some(_)) => out.head("answer", "none"),
        (None, None) => out.head("answer", "this process answers"),
    }
    if let Some(told) = &report.fault {
        fault(out, told);
    }
}

fn fault(out: &mut Lines, fault: &Fault) {
    out.head("fault", &format!("{}: {}", fault.code, fault.message));
    out.optional("wanted", fault.wanted.as_deref());
    out.optional("got", fault.got.as_deref());
    if let Some(fix) = &fault.fix {
        out.head("fix", fix);
    }
    for merge in &fault.merge {
        let at = merge
            .at
            .as_deref()
            .map(|at| format!(" ({at})"))
            .unwrap_or_default();
        let what = if merge.new { "to be made" } else { "merge into" };
        out.head(what, &format!("{}{at}", merge.into));
    }
    for line in fault.yaml.iter().flat_map(|yaml| yaml.lines()) {
        out.line(1, line);
    }
}

fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn millis(micros: u64) -> String {
    let (whole, rest) = (micros / 1000, micros % 1000 / 10);
    format!("{whole}.{rest:02} ms")
}
