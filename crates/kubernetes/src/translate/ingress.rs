//! `Ingress` -> the configuration of provider `kubernetes`.
//!
//! ```text
//!  IngressClass --class-----> which are ours
//!  annotations --annotations-> options of routers and services --elements--> references
//!  host, path --rule--------> rules, as trees
//!  backends --backend-------> services            spec.tls --tls--> certificates
//! ```

mod annotations;
mod backend;
mod class;
mod elements;
mod routed;
mod rule;
mod tls;

use std::cell::Cell;
use std::collections::BTreeMap;

use viaduct_config::dynamic::http::Router;
use viaduct_config::finding::Code;
use viaduct_config::rule::Syntax;
use viaduct_config::{Finding, Update};

use self::annotations::RouterOptions;
#[cfg(test)]
pub(super) use self::annotations::{ROUTER, SERVICE};
use self::backend::Asked;
use self::class::{Choice, Classes};
use self::elements::Elements;
use self::routed::{Backends, Identity, Pending};
use self::rule::{Matching, Misfit, Placed};
use self::tls::Secrets;
use super::names::Names;
use super::{Context, Draft, near};
use crate::api::ingress::{IngressPath, PathType};
use crate::api::{Ingress, Kind};
use crate::index::{Index, Looked, Needs, Subject, View};
use crate::policy::IngressPolicy;

/// The provider's name, as Traefik calls it.
pub const PROVIDER: &str = "kubernetes";

/// Everything the Ingresses of the index say, under `policy`, and which Secrets and ConfigMaps that took.
pub fn translate_ingresses(index: &Index, policy: &IngressPolicy) -> (Update, Needs) {
    let (update, needs, _) = translate_whole(index, policy);
    (update, needs)
}

/// The same, and what was looked at.
pub(super) fn translate_whole(index: &Index, policy: &IngressPolicy) -> (Update, Needs, Looked) {
    let view = index.view();
    let names = Names::assign(&view);
    let cx = Context {
        view: &view,
        policy: &policy.common,
        names: &names,
        hints_left: Cell::new(near::MAX_HINTS),
    };
    let mut draft = Draft::new(PROVIDER);
    for finding in index.findings().chain(&view.duplicates) {
        if policy.alone || is_about_ingresses(finding) {
            draft.note(finding.clone());
        }
    }
    let elements = Elements::of(&view, &names);
    let mut translation = Translation {
        cx: &cx,
        index,
        policy,
        elements: &elements,
        pending: BTreeMap::new(),
        backends: Backends::default(),
        nobodys: BTreeMap::new(),
        foreign: Foreign::default(),
    };
    let classes = Classes::of(&view, policy);
    for held in view.all::<Ingress>() {
        // One that was never good has nothing to be found by; its fault is among the index's.
        let Ok(ingress) = held.state else { continue };
        match classes.choose(held.subject, ingress) {
            Choice::Ours => translation.take(held.subject, ingress, &mut draft),
            Choice::Others => {}
            Choice::Nobodys(class, finding) => {
                translation.nobodys.entry(class).or_insert(*finding);
            }
        }
    }
    translation.finish(&mut draft);
    super::namespaces::translate(&view, &mut draft);
    let update = draft.finish(&view);
    (update, view.needs(), view.looked())
}

/// The Ingresses that are served under `policy`, good ones only.
pub(crate) fn served<'a>(view: &View<'a>, policy: &IngressPolicy) -> Vec<(Subject<'a>, &'a Ingress)> {
    let classes = Classes::of(view, policy);
    view.all::<Ingress>()
        .filter_map(|held| Some((held.subject, held.state.ok()?)))
        .filter(|(subject, ingress)| matches!(classes.choose(*subject, ingress), Choice::Ours))
        .collect()
}

/// Whether it is for this provider to tell, where the other one reads the same index.
pub(super) fn is_about_ingresses(finding: &Finding) -> bool {
    let kinds = [Kind::Ingress.as_str(), Kind::IngressClass.as_str()];
    let object = finding.object.as_ref();
    object.is_some_and(|object| kinds.contains(&&*object.kind))
}

struct Translation<'a> {
    cx: &'a Context<'a>,
    index: &'a Index,
    policy: &'a IngressPolicy,
    elements: &'a Elements<'a>,
    pending: BTreeMap<Identity<'a>, Pending<'a>>,
    backends: Backends<'a>,
    /// What to say of classes that nobody serves, once for each.
    nobodys: BTreeMap<String, Finding>,
    foreign: Foreign<'a>,
}

