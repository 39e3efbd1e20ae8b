//! What a configuration names by file: certificates, keys, CAs, lists of users. Files are read here, so that
//! what leaves this crate is complete.
//!
//! Fields take PEM itself or the name of a file, as in Traefik. What cannot be used does not replace what could
//! (C24): a certificate whose key has not been written yet, or a CA file that is half there, leaves the last
//! good contents in place, with a finding; without any, the element that names it is broken. Both files of a
//! pair change together or not at all.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use viaduct_config::dynamic::Secret;
use viaduct_config::dynamic::http::Middleware;
use viaduct_config::dynamic::tls::CertificatePair;
use viaduct_config::finding::Code;
use viaduct_config::{Dynamic, Element, Finding, Update};
use viaduct_tls::{Identity, TrustBundle};

use crate::files::{FileError, read_pem};

/// What was good when it was last read, by the names of its files.
#[derive(Debug, Default)]
pub(crate) struct Material {
    pairs: HashMap<(Arc<str>, Arc<str>), CertificatePair>,
    bundles: HashMap<String, String>,
    users: HashMap<String, Vec<Secret>>,
}

impl Material {
    /// Replaces names of files in `update` by their contents. What has none is put among what is broken.
    /// Gives the files that were named, to be watched.
    pub(crate) fn fill(&mut self, update: &mut Update) -> BTreeSet<PathBuf> {
        let mut dynamic = std::mem::take(&mut update.dynamic);
        let mut filling = Filling {
            before: std::mem::take(self),
            now: Self::default(),
            files: BTreeSet::new(),
            broken: Vec::new(),
            notes: Vec::new(),
        };
        filling.walk(&mut dynamic);
        let Filling {
            now,
            files,
            broken,
            notes,
            ..
        } = filling;
        *self = now;
        let placed = |(element, finding): (Element, Finding)| {
            let location = update
                .origins
                .get(&element)
                .and_then(|origin| origin.location.clone());
            let finding = finding.at(location).element(element.clone());
            (element, finding)
        };
        let broken: Vec<_> = broken.into_iter().map(placed).collect();
        let notes: Vec<_> = notes
            .into_iter()
            .map(placed)
            .map(|(_, finding)| finding)
            .collect();
        update.broken.extend(broken);
        update.notes.extend(notes);
        update.dynamic = dynamic;
        files
    }
}

/// One pass over a configuration. What is not named any more is forgotten.
struct Filling {
    before: Material,
    now: Material,
    files: BTreeSet<PathBuf>,
    broken: Vec<(Element, Finding)>,
    notes: Vec<(Element, Finding)>,
}

impl Filling {
    fn walk(&mut self, dynamic: &mut Dynamic) {
        for (index, certificate) in dynamic.tls.certificates.iter_mut().enumerate() {
            let element = Element::Certificate(index);
            self.pair(&element, "certFile", &mut certificate.pair);
        }
        for (name, store) in dynamic.tls.stores.iter_mut() {
            if let Some(pair) = &mut store.default_certificate {
                self.pair(&Element::TlsStore(name.clone()), "defaultCertificate", pair);
            }
        }
        for (name, options) in dynamic.tls.options.iter_mut() {
            if let Some(auth) = &mut options.client_auth {
                let element = Element::TlsOptions(name.clone());
                self.bundles(&element, "clientAuth.caFiles", &mut auth.ca_files);
            }
        }
        for (name, transport) in dynamic.http.servers_transports.iter_mut() {
            let element = Element::ServersTransport(name.clone());
            self.bundles(
                &element,
                "rootCAs",
                transport.root_cas.as_mut().unwrap_or(&mut Vec::new()),
            );
            for (index, pair) in transport.certificates.iter_mut().enumerate() {
                self.pair(&element, &format!("certificates[{index}]"), pair);
            }
        }
        for (name, middleware) in dynamic.http.middlewares.iter_mut() {
            self.middleware(&Element::Middleware(name.clone()), middleware);
        }
    }

    fn pair(&mut self, element: &Element, field: &str, pair: &mut CertificatePair) {
        let (Some(certificate), Some(key)) = (source(&pair.cert_file), source(&pair.key_file)) else {
            // The snapshot says what is missing.
            return;
        };
        if let (Source::Content(_), Source::Content(_)) = (&certificate, &key) {
            return;
        }
        self.watch(&certificate);
        self.watch(&key);
        let name = (Arc::clone(&pair.cert_file), Arc::clone(&pair.key_file));
        let files = named(&[&certificate, &key]);
        let read = certificate.read().and_then(|certificate| {
            let key = key.read()?;
            Identity::from_pem(certificate.as_bytes(), key.as_bytes())
                .map_err(|error| format!("{files}: {error}"))?;
            Ok(CertificatePair {
                cert_file: certificate.into(),
                key_file: key.into(),
            })
        });
        let known = self
            .before
            .pairs
            .remove(&name)
            .or_else(|| self.now.pairs.get(&name).cloned());
        if let Some(good) = self.decide(element, field, read, known) {
            self.now.pairs.insert(name, good.clone());
            *pair = good;
        }
    }

    fn bundles(&mut self, element: &Element, field: &str, items: &mut [String]) {
        for (index, item) in items.iter_mut().enumerate() {
            self.bundle(element, &format!("{field}[{index}]"), item);
        }
    }

