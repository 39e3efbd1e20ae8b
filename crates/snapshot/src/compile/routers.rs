//! `routers` -> drafts: everything about a router that does not depend on other routers.

mod parts;
pub(super) mod unreadable;

use std::sync::Arc;

use viaduct_config::dynamic::http::{Router as WrittenRouter, RouterTls};
use viaduct_config::finding::Code;
use viaduct_config::rule::{Rule, Syntax};
use viaduct_config::{Element, EntryPointName, Finding, ObjectRef, QualifiedName};

use super::certificates::Unusable;
use super::middlewares::Middlewares;
use super::policies::Policies;
use super::services::Services;
use super::sources::{Source, Sources};
use crate::Snapshot;
use crate::bridge::{Subject, Verdict};
use crate::entry_point::Policy;
use crate::install::{EntryPointInstall, Install};
use crate::middleware::Middleware;
use crate::resolve::{INTERNAL, Resolver, because_of};
use crate::rule::RouteRule;
use crate::service::Service;

pub(super) struct Context<'s> {
    pub(super) install: &'s Install,
    pub(super) sources: &'s Sources<'s>,
    pub(super) resolver: &'s Resolver<'s>,
    pub(super) unusable: &'s Unusable,
    pub(super) policies: &'s Policies,
    pub(super) services: &'s Services<'s>,
    pub(super) middlewares: &'s Middlewares,
    pub(super) previous: Option<&'s Snapshot>,
}

/// A router at one entry point.
pub(super) struct Draft<'s> {
    pub(super) source: &'s Source<'s>,
    /// As the provider names it.
    pub(super) element: &'s str,
    pub(super) name: Arc<str>,
    /// `name@provider` as it was written: parts at several entry points share it.
    pub(super) written_name: Arc<str>,
    pub(super) written: &'s WrittenRouter,
    pub(super) entry_point: Option<EntryPointName>,
    pub(super) rule: Option<Arc<RouteRule>>,
    pub(super) priority: i64,
    pub(super) tls: bool,
    /// As written in `tls.options`; for messages.
    pub(super) options: &'s str,
    /// Of its TLS options, if they can be used.
    pub(super) policy: Option<Policy>,
    pub(super) service_name: Arc<str>,
    pub(super) service: Option<Arc<Service>>,
    pub(super) middlewares: Vec<Arc<Middleware>>,
    pub(super) origin: Option<ObjectRef>,
    /// What takes it out of service; the first decides the answer.
    pub(super) faults: Vec<Fault>,
    /// What does not.
    pub(super) warnings: Vec<Finding>,
}

impl Draft<'_> {
    /// Whether the provider itself has said `finding` of this router.
    pub(super) fn is_said(&self, finding: &Finding) -> bool {
        self.source.has_broken()
            && self.source.broken(&Element::Router(self.element.to_owned())) == Some(finding)
    }

    /// A reference that leads nowhere follows from what the provider has said of it already.
    fn follow(&self, finding: Finding) -> Finding {
        let said = self.source.broken(&Element::Router(self.element.to_owned()));
        follow(said, finding)
    }

    /// Gives `finding` the router's name and place.
    pub(super) fn place(&self, finding: Finding) -> Finding {
        self.source.at(Element::Router(self.element.to_owned()), finding)
    }
}

/// `finding`, as a consequence of what the provider has `said` of the router, if it is one.
fn follow(said: Option<&Finding>, finding: Finding) -> Finding {
    let same = |said: &&Finding| {
        finding.code == Code::MissingReference
            && matches!(said.code, Code::MissingReference | Code::ForbiddenReference)
    };
    match said.filter(same) {
        Some(said) => finding.because(said),
        None => finding,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) finding: Finding,
}

impl Fault {
    pub(super) fn unavailable(finding: Finding) -> Self {
        Self { status: 503, finding }
    }
}

/// In the order that decides between routers of equal priority: `providers.precedence`, then name.
pub(super) fn build<'s>(context: &Context<'s>) -> Vec<Draft<'s>> {
    let mut drafts: Vec<_> = context
        .sources
        .iter()
        .flat_map(|source| {
            let routers = source.update.dynamic.http.routers.iter();
            routers.flat_map(move |(name, written)| context.drafts(source, name, written))
        })
        .collect();
    let precedence = &context.install.provider_precedence;
    let rank = |draft: &Draft<'_>| {
        precedence
            .iter()
            .position(|provider| provider == draft.source.provider())
            .unwrap_or(precedence.len())
    };
    drafts.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
    drafts
}

