//! References between objects, and who may make them (I4).

use std::fmt;

use viaduct_config::Finding;
use viaduct_config::finding::Code;

use super::{Context, PROVIDER, ingress, near};
use crate::api::{Middleware, Name, Reference, Typed};
use crate::index::Subject;

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An object among those known here.
    Object(Name),
    /// `name@provider`, as written.
    Element(String),
}

/// The name of an element, to be written where it is referred to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Leads nowhere, or stays unused, where there is a fault.
    pub(super) name: String,
    /// Why whoever refers to it must not be served.
    pub(super) fault: Option<Box<Finding>>,
}

/// The Middleware that `field` names.
pub(super) fn middleware(
    cx: &Context<'_>,
    subject: Subject<'_>,
    field: &str,
    reference: &Reference,
) -> Named {
    let written = Written {
        subject,
        field,
        kind: "Middleware",
        name: &reference.name,
        namespace: reference.namespace.as_deref(),
    };
    written.element::<Middleware>(cx, |name| cx.names.middleware(name))
}

/// A reference as it was written in the object of `subject`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) subject: Subject<'a>,
    /// The path of the referring field.
    pub(super) field: &'a str,
    /// The kind it leads to, for messages.
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl Written<'_> {
    /// Follows the reference as far as policy allows.
    pub(super) fn resolve(&self, cx: &Context<'_>) -> Result<Target, Finding> {
        let referrer = &*self.subject.name.namespace;
        if let Some((_, provider)) = self.name.rsplit_once('@') {
            // `namespace-name@kubernetescrd` hides a namespace in a name, and so do names of the Ingress provider.
            if [PROVIDER, ingress::PROVIDER].contains(&provider) && !cx.policy.allow_cross_namespace {
                return Err(self
                    .forbidden(format_args!("`{}` may lead to another namespace", self.name))
                    .hint(format!("name the object itself, without `@{provider}`")));
            }
            if provider != PROVIDER && !cx.policy.allows_providers(referrer) {
                return Err(self.forbidden(format_args!(
                    "`{}` belongs to another provider, which namespace `{referrer}` may not refer to",
                    self.name
                )));
            }
            return Ok(Target::Element(self.name.to_owned()));
        }
        let namespace = self
            .namespace
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or(referrer);
        if !cx.policy.allows_namespace(referrer, namespace) {
            return Err(self
                .forbidden(format_args!(
                    "{} `{namespace}/{}` is in another namespace than `{referrer}`",
                    self.kind, self.name
                ))
                .wanted(format!("an object of namespace `{referrer}`"))
                .got(format!("{namespace}/{}", self.name)));
        }
        Ok(Target::Object(Name::new(namespace, self.name)))
    }

    /// The element that the reference means; `name_of` names an object's. The name is never left out,
    /// so that nobody is served without what it names.
    pub(super) fn element<T: Typed>(&self, cx: &Context<'_>, name_of: impl Fn(&Name) -> String) -> Named {
        match self.resolve(cx) {
            Ok(Target::Element(name)) => Named { name, fault: None },
            Ok(Target::Object(target)) => Named {
                name: name_of(&target),
                fault: (!cx.view.has::<T>(&target))
                    .then(|| Box::new(near::hint::<T>(cx, self.missing(&target), &target))),
            },
            Err(forbidden) => Named {
                name: self.name.to_owned(),
                fault: Some(Box::new(forbidden)),
            },
        }
    }

    /// What to say when there is no such object.
    pub(super) fn missing(&self, target: &Name) -> Finding {
        let message = format!("{} `{target}` does not exist", self.kind);
        self.subject.error(Code::MissingReference, self.field, message)
    }

    fn forbidden(&self, message: fmt::Arguments<'_>) -> Finding {
        self.subject
            .error(Code::ForbiddenReference, self.field, message.to_string())
    }
}