    fn bundle(&mut self, element: &Element, field: &str, item: &mut String) {
        let Some(source @ Source::File(_)) = source(item) else {
            return;
        };
        self.watch(&source);
        let read = source.read().and_then(|text| {
            TrustBundle::from_pem([text.as_bytes()])
                .map_err(|error| format!("{}: {error}", named(&[&source])))?;
            Ok(text)
        });
        let name = item.clone();
        let known = self
            .before
            .bundles
            .remove(&name)
            .or_else(|| self.now.bundles.get(&name).cloned());
        if let Some(good) = self.decide(element, field, read, known) {
            self.now.bundles.insert(name, good.clone());
            *item = good;
        }
    }

    fn middleware(&mut self, element: &Element, middleware: &mut Middleware) {
        if let Some(auth) = &mut middleware.basic_auth {
            self.users(element, &auth.users_file, &mut auth.users);
        }
        if let Some(auth) = &mut middleware.digest_auth {
            self.users(element, &auth.users_file, &mut auth.users);
        }
        if let Some(tls) = middleware
            .forward_auth
            .as_mut()
            .and_then(|auth| auth.tls.as_mut())
        {
            self.client_tls(
                element,
                "forwardAuth.tls",
                &mut tls.ca,
                &mut tls.cert,
                &mut tls.key,
            );
        }
        let redis = middleware
            .rate_limit
            .as_mut()
            .and_then(|limit| limit.redis.as_mut());
        if let Some(tls) = redis.and_then(|redis| redis.tls.as_mut()) {
            self.client_tls(
                element,
                "rateLimit.redis.tls",
                &mut tls.ca,
                &mut tls.cert,
                &mut tls.key,
            );
        }
    }

    fn client_tls(
        &mut self,
        element: &Element,
        field: &str,
        ca: &mut String,
        cert: &mut String,
        key: &mut Secret,
    ) {
        self.bundle(element, &format!("{field}.ca"), ca);
        let mut pair = CertificatePair {
            cert_file: cert.as_str().into(),
            key_file: key.expose().into(),
        };
        self.pair(element, &format!("{field}.cert"), &mut pair);
        *cert = pair.cert_file.as_ref().to_owned();
        *key = Secret::new(&*pair.key_file);
    }

    /// The users of a file, one in each line, behind those that are written: the later one wins.
    fn users(&mut self, element: &Element, file: &str, users: &mut Vec<Secret>) {
        if file.is_empty() {
            return;
        }
        let source = Source::File(Path::new(file));
        self.watch(&source);
        let read = source.read().map(|text| {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(Secret::new)
                .collect::<Vec<_>>()
        });
        let known = self
            .before
            .users
            .remove(file)
            .or_else(|| self.now.users.get(file).cloned());
        if let Some(good) = self.decide(element, USERS_FILE, read, known) {
            users.extend(good.iter().cloned());
            self.now.users.insert(file.to_owned(), good);
        }
    }

    /// What was read, or else what was known; `None`, and the element is broken, if there is neither.
    fn decide<T>(
        &mut self,
        element: &Element,
        field: &str,
        read: Result<T, String>,
        known: Option<T>,
    ) -> Option<T> {
        let why = match read {
            Ok(value) => return Some(value),
            Err(why) => why,
        };
        let (code, message) = match known {
            Some(_) => (
                Code::LastGoodKept,
                format!("{why}; the last good contents stay in service"),
            ),
            None if field == USERS_FILE => (Code::InvalidObject, why),
            None => (Code::InvalidCertificate, why),
        };
        let finding = Finding::error(code, message).field(field);
        if known.is_some() {
            self.notes.push((element.clone(), finding));
        } else {
            self.broken.push((element.clone(), finding));
        }
        known
    }

    fn watch(&mut self, source: &Source<'_>) {
        if let Source::File(path) = source {
            self.files.insert(path.to_path_buf());
        }
    }
}

/// Where a text of PEM comes from.
enum Source<'a> {
    Content(&'a str),
    File(&'a Path),
}

impl Source<'_> {
    fn read(&self) -> Result<String, String> {
        match self {
            Self::Content(text) => Ok((*text).to_owned()),
            Self::File(path) => {
                read_pem(path).map_err(|error| format!("`{}` {}", path.display(), told(&error)))
            }
        }
    }
}

/// `None`: nothing is written there.
fn source(field: &str) -> Option<Source<'_>> {
    match field.trim() {
        "" => None,
        text if text.contains(PEM) => Some(Source::Content(field)),
        path => Some(Source::File(Path::new(path))),
    }
}

/// What follows the file's name.
fn told(error: &FileError) -> String {
    match error {
        FileError::Unreadable { source, .. } => format!("cannot be read: {source}"),
        FileError::TooLarge { limit, .. } => format!("is larger than {limit} bytes"),
        FileError::NotText { .. } => "is not PEM text".to_owned(),
    }
}

/// Names only: contents may be a key.
fn named(sources: &[&Source<'_>]) -> String {
    let names: Vec<_> = sources
        .iter()
        .filter_map(|source| match source {
            Source::File(path) => Some(format!("`{}`", path.display())),
            Source::Content(_) => None,
        })
        .collect();
    names.join(" and ")
}

const USERS_FILE: &str = "usersFile";
const PEM: &str = "-----BEGIN ";
