//! Annotations of other controllers (C4).

use viaduct_config::document::{Node, Value};

use super::objects::{Object, Objects};
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::place::Place;

pub(super) fn look(objects: &Objects<'_>, found: &mut Vec<Diagnostic>) {
    for object in objects.all() {
        if !KINDS.contains(&object.kind) {
            continue;
        }
        let annotations = object
            .root
            .get("metadata")
            .and_then(|metadata| metadata.get("annotations"));
        let Some(Value::Mapping(entries)) = annotations.map(|node: &Node| &node.value) else {
            continue;
        };
        for (key, _) in entries {
            if let Some((controller, name)) = foreign(&key.text) {
                let file = objects.sources.files.get(object.file);
                let token = file.and_then(|file| file.token(&key.location));
                let place = token.map(|token| Place::new(object.file, token));
                found.push(diagnostic(object, &key.text, controller, name).at(place));
            }
        }
    }
}

fn diagnostic(object: Object<'_>, key: &str, controller: &str, name: &str) -> Diagnostic {
    let message = format!("`{key}` is read by {controller} and by nobody here");
    let diagnostic = Diagnostic::new(Diagnosis::ForeignAnnotation, message)
        .about(object.subject())
        .field(format!("metadata.annotations[{key}]"));
    match OURS.iter().find(|(theirs, _)| *theirs == name) {
        Some((_, ours)) => diagnostic.help(Help::words(format!("write {ours}"))),
        None => diagnostic,
    }
}

/// The controller whose annotation it is, and the annotation's own name.
fn foreign(key: &str) -> Option<(&'static str, &str)> {
    let (prefix, name) = key.split_once('/')?;
    CONTROLLERS
        .iter()
        .find(|(theirs, _)| *theirs == prefix)
        .map(|(_, controller)| (*controller, name))
}

/// What other controllers' annotations are found on.
const KINDS: [&str; 6] = [
    "Ingress",
    "IngressRoute",
    "IngressRouteTCP",
    "IngressRouteUDP",
    "Service",
    "TraefikService",
];

const CONTROLLERS: [(&str, &str); 10] = [
    ("nginx.ingress.kubernetes.io", "ingress-nginx"),
    ("nginx.org", "the NGINX ingress controller"),
    ("nginx.com", "the NGINX ingress controller"),
    ("haproxy.org", "the HAProxy ingress controller"),
    ("haproxy-ingress.github.io", "HAProxy Ingress"),
    ("ingress.kubernetes.io", "HAProxy Ingress"),
    ("konghq.com", "Kong"),
    ("projectcontour.io", "Contour"),
    ("alb.ingress.kubernetes.io", "the AWS load balancer controller"),
    ("appgw.ingress.kubernetes.io", "the Azure gateway controller"),
];

/// What does the same here, by the names that these controllers share.
const OURS: &[(&str, &str)] = &[
    ("backend-protocol", SCHEME),
    ("server-ssl", SCHEME),
    ("ssl-services", SCHEME),
    ("secure-backends", SCHEME),
    ("protocol", SCHEME),
    ("proxy-ssl-secret", TRANSPORT),
    ("proxy-ssl-verify", TRANSPORT),
    ("proxy-ssl-name", TRANSPORT),
    ("proxy-ssl-server-name", TRANSPORT),
    ("secure-verify-ca-secret", TRANSPORT),
    ("server-ca", TRANSPORT),
    ("server-crt", TRANSPORT),
    (
        "upstream-vhost",
        "`traefik.ingress.kubernetes.io/service.passhostheader: \"false\"` at the Service, or a Middleware `headers`",
    ),
    ("auth-tls-secret", CLIENTS),
    ("auth-tls-verify-client", CLIENTS),
    ("client-ca", CLIENTS),
    ("ssl-redirect", REDIRECT),
    ("force-ssl-redirect", REDIRECT),
    (
        "rewrite-target",
        "a Middleware `replacePathRegex` or `stripPrefix`, named in `traefik.ingress.kubernetes.io/router.middlewares`",
    ),
    (
        "path-rewrite",
        "a Middleware `replacePathRegex`, named in `traefik.ingress.kubernetes.io/router.middlewares`",
    ),
    ("whitelist-source-range", ALLOW),
    ("allowlist-source-range", ALLOW),
    ("allow-list", ALLOW),
    ("whitelist", ALLOW),
    ("auth-type", AUTH),
    ("auth-secret", AUTH),
    (
        "auth-url",
        "a Middleware `forwardAuth`, named in `traefik.ingress.kubernetes.io/router.middlewares`",
    ),
    ("affinity", STICKY),
    ("session-cookie-name", STICKY),
    (
        "ssl-passthrough",
        "an IngressRouteTCP with `tls.passthrough: true`",
    ),
    (
        "proxy-body-size",
        "a Middleware `buffering`, named in `traefik.ingress.kubernetes.io/router.middlewares`",
    ),
    (
        "limit-rps",
        "a Middleware `rateLimit`, named in `traefik.ingress.kubernetes.io/router.middlewares`",
    ),
];

const SCHEME: &str = "`traefik.ingress.kubernetes.io/service.serversscheme: https` at the Service";
const TRANSPORT: &str = "a ServersTransport with `rootCAs` and `serverName`, named in `traefik.ingress.kubernetes.io/service.serverstransport` at the Service";
const CLIENTS: &str =
    "a TLSOption with `clientAuth`, named in `traefik.ingress.kubernetes.io/router.tls.options`";
const REDIRECT: &str = "a Middleware `redirectScheme`, or the entry point's `http.redirections`";
const ALLOW: &str = "a Middleware `ipAllowList`, named in `traefik.ingress.kubernetes.io/router.middlewares`";
const AUTH: &str = "a Middleware `basicAuth`, named in `traefik.ingress.kubernetes.io/router.middlewares`";
const STICKY: &str = "`traefik.ingress.kubernetes.io/service.sticky.cookie: \"true\"` at the Service";
