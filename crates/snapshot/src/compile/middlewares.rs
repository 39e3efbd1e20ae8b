//! `middlewares` -> what the proxy runs, and the chains of routers.

mod address;
mod auth;
mod headers;
mod path;

use std::collections::HashMap;
use std::sync::Arc;

use viaduct_config::dynamic::http::Middleware as Written;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, ProviderName, QualifiedName};

use super::sources::{Source, Sources};
use crate::book::{Book, ByName};
use crate::middleware::{EncodedCharacters, Middleware, MiddlewareKind};
use crate::resolve::{INTERNAL, Resolver, because_of, qualified};

/// All middlewares of a snapshot, by `name@provider`.
pub(super) struct Middlewares {
    by_name: HashMap<Arc<str>, Result<Built, Arc<Finding>>>,
}

enum Built {
    One(Arc<Middleware>),
    /// `chain`: references as the provider writes them.
    Chain {
        provider: ProviderName,
        references: Vec<String>,
    },
}

impl Middlewares {
    /// Those that can be used, for the next compile.
    pub(super) fn into_ready(self) -> ByName<Middleware> {
        self.by_name
            .into_iter()
            .filter_map(|(name, built)| match built {
                Ok(Built::One(middleware)) => Some((name, middleware)),
                Ok(Built::Chain { .. }) | Err(_) => None,
            })
            .collect()
    }

    /// The middlewares that `reference`, written by `provider`, comes to: appended to `chain` in their order.
    pub(super) fn append(
        &self,
        reference: &str,
        provider: &ProviderName,
        resolver: &Resolver<'_>,
        chain: &mut Vec<Arc<Middleware>>,
    ) -> Result<(), Finding> {
        let mut walk = Walk {
            middlewares: self,
            resolver,
            chain,
            path: Vec::new(),
        };
        walk.append(reference, provider)
    }
}

/// Follows references through chains.
struct Walk<'w, 's> {
    middlewares: &'w Middlewares,
    resolver: &'w Resolver<'s>,
    chain: &'w mut Vec<Arc<Middleware>>,
    /// The chains that led here.
    path: Vec<String>,
}

impl Walk<'_, '_> {
    fn append(&mut self, reference: &str, provider: &ProviderName) -> Result<(), Finding> {
        let name = QualifiedName::resolve(reference, provider);
        // What is built in refers to what is built in; nobody else may (I4).
        let own = name.provider.as_str() == INTERNAL && provider.as_str() == INTERNAL;
        let key = if own {
            qualified(&name.name, &name.provider)
        } else {
            let found = self.resolver.middleware(&name)?;
            qualified(found.name, found.source.provider())
        };
        match self.middlewares.by_name.get(key.as_str()) {
            Some(Ok(Built::One(middleware))) => self.push(middleware),
            Some(Ok(Built::Chain { provider, references })) => self.follow(key, provider, references),
            Some(Err(cause)) => Err(because_of(cause)),
            None => Err(Finding::error(
                Code::MissingReference,
                format!("middleware \"{key}\" does not exist"),
            )),
        }
    }

    fn push(&mut self, middleware: &Arc<Middleware>) -> Result<(), Finding> {
        if self.chain.len() >= MOST_MIDDLEWARES {
            let message = format!("a router has at most {MOST_MIDDLEWARES} middlewares");
            return Err(Finding::error(Code::InvalidObject, message));
        }
        self.chain.push(Arc::clone(middleware));
        Ok(())
    }

    fn follow(&mut self, key: String, provider: &ProviderName, references: &[String]) -> Result<(), Finding> {
        if self.path.contains(&key) || self.path.len() >= MOST_MIDDLEWARES {
            self.path.push(key);
            let message = format!("recursion detected in {}", self.path.join("->"));
            return Err(Finding::error(Code::InvalidObject, message));
        }
        self.path.push(key);
        for reference in references {
            self.append(reference, provider)?;
        }
        self.path.pop();
        Ok(())
    }
}

pub(super) fn build(sources: &Sources<'_>, book: Option<&Book>, findings: &mut Vec<Finding>) -> Middlewares {
    let mut by_name = HashMap::new();
    for source in sources.iter() {
        for (name, written) in &source.update.dynamic.http.middlewares {
            let element = Element::Middleware(name.clone());
            if source.broken(&element).is_some() {
                continue;
            }
            let key = source.qualified(name);
            let before = known(source, name, written, &key, book);
            if let Some(middleware) = before.as_ref().filter(|_| is_silent(written)) {
                by_name.insert(key, Ok(Built::One(Arc::clone(middleware))));
                continue;
            }
            let mut warnings = Vec::new();
            let built = one(source, &key, written, &mut warnings);
            let built = built.map(|built| before.map_or(built, Built::One));
            let at = |finding| source.at(element.clone(), finding);
            findings.extend(warnings.into_iter().map(at));
            let built = built.map_err(|finding| {
                let finding = at(finding);
                findings.push(finding.clone());
                Arc::new(finding)
            });
            by_name.insert(key, built);
        }
    }
    Middlewares { by_name }
}

