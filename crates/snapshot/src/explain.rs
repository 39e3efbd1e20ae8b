//! Turns a fault into the edit that mends it: the smallest YAML, in Traefik's words.

use viaduct_tls::{Fault, Remedy};

use crate::compile::DEFAULT_TRANSPORT;
use crate::{Router, Transport};

/// The hint of a log line, such as
/// ``set `serverName: other.example.com` in ServersTransport web/web-transport``. One line.
pub fn hint(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    let place = Place::of(transport, router);
    Some(match Edit::of(fault.remedy.as_ref()?) {
        Edit::Transport(fields) => {
            let inline = fields
                .iter()
                .map(|field| format!("`{}`", field.inline()))
                .collect::<Vec<_>>();
            let note = fields.iter().find_map(|field| field.note.as_deref());
            let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
            format!("{}{note}", place.instruction(&inline.join(" and ")))
        }
        Edit::Scheme(scheme) => format!("set `scheme: {scheme}` at the service of {}", place.router),
        Edit::Elsewhere(advice) => advice,
    })
}

/// The same edit as YAML to paste; `None` where no configuration of ours mends the fault.
pub fn suggestion(fault: &Fault, transport: &Transport, router: &Router) -> Option<String> {
    let place = Place::of(transport, router);
    match Edit::of(fault.remedy.as_ref()?) {
        Edit::Transport(fields) => Some(place.yaml(&fields)),
        Edit::Scheme(scheme) => Some(format!("# service of {}\nscheme: {scheme}\n", place.router)),
        Edit::Elsewhere(_) => None,
    }
}

/// What a [`Remedy`] comes to in configuration.
enum Edit {
    /// Fields of the servers transport.
    Transport(Vec<Field>),
    /// The scheme of the server URL, or of the Kubernetes service reference.
    Scheme(&'static str),
    /// Nothing of ours.
    Elsewhere(String),
}

impl Edit {
    fn of(remedy: &Remedy) -> Self {
        match remedy {
            Remedy::SetServerName(name) => Self::Transport(vec![Field::scalar("serverName", name)]),
            Remedy::TrustIssuer { issuer, self_signed } => {
                let note = if *self_signed {
                    "holding the server's own certificate, which is self-signed".to_owned()
                } else {
                    format!("holding the CA `{}`", one_line(issuer))
                };
                Self::Transport(vec![Field::secrets("rootCAs", note)])
            }
            Remedy::OfferClientCertificate { issuers } => {
                let mut shown: Vec<_> = issuers
                    .iter()
                    .take(MAX_ISSUERS)
                    .map(|issuer| format!("`{}`", one_line(issuer)))
                    .collect();
                if issuers.len() > MAX_ISSUERS {
                    shown.push("others".to_owned());
                }
                let note = if shown.is_empty() {
                    "a client certificate that the server accepts".to_owned()
                } else {
                    format!("a client certificate issued by {}", shown.join(" or "))
                };
                Self::Transport(vec![Field::secrets("certificates", note)])
            }
            Remedy::ReplaceClientCertificate => Self::Transport(vec![Field::secrets(
                "certificates",
                "the server refused the client certificate that is there".to_owned(),
            )]),
            Remedy::AllowVersion(version) => Self::Transport(vec![
                Field::scalar("minVersion", version),
                Field::scalar("maxVersion", "VersionTLS13"),
            ]),
            Remedy::RemovePeerUri => Self::Transport(vec![Field {
                name: "peerCertURI",
                value: Value::Absent,
                note: Some("or set it to a URI of the certificate".to_owned()),
            }]),
            Remedy::UseScheme(scheme) => Self::Scheme(scheme),
            Remedy::RenewPeerCertificate => Self::Elsewhere("renew the server's certificate".to_owned()),
            Remedy::FixClock => Self::Elsewhere(
                "set this machine's clock, or the clock that the certificate was issued by".to_owned(),
            ),
        }
    }
}

struct Field {
    name: &'static str,
    value: Value,
    note: Option<String>,
}

enum Value {
    Scalar(String),
    /// A reference to a Secret in Kubernetes, a file elsewhere.
    Material,
    Absent,
}

impl Field {
    fn scalar(name: &'static str, value: &str) -> Self {
        Self {
            name,
            value: Value::Scalar(yaml_scalar(value)),
            note: None,
        }
    }

    fn secrets(name: &'static str, note: String) -> Self {
        Self {
            name,
            value: Value::Material,
            note: Some(note),
        }
    }

    fn inline(&self) -> String {
        match &self.value {
            Value::Scalar(value) => format!("{}: {value}", self.name),
            Value::Material => self.name.to_owned(),
            Value::Absent => format!("no {}", self.name),
        }
    }