impl<'s> Context<'s> {
    /// One draft for each entry point; one without, if there is none.
    fn drafts(&self, source: &'s Source<'s>, element: &'s str, written: &'s WrittenRouter) -> Vec<Draft<'s>> {
        let mut base = self.base(source, element, written);
        if !written.parent_refs.is_empty() {
            return vec![base];
        }
        let (entry_points, several) = self.entry_points(written, &mut base);
        if entry_points.is_empty() {
            let finding = Finding::error(Code::UnknownEntryPoint, "no valid entryPoint for this router");
            base.faults.push(Fault::unavailable(finding.field("entryPoints")));
            return vec![base];
        }
        entry_points
            .into_iter()
            .map(|entry_point| {
                if !several {
                    return self.at(&base, Arc::clone(&base.name), entry_point);
                }
                let (name, finding) = parts::name(self, source, element, entry_point);
                let mut draft = self.at(&base, source.qualified(&name), entry_point);
                draft.warnings.extend(finding);
                draft
            })
            .collect()
    }

    /// What is the same at every entry point.
    fn base(&self, source: &'s Source<'s>, element: &'s str, written: &'s WrittenRouter) -> Draft<'s> {
        let key = Element::Router(element.to_owned());
        let mut faults = Vec::new();
        if let Some(cause) = source.broken(&key) {
            faults.push(Fault::unavailable(cause.clone()));
        }
        // As without the Secret: the default certificate is nobody's choice (I2).
        if let Some(cause) = self.unusable.of(source, &key) {
            faults.push(Fault::unavailable(because_of(cause)));
        }
        if !written.parent_refs.is_empty() {
            faults.push(unserved("routers below other routers are", "parentRefs"));
        }
        let (syntax, unknown_syntax) = self.syntax(written);
        let name = source.qualified(element);
        let rule = self.rule(&name, written, syntax, &mut faults);
        let service_name = QualifiedName::resolve(&written.service, source.provider());
        let service = self
            .service(written, &service_name)
            .map_err(|fault| faults.push(fault));
        let said = source.broken(&key);
        let middlewares = self.middlewares(source, said, &written.middlewares, "middlewares", &mut faults);
        let priority = priority(source, written).unwrap_or_else(|(clamped, fault)| {
            faults.push(fault);
            clamped
        });
        Draft {
            source,
            element,
            written_name: Arc::clone(&name),
            name,
            written,
            entry_point: None,
            rule,
            priority,
            tls: written.tls.is_some(),
            options: "",
            policy: None,
            service_name: match &service {
                Ok(service) => Arc::clone(&service.name),
                Err(()) => service_name.to_string().into(),
            },
            service: service.ok(),
            middlewares,
            origin: source
                .update
                .origins
                .get(&key)
                .and_then(|origin| origin.object.clone()),
            faults,
            warnings: unknown_syntax.into_iter().collect(),
        }
    }

    /// `base` at one entry point.
    fn at(&self, base: &Draft<'s>, name: Arc<str>, entry_point: &'s EntryPointInstall) -> Draft<'s> {
        let tls = base.written.tls.as_ref().or(entry_point.tls.as_ref());
        let mut draft = Draft {
            name,
            written_name: Arc::clone(&base.written_name),
            entry_point: Some(entry_point.name.clone()),
            tls: tls.is_some(),
            options: tls.map_or("", |tls| tls.options.as_str()),
            rule: base.rule.clone(),
            policy: None,
            service_name: Arc::clone(&base.service_name),
            service: base.service.clone(),
            middlewares: Vec::new(),
            origin: base.origin.clone(),
            faults: base.faults.clone(),
            warnings: base.warnings.clone(),
            ..*base
        };
        let field = "the entry point's http.middlewares";
        draft.middlewares = self.middlewares(
            base.source,
            None,
            &entry_point.middlewares,
            field,
            &mut draft.faults,
        );
        draft.middlewares.extend(base.middlewares.iter().map(Arc::clone));
        if let Some(tls) = tls {
            self.secure(&mut draft, tls);
        }
        self.demand(&mut draft);
        draft
    }

    /// What the operator demands of both legs (C7).
    fn demand(&self, draft: &mut Draft<'s>) {
        let subject = Subject {
            name: &draft.name,
            written_name: &draft.written_name,
            entry_point: draft.entry_point.as_ref(),
            origin: draft.origin.as_ref(),
        };
        let middlewares = draft.middlewares.iter();
        let by_middlewares = middlewares.filter_map(|middleware| middleware.kind.service());
        let reached = draft.service.iter().chain(by_middlewares);
        match self.install.bridge.judge(&subject, reached) {
            Verdict::Served(finding) => draft.warnings.extend(finding),
            Verdict::Refused(finding) => draft.faults.push(Fault::unavailable(finding)),
        }
    }

    fn secure(&self, draft: &mut Draft<'s>, tls: &RouterTls) {
        if !tls.cert_resolver.is_empty() {
            let message = format!(
                "no certificate resolver `{}` exists: none are served yet",
                tls.cert_resolver
            );
            let finding = Finding::error(Code::Unsupported, message).field("tls.certResolver");
            draft.faults.push(Fault::unavailable(finding));
        }
        let policy = match self.policies.of(&tls.options, draft.source, self.resolver) {
            Ok(policy) => policy,
            Err(finding) => {
                let finding = draft.follow(finding.field("tls.options"));
                draft.faults.push(Fault::unavailable(finding));
                return;
            }
        };
        let unusual = policy.id != self.policies.fallback().id;
        let rule = draft.rule.as_ref().filter(|rule| unusual && !rule.is_guessed());
        if let Some(rule) = rule {
            let hosts = !rule.hosts().is_empty();
            if !hosts && policy.demands_certificate() {
                draft.faults.push(Fault::unavailable(unbound_demand(tls)));
            } else if rule.matches_unnamed_hosts() {
                draft
                    .warnings
                    .push(unbound(tls, hosts, policy.demands_certificate()));
            }
        }
        draft.policy = Some(policy);
    }

    /// How its rule is to be read. A syntax that does not exist means v3, as in Traefik, and is told.
    fn syntax(&self, written: &WrittenRouter) -> (Syntax, Option<Finding>) {
        // Traefik's defaults for objects are written as `default` by some tools.
        if matches!(written.rule_syntax.as_str(), "" | "default") {
            return (self.install.default_rule_syntax, None);
        }
        match Syntax::from_name(&written.rule_syntax) {
            Some(syntax) => (syntax, None),
            None => {
                let message = "this rule syntax does not exist: the rule is read as v3";
                let finding = Finding::warning(Code::InvalidRule, message)
                    .field("ruleSyntax")
                    .wanted("v3, v2")
                    .got(written.rule_syntax.as_str());
                (Syntax::V3, Some(finding))
            }
        }
    }

    /// The rule, shared with the previous snapshot if text and syntax are the same. `None`: it cannot be
    /// read, nor can it be guessed.
    fn rule(
        &self,
        name: &str,
        written: &WrittenRouter,
        syntax: Syntax,
        faults: &mut Vec<Fault>,
    ) -> Option<Arc<RouteRule>> {
        let known = self.known_rule(name, written, syntax);
        if known.as_ref().is_some_and(|rule| !rule.is_guessed()) {
            return known;
        }
        let error = match Rule::parse_http_as(syntax, &written.rule) {
            Ok(rule) => return Some(Arc::new(RouteRule::new(rule))),
            Err(error) => error,
        };
        let guessed = known.or_else(|| RouteRule::guess(syntax, &written.rule).map(Arc::new));
        faults.push(unreadable::fault(&error, written, guessed.as_deref()));
        guessed
    }

    fn known_rule(&self, name: &str, written: &WrittenRouter, syntax: Syntax) -> Option<Arc<RouteRule>> {
        let routers = &self.previous?.routers;
        let before = match routers.get(name) {
            Some(before) => before,
            // It names several entry points, and is one router for each.
            None => self
                .install
                .entry_points
                .iter()
                .find_map(|entry_point| routers.get(&*format!("{}-{name}", entry_point.name)))?,
        };
        before
            .rule
            .as_ref()
            .filter(|rule| rule.text() == written.rule && rule.syntax() == syntax)
            .map(Arc::clone)
    }

    fn service(&self, written: &WrittenRouter, name: &QualifiedName) -> Result<Arc<Service>, Fault> {
        if written.service.is_empty() {
            let finding = Finding::error(Code::MissingReference, "the service is missing on the router");
            return Err(Fault {
                status: 404,
                finding: finding.field("service"),
            });
        }
        self.services.of(name).map_err(|error| Fault {
            // As Traefik: a router whose service does not exist is as good as none (A6.13).
            status: if error.exists { 503 } else { 404 },
            finding: error.finding.field("service"),
        })
    }

    /// A router is never served without a middleware that it names: one that cannot be had is a fault.
    fn middlewares(
        &self,
        source: &Source<'_>,
        said: Option<&Finding>,
        references: &[String],
        field: &str,
        faults: &mut Vec<Fault>,
    ) -> Vec<Arc<Middleware>> {
        let mut chain = Vec::new();
        for (index, reference) in (0..).zip(references) {
            let index: usize = index;
            let found = self
                .middlewares
                .append(reference, source.provider(), self.resolver, &mut chain);
            if let Err(finding) = found {
                let finding = follow(said, finding.field(format!("{field}[{index}]")));
                faults.push(Fault::unavailable(finding));
            }
        }
        chain
    }

    /// The entry points it is served at, and whether it names several. Names that do not exist are
    /// reported.
    fn entry_points(
        &self,
        written: &WrittenRouter,
        draft: &mut Draft<'s>,
    ) -> (Vec<&'s EntryPointInstall>, bool) {
        let all = &self.install.entry_points;
        let exists = |name: &str| all.iter().any(|entry_point| entry_point.name.as_str() == name);
        for name in written.entry_points.iter().filter(|name| !exists(name)) {
            draft.warnings.push(
                Finding::error(
                    Code::UnknownEntryPoint,
                    format!("entryPoint \"{name}\" doesn't exist"),
                )
                .field("entryPoints")
                .wanted(names(all))
                .got(name.as_str()),
            );
        }
        self.served_at(written)
    }

    fn served_at(&self, written: &WrittenRouter) -> (Vec<&'s EntryPointInstall>, bool) {
        let all = &self.install.entry_points;
        if written.entry_points.is_empty() {
            let marked: Vec<_> = all.iter().filter(|entry_point| entry_point.as_default).collect();
            let default = if marked.is_empty() {
                all.iter().collect()
            } else {
                marked
            };
            let several = default.len() > 1;
            return (default, several);
        }
        let mut found: Vec<&EntryPointInstall> = Vec::new();
        for name in &written.entry_points {
            let known = all.iter().find(|entry_point| entry_point.name.as_str() == name);
            if let Some(entry_point) = known
                && !found.iter().any(|earlier| earlier.name == entry_point.name)
            {
                found.push(entry_point);
            }
        }
        (found, written.entry_points.len() > 1)
    }
}