/// Annotations of other controllers, told once.
#[derive(Default)]
struct Foreign<'a> {
    first: Option<(Subject<'a>, &'a str)>,
    objects: usize,
}

/// An Ingress of ours.
struct Reading<'a> {
    subject: Subject<'a>,
    ingress: &'a Ingress,
    options: RouterOptions<'a>,
    /// The names of the elements that the options mention.
    middlewares: Vec<String>,
    /// What takes all its routers out of service.
    faults: Vec<Finding>,
    secrets: Secrets<'a>,
}

impl<'a> Translation<'a> {
    fn take(&mut self, subject: Subject<'a>, ingress: &'a Ingress, draft: &mut Draft) {
        if let Some(first) = ingress.annotations.foreign.first() {
            self.foreign.first.get_or_insert((subject, first));
            self.foreign.objects += 1;
        }
        let read = annotations::router(subject, &ingress.annotations);
        read.notes.into_iter().for_each(|note| draft.note(note));
        let mut reading = Reading {
            subject,
            ingress,
            options: read.options,
            middlewares: Vec::new(),
            faults: read.faults,
            secrets: Secrets::load(self.cx, self.index, subject, &ingress.tls, draft),
        };
        self.references(&mut reading);
        if ingress.rules.is_empty() {
            self.default_backend(&reading, draft);
        } else {
            if ingress.default_backend.is_some() {
                let message = "a default backend beside rules has no effect, as in Traefik";
                draft.note(
                    subject
                        .warning(Code::MisplacedField, "spec.defaultBackend", message)
                        .hint("give it an Ingress of its own, without rules"),
                );
            }
            self.rules(&reading, draft);
        }
    }

    /// Follows what the annotations name. What leads nowhere takes all the object's routers out of service.
    fn references(&self, reading: &mut Reading<'a>) {
        let subject = reading.subject;
        if let (Some(mention), Some(tls)) = (&reading.options.tls_options, &mut reading.options.tls) {
            match self.elements.options(self.cx, subject, mention) {
                Ok(options) => tls.options = options,
                Err(fault) => reading.faults.push(fault),
            }
        }
        for mention in &reading.options.middlewares {
            match self.elements.middleware(self.cx, subject, mention) {
                Ok(name) => reading.middlewares.push(name),
                Err(fault) => reading.faults.push(fault),
            }
        }
    }

    fn rules(&mut self, reading: &Reading<'a>, draft: &mut Draft) {
        for (position, rule) in reading.ingress.rules.iter().enumerate() {
            let field = format!("spec.rules[{position}]");
            let Some(paths) = &rule.paths else {
                let message = "the rule has no paths and has no effect";
                draft.note(reading.subject.warning(Code::InvalidRule, &field, message));
                continue;
            };
            for (position, path) in paths.iter().enumerate() {
                let field = format!("{field}.http.paths[{position}]");
                self.path(reading, &rule.host, path, field, draft);
            }
        }
    }

    fn path(
        &mut self,
        reading: &Reading<'a>,
        host: &'a str,
        path: &'a IngressPath,
        field: String,
        draft: &mut Draft,
    ) {
        let matching = Matching {
            strict: self.policy.strict_prefix_matching,
            syntax: reading.options.syntax.unwrap_or(self.policy.default_rule_syntax),
            matcher: reading.options.path_matcher,
        };
        let (placed, misfit) = match rule::build(host, path, matching) {
            Ok(placed) => (placed, None),
            Err(Misfit { why, kept }) => {
                let finding = reading.misfit(&why, &field);
                match kept {
                    Some(kept) => (kept, Some(finding)),
                    None => {
                        draft.note(finding);
                        return;
                    }
                }
            }
        };
        let asked = Asked {
            subject: reading.subject,
            field: format!("{field}.backend"),
            backend: &path.backend,
        };
        let identity = Identity {
            object: reading.subject.name,
            host,
            path: &path.path,
            exact: path.path_type == PathType::Exact,
        };
        let mut router = self.router(reading, placed, asked, identity, field, draft);
        router.faults.extend(misfit);
        router.faults.extend(reading.secrets.faults_for(host).cloned());
        if let Some(earlier) = self.pending.insert(identity, router) {
            let message = "a later path of the same object is the same and replaces this one";
            let finding = earlier
                .subject
                .warning(Code::DuplicateObject, &earlier.field, message);
            draft.note(finding);
        }
    }

