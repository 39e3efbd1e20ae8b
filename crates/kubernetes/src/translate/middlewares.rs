//! `Middleware` -> `http.middlewares`. One that lacks a Secret, or anything else it names, is broken, and
//! closes every route that names it (CVE-2026-54762).

use viaduct_config::dynamic::http::{
    AuthTls, BasicAuth, Chain, DigestAuth, Errors, ForwardAuth, IpAllowList, Middleware as Written,
    RateLimit, Redis, RedisTls,
};
use viaduct_config::dynamic::secret::Secret;
use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding};

use super::composed::{Composed, PartIs, Shape};
use super::material::{self, CaSource};
use super::references;
use super::services::Asked;
use super::{Context, Draft};
use crate::api::middleware::{self as api, Middleware};
use crate::api::{Name, ServiceRef};
use crate::index::Subject;

pub(super) fn translate<'a>(cx: &'a Context<'a>, draft: &mut Draft, composed: &mut Vec<Composed<'a>>) {
    for held in cx.view.all::<Middleware>() {
        let name = cx.names.middleware(held.subject.name);
        let element = Element::Middleware(name.clone());
        draft.origin(element.clone(), held.subject, "");
        let middleware = match held.state {
            Ok(middleware) => middleware,
            Err(finding) => {
                draft.broken(element, finding.clone());
                continue;
            }
        };
        let mut reader = Reader {
            cx,
            subject: held.subject,
            faults: Vec::new(),
        };
        let errors = middleware
            .errors
            .as_deref()
            .map(|errors| reader.errors(errors, draft, composed));
        let written = reader.read(middleware, errors);
        for fault in reader.faults {
            draft.broken(element.clone(), fault);
        }
        draft.update.dynamic.http.middlewares.insert(name, written);
    }
}