fn names(entry_points: &[EntryPointInstall]) -> String {
    let names: Vec<_> = entry_points
        .iter()
        .map(|entry_point| entry_point.name.as_str())
        .collect();
    names.join(", ")
}

fn unserved(what: &str, field: &str) -> Fault {
    Fault::unavailable(Finding::error(Code::Unsupported, format!("{what} not served yet")).field(field))
}

/// 0 and absent mean the rule's length. Above the maximum the router is out of service at the maximum.
fn priority(source: &Source<'_>, written: &WrittenRouter) -> Result<i64, (i64, Fault)> {
    match written.priority {
        None | Some(0) => Ok(i64::try_from(written.rule.len()).unwrap_or(MAX_PRIORITY)),
        // What is above the maximum is for routers that are built in.
        Some(priority) if priority > MAX_PRIORITY && source.provider().as_str() != INTERNAL => {
            let message = format!(
                "the router priority {priority} exceeds the max user-defined priority {MAX_PRIORITY}"
            );
            let finding = Finding::error(Code::InvalidObject, message).field("priority");
            Err((MAX_PRIORITY, Fault::unavailable(finding)))
        }
        Some(priority) => Ok(priority),
    }
}

/// Traefik serves such a router under the `default` options, and everybody gets in.
fn unbound_demand(tls: &RouterTls) -> Finding {
    let message = format!(
        "the TLS options `{}` demand client certificates, but the rule names no host that they could be tied to",
        tls.options
    );
    Finding::error(Code::InvalidTlsOption, message)
        .field("tls.options")
        .hint("name the hosts in the rule with Host(...), or give these options to the TLSOption `default`")
}

fn unbound(tls: &RouterTls, named_some: bool, demands: bool) -> Finding {
    let which = if named_some {
        "hosts that the rule does not name"
    } else {
        "the rule names no host, so its hosts"
    };
    let message = if demands {
        format!(
            "requests for {which} are refused with 421 where another policy than TLS options `{}` applies",
            tls.options
        )
    } else {
        format!(
            "{which} have the TLS options of their own name, or `default`, and not `{}`",
            tls.options
        )
    };
    Finding::warning(Code::InvalidTlsOption, message)
        .field("tls.options")
        .hint("name the hosts in the rule with Host(...)")
}

/// The rest is Traefik's own.
const MAX_PRIORITY: i64 = i64::MAX - 1000;