    /// `spec.defaultBackend` of an Ingress without rules. There is one; Traefik takes any of several.
    fn default_backend(&mut self, reading: &Reading<'a>, draft: &mut Draft) {
        let Some(backend) = &reading.ingress.default_backend else {
            let message = "the Ingress has neither rules nor a default backend";
            draft.note(reading.subject.warning(Code::InvalidRule, "spec", message));
            return;
        };
        let field = "spec.defaultBackend".to_owned();
        let earlier = self.pending.iter().find(|(_, pending)| pending.is_default);
        if let Some((_, earlier)) = earlier {
            let message = format!(
                "there is one default backend, and Ingress `{}` has it; this one has no effect",
                earlier.subject.name
            );
            let finding = reading.subject.error(Code::DuplicateObject, &field, message);
            draft.note(finding);
            return;
        }
        let asked = Asked {
            subject: reading.subject,
            field: field.clone(),
            backend,
        };
        let identity = Identity {
            object: reading.subject.name,
            host: "",
            path: "",
            exact: false,
        };
        let placed = rule::default_backend();
        let mut router = self.router(reading, placed, asked, identity, field, draft);
        router.is_default = true;
        router.faults.extend(reading.secrets.faults_for("").cloned());
        self.pending.insert(identity, router);
    }

    fn router(
        &mut self,
        reading: &Reading<'a>,
        placed: Placed,
        asked: Asked<'a>,
        identity: Identity<'a>,
        field: String,
        draft: &mut Draft,
    ) -> Pending<'a> {
        let backend = self.backends.take(self.cx, self.elements, &asked, draft);
        let options = &reading.options;
        // The rule is written in v3, whatever the object's own values are written in.
        let other_default = self.policy.default_rule_syntax != Syntax::V3;
        Pending {
            subject: reading.subject,
            field,
            plain: identity.plain_name(),
            router: Router {
                entry_points: options.entry_points.clone(),
                middlewares: reading.middlewares.clone(),
                service: String::new(),
                rule: placed.rule.text().to_owned(),
                rule_syntax: if other_default {
                    "v3".to_owned()
                } else {
                    String::new()
                },
                priority: options
                    .priority
                    .filter(|priority| *priority != 0)
                    .or(placed.priority),
                tls: options.tls.clone(),
                observability: options.observability.clone(),
                parent_refs: Vec::new(),
            },
            faults: reading.faults.clone(),
            backend,
            is_default: false,
        }
    }

    fn finish(self, draft: &mut Draft) {
        self.nobodys.into_values().for_each(|finding| draft.note(finding));
        self.foreign.tell(draft);
        routed::finish(self.pending, self.backends, draft);
    }
}

impl Reading<'_> {
    fn misfit(&self, why: &rule::Why, field: &str) -> Finding {
        let (field, wanted) = match why {
            rule::Why::Host(_) => (
                field.split(".http").next().map(|rule| format!("{rule}.host")),
                Some("a host name in its ASCII form, or one with `*.` before it"),
            ),
            rule::Why::Path { .. } => (Some(format!("{field}.path")), None),
            rule::Why::Matcher(_) => (
                Some(crate::api::annotations::Annotations::field("router.pathmatcher")),
                Some("Path, PathPrefix or PathRegexp"),
            ),
            rule::Why::Type(_) => (
                Some(format!("{field}.pathType")),
                Some("Exact, Prefix or ImplementationSpecific"),
            ),
        };
        let field = field.unwrap_or_default();
        let finding = self.subject.error(Code::InvalidRule, &field, why.to_string());
        match wanted {
            Some(wanted) => finding.wanted(wanted),
            None => finding,
        }
    }
}

impl Foreign<'_> {
    fn tell(&self, draft: &mut Draft) {
        let Some((subject, annotation)) = self.first else {
            return;
        };
        let field = format!("metadata.annotations[{annotation}]");
        let annotation = annotation.escape_debug();
        let message = match self.objects {
            1 => format!("annotation `{annotation}` is another controller's and has no effect"),
            objects => format!(
                "{objects} Ingresses have annotations of other controllers, such as `{annotation}` here; they have no effect"
            ),
        };
        draft.note(subject.warning(Code::UnknownField, &field, message));
    }
}
