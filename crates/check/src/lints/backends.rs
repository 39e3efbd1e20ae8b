//! Everything that requests or connections are sent on to, in whatever form it is written: Services that objects and
//! Ingresses name, and services of the file provider.

mod files;
mod ingress;
mod routes;

use viaduct_config::document::{Node, Value};
use viaduct_config::rule::{HostPattern, Rule};

use super::objects::{Object, Objects, integer, list, text};
pub(super) use ingress::annotation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    IngressRoute,
    IngressRouteTcp,
    /// By annotations of its Service.
    Ingress,
    /// `TraefikService`, and the service of a Middleware `errors`.
    TraefikService,
    FileHttp,
    FileTcp,
}

impl Form {
    pub(super) const fn is_tcp(self) -> bool {
        matches!(self, Self::IngressRouteTcp | Self::FileTcp)
    }

    pub(super) const fn is_file(self) -> bool {
        matches!(self, Self::FileHttp | Self::FileTcp)
    }
}

/// What the connection to it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leg {
    Tls,
    Plain,
    /// TLS goes through as it is.
    Passthrough,
    /// Not to be told from what is there.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Backend<'a> {
    pub(super) form: Form,
    /// The object or element that names it.
    pub(super) subject: String,
    pub(super) file: usize,
    /// What `path` is in: an object, or a document of the file provider.
    pub(super) root: &'a Node,
    /// Of the mapping that a transport is named in.
    pub(super) path: String,
    /// Where it is named.
    pub(super) mark: (usize, &'a Node),
    /// The path of what is said of it.
    pub(super) field: String,
    pub(super) name: &'a str,
    /// Of the Service; empty in files.
    pub(super) namespace: &'a str,
    /// `None`: it is in a file, or not among the sources.
    pub(super) service: Option<Object<'a>>,
    pub(super) leg: Leg,
    pub(super) transport: Option<&'a str>,
    /// Hosts of a file's servers.
    pub(super) hosts: Vec<&'a str>,
    pub(super) routers: Vec<Router<'a>>,
}

/// What sends requests to a backend.
#[derive(Debug, Clone)]
pub(super) struct Router<'a> {
    pub(super) subject: String,
    pub(super) file: usize,
    pub(super) root: &'a Node,
    /// `""` where names have a provider behind them.
    pub(super) namespace: &'a str,
    pub(super) rule: Option<&'a str>,
    /// `tls.options`: a name, or a mapping with one.
    pub(super) options: Option<&'a Node>,
    /// Where `options` is written: `spec.tls`.
    pub(super) tls: String,
}

impl<'a> Router<'a> {
    /// The first host that it is for.
    pub(super) fn host(&self) -> Option<String> {
        let mut hosts = Rule::hosts_mentioned(self.rule?).into_iter();
        hosts.find_map(|host| match host {
            HostPattern::Exact(host) => Some(host.as_str().to_owned()),
            HostPattern::Wildcard(_) | HostPattern::Any => None,
        })
    }

    /// Name and namespace of its TLS options.
    pub(super) fn named_options(&self) -> Option<(&'a str, &'a str)> {
        let options = self.options?;
        let name = options.as_str().or_else(|| text(options, "name"))?;
        Some((name, text(options, "namespace").unwrap_or(self.namespace)))
    }
}

impl Backend<'_> {
    /// What it is called in messages.
    pub(super) fn label(&self) -> String {
        if self.form.is_file() {
            format!("service `{}`", self.name)
        } else {
            format!("Service `{}`", self.name)
        }
    }

    /// A name outside the cluster, with a certificate of its own world; a public name in a file.
    pub(super) fn is_external(&self) -> bool {
        if self.form.is_file() {
            return self.hosts.iter().all(|host| is_public(host));
        }
        self.service.is_some_and(|service| {
            service
                .root
                .get("spec")
                .and_then(|spec| spec.get("externalName"))
                .is_some()
        })
    }
}

/// Whether a public CA could have issued a certificate for the host.
fn is_public(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>()
        .is_ok();
    !is_address
        && host.contains('.')
        && ![
            "local",
            "internal",
            "lan",
            "home",
            "corp",
            "svc",
            "localhost",
            "test",
            "invalid",
            "intranet",
        ]
        .iter()
        .any(|end| host.rsplit('.').next() == Some(*end))
}

pub(super) fn find<'a>(objects: &Objects<'a>) -> Vec<Backend<'a>> {
    let mut found = Vec::new();
    routes::find(objects, &mut found);
    ingress::find(objects, &mut found);
    files::find(objects, &mut found);
    found
}

/// As translation has it: what is written, or what the port says.
fn leg(scheme: Option<&str>, port: Option<(i64, &str)>) -> Leg {
    match scheme.filter(|scheme| !scheme.is_empty()) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Leg::Tls,
        // Plain only where there is such a port: one that is missing is told of already.
        Some(scheme)
            if ["http", "h2c"]
                .iter()
                .any(|plain| plain.eq_ignore_ascii_case(scheme)) =>
        {
            match port {
                Some(_) => Leg::Plain,
                None => Leg::Unknown,
            }
        }
        // A scheme that does not exist.
        Some(_) => Leg::Unknown,
        None => match port {
            Some((number, name)) if number == 443 || name.starts_with("https") => Leg::Tls,
            Some(_) => Leg::Plain,
            None => Leg::Unknown,
        },
    }
}

/// Number and name of the port of a Service that `wanted` names; the first one where nothing is wanted.
fn port<'a>(service: Option<Object<'a>>, wanted: Option<&Node>) -> Option<(i64, &'a str)> {
    let ports = list(service?.root, "spec.ports");
    ports.iter().find_map(|port| {
        let name = text(port, "name").unwrap_or_default();
        let number = integer(port, "port")?;
        let meant = match wanted.map(|wanted| &wanted.value) {
            None => true,
            Some(Value::Integer(wanted)) => *wanted == number,
            Some(Value::String(wanted)) => wanted == name || *wanted == number.to_string(),
            Some(_) => false,
        };
        meant.then_some((number, name))
    })
}
