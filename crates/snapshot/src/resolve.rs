//! The one resolver of references (security.md I4): `name@provider`, internal names, missing names.
//!
//! Whoever refers to an element by text comes here with the kind that is meant; what comes back is that
//! element, or the [`Finding`] that says why there is none to be had.

use std::cell::Cell;

use viaduct_config::dynamic::Elements;
use viaduct_config::dynamic::http::{Middleware, ServersTransport, Service};
use viaduct_config::dynamic::tls::TlsOptions;
use viaduct_config::finding::Code;
use viaduct_config::{Dynamic, Element, Finding, ProviderName, QualifiedName};

use crate::compile::sources::{Source, Sources};

/// What a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Service,
    Middleware,
    ServersTransport,
    TlsOptions,
}

impl Kind {
    fn element(self, name: &str) -> Element {
        let name = name.into();
        match self {
            Self::Service => Element::Service(name),
            Self::Middleware => Element::Middleware(name),
            Self::ServersTransport => Element::ServersTransport(name),
            Self::TlsOptions => Element::TlsOptions(name),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Middleware => "middleware",
            Self::ServersTransport => "servers transport",
            Self::TlsOptions => "TLS options",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Service | Self::Middleware | Self::ServersTransport => "does",
            Self::TlsOptions => "do",
        }
    }

    fn names(self, dynamic: &Dynamic) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Service => Box::new(dynamic.http.services.keys().map(String::as_str)),
            Self::Middleware => Box::new(dynamic.http.middlewares.keys().map(String::as_str)),
            Self::ServersTransport => Box::new(dynamic.http.servers_transports.keys().map(String::as_str)),
            Self::TlsOptions => Box::new(dynamic.tls.options.keys().map(String::as_str)),
        }
    }
}

/// An element that a reference led to.
pub(crate) struct Found<'s, T> {
    pub(crate) source: &'s Source<'s>,
    pub(crate) name: &'s str,
    pub(crate) value: &'s T,
}

/// Why a reference led nowhere.
pub(crate) struct Unresolved {
    /// There is such an element, but it must not be used.
    pub(crate) exists: bool,
    pub(crate) finding: Finding,
}

impl From<Unresolved> for Finding {
    fn from(unresolved: Unresolved) -> Self {
        unresolved.finding
    }
}

pub(crate) struct Resolver<'s> {
    sources: &'s Sources<'s>,
    /// Looking for a near name reads all names; a configuration full of broken references gets this
    /// many such hints.
    hints_left: Cell<u32>,
}

impl<'s> Resolver<'s> {
    pub(crate) fn new(sources: &'s Sources<'s>) -> Self {
        Self {
            sources,
            hints_left: Cell::new(MAX_HINTS),
        }
    }

    pub(crate) fn service(&self, name: &QualifiedName) -> Result<Found<'s, Service>, Unresolved> {
        self.find(Kind::Service, name, |dynamic| &dynamic.http.services)
    }

    pub(crate) fn middleware(&self, name: &QualifiedName) -> Result<Found<'s, Middleware>, Unresolved> {
        self.find(Kind::Middleware, name, |dynamic| &dynamic.http.middlewares)
    }

    pub(crate) fn transport(&self, name: &QualifiedName) -> Result<Found<'s, ServersTransport>, Unresolved> {
        self.find(Kind::ServersTransport, name, |dynamic| {
            &dynamic.http.servers_transports
        })
    }

    pub(crate) fn tls_options(&self, name: &QualifiedName) -> Result<Found<'s, TlsOptions>, Unresolved> {
        self.find(Kind::TlsOptions, name, |dynamic| &dynamic.tls.options)
    }

    fn find<T>(
        &self,
        kind: Kind,
        name: &QualifiedName,
        select: fn(&'s Dynamic) -> &'s Elements<T>,
    ) -> Result<Found<'s, T>, Unresolved> {
        if name.provider.as_str() == INTERNAL && !(kind == Kind::Service && self.has_internal(name)) {
            return Err(internal(kind, name));
        }
        let Some(source) = self.sources.get(&name.provider) else {
            return Err(self.missing(kind, name));
        };
        if source.has_broken()
            && let Some(cause) = source.broken(&kind.element(&name.name))
        {
            return Err(Unresolved {
                // A provider that names a service which is not there says the same as nobody naming one.
                exists: kind != Kind::Service || cause.code != Code::MissingReference,
                finding: because_of(cause),
            });
        }
        match select(&source.update.dynamic).get_key_value(&*name.name) {
            Some((name, value)) => Ok(Found { source, name, value }),
            None => Err(self.missing(kind, name)),
        }
    }

    /// Whether an internal service is switched on.
    fn has_internal(&self, name: &QualifiedName) -> bool {
        let source = self.sources.get(&name.provider);
        source.is_some_and(|source| source.update.dynamic.http.services.contains_key(&*name.name))
    }

    fn missing(&self, kind: Kind, name: &QualifiedName) -> Unresolved {
        let text = match kind {
            // Traefik's words, for those who look for them.
            Kind::Middleware => format!("middleware \"{name}\" does not exist"),
            Kind::Service | Kind::ServersTransport | Kind::TlsOptions => {
                format!("{} `{name}` {} not exist", kind.noun(), kind.verb())
            }
        };
        let finding = Finding::error(Code::MissingReference, text);
        Unresolved {
            exists: false,
            finding: match self.nearest(kind, name) {
                Some(near) => finding.hint(format!("did you mean `{near}`?")),
                None => finding,
            },
        }
    }

    /// The same name of another provider, or a name at most two edits away.
    fn nearest(&self, kind: Kind, name: &QualifiedName) -> Option<String> {
        self.hints_left.set(self.hints_left.get().checked_sub(1)?);
        let mut best: Option<(usize, String)> = None;
        for source in self.sources.iter() {
            let provider = &source.update.provider;
            let elsewhere = usize::from(*provider != name.provider);
            for candidate in kind.names(&source.update.dynamic) {
                let Some(edits) = edits(&name.name, candidate, MAX_EDITS) else {
                    continue;
                };
                // A name of the same provider that is one edit away beats the same name elsewhere.
                let distance = edits * 2 + elsewhere * 3;
                if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                    best = Some((distance, qualified(candidate, provider)));
                }
            }
        }
        best.map(|(_, near)| near)
    }
}

