//! Where an edit goes: a Kubernetes object or an entry of the file format, there already or to be made.

use viaduct_config::ObjectRef;

use super::{Change, Material, yaml_scalar};
use crate::compile::DEFAULT_TRANSPORT;
use crate::{Router, Transport};

pub(super) struct Place<'a> {
    transport: TransportPlace<'a>,
    router: String,
    /// What `rootCAs` is made of, such as `Secret web/backend-ca`.
    root_cas: String,
    is_ingress: bool,
    is_of_object: bool,
    /// The same as objects.
    held: &'a [ObjectRef],
}

enum TransportPlace<'a> {
    /// A Kubernetes ServersTransport.
    Object { namespace: &'a str, name: &'a str },
    /// `serversTransports.<name>` of the file format.
    Named(&'a str),
    /// None yet, in Kubernetes.
    NewObject { namespace: &'a str },
    /// None yet, in the file format.
    NewNamed,
}

impl<'a> Place<'a> {
    pub(super) fn of(transport: &'a Transport, router: &'a Router) -> Self {
        Self::at(transport, router.origin.as_ref(), &router.name)
    }

    /// At a router of this name, from this object.
    pub(super) fn at(transport: &'a Transport, object: Option<&'a ObjectRef>, router: &str) -> Self {
        Self {
            is_ingress: object.is_some_and(|object| &*object.kind == "Ingress"),
            is_of_object: object.is_some(),
            transport: match (&transport.origin, &*transport.name) {
                (Some(object), _) => TransportPlace::Object {
                    namespace: &object.namespace,
                    name: &object.name,
                },
                (None, DEFAULT_TRANSPORT) => match object {
                    Some(object) => TransportPlace::NewObject {
                        namespace: &object.namespace,
                    },
                    None => TransportPlace::NewNamed,
                },
                (None, name) => TransportPlace::Named(name.rsplit_once('@').map_or(name, |(name, _)| name)),
            },
            root_cas: transport
                .root_cas
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            held: &transport.root_cas,
            router: object.map_or_else(|| format!("router `{router}`"), ToString::to_string),
        }
    }

    pub(super) fn router(&self) -> &str {
        &self.router
    }

    /// Whether there is no transport yet that an edit could be made to.
    pub(super) fn is_default(&self) -> bool {
        match self.transport {
            TransportPlace::NewObject { .. } | TransportPlace::NewNamed => true,
            TransportPlace::Object { .. } | TransportPlace::Named(_) => false,
        }
    }

    /// How a service in plain text comes to speak TLS.
    pub(super) fn speak_tls(&self, service: &str) -> String {
        let router = &self.router;
        if self.is_ingress {
            format!(
                "annotate the Service of {router} with `traefik.ingress.kubernetes.io/service.serversscheme: https`"
            )
        } else if self.is_of_object {
            format!("set `scheme: https` at the service of {router}")
        } else {
            format!("write the servers' URLs of service `{service}` with `https://`")
        }
    }

    /// How the default transport comes to trust the servers.
    pub(super) fn trust(&self) -> String {
        self.instruction(&Change::Add(
            Material::RootCas,
            "the CA of the servers".to_owned(),
        ))
    }

    /// How a transport comes to verify.
    pub(super) fn verify(&self) -> String {
        match self.transport {
            TransportPlace::Object { namespace, name } => format!(
                "remove `insecureSkipVerify` from ServersTransport {namespace}/{name}, which needs the CA of the servers in `rootCAs` then"
            ),
            TransportPlace::Named(name) => format!(
                "remove `insecureSkipVerify` from serversTransport `{name}`, which needs the CA of the servers in `rootCAs` then"
            ),
            // It comes from the install configuration, and is everybody's.
            TransportPlace::NewObject { .. } | TransportPlace::NewNamed => self.trust(),
        }
    }

    /// One line.
    pub(super) fn instruction(&self, change: &Change) -> String {
        let (there, new) = match self.transport {
            TransportPlace::Object { namespace, name } => {
                (format!("ServersTransport {namespace}/{name}"), false)
            }
            TransportPlace::Named(name) => (format!("serversTransport `{name}`"), false),
            TransportPlace::NewObject { namespace } => {
                (format!("ServersTransport in namespace {namespace}"), true)
            }
            TransportPlace::NewNamed => ("serversTransport".to_owned(), true),
        };
        if new {
            let content = match change {
                Change::Set(field, value) => format!("`{field}: {value}`"),
                Change::Add(material, what) => format!("{what} in `{}`", self.field(*material)),
                Change::Replace(material) => format!("another `{}`", self.field(*material)),
                Change::Exchange(material, name) => {
                    format!(
                        "the certificate of `{name}` that is in use now in `{}`",
                        self.field(*material)
                    )
                }
                Change::Remove(field, _) => format!("no `{field}`"),
                Change::Choose(field, what) => format!("{what} as `{field}`"),
            };
            return format!(
                "create a {there} with {content} and name it as `serversTransport` at the service of {}",
                self.router
            );
        }
        match change {
            Change::Set(field, value) => format!("set `{field}: {value}` in {there}"),
            Change::Add(material @ Material::RootCas, what) if !self.root_cas.is_empty() => format!(
                "add {what} to `{}` in {there}, or to {}, which it has now",
                self.field(*material),
                self.root_cas
            ),
            Change::Add(material, what) => format!("add {what} to `{}` in {there}", self.field(*material)),
            Change::Exchange(material, name) => {
                let held = if self.root_cas.is_empty() {
                    format!("`{}` in {there}", self.field(*material))
                } else {
                    format!("{} (`{}` in {there})", self.root_cas, self.field(*material))
                };
                format!(
                    "the CA `{name}` in {held} has the same name and another key: replace it by the one that issues the server's certificate now, or keep both"
                )
            }
            Change::Replace(material) => format!(
                "replace the certificate in `{}` of {there}: the server refused it",
                self.field(*material)
            ),
            Change::Remove(field, instead) => format!("remove `{field}` from {there}, or {instead}"),
            Change::Choose(field, what) => format!("set `{field}` in {there} to {what}"),
        }
    }

    /// `None`: only people know what to write.
    pub(super) fn yaml(&self, change: &Change) -> Option<String> {
        let (head, indent) = match self.transport {
            TransportPlace::Object { namespace, name } => (object(namespace, name), "  "),
            TransportPlace::NewObject { namespace } => (object(namespace, NEW_NAME), "  "),
            TransportPlace::Named(name) => (named(name), "      "),
            TransportPlace::NewNamed => (named(NEW_NAME), "      "),
        };
        Some(format!("{head}{}", self.lines(change, indent)?))
    }

    fn lines(&self, change: &Change, indent: &str) -> Option<String> {
        Some(match change {
            Change::Set(field, value) => format!("{indent}{field}: {value}\n"),
            Change::Add(material, what) => self.material(*material, what, indent),
            Change::Exchange(material, name) => {
                let what = format!("the certificate of `{name}` that issues the server's now");
                self.material(*material, &what, indent)
            }
            Change::Replace(material) => {
                self.material(*material, "a client certificate that the server accepts", indent)
            }
            Change::Remove(field, _) => format!("{indent}{field}: null\n"),
            Change::Choose(..) => return None,
        })
    }

    /// The field with what is to be added; `what` it has to be stands beside it.
    fn material(&self, material: Material, what: &str, indent: &str) -> String {
        let field = self.field(material);
        let name = self.name();
        match (material, self.is_kubernetes()) {
            (Material::RootCas, true) => {
                let held: String = self
                    .held
                    .iter()
                    .map(|object| format!("{indent}- {}\n", held_in(object)))
                    .collect();
                let mut new = format!("{name}-ca");
                while self.held.iter().any(|object| *object.name == new) {
                    new.push_str("-2");
                }
                let new = yaml_scalar(&new);
                format!(
                    "{indent}# Secret {new}, under `ca.crt`: {what}\n{indent}{field}:\n{held}{indent}- secret: {new}\n"
                )
            }
            (Material::ClientCertificates, true) => {
                let new = yaml_scalar(&format!("{name}-client"));
                format!(
                    "{indent}# Secret {new}, of type kubernetes.io/tls: {what}\n{indent}{field}:\n{indent}- {new}\n"
                )
            }
            (Material::RootCas, false) => format!(
                "{indent}# {what}; keep what is listed now\n{indent}{field}:\n{indent}- {}\n",
                yaml_scalar(&format!("{name}-ca.pem"))
            ),
            (Material::ClientCertificates, false) => format!(
                "{indent}# {what}\n{indent}{field}:\n{indent}- certFile: {}\n{indent}  keyFile: {}\n",
                yaml_scalar(&format!("{name}-client.crt")),
                yaml_scalar(&format!("{name}-client.key"))
            ),
        }
    }

    /// Of the transport.
    fn name(&self) -> &str {
        match self.transport {
            TransportPlace::Object { name, .. } | TransportPlace::Named(name) => name,
            TransportPlace::NewObject { .. } | TransportPlace::NewNamed => NEW_NAME,
        }
    }

    fn field(&self, material: Material) -> &'static str {
        match (material, self.is_kubernetes()) {
            (Material::RootCas, _) => "rootCAs",
            (Material::ClientCertificates, true) => "certificatesSecrets",
            (Material::ClientCertificates, false) => "certificates",
        }
    }

    fn is_kubernetes(&self) -> bool {
        match self.transport {
            TransportPlace::Object { .. } | TransportPlace::NewObject { .. } => true,
            TransportPlace::Named(_) | TransportPlace::NewNamed => false,
        }
    }
}

fn object(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n",
        yaml_scalar(name),
        yaml_scalar(namespace),
    )
}

fn named(name: &str) -> String {
    format!("http:\n  serversTransports:\n    {}:\n", yaml_scalar(name))
}

/// An item of `rootCAs`.
fn held_in(object: &ObjectRef) -> String {
    let kind = if &*object.kind == "ConfigMap" {
        "configMap"
    } else {
        "secret"
    };
    format!("{kind}: {}", yaml_scalar(&object.name))
}

/// Of a transport to be made.
pub(super) const NEW_NAME: &str = "backend-tls";
