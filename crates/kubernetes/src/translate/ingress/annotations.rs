//! Annotations of Traefik's Ingress provider -> typed options.
//!
//! Traefik leaves an Ingress or a Service out if one of its annotations cannot be read, and so it is here, with
//! a reason: `router.middleware` is a misspelling that would leave the authentication out.

use std::collections::BTreeMap;
use std::fmt;

use viaduct_config::dynamic::http::{Cookie, RouterObservability, RouterTls, Sticky};
use viaduct_config::dynamic::tls::Domain;
use viaduct_config::finding::Code;
use viaduct_config::rule::Syntax;
use viaduct_config::{Finding, suggest};

use super::super::endpoints::Scheme;
use crate::api::annotations::{Annotations, PREFIX};
use crate::index::Subject;

/// `router.*` of an Ingress.
#[derive(Debug, Default)]
pub(super) struct RouterOptions<'a> {
    pub(super) entry_points: Vec<String>,
    /// Each with the annotation it is written in.
    pub(super) middlewares: Vec<Mention<'a>>,
    pub(super) priority: Option<i64>,
    pub(super) syntax: Option<Syntax>,
    pub(super) path_matcher: Option<&'a str>,
    /// `Some`: TLS is on. Without `options`, which are a reference.
    pub(super) tls: Option<RouterTls>,
    pub(super) tls_options: Option<Mention<'a>>,
    pub(super) observability: Option<RouterObservability>,
}

/// `service.*` of a Service.
#[derive(Debug, Default)]
pub(super) struct ServiceOptions<'a> {
    pub(super) native_lb: Option<bool>,
    pub(super) node_port_lb: bool,
    pub(super) scheme: Option<Scheme>,
    pub(super) transport: Option<Mention<'a>>,
    pub(super) pass_host_header: Option<bool>,
    pub(super) sticky: Option<Sticky>,
}

/// The name of something else, in an annotation.
#[derive(Debug, Clone)]
pub(super) struct Mention<'a> {
    pub(super) text: &'a str,
    /// Where it is written.
    pub(super) field: String,
}

/// What was read, what makes it unusable, and what has no effect.
pub(super) struct Read<T> {
    pub(super) options: T,
    pub(super) faults: Vec<Finding>,
    pub(super) notes: Vec<Finding>,
}

/// The annotations of an Ingress.
pub(super) fn router<'a>(subject: Subject<'a>, annotations: &'a Annotations) -> Read<RouterOptions<'a>> {
    let mut options = RouterOptions::default();
    let mut tls = Tls::default();
    let mut reader = Reader::new(subject);
    for (written, value) in &annotations.own {
        let name = written.to_ascii_lowercase();
        let at = reader.at(written, value);
        match name.as_str() {
            "router.entrypoints" => options.entry_points = list(value).map(str::to_owned).collect(),
            "router.middlewares" => options.middlewares = list(value).map(|text| at.mention(text)).collect(),
            "router.priority" => options.priority = reader.number(&at),
            "router.rulesyntax" => options.syntax = reader.take(&at, "v2 or v3", Syntax::from_name),
            "router.pathmatcher" => options.path_matcher = Some(value.trim()),
            "router.tls" => tls.switch = reader.flag(&at),
            "router.tls.certresolver" => tls.set(|tls| value.trim().clone_into(&mut tls.cert_resolver)),
            "router.tls.options" => {
                tls.set(|_| {});
                options.tls_options = Some(at.mention(value.trim()));
            }
            _ if name.starts_with("router.observability.") => {
                let observability = options.observability.get_or_insert_default();
                reader.observability(&name, &at, observability);
            }
            _ if name.starts_with("router.tls.domains.") => match domain_field(&name) {
                Some((position, field)) => tls.domain(position, field, value),
                None => reader.unknown(&at, ROUTER),
            },
            _ if name.starts_with("router.") => reader.unknown(&at, ROUTER),
            _ if name.starts_with("service.") => reader.misplaced(&at, "a Service that the Ingress names"),
            _ => reader.stranger(&at),
        }
    }
    options.tls = reader.tls(tls);
    reader.done(options)
}

