//! Servers transports, in whatever form they are written: whom each trusts, what it shows, which name it expects.

use viaduct_config::document::Node;

use super::backends::Backend;
use super::objects::{Object, Objects, in_any_case, items, list, named, text, text_in_any_case};
use crate::place::Field;
use crate::serve::Served;

#[derive(Debug)]
pub(super) struct Transport<'a> {
    pub(super) of: Of<'a>,
    pub(super) subject: String,
    pub(super) file: usize,
    /// What `path` is in: the object, or the document of the file provider.
    pub(super) root: &'a Node,
    /// Of the mapping that names CAs.
    pub(super) path: String,
    /// In front of fields, in messages.
    prefix: String,
    pub(super) cas: Vec<Trusted<'a>>,
    pub(super) shown: Vec<Shown<'a>>,
    pub(super) server_name: Option<&'a Node>,
    pub(super) skips: bool,
}

/// What tells it from others.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    Object(Object<'a>),
    /// Of the file provider.
    File {
        tcp: bool,
        name: &'a str,
    },
}

/// A CA.
#[derive(Debug)]
pub(super) struct Trusted<'a> {
    pub(super) field: String,
    pub(super) mark: &'a Node,
    /// "`ca.crt` of Secret `x`".
    pub(super) what: String,
    pub(super) pem: Vec<u8>,
    /// Under the key for CAs, which translation believes.
    pub(super) is_under_ca_key: bool,
    pub(super) secret: Option<Object<'a>>,
}

impl<'a> Trusted<'a> {
    /// Those of a list in a file of the file provider: paths or texts at `marks`, each beside what was read of it.
    pub(super) fn of_file(list: &str, marks: Option<&'a Node>, pems: &[String]) -> Vec<Self> {
        let name = list.rsplit('.').next().unwrap_or(list);
        let marks = items(marks).iter().enumerate().zip(pems);
        let trusted = marks.map(|((index, mark), pem)| Self {
            field: format!("{list}[{index}]"),
            mark,
            what: match mark.as_str().filter(|written| !written.contains("-----")) {
                Some(path) => format!("`{path}`"),
                None => format!("`{name}[{index}]`"),
            },
            pem: pem.as_bytes().to_vec(),
            is_under_ca_key: true,
            secret: None,
        });
        trusted.collect()
    }
}

/// A client certificate.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) field: String,
    pub(super) mark: &'a Node,
    pub(super) what: String,
    pub(super) pem: Vec<u8>,
    /// The Secret's name.
    pub(super) secret: Option<&'a str>,
}

impl Transport<'_> {
    pub(super) fn field(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) const fn is_tcp(&self) -> bool {
        match self.of {
            Of::Object(object) => matches!(object.kind.as_bytes(), b"ServersTransportTCP"),
            Of::File { tcp, .. } => tcp,
        }
    }

    /// Whether a backend names it.
    pub(super) fn is_of(&self, backend: &Backend<'_>) -> bool {
        let Some(written) = backend
            .transport
            .filter(|_| backend.form.is_tcp() == self.is_tcp())
        else {
            return false;
        };
        let (name, provider) = match written.split_once('@') {
            Some((name, provider)) => (name, Some(provider)),
            None => (written, None),
        };
        match (self.of, provider) {
            // Annotations have the provider's names.
            (Of::Object(object), Some("kubernetescrd")) => {
                name == format!("{}-{}", object.namespace, object.name)
            }
            (Of::Object(object), None) => {
                !backend.form.is_file() && object.namespace == backend.namespace && object.name == name
            }
            (Of::File { name: own, .. }, Some("file")) => own == name,
            (Of::File { name: own, .. }, None) => backend.form.is_file() && own == name,
            (Of::Object(_) | Of::File { .. }, Some(_)) => false,
        }
    }
}

pub(super) fn find<'a>(objects: &Objects<'a>, served: &Served) -> Vec<Transport<'a>> {
    let mut found = Vec::new();
    for (kind, path) in [("ServersTransport", "spec"), ("ServersTransportTCP", "spec.tls")] {
        for object in objects.of_kind(kind) {
            found.extend(of_object(objects, object, path));
        }
    }
    for (section, tcp) in [("http", false), ("tcp", true)] {
        for (file, root) in objects.documents() {
            for (name, node) in named(root, section, "serversTransports") {
                let node = if tcp {
                    node.get_in_any_case("tls")
                } else {
                    Some(node)
                };
                found.extend(node.map(|node| of_file(served, file, root, Of::File { tcp, name }, node)));
            }
        }
    }
    found
}

fn of_object<'a>(objects: &Objects<'a>, object: Object<'a>, path: &str) -> Option<Transport<'a>> {
    let node = Field::at(object.root, path)?.value;
    Some(Transport {
        of: Of::Object(object),
        subject: object.subject(),
        file: object.file,
        root: object.root,
        path: path.to_owned(),
        prefix: format!("{path}."),
        cas: cas(objects, object, node, path),
        shown: shown(objects, object, node, path),
        server_name: node
            .get("serverName")
            .filter(|name| name.as_str().is_some_and(|name| !name.is_empty())),
        skips: node.get("insecureSkipVerify").is_some(),
    })
}