/// The one of the previous snapshot, if it was written in the same words.
fn known(
    source: &Source<'_>,
    name: &str,
    written: &Written,
    key: &Arc<str>,
    book: Option<&Book>,
) -> Option<Arc<Middleware>> {
    let before = source.kept?.update.dynamic.http.middlewares.get(name)?;
    if **before != *written {
        return None;
    }
    book?.middlewares.get(key).map(Arc::clone)
}

/// Whether compiling it can only succeed or fail. What is warned of is said at every compile.
fn is_silent(written: &Written) -> bool {
    written.headers.is_none() && written.strip_prefix.is_none() && written.content_type.is_none()
}

fn one(
    source: &Source<'_>,
    key: &Arc<str>,
    written: &Written,
    warnings: &mut Vec<Finding>,
) -> Result<Built, Finding> {
    if let Some(chain) = &written.chain
        && written.kind_name().is_some()
    {
        return Ok(Built::Chain {
            provider: source.provider().clone(),
            references: chain.middlewares.clone(),
        });
    }
    let kind = kind(written, warnings)?;
    Ok(Built::One(Arc::new(Middleware {
        name: Arc::clone(key),
        kind,
    })))
}

fn kind(written: &Written, warnings: &mut Vec<Finding>) -> Result<MiddlewareKind, Finding> {
    let Some(name) = written.kind_name() else {
        let kinds: Vec<_> = written.kinds().collect();
        let message = match kinds.as_slice() {
            [] => "the middleware does not have any type defined".to_owned(),
            several => format!("the middleware has several types: {}", several.join(", ")),
        };
        return Err(Finding::error(Code::InvalidObject, message));
    };
    let kind = match written {
        Written {
            add_prefix: Some(written),
            ..
        } => MiddlewareKind::AddPrefix(path::add_prefix(written)?),
        Written {
            strip_prefix: Some(written),
            ..
        } => MiddlewareKind::StripPrefix(path::strip_prefix(written, warnings)?),
        Written {
            strip_prefix_regex: Some(written),
            ..
        } => MiddlewareKind::StripPrefixRegex(path::strip_prefix_regex(written)?),
        Written {
            replace_path: Some(written),
            ..
        } => MiddlewareKind::ReplacePath(path::replace_path(written)?),
        Written {
            replace_path_regex: Some(written),
            ..
        } => MiddlewareKind::ReplacePathRegex(path::replace_path_regex(written)?),
        Written {
            redirect_scheme: Some(written),
            ..
        } => MiddlewareKind::RedirectScheme(path::redirect_scheme(written)?),
        Written {
            redirect_regex: Some(written),
            ..
        } => MiddlewareKind::RedirectRegex(path::redirect_regex(written)?),
        Written {
            encoded_characters: Some(written),
            ..
        } => MiddlewareKind::EncodedCharacters(EncodedCharacters::new(written)),
        Written {
            headers: Some(written),
            ..
        } => MiddlewareKind::Headers(Box::new(headers::headers(written, warnings)?)),
        Written {
            ip_allow_list: Some(written),
            ..
        }
        | Written {
            ip_white_list: Some(written),
            ..
        } => MiddlewareKind::IpAllowList(address::allow_list(written)?),
        Written {
            in_flight_req: Some(written),
            ..
        } => MiddlewareKind::InFlightReq(address::in_flight(written)?),
        Written {
            basic_auth: Some(written),
            ..
        } => MiddlewareKind::BasicAuth(auth::basic(written)?),
        Written {
            content_type: Some(written),
            ..
        } => {
            if written.auto_detect.is_some() {
                let message = "autoDetect is deprecated by Traefik: the middleware's presence is enough";
                warnings.push(Finding::warning(Code::InvalidObject, message).field("contentType.autoDetect"));
            }
            MiddlewareKind::ContentType
        }
        Written {
            pass_tls_client_cert: Some(written),
            ..
        } => MiddlewareKind::PassTlsClientCert(written.clone()),
        _ => {
            let message = format!("middlewares of type `{name}` are not served yet");
            return Err(Finding::error(Code::Unsupported, message).field(name));
        }
    };
    Ok(kind)
}

/// What a value of the configuration is not.
fn invalid(field: &str, message: impl Into<String>) -> Finding {
    Finding::error(Code::InvalidObject, message).field(field)
}

/// Of one router, chains resolved.
const MOST_MIDDLEWARES: usize = 256;