/// The annotations of a Service that an Ingress names.
pub(super) fn service<'a>(subject: Subject<'a>, annotations: &'a Annotations) -> Read<ServiceOptions<'a>> {
    let mut options = ServiceOptions::default();
    let mut cookie = StickyCookie::default();
    let mut reader = Reader::new(subject);
    for (written, value) in &annotations.own {
        let name = written.to_ascii_lowercase();
        let at = reader.at(written, value);
        match name.as_str() {
            "service.nativelb" => options.native_lb = reader.flag(&at),
            "service.nodeportlb" => options.node_port_lb = reader.flag(&at).unwrap_or_default(),
            "service.serversscheme" => {
                options.scheme = reader.take(&at, "http, https or h2c", Scheme::parse);
            }
            "service.serverstransport" => options.transport = Some(at.mention(value.trim())),
            "service.passhostheader" => options.pass_host_header = reader.flag(&at),
            "service.sticky" | "service.sticky.cookie" => cookie.switch = reader.flag(&at),
            "service.middlewares" => reader.fault(
                &at,
                Code::Unsupported,
                "middlewares of a Service are not served yet",
            ),
            _ if name.starts_with("service.sticky.cookie.") => reader.cookie(&name, &at, cookie.get()),
            _ if name.starts_with("service.") => reader.unknown(&at, SERVICE),
            _ if name.starts_with("router.") => reader.misplaced(&at, "the Ingress"),
            _ => reader.stranger(&at),
        }
    }
    options.sticky = reader.sticky(cookie);
    reader.done(options)
}

pub(in crate::translate) const ROUTER: &[&str] = &[
    "router.entrypoints",
    "router.middlewares",
    "router.priority",
    "router.rulesyntax",
    "router.pathmatcher",
    "router.tls",
    "router.tls.certresolver",
    "router.tls.domains.0.main",
    "router.tls.domains.0.sans",
    "router.tls.options",
    "router.observability.accesslogs",
    "router.observability.metrics",
    "router.observability.tracing",
    "router.observability.traceverbosity",
];

pub(in crate::translate) const SERVICE: &[&str] = &[
    "service.nativelb",
    "service.nodeportlb",
    "service.serversscheme",
    "service.serverstransport",
    "service.passhostheader",
    "service.sticky.cookie",
    "service.sticky.cookie.name",
    "service.sticky.cookie.secure",
    "service.sticky.cookie.samesite",
    "service.sticky.cookie.httponly",
    "service.sticky.cookie.maxage",
    "service.sticky.cookie.path",
    "service.sticky.cookie.domain",
];

/// Values between commas.
fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// `router.tls.domains.0.main` -> 0 and `main`.
fn domain_field(name: &str) -> Option<(u32, &str)> {
    let (position, field) = name.strip_prefix("router.tls.domains.")?.split_once('.')?;
    matches!(field, "main" | "sans").then_some(())?;
    Some((position.parse().ok()?, field))
}

/// As Go reads a truth value.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `router.tls` and what is below it.
#[derive(Default)]
struct Tls {
    switch: Option<bool>,
    options: Option<RouterTls>,
    domains: BTreeMap<u32, Domain>,
}

impl Tls {
    fn set(&mut self, change: impl FnOnce(&mut RouterTls)) {
        change(self.options.get_or_insert_default());
    }

    fn domain(&mut self, position: u32, field: &str, value: &str) {
        self.set(|_| {});
        let domain = self.domains.entry(position).or_default();
        match field {
            "main" => value.trim().clone_into(&mut domain.main),
            _ => domain.sans = list(value).map(str::to_owned).collect(),
        }
    }
}

/// `service.sticky.cookie` and what is below it.
#[derive(Default)]
struct StickyCookie {
    switch: Option<bool>,
    cookie: Option<Cookie>,
}

impl StickyCookie {
    fn get(&mut self) -> &mut Cookie {
        self.cookie.get_or_insert_default()
    }
}