fn cas<'a>(objects: &Objects<'a>, object: Object<'a>, node: &'a Node, path: &str) -> Vec<Trusted<'a>> {
    let of_list = list(node, "rootCAsSecrets").iter().enumerate();
    let of_list =
        of_list.map(|(index, item)| (format!("{path}.rootCAsSecrets[{index}]"), "Secret", Some(item)));
    let roots = list(node, "rootCAs").iter().enumerate();
    let roots = roots.map(|(index, item)| match item.get("secret") {
        Some(secret) => (format!("{path}.rootCAs[{index}].secret"), "Secret", Some(secret)),
        None => (
            format!("{path}.rootCAs[{index}].configMap"),
            "ConfigMap",
            item.get("configMap"),
        ),
    });
    of_list
        .chain(roots)
        .filter_map(|(field, kind, mark)| {
            let mark = mark?;
            let holder = objects.get(kind, object.namespace, mark.as_str()?)?;
            let (key, pem) = if kind == "Secret" {
                holder.ca()
            } else {
                holder.map_ca()
            }?;
            Some(Trusted {
                field,
                mark,
                what: format!("`{key}` of {kind} `{}`", holder.name),
                pem,
                is_under_ca_key: key != "tls.crt",
                secret: Some(holder).filter(|_| kind == "Secret"),
            })
        })
        .collect()
}

fn shown<'a>(objects: &Objects<'a>, object: Object<'a>, node: &'a Node, path: &str) -> Vec<Shown<'a>> {
    let items = list(node, "certificatesSecrets").iter().enumerate();
    items
        .filter_map(|(index, mark)| {
            let name = mark.as_str()?;
            let secret = objects.get("Secret", object.namespace, name)?;
            Some(Shown {
                field: format!("{path}.certificatesSecrets[{index}]"),
                mark,
                what: format!("the client certificate in Secret `{name}`"),
                pem: secret.value("tls.crt")?,
                secret: Some(name),
            })
        })
        .collect()
}

/// PEM files have been read by the provider, in the order in which they are written.
fn of_file<'a>(served: &Served, file: usize, root: &'a Node, of: Of<'a>, node: &'a Node) -> Transport<'a> {
    let (tcp, name) = match of {
        Of::File { tcp, name } => (tcp, name),
        Of::Object(object) => (false, object.name),
    };
    let dynamic = served
        .updates
        .iter()
        .find(|update| update.provider.as_str() == "file")
        .map(|update| &update.dynamic);
    let (roots, pairs) = match (dynamic, tcp) {
        (None, _) => (None, None),
        (Some(dynamic), false) => {
            let read = dynamic.http.servers_transports.get(name);
            (
                read.and_then(|read| read.root_cas.as_ref()),
                read.map(|read| &read.certificates),
            )
        }
        (Some(dynamic), true) => {
            let read = dynamic
                .tcp
                .servers_transports
                .get(name)
                .and_then(|read| read.tls.as_ref());
            (
                read.and_then(|read| read.root_cas.as_ref()),
                read.map(|read| &read.certificates),
            )
        }
    };
    let marks = in_any_case(node, &["rootCAs"]);
    let cas = Trusted::of_file("rootCAs", marks, roots.map_or(&[], Vec::as_slice));
    let marks = items(in_any_case(node, &["certificates"])).iter().enumerate();
    let shown = marks
        .zip(pairs.into_iter().flatten())
        .map(|((index, mark), pair)| Shown {
            field: format!("certificates[{index}]"),
            mark: mark.get_in_any_case("certFile").unwrap_or(mark),
            what: format!("client certificate {}", index + 1),
            pem: pair.cert_file.as_bytes().to_vec(),
            secret: None,
        });
    let (section, noun) = if tcp {
        ("tcp", "TCP servers transport")
    } else {
        ("http", "servers transport")
    };
    let end = if tcp { ".tls" } else { "" };
    Transport {
        of,
        subject: format!("{noun} `{name}`"),
        file,
        root,
        path: format!("{section}.serversTransports.{name}{end}"),
        prefix: String::new(),
        cas,
        shown: shown.collect(),
        server_name: in_any_case(node, &["serverName"])
            .filter(|_| text_in_any_case(node, "serverName").is_some_and(|name| !name.is_empty())),
        skips: in_any_case(node, &["insecureSkipVerify"]).is_some(),
    }
}

/// Whether an object of this form names a Secret as its CA.
pub(super) fn names_secret(transport: &Transport<'_>, secret: &str) -> bool {
    let Of::Object(object) = transport.of else {
        return false;
    };
    let Some(node) = Field::at(object.root, &transport.path) else {
        return false;
    };
    let of_list = list(node.value, "rootCAsSecrets")
        .iter()
        .any(|item| item.as_str() == Some(secret));
    of_list
        || list(node.value, "rootCAs")
            .iter()
            .any(|item| text(item, "secret") == Some(secret))
}