/// A finding for what depends on something that is itself out of service.
pub(crate) fn because_of(cause: &Finding) -> Finding {
    let what = cause
        .element
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| cause.object.as_ref().map(ToString::to_string));
    let message = match what {
        Some(what) if !cause.message.starts_with(&what) => format!("{what}: {}", cause.message),
        Some(_) | None => cause.message.clone(),
    };
    Finding {
        element: None,
        provider: None,
        object: None,
        location: None,
        message,
        ..cause.clone()
    }
    .because(cause)
}

pub(crate) fn qualified(name: &str, provider: &ProviderName) -> String {
    [name, "@", provider.as_str()].concat()
}

/// Why an internal name leads nowhere.
fn internal(kind: Kind, name: &QualifiedName) -> Unresolved {
    let switch = match &*name.name {
        "api" => Some("switch the API on: `api: {}` or `--api`"),
        "dashboard" => Some("switch the dashboard on: `api.dashboard` or `--api.dashboard`"),
        "ping" => Some("switch ping on: `ping: {}` or `--ping`"),
        "prometheus" => Some("switch the metrics on: `metrics.prometheus` or `--metrics.prometheus`"),
        _ => None,
    };
    let finding = match switch.filter(|_| kind == Kind::Service) {
        Some(switch) => {
            let message = format!("service `{name}` does not exist: it is not switched on");
            Finding::error(Code::MissingReference, message).hint(switch)
        }
        None if kind == Kind::Service && NOT_SERVED.contains(&&*name.name) => Finding::error(
            Code::Unsupported,
            format!("the internal service `{name}` is not served"),
        ),
        None => Finding::error(
            Code::ForbiddenReference,
            format!("`{name}` is not an internal {}", kind.noun()),
        ),
    };
    Unresolved {
        // As in Traefik a switch that is off answers 404.
        exists: finding.code == Code::Unsupported,
        finding,
    }
}

/// Levenshtein distance, if it is at most `limit`.
fn edits(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > limit || a.len() > MAX_COMPARED {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in (1..).zip(a) {
        let mut diagonal = i - 1;
        let mut least = i;
        let mut before = i;
        if let Some(first) = row.first_mut() {
            *first = i;
        }
        for (cell, right) in row.iter_mut().skip(1).zip(b) {
            let value = (diagonal + usize::from(left != right))
                .min(*cell + 1)
                .min(before + 1);
            diagonal = std::mem::replace(cell, value);
            before = value;
            least = least.min(value);
        }
        if least > limit {
            return None;
        }
    }
    row.last().copied().filter(|edits| *edits <= limit)
}

/// The provider of what is built in.
pub(crate) const INTERNAL: &str = "internal";

/// Internal services of Traefik that are never served here: configuration comes from no REST client, and
/// nothing obtains certificates.
const NOT_SERVED: [&str; 2] = ["rest", "acme-http"];

const MAX_HINTS: u32 = 16;
const MAX_EDITS: usize = 2;
const MAX_COMPARED: usize = 256;

#[cfg(test)]
mod tests {
    use super::edits;

    #[test]
    fn edit_distance_is_exact_up_to_its_limit() {
        assert_eq!(edits("web", "web", 2), Some(0));
        assert_eq!(edits("web", "wob", 2), Some(1));
        assert_eq!(edits("web", "eb", 2), Some(1));
        assert_eq!(edits("web", "wweb1", 2), Some(2));
        assert_eq!(edits("kitten", "sitting", 3), Some(3));
        assert_eq!(edits("kitten", "sitting", 2), None);
        assert_eq!(edits("", "ab", 2), Some(2));
        assert_eq!(edits("abc", "", 2), None);
    }
}