/// One annotation.
struct At<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> At<'a> {
    fn mention(&self, text: &'a str) -> Mention<'a> {
        Mention {
            text,
            field: Annotations::field(self.name),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{PREFIX}{}`", self.name.escape_debug())
    }
}

struct Reader<'a> {
    subject: Subject<'a>,
    faults: Vec<Finding>,
    notes: Vec<Finding>,
}

impl<'a> Reader<'a> {
    const fn new(subject: Subject<'a>) -> Self {
        Self {
            subject,
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as `reader.at` beside the other steps")]
    fn at(&self, name: &'a str, value: &'a str) -> At<'a> {
        At { name, value }
    }

    fn done<T>(self, options: T) -> Read<T> {
        Read {
            options,
            faults: self.faults,
            notes: self.notes,
        }
    }

    fn take<T>(&mut self, at: &At<'_>, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = at.value.trim();
        let taken = read(value);
        if taken.is_none() {
            let message = format!("annotation {at} cannot be read");
            let field = Annotations::field(at.name);
            let finding = self.subject.error(Code::InvalidObject, &field, message);
            self.faults
                .push(finding.wanted(wanted).got(value.escape_debug().to_string()));
        }
        taken
    }

    fn flag(&mut self, at: &At<'_>) -> Option<bool> {
        self.take(at, "true or false", truth)
    }

    fn number(&mut self, at: &At<'_>) -> Option<i64> {
        self.take(at, "a whole number", |text| text.parse().ok())
    }

    fn fault(&mut self, at: &At<'_>, code: Code, message: &str) {
        let finding = self.subject.error(
            code,
            &Annotations::field(at.name),
            format!("annotation {at}: {message}"),
        );
        self.faults.push(finding);
    }

    /// Traefik refuses the object, too.
    fn unknown(&mut self, at: &At<'_>, known: &[&'static str]) {
        let message = format!("annotation {at} does not exist");
        let finding = self
            .subject
            .error(Code::UnknownField, &Annotations::field(at.name), message);
        let near = suggest::closest(&at.name.to_ascii_lowercase(), known.iter().copied());
        self.faults.push(match near {
            Some(near) => finding.hint(format!("did you mean `{PREFIX}{near}`?")),
            None => finding,
        });
    }

    /// With Traefik's prefix, and neither about a router nor about a service: Traefik has not read such since
    /// version 2.
    fn stranger(&mut self, at: &At<'_>) {
        let message = format!("annotation {at} does not exist and has no effect");
        let field = Annotations::field(at.name);
        let finding = self.subject.warning(Code::UnknownField, &field, message);
        let name = at.name.to_ascii_lowercase();
        let known = ROUTER.iter().chain(SERVICE).copied();
        let bare = |known: &'static str| known.split_once('.').map_or(known, |(_, bare)| bare);
        let near = suggest::closest(&name, known.clone())
            .or_else(|| known.into_iter().find(|known| bare(known) == name));
        self.notes.push(match near {
            Some(near) => finding.hint(format!("did you mean `{PREFIX}{near}`?")),
            None => finding,
        });
    }

    fn misplaced(&mut self, at: &At<'_>, right: &str) {
        let message = format!("annotation {at} has no effect here");
        let field = Annotations::field(at.name);
        let finding = self.subject.warning(Code::MisplacedField, &field, message);
        self.notes.push(finding.hint(format!("it belongs on {right}")));
    }

    fn observability(&mut self, name: &str, at: &At<'_>, observability: &mut RouterObservability) {
        match name {
            "router.observability.accesslogs" => observability.access_logs = self.flag(at),
            "router.observability.metrics" => observability.metrics = self.flag(at),
            "router.observability.tracing" => observability.tracing = self.flag(at),
            "router.observability.traceverbosity" => {
                at.value.trim().clone_into(&mut observability.trace_verbosity);
            }
            _ => self.unknown(at, ROUTER),
        }
    }

    fn cookie(&mut self, name: &str, at: &At<'_>, cookie: &mut Cookie) {
        match name {
            "service.sticky.cookie.name" => at.value.trim().clone_into(&mut cookie.name),
            "service.sticky.cookie.secure" => cookie.secure = self.flag(at).unwrap_or_default(),
            "service.sticky.cookie.httponly" => cookie.http_only = self.flag(at).unwrap_or_default(),
            "service.sticky.cookie.samesite" => at.value.trim().clone_into(&mut cookie.same_site),
            "service.sticky.cookie.maxage" => cookie.max_age = self.number(at).unwrap_or_default(),
            "service.sticky.cookie.path" => cookie.path = Some(at.value.trim().to_owned()),
            "service.sticky.cookie.domain" => at.value.trim().clone_into(&mut cookie.domain),
            _ => self.unknown(at, SERVICE),
        }
    }

    fn tls(&mut self, tls: Tls) -> Option<RouterTls> {
        let Tls {
            switch,
            options,
            domains,
        } = tls;
        if switch == Some(false) && options.is_some() {
            self.contradiction("router.tls");
        }
        let on = switch == Some(true) || options.is_some();
        on.then(|| RouterTls {
            domains: domains.into_values().collect(),
            ..options.unwrap_or_default()
        })
    }

    fn sticky(&mut self, sticky: StickyCookie) -> Option<Sticky> {
        let StickyCookie { switch, cookie } = sticky;
        if switch == Some(false) && cookie.is_some() {
            self.contradiction("service.sticky.cookie");
        }
        let on = switch == Some(true) || cookie.is_some();
        on.then(|| Sticky {
            cookie: Some(cookie.unwrap_or_default()),
        })
    }

    fn contradiction(&mut self, name: &str) {
        let message =
            format!("annotation `{PREFIX}{name}` is false, and others below it say how it is to be");
        let finding = self
            .subject
            .error(Code::InvalidObject, &Annotations::field(name), message);
        self.faults
            .push(finding.hint("remove it, or remove the annotations that begin with it"));
    }
}