/// Reads one middleware and collects what is wrong with it.
struct Reader<'a> {
    cx: &'a Context<'a>,
    subject: Subject<'a>,
    faults: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, spec: &Middleware, errors: Option<Errors>) -> Written {
        Written {
            add_prefix: spec.add_prefix.clone(),
            basic_auth: spec.basic_auth.as_ref().map(|auth| self.basic_auth(auth)),
            buffering: spec.buffering.clone(),
            chain: spec.chain.as_ref().map(|chain| self.chain(chain)),
            circuit_breaker: spec.circuit_breaker.clone(),
            compress: spec.compress.clone(),
            content_type: spec.content_type.clone(),
            digest_auth: spec.digest_auth.as_ref().map(|auth| self.digest_auth(auth)),
            encoded_characters: spec.encoded_characters.clone(),
            errors,
            forward_auth: spec
                .forward_auth
                .as_deref()
                .map(|auth| Box::new(self.forward_auth(auth))),
            grpc_web: spec.grpc_web.clone(),
            headers: spec.headers.clone(),
            ip_allow_list: spec.ip_allow_list.clone(),
            ip_white_list: spec.ip_white_list.as_ref().map(|list| IpAllowList {
                source_range: list.source_range.clone(),
                ip_strategy: list.ip_strategy.clone(),
                reject_status_code: None,
            }),
            in_flight_req: spec.in_flight_req.clone(),
            pass_tls_client_cert: spec.pass_tls_client_cert.clone(),
            rate_limit: spec
                .rate_limit
                .as_deref()
                .map(|limit| Box::new(self.rate_limit(limit))),
            redirect_regex: spec.redirect_regex.clone(),
            redirect_scheme: spec.redirect_scheme.clone(),
            replace_path: spec.replace_path.clone(),
            replace_path_regex: spec.replace_path_regex.clone(),
            retry: spec.retry.clone(),
            strip_prefix: spec.strip_prefix.clone(),
            strip_prefix_regex: spec.strip_prefix_regex.clone(),
            plugin: spec.plugin.clone(),
        }
    }

    fn basic_auth(&mut self, auth: &api::BasicAuth) -> BasicAuth {
        BasicAuth {
            users: self.users(&auth.secret, "spec.basicAuth.secret", material::basic_users),
            users_file: String::new(),
            realm: auth.realm.clone(),
            remove_header: auth.remove_header,
            header_field: auth.header_field.clone(),
        }
    }

    fn digest_auth(&mut self, auth: &api::DigestAuth) -> DigestAuth {
        DigestAuth {
            users: self.users(&auth.secret, "spec.digestAuth.secret", material::users),
            users_file: String::new(),
            realm: auth.realm.clone(),
            remove_header: auth.remove_header,
            header_field: auth.header_field.clone(),
        }
    }

    fn users(
        &mut self,
        secret: &str,
        field: &str,
        read: fn(&Context<'_>, &Name) -> Result<Vec<Secret>, material::Fault>,
    ) -> Vec<Secret> {
        if secret.is_empty() {
            let message = "the middleware names no Secret with its users";
            let finding = self.subject.error(Code::InvalidObject, field, message);
            self.faults.push(finding);
            return Vec::new();
        }
        self.secret(secret, field, read).unwrap_or_default()
    }

    /// What a Secret of the middleware's own namespace yields.
    fn secret<T>(
        &mut self,
        secret: &str,
        field: &str,
        read: impl Fn(&Context<'_>, &Name) -> Result<T, material::Fault>,
    ) -> Option<T> {
        let name = Name::new(&*self.subject.name.namespace, secret);
        read(self.cx, &name)
            .map_err(|fault| {
                let finding = fault.finding(self.cx, self.subject, field, Code::InvalidObject);
                self.faults.push(finding);
            })
            .ok()
    }

    fn chain(&mut self, chain: &api::Chain) -> Chain {
        let mut middlewares = Vec::new();
        for (index, reference) in chain.middlewares.iter().enumerate() {
            let field = format!("spec.chain.middlewares[{index}]");
            let named = references::middleware(self.cx, self.subject, &field, reference);
            middlewares.push(named.name);
            self.faults.extend(named.fault.map(|fault| *fault));
        }
        Chain { middlewares }
    }

    fn errors(
        &mut self,
        errors: &'a api::Errors,
        draft: &mut Draft,
        composed: &mut Vec<Composed<'a>>,
    ) -> Errors {
        let service = match &errors.service {
            Some(service) => self.error_page(service, draft, composed),
            None => {
                let message = "the middleware names no service that makes the page";
                let finding = self
                    .subject
                    .error(Code::InvalidService, "spec.errors.service", message);
                self.faults.push(finding);
                String::new()
            }
        };
        Errors {
            status: errors.status.clone(),
            status_rewrites: errors.status_rewrites.clone(),
            service,
            query: errors.query.clone(),
            error_request_headers: errors.error_request_headers.clone(),
        }
    }

    /// The name of the service that makes the page.
    fn error_page(
        &mut self,
        service: &ServiceRef,
        draft: &mut Draft,
        composed: &mut Vec<Composed<'a>>,
    ) -> String {
        let asked = Asked {
            subject: self.subject,
            field: "spec.errors.service".to_owned(),
            service,
            route_transport: None,
        };
        match asked.part(self.cx, draft) {
            PartIs::Named(named) => {
                self.faults.extend(named.fault.map(|fault| *fault));
                named.name
            }
            PartIs::Service { built, .. } => {
                let name = self.cx.names.error_page(self.subject.name);
                let shape = match *built {
                    Ok(built) => Shape::One(Box::new(built)),
                    Err(fault) => {
                        self.faults.push(fault.clone());
                        Shape::Broken(Box::new(fault))
                    }
                };
                composed.push(Composed {
                    name: name.clone(),
                    subject: self.subject,
                    field: asked.field,
                    rule: "",
                    shape,
                });
                name
            }
        }
    }

    fn forward_auth(&mut self, auth: &api::ForwardAuth) -> ForwardAuth {
        let tls = auth.tls.as_ref().map(|tls| {
            let field = "spec.forwardAuth.tls";
            let (ca, pair) = self.client_tls(&tls.ca_secret, &tls.cert_secret, field);
            AuthTls {
                ca,
                cert: pair.0,
                key: pair.1,
                insecure_skip_verify: tls.insecure_skip_verify,
                ca_optional: tls.ca_optional,
            }
        });
        ForwardAuth {
            address: auth.address.clone(),
            tls,
            trust_forward_header: auth.trust_forward_header,
            auth_response_headers: auth.auth_response_headers.clone(),
            auth_response_headers_regex: auth.auth_response_headers_regex.clone(),
            auth_request_headers: auth.auth_request_headers.clone(),
            add_auth_cookies_to_response: auth.add_auth_cookies_to_response.clone(),
            header_field: auth.header_field.clone(),
            forward_body: auth.forward_body,
            max_body_size: auth.max_body_size,
            max_response_body_size: auth.max_response_body_size,
            preserve_location_header: auth.preserve_location_header,
            preserve_request_method: auth.preserve_request_method,
            auth_signin_url: auth.auth_signin_url.clone(),
        }
    }

    /// The CA, and the client certificate with its key, as far as they are asked for.
    fn client_tls(&mut self, ca: &str, certificate: &str, field: &str) -> (String, (String, Secret)) {
        let ca = match ca {
            "" => None,
            ca => self.secret(ca, &format!("{field}.caSecret"), |cx, name| {
                material::secret_ca(cx, name, CaSource::CaKeys)
            }),
        };
        let pair = match certificate {
            "" => None,
            certificate => self.secret(certificate, &format!("{field}.certSecret"), material::pair),
        };
        let pair = pair.map(|pair| (pair.cert_file.as_ref().to_owned(), Secret::new(&*pair.key_file)));
        (ca.map(|ca| ca.pem).unwrap_or_default(), pair.unwrap_or_default())
    }

    fn rate_limit(&mut self, limit: &api::RateLimit) -> RateLimit {
        RateLimit {
            average: limit.average,
            period: limit.period,
            burst: limit.burst,
            source_criterion: limit.source_criterion.clone(),
            redis: limit.redis.as_ref().map(|redis| self.redis(redis)),
        }
    }

    fn redis(&mut self, redis: &api::Redis) -> Redis {
        let (username, password) = match redis.secret.as_str() {
            "" => None,
            secret => self.secret(secret, "spec.rateLimit.redis.secret", material::login),
        }
        .unwrap_or_default();
        let tls = redis.tls.as_ref().map(|tls| {
            let field = "spec.rateLimit.redis.tls";
            let (ca, pair) = self.client_tls(&tls.ca_secret, &tls.cert_secret, field);
            RedisTls {
                ca,
                cert: pair.0,
                key: pair.1,
                insecure_skip_verify: tls.insecure_skip_verify,
            }
        });
        Redis {
            endpoints: redis.endpoints.clone(),
            tls,
            username,
            password: Secret::new(password),
            db: redis.db,
            pool_size: redis.pool_size,
            min_idle_conns: redis.min_idle_conns,
            max_active_conns: redis.max_active_conns,
            read_timeout: redis.read_timeout,
            write_timeout: redis.write_timeout,
            dial_timeout: redis.dial_timeout,
        }
    }
}
