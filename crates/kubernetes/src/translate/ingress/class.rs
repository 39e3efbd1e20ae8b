//! Which Ingresses are ours.

use std::collections::BTreeMap;

use viaduct_config::Finding;
use viaduct_config::finding::Code;

use crate::api::annotations::CLASS;
use crate::api::{Ingress, IngressClass};
use crate::index::{Subject, View};
use crate::policy::IngressPolicy;

/// The controller that an IngressClass names for Traefik, and for us.
const CONTROLLER: &str = "traefik.io/ingress-controller";

/// The class that is ours where none is configured.
const TRAEFIK: &str = "traefik";

pub(super) struct Classes<'a> {
    policy: &'a IngressPolicy,
    /// The controller of each class.
    controllers: BTreeMap<&'a str, &'a str>,
}

pub(super) enum Choice {
    Ours,
    /// Somebody else's.
    Others,
    /// Nobody's, which somebody may wonder about: the class, and what to say of it.
    Nobodys(String, Box<Finding>),
}

impl<'a> Classes<'a> {
    pub(super) fn of(view: &View<'a>, policy: &'a IngressPolicy) -> Self {
        let lookup = !policy.disable_ingress_class_lookup;
        let classes = view.all::<IngressClass>().filter(|_| lookup);
        Self {
            policy,
            controllers: classes
                .filter_map(|held| Some((&*held.subject.name.name, held.state.ok()?.controller.as_str())))
                .collect(),
        }
    }

    /// `spec.ingressClassName` counts before the annotation.
    pub(super) fn choose(&self, subject: Subject<'_>, ingress: &Ingress) -> Choice {
        let class = ingress.class_name.as_deref().filter(|class| !class.is_empty());
        let Some(class) = class else {
            let class = ingress.annotations.class.as_deref().unwrap_or_default();
            return match self.configured() {
                None if class.is_empty() || class == TRAEFIK => Choice::Ours,
                Some(wanted) if class == wanted => Choice::Ours,
                None | Some(_) => Choice::Others,
            };
        };
        match self.controllers.get(class) {
            Some(&CONTROLLER) if self.configured().is_none_or(|wanted| wanted == class) => Choice::Ours,
            Some(_) => Choice::Others,
            None if self.policy.assume_ingress_class && class == self.configured().unwrap_or(TRAEFIK) => {
                Choice::Ours
            }
            None => Choice::Nobodys(class.to_owned(), Box::new(self.nobodys(subject, class))),
        }
    }

    fn configured(&self) -> Option<&str> {
        let class = self.policy.common.ingress_class.as_deref();
        class.filter(|class| !class.is_empty())
    }

    fn nobodys(&self, subject: Subject<'_>, class: &str) -> Finding {
        let class = class.escape_debug();
        let (code, message, hint) = if self.policy.disable_ingress_class_lookup {
            let message =
                format!("IngressClasses are not looked up, so Ingresses of class `{class}` are not served");
            let hint = format!("name the class with the annotation `{CLASS}`");
            (Code::Unsupported, message, hint)
        } else {
            let message =
                format!("IngressClass `{class}` does not exist, so Ingresses of this class are not served");
            let hint = format!("create it with `spec.controller: {CONTROLLER}`");
            (Code::MissingReference, message, hint)
        };
        subject.warning(code, "spec.ingressClassName", message).hint(hint)
    }
}
