//! `namespace-name@kubernetescrd` in an annotation -> the object that is meant, if it may be (I4).
//!
//! An annotation can only name elements, and an element's name hides a namespace: `a-b-c` may be `b-c` of
//! namespace `a`, or `c` of `a-b`. So the name is looked up among the objects of the referrer's own namespace,
//! and leads to others only where policy says so.

use std::collections::HashMap;

use viaduct_config::finding::Code;
use viaduct_config::{Finding, suggest};

use super::super::names::{Names, plain};
use super::super::{Context, PROVIDER};
use super::annotations::Mention;
use crate::api::{DEFAULT, Kind, Middleware, Name, ServersTransport, TlsOption};
use crate::index::{Subject, View};

/// Objects of Traefik's kinds by the names of their elements.
pub(super) struct Elements<'a> {
    by_name: HashMap<(Kind, String), Vec<&'a Name>>,
}

/// A kind that annotations name, and how.
struct Named {
    kind: Kind,
    /// Whether a name without a provider means something.
    default: bool,
}

impl<'a> Elements<'a> {
    pub(super) fn of(view: &View<'a>, names: &Names<'a>) -> Self {
        let mut elements = Self {
            by_name: HashMap::new(),
        };
        for held in view.all::<ServersTransport>() {
            let name = held.subject.name;
            elements.add(Kind::ServersTransport, name, names.transport(name));
        }
        for held in view.all::<Middleware>() {
            let name = held.subject.name;
            elements.add(Kind::Middleware, name, names.middleware(name));
        }
        for held in view.all::<TlsOption>() {
            let name = held.subject.name;
            if &*name.name != DEFAULT {
                elements.add(Kind::TlsOption, name, names.options(name));
            }
        }
        elements
    }

    /// By its own name, and by the name that Traefik would give it.
    fn add(&mut self, kind: Kind, name: &'a Name, own: String) {
        let traefiks = plain(name);
        if own != traefiks {
            self.by_name.entry((kind, own)).or_default().push(name);
        }
        self.by_name.entry((kind, traefiks)).or_default().push(name);
    }

    pub(super) fn transport(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        mention: &Mention<'_>,
    ) -> Result<String, Finding> {
        let named = Named {
            kind: Kind::ServersTransport,
            default: false,
        };
        self.resolve(cx, subject, mention, &named)
    }

    pub(super) fn options(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        mention: &Mention<'_>,
    ) -> Result<String, Finding> {
        let named = Named {
            kind: Kind::TlsOption,
            default: true,
        };
        self.resolve(cx, subject, mention, &named)
    }

    pub(super) fn middleware(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        mention: &Mention<'_>,
    ) -> Result<String, Finding> {
        let named = Named {
            kind: Kind::Middleware,
            default: false,
        };
        self.resolve(cx, subject, mention, &named)
    }

    fn resolve(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        mention: &Mention<'_>,
        named: &Named,
    ) -> Result<String, Finding> {
        let text = mention.text;
        if named.default && text == DEFAULT {
            return Ok(text.to_owned());
        }
        let (name, provider) = match text.rsplit_once('@') {
            Some((name, provider)) if provider != super::PROVIDER => (name, provider),
            Some((name, _)) => return Err(self.homeless(subject, mention, named.kind, name)),
            None => return Err(self.homeless(subject, mention, named.kind, text)),
        };
        let namespace = &*subject.name.namespace;
        if !cx.policy.allows_providers(namespace) {
            let message = format!(
                "`{}` belongs to another provider, which namespace `{namespace}` may not refer to",
                text.escape_debug()
            );
            return Err(subject.error(Code::ForbiddenReference, &mention.field, message));
        }
        if provider != PROVIDER {
            return Ok(text.to_owned());
        }
        let found = self.look_up(cx, subject, mention, named.kind, name)?;
        let own = match named.kind {
            Kind::Middleware => cx.names.middleware(found),
            Kind::TlsOption => cx.names.options(found),
            _ => cx.names.transport(found),
        };
        Ok(format!("{own}@{PROVIDER}"))
    }

    /// The object of the referrer's namespace; else of any, if that is allowed.
    fn look_up(
        &self,
        cx: &Context<'_>,
        subject: Subject<'_>,
        mention: &Mention<'_>,
        kind: Kind,
        name: &str,
    ) -> Result<&'a Name, Finding> {
        let namespace = &*subject.name.namespace;
        let found = self.by_name.get(&(kind, name.to_owned()));
        let found = found.map_or(&[][..], Vec::as_slice);
        let own: Vec<_> = found
            .iter()
            .filter(|name| &*name.namespace == namespace)
            .collect();
        match (own.as_slice(), found) {
            ([only], _) => Ok(only),
            ([], [only]) if cx.policy.allow_cross_namespace => Ok(only),
            ([], []) => {
                let message = format!("no {kind} has the element name `{}`", name.escape_debug());
                let finding = subject.error(Code::MissingReference, &mention.field, message);
                Err(self.near(finding, kind, namespace, name))
            }
            ([], _) if !cx.policy.allow_cross_namespace => {
                let message = format!(
                    "{kind} `{}` is in another namespace than `{namespace}`",
                    mention.text.escape_debug()
                );
                let finding = subject.error(Code::ForbiddenReference, &mention.field, message);
                Err(finding
                    .wanted(format!("a {kind} of namespace `{namespace}`"))
                    .hint(
                        "put one there, or allow others with `providers.kubernetesCRD.allowCrossNamespace`",
                    ))
            }
            _ => {
                let several: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "`{}` may be any of several objects: {}",
                    mention.text.escape_debug(),
                    several.join(", ")
                );
                Err(subject
                    .error(Code::DuplicateObject, &mention.field, message)
                    .hint("rename one of them"))
            }
        }
    }

    /// Nothing belongs to the Ingress provider itself: `auth` and `auth@kubernetes` lead nowhere.
    fn homeless(&self, subject: Subject<'_>, mention: &Mention<'_>, kind: Kind, name: &str) -> Finding {
        let message = format!(
            "`{}` leads nowhere: an annotation names a {kind} with its namespace and its provider",
            mention.text.escape_debug()
        );
        let finding = subject.error(Code::MissingReference, &mention.field, message);
        let guess = plain(&Name::new(&*subject.name.namespace, name));
        if self.by_name.contains_key(&(kind, guess.clone())) {
            finding.hint(format!("write `{guess}@{PROVIDER}`"))
        } else {
            finding.wanted(format!("`<namespace>-<name>@{PROVIDER}`"))
        }
    }

    fn near(&self, finding: Finding, kind: Kind, namespace: &str, name: &str) -> Finding {
        let of_namespace = self
            .by_name
            .iter()
            .filter(|((of_kind, _), names)| {
                *of_kind == kind && names.iter().any(|name| &*name.namespace == namespace)
            })
            .map(|((_, name), _)| name.as_str());
        let mut candidates: Vec<_> = of_namespace.collect();
        candidates.sort_unstable();
        match suggest::closest(name, candidates.iter().copied()) {
            Some(near) => finding.hint(format!("did you mean `{near}@{PROVIDER}`?")),
            None if candidates.is_empty() => finding.hint(format!("namespace `{namespace}` has no {kind}")),
            None => finding,
        }
    }
}
