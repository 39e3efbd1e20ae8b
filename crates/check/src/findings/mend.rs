//! The smallest edit that mends a finding.

use viaduct_config::Finding;
use viaduct_config::document::{Node, Value};

use crate::catalogue::Diagnosis;
use crate::diagnostic::Help;
use crate::edit::{Edit, Editor};
use crate::lints::{Object, Objects, carries, certificates};
use crate::place::Field;
use crate::source::Sources;

pub(super) fn help(
    sources: &Sources,
    objects: &Objects<'_>,
    finding: &Finding,
    diagnosis: Diagnosis,
) -> Vec<Help> {
    let edited = Mending::of(sources, objects, finding).and_then(|mending| mending.help(diagnosis));
    let words = finding.hint.clone().map(Help::words);
    edited.or(words).into_iter().collect()
}

/// A finding with the object that it is about.
struct Mending<'a> {
    sources: &'a Sources,
    objects: &'a Objects<'a>,
    finding: &'a Finding,
    editor: Editor<'a>,
    root: &'a Node,
    path: &'a str,
    field: Option<Field<'a>>,
}

impl<'a> Mending<'a> {
    fn of(sources: &'a Sources, objects: &'a Objects<'a>, finding: &'a Finding) -> Option<Self> {
        let location = finding.location.as_ref()?;
        let around = sources.object_at(location)?;
        Some(Self {
            sources,
            objects,
            finding,
            editor: Editor::new(around.file, sources.files.get(around.file)?),
            root: around.root,
            path: finding.field.as_deref().unwrap_or_default(),
            field: sources.field(location, finding.field.as_deref()),
        })
    }

    fn help(&self, diagnosis: Diagnosis) -> Option<Help> {
        match diagnosis {
            Diagnosis::OldApiGroup => {
                let wanted = self.finding.wanted.as_deref()?;
                let edit = self.editor.set(self.field?.value, wanted)?;
                Some(Help::safe_edit("name the group that Traefik 3 has", vec![edit]))
            }
            Diagnosis::ApiVersion => self.api_version(),
            Diagnosis::UnknownField => self.renamed(),
            Diagnosis::MisplacedField => self.moved(),
            Diagnosis::BackendsOwnKey => self.without_the_key(),
            Diagnosis::ForbiddenReference => self.without_suffix(),
            Diagnosis::InvalidTlsOption => self.without_placeholder(),
            Diagnosis::TransportMissing => self.nearest().or_else(|| self.object_itself()),
            Diagnosis::ServiceMissing
            | Diagnosis::SecretMissing
            | Diagnosis::MiddlewareMissing
            | Diagnosis::TlsOptionMissing
            | Diagnosis::ReferenceMissing
            | Diagnosis::EntryPointMissing
            | Diagnosis::UnknownKind => self.nearest(),
            _ => None,
        }
    }

    fn api_version(&self) -> Option<Help> {
        let wanted = self.finding.wanted.as_deref()?;
        match self.finding.got {
            None => {
                let line = format!("apiVersion: {wanted}");
                let edit = self.editor.prepend(self.root, &[line])?;
                Some(Help::safe_edit("say which kind it is", vec![edit]))
            }
            Some(_) => {
                let edit = self.editor.set(self.field?.value, wanted)?;
                Some(Help::edit("this version is read", vec![edit]))
            }
        }
    }

    /// A name that differs in its capitals only is what was meant; one that is merely near may not be.
    fn renamed(&self) -> Option<Help> {
        let known = quoted(self.finding.hint.as_deref()?)?;
        let key = self.field?.key?;
        // There may be one of that name beside it.
        let beside = self.path.rsplit_once('.').map(|(around, _)| around);
        let beside =
            Field::at(self.root, beside.unwrap_or_default()).and_then(|around| around.value.get(known));
        if beside.is_some() {
            return None;
        }
        let edit = self.editor.rename_key(key, known)?;
        if key.text.eq_ignore_ascii_case(known) {
            let text = format!("it is spelt `{known}`");
            Some(if weakens(known) {
                Help::edit(text, vec![edit])
            } else {
                Help::safe_edit(text, vec![edit])
            })
        } else {
            Some(Help::edit("a field with a similar name exists", vec![edit]))
        }
    }

    fn moved(&self) -> Option<Help> {
        let last = self.path.rsplit('.').next()?;
        let under_route = self.path.starts_with("spec.routes[") && self.path.matches('.').count() == 2;
        let (to, safe) = match last {
            // Both are read where they stand by `up`, so that moving them changes nothing; but for other routes of the
            // object, which have no TLS as it is, or another certificate.
            "secretName" if under_route => {
                let is_only = Field::at(self.root, "spec.routes[1]").is_none();
                ("spec.tls.secretName".to_owned(), is_only)
            }
            "serversTransport" if under_route => {
                let route = self.path.strip_suffix(".serversTransport")?;
                if Field::at(self.root, &format!("{route}.services[1]")).is_some() {
                    return None;
                }
                (format!("{route}.services[0].serversTransport"), true)
            }
            // `it belongs in ...`
            _ => (quoted(self.finding.hint.as_deref()?)?.to_owned(), false),
        };
        if !to.starts_with("spec.") || to.contains("[]") || to.contains(' ') {
            return None;
        }
        let edits = self.editor.move_field(self.root, self.path, &to)?;
        let text = format!("it belongs in `{to}`");
        Some(if safe {
            Help::safe_edit(text, edits)
        } else {
            Help::edit(text, edits)
        })
    }

