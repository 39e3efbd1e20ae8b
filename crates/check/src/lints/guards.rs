//! TLS options that demand certificates of clients.

use viaduct_config::document::{Node, Value};

use super::backends::{Router, annotation};
use super::objects::{Object, Objects, in_any_case, items, list, named, text, text_in_any_case};
use super::trusts::Trusted;
use crate::place::Field;
use crate::serve::Served;
use crate::source::Is;

/// TLS options with `clientAuth`, and who asks for them.
pub(super) struct Guard<'a> {
    /// What they are called: TLSOption `web/x`.
    pub(super) label: String,
    pub(super) object: Option<Object<'a>>,
    /// Where they are asked for.
    pub(super) file: usize,
    pub(super) node: &'a Node,
    /// `None`: in lines that stand on their own.
    pub(super) router: Option<Router<'a>>,
    /// The first CA, as it is written: a Secret's name, or a path.
    pub(super) ca: &'a str,
    /// There is no other one.
    pub(super) is_only_ca: bool,
    /// Its Secret.
    pub(super) secret: Option<Object<'a>>,
    /// What it verifies with, as far as that is there.
    pub(super) pem: Option<Vec<u8>>,
}

impl<'a> Guard<'a> {
    pub(super) fn of(objects: &Objects<'a>, served: &Served, router: &Router<'a>) -> Option<Self> {
        let node = router.options?;
        let (name, namespace) = router.named_options()?;
        let guard = match (name.split_once('@'), namespace) {
            (Some((name, "file")), _) => return Self::of_file(objects, served, router, name),
            (Some((name, "kubernetescrd")), _) => objects
                .of_kind("TLSOption")
                .find(|option| format!("{}-{}", option.namespace, option.name) == name),
            (None, "") => return Self::of_file(objects, served, router, name),
            (None, namespace) => objects.get("TLSOption", namespace, name),
            (Some(_), _) => None,
        };
        Self::of_option(objects, guard?, router.file, node, Some(router.clone()))
    }

    /// Lines pasted beside an object were meant for it.
    pub(super) fn of_fragment(objects: &Objects<'a>, router: &Router<'a>) -> Option<Self> {
        objects
            .sources
            .files
            .iter()
            .enumerate()
            .find_map(|(index, file)| {
                let mut parts = file.parts.iter().filter(|part| part.is == Is::Fragment);
                parts.find_map(|part| {
                    let options = Field::at(&part.root, "tls.options")?.value;
                    let router = Router {
                        options: Some(options),
                        ..router.clone()
                    };
                    let (name, namespace) = router.named_options()?;
                    let option = objects.get("TLSOption", namespace, name)?;
                    Self::of_option(objects, option, index, options, None)
                })
            })
    }

    fn of_option(
        objects: &Objects<'a>,
        option: Object<'a>,
        file: usize,
        node: &'a Node,
        router: Option<Router<'a>>,
    ) -> Option<Self> {
        let auth = Field::at(option.root, "spec.clientAuth")?.value;
        if !demands(text(auth, "clientAuthType")) {
            return None;
        }
        let cas = list(auth, "secretNames");
        let ca = cas.first()?.as_str()?;
        let secret = objects.get("Secret", option.namespace, ca);
        Some(Self {
            label: format!("TLSOption `{}/{}`", option.namespace, option.name),
            object: Some(option),
            file,
            node,
            router,
            ca,
            is_only_ca: cas.len() == 1,
            secret,
            pem: secret.and_then(|secret| Some(secret.ca()?.1)),
        })
    }

    fn of_file(objects: &Objects<'a>, served: &Served, router: &Router<'a>, name: &str) -> Option<Self> {
        let mut all = objects
            .documents()
            .flat_map(|(_, root)| named(root, "tls", "options"));
        let (_, options) = all.find(|(known, _)| *known == name)?;
        let auth = in_any_case(options, &["clientAuth"])?;
        if !demands(text_in_any_case(auth, "clientAuthType")) {
            return None;
        }
        let cas = items(in_any_case(auth, &["caFiles"]));
        let ca = cas.first()?.as_str()?;
        let read = served
            .updates
            .iter()
            .find(|update| update.provider.as_str() == "file");
        let read = read.and_then(|update| update.dynamic.tls.options.get(name)?.client_auth.as_ref());
        Some(Self {
            label: format!("TLS options `{name}`"),
            object: None,
            file: router.file,
            node: router.options?,
            router: Some(router.clone()),
            ca,
            is_only_ca: cas.len() == 1,
            secret: None,
            pem: read.and_then(|auth| Some(auth.ca_files.first()?.as_bytes().to_vec())),
        })
    }
}

/// Whether a client without a certificate is turned away. A type that does not exist is told as that.
fn demands(kind: Option<&str>) -> bool {
    !matches!(
        kind,
        Some("NoClientCert" | "RequestClientCert" | "VerifyClientCertIfGiven")
    )
}