    fn yaml(&self, kubernetes: bool, indent: &str) -> String {
        let note = self
            .note
            .as_deref()
            .map(|note| format!("{indent}# {note}\n"))
            .unwrap_or_default();
        let lines = match (&self.value, self.name, kubernetes) {
            (Value::Scalar(value), name, _) => format!("{indent}{name}: {value}\n"),
            (Value::Absent, name, _) => format!("{indent}# remove {name}\n"),
            (Value::Material, "certificates", true) => {
                format!("{indent}certificatesSecrets:\n{indent}- NAME-OF-TLS-SECRET\n")
            }
            (Value::Material, name, true) => format!("{indent}{name}:\n{indent}- secret: NAME-OF-SECRET\n"),
            (Value::Material, "certificates", false) => {
                format!("{indent}certificates:\n{indent}- certFile: FILE.crt\n{indent}  keyFile: FILE.key\n")
            }
            (Value::Material, name, false) => format!("{indent}{name}:\n{indent}- FILE.pem\n"),
        };
        format!("{note}{lines}")
    }
}

/// Where the edit goes.
struct Place<'a> {
    transport: TransportPlace<'a>,
    router: String,
}

enum TransportPlace<'a> {
    /// A Kubernetes ServersTransport: namespace, name.
    Object(&'a str, &'a str),
    /// `serversTransports.<name>` of the file format.
    Named(&'a str),
    /// None yet, in Kubernetes: the namespace of the router.
    NewObject(&'a str),
    /// None yet, in the file format.
    NewNamed,
}

impl<'a> Place<'a> {
    fn of(transport: &'a Transport, router: &'a Router) -> Self {
        let kubernetes = router.origin.as_ref();
        Self {
            transport: match (&transport.origin, &*transport.name) {
                (Some(object), _) => TransportPlace::Object(&object.namespace, &object.name),
                (None, DEFAULT_TRANSPORT) => match kubernetes {
                    Some(object) => TransportPlace::NewObject(&object.namespace),
                    None => TransportPlace::NewNamed,
                },
                (None, name) => TransportPlace::Named(name.rsplit_once('@').map_or(name, |(name, _)| name)),
            },
            router: kubernetes.map_or_else(|| format!("router `{}`", router.name), ToString::to_string),
        }
    }

    fn instruction(&self, fields: &str) -> String {
        let router = &self.router;
        match self.transport {
            TransportPlace::Object(namespace, name) => {
                format!("set {fields} in ServersTransport {namespace}/{name}")
            }
            TransportPlace::Named(name) => format!("set {fields} in serversTransport `{name}`"),
            TransportPlace::NewObject(namespace) => format!(
                "create a ServersTransport in namespace {namespace} with {fields} and name it as `serversTransport` at the service of {router}"
            ),
            TransportPlace::NewNamed => format!(
                "create a serversTransport with {fields} and name it as `serversTransport` at the service of {router}"
            ),
        }
    }

    fn yaml(&self, fields: &[Field]) -> String {
        let body = |kubernetes, indent| {
            fields
                .iter()
                .map(|field| field.yaml(kubernetes, indent))
                .collect::<String>()
        };
        let router = &self.router;
        match self.transport {
            TransportPlace::Object(namespace, name) => object(namespace, name, &body(true, "  ")),
            TransportPlace::NewObject(namespace) => format!(
                "{}# and at the service of {router}:\n# serversTransport: {NEW_NAME}\n",
                object(namespace, NEW_NAME, &body(true, "  "))
            ),
            TransportPlace::Named(name) => named(name, &body(false, "      ")),
            TransportPlace::NewNamed => format!(
                "{}# and at the service of {router}:\n# serversTransport: {NEW_NAME}\n",
                named(NEW_NAME, &body(false, "      "))
            ),
        }
    }
}

fn object(namespace: &str, name: &str, spec: &str) -> String {
    let (namespace, name) = (yaml_scalar(namespace), yaml_scalar(name));
    format!(
        "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n{spec}"
    )
}

fn named(name: &str, body: &str) -> String {
    format!("http:\n  serversTransports:\n    {}:\n{body}", yaml_scalar(name))
}

/// A plain YAML scalar where that is safe, a quoted one elsewhere: names come from certificates, which
/// the peer wrote.
fn yaml_scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain {
        return text.to_owned();
    }
    format!("'{}'", one_line(text).replace('\'', "''"))
}

/// Without control characters, and not endless.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

const NEW_NAME: &str = "backend-tls";
const MAX_ISSUERS: usize = 3;
const MAX_SHOWN: usize = 256;

#[cfg(test)]
mod tests;