    /// The list without the item, or no list at all; where it is sure that the pair is the backend's own.
    fn without_the_key(&self) -> Option<Help> {
        if !self.is_the_servers()? {
            return None;
        }
        let (list, _) = self.path.rsplit_once('[')?;
        let others = Field::at(self.root, &format!("{list}[1]")).is_some();
        if others {
            return None;
        }
        let edit = self.editor.remove(self.root, list)?;
        let text =
            "to trust the backend its CA is enough: show no client certificate, or one with a key of its own";
        Some(Help::edit(text, vec![edit]))
    }

    /// A Secret with the certificate alone, which is trusted as it is, is the server's. One with its CA is written for
    /// clients in the same way: then the name that is expected has to be in it.
    fn is_the_servers(&self) -> Option<bool> {
        let secret = secret_at(self.objects, self.root, self.path)?;
        let (facts, _) = certificates(&secret.value("tls.crt")?).into_iter().next()?;
        let has_ca = secret.ca().is_some_and(|(key, _)| key != "tls.crt");
        let name = ["spec.serverName", "spec.tls.serverName"]
            .into_iter()
            .find_map(|path| Field::at(self.root, path)?.value.as_str());
        Some(!has_ca || name.is_some_and(|name| carries(&facts, name)))
    }

    fn without_suffix(&self) -> Option<Help> {
        let hint = self.finding.hint.as_deref()?;
        let suffix = quoted(hint).filter(|suffix| suffix.starts_with('@'))?;
        let field = self.field?;
        let value = match field.value.get("name") {
            Some(name) if !field.is_scalar() => name,
            _ => field.value,
        };
        let name = value.as_str()?.strip_suffix(suffix)?;
        let edit = self.editor.set(value, name)?;
        Some(Help::edit(hint.to_owned(), vec![edit]))
    }

    /// `[...]` means nothing; without the list there are the default values.
    fn without_placeholder(&self) -> Option<Help> {
        let Value::Sequence(items) = &self.field?.value.value else {
            return None;
        };
        let is_one = |item: &Node| matches!(item.as_str(), Some("..." | "\u{2026}"));
        if items.len() != 1 || !items.iter().all(is_one) {
            return None;
        }
        let in_spec = format!("spec.{}", self.path);
        let path = match Field::at(self.root, &in_spec) {
            Some(_) => &in_spec,
            None => self.path,
        };
        let edit = self.editor.remove(self.root, path)?;
        let text = "`...` stands for something that is not there; without the list the default values are offered, which are safe";
        Some(Help::edit(text, vec![edit]))
    }

    /// A transport of another provider, where an object has the name.
    fn object_itself(&self) -> Option<Help> {
        let value = self.field?.value;
        let (name, _) = value.as_str()?.split_once('@')?;
        let namespace = Field::at(self.root, "metadata.namespace").and_then(|field| field.value.as_str());
        let is_there = self
            .sources
            .files
            .iter()
            .flat_map(|file| &file.parts)
            .any(|part| {
                let text = |path: &str| Field::at(&part.root, path).and_then(|field| field.value.as_str());
                text("kind") == Some("ServersTransport")
                    && text("metadata.name") == Some(name)
                    && text("metadata.namespace") == namespace
            });
        let edit = self.editor.set(value, name).filter(|_| is_there)?;
        Some(Help::edit(
            "the ServersTransport of this name is an object, and named without a provider",
            vec![edit],
        ))
    }

    /// `did you mean ...?`
    fn nearest(&self) -> Option<Help> {
        let hint = self.finding.hint.as_deref()?;
        let near = quoted(hint).filter(|_| hint.starts_with("did you mean `"))?;
        let field = self.field?;
        let value = match field.value.get("name") {
            Some(name) if !field.is_scalar() => name,
            _ => field.value,
        };
        // A name without a provider is one of the file's own.
        let near = match near.strip_suffix("@file") {
            Some(own) if value.as_str().is_some_and(|name| !name.contains('@')) => own,
            Some(_) | None => near,
        };
        let edit: Edit = self.editor.set(value, near)?;
        Some(Help::edit(hint.to_owned(), vec![edit]))
    }
}

/// The Secret that an object names.
fn secret_at<'a>(objects: &'a Objects<'_>, root: &Node, path: &str) -> Option<Object<'a>> {
    let name = Field::at(root, path)?.value.as_str()?;
    let namespace = Field::at(root, "metadata.namespace").and_then(|field| field.value.as_str());
    objects.get("Secret", namespace.unwrap_or("default"), name)
}

/// Whether a finding says of a pair for clients that it is the backend's: tools write such a pair beside the CA that
/// signs the servers as well.
pub(super) fn is_for_clients(sources: &Sources, objects: &Objects<'_>, finding: &Finding) -> bool {
    let details = || {
        let root = sources.object_at(finding.location.as_ref()?)?.root;
        let secret = secret_at(objects, root, finding.field.as_deref()?)?;
        certificates(&secret.value("tls.crt")?).into_iter().next()?.1
    };
    details().is_some_and(|details| !details.server_auth)
}

/// Fields that make less sure what was safe while they were misspelt: nobody knows whether that is still meant.
pub(crate) fn weakens(field: &str) -> bool {
    WEAKENING.iter().any(|known| known.eq_ignore_ascii_case(field))
}

const WEAKENING: [&str; 13] = [
    "accessControlAllowCredentials",
    "accessControlAllowOriginList",
    "accessControlAllowOriginListRegex",
    "allowCrossNamespace",
    "allowExternalNameServices",
    "cipherSuites",
    "clientAuthType",
    "excludedIPs",
    "insecure",
    "insecureSkipVerify",
    "maxVersion",
    "minVersion",
    "trustForwardHeader",
];

/// The first text between backticks.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}