/// Who asks for TLS options of objects.
#[derive(Debug)]
pub(super) struct Requests<'a> {
    /// Where, and for which: namespace, hyphen and name, as other providers write it.
    named: Vec<(&'a Node, String)>,
    /// Texts that nobody can read before they are rendered.
    templates: Vec<&'a str>,
}

impl<'a> Requests<'a> {
    pub(super) fn of(objects: &Objects<'a>) -> Self {
        let mut named = Vec::new();
        for object in objects.all() {
            let node = match object.kind {
                "IngressRoute" | "IngressRouteTCP" => {
                    Field::at(object.root, "spec.tls.options").map(|field| field.value)
                }
                "Ingress" => annotation(object, "router.tls.options"),
                _ => continue,
            };
            named.extend(node.and_then(|node| Some((node, canonical(node, object.namespace)?))));
        }
        let files = &objects.sources.files;
        for part in files.iter().flat_map(|file| &file.parts) {
            let root = &part.root;
            let mut found = Vec::new();
            if part.is == Is::Fragment {
                // Of whichever namespace, if it does not say so.
                let node = Field::at(root, "tls.options").map(|field| field.value);
                named.extend(node.and_then(|node| Some((node, canonical(node, ANY)?))));
            }
            if part.is.is_dynamic() {
                for section in ["http", "tcp"] {
                    let routers = super::objects::named(root, section, "routers");
                    found.extend(
                        routers
                            .iter()
                            .filter_map(|(_, node)| in_any_case(node, &["tls", "options"])),
                    );
                }
            }
            if part.is.is_install()
                && let Some(Value::Mapping(entry_points)) =
                    root.get_in_any_case("entryPoints").map(|node| &node.value)
            {
                let of = |node: &'a Node| in_any_case(node, &["http", "tls", "options"]);
                found.extend(entry_points.iter().filter_map(|(_, node)| of(node)));
            }
            // A name without a provider is one of the file's own.
            let of_objects = |node: &&Node| node.as_str().is_some_and(|name| name.contains('@'));
            let found = found.into_iter().filter(of_objects);
            named.extend(found.filter_map(|node| Some((node, canonical(node, ANY)?))));
        }
        let templates = files.iter().filter(|file| file.is_template());
        Self {
            named,
            templates: templates.map(|file| file.text.as_str()).collect(),
        }
    }

    /// Whether somebody else than at these places asks for it, or everybody who asks for nothing.
    pub(super) fn has_others(&self, option: Object<'_>, nodes: &[&Node]) -> bool {
        let name = format!("{}-{}", option.namespace, option.name);
        let in_any = format!("{ANY}-{}", option.name);
        let is_other = |node: &Node| !nodes.iter().any(|known| std::ptr::eq(*known, node));
        option.name == "default"
            || self
                .named
                .iter()
                .any(|(node, asked)| (*asked == name || *asked == in_any) && is_other(node))
            || self.templates.iter().any(|text| text.contains(&name))
    }
}

/// A mapping with name and namespace, or the name with the provider.
fn canonical(node: &Node, namespace: &str) -> Option<String> {
    let name = node.as_str().or_else(|| text(node, "name"))?.trim();
    Some(match name.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => format!("{}-{name}", text(node, "namespace").unwrap_or(namespace)),
    })
}

/// Every CA that clients are verified with: whose it is, in which file, and the CA.
pub(super) fn client_cas<'a>(objects: &Objects<'a>, served: &Served) -> Vec<(String, usize, Trusted<'a>)> {
    let mut found = Vec::new();
    for option in objects.of_kind("TLSOption") {
        let names = list(option.root, "spec.clientAuth.secretNames")
            .iter()
            .enumerate();
        for (index, mark) in names {
            let secret = mark
                .as_str()
                .and_then(|name| objects.get("Secret", option.namespace, name));
            let Some((secret, (key, pem))) = secret.and_then(|secret| Some((secret, secret.ca()?))) else {
                continue;
            };
            let trusted = Trusted {
                field: format!("spec.clientAuth.secretNames[{index}]"),
                mark,
                what: format!("`{key}` of Secret `{}`", secret.name),
                pem,
                is_under_ca_key: key != "tls.crt",
                secret: Some(secret),
            };
            found.push((option.subject(), option.file, trusted));
        }
    }
    let read = served
        .updates
        .iter()
        .find(|update| update.provider.as_str() == "file");
    for (file, root) in objects.documents() {
        for (name, options) in named(root, "tls", "options") {
            let read = read.and_then(|update| update.dynamic.tls.options.get(name)?.client_auth.as_ref());
            let pems = read.map(|auth| auth.ca_files.as_slice()).unwrap_or_default();
            let marks = in_any_case(options, &["clientAuth", "caFiles"]);
            for trusted in Trusted::of_file("clientAuth.caFiles", marks, pems) {
                found.push((format!("TLS options `{name}`"), file, trusted));
            }
        }
    }
    found
}

/// In place of a namespace.
const ANY: &str = "*";
