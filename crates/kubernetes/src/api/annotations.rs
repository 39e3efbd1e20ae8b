//! Annotations: those of Traefik's Ingress provider, and the class of an Ingress.

use std::collections::BTreeMap;

/// What Traefik's Ingress provider reads begins so.
pub const PREFIX: &str = "traefik.ingress.kubernetes.io/";

/// The class of an Ingress before `spec.ingressClassName`.
pub const CLASS: &str = "kubernetes.io/ingress.class";

/// Of a ServersTransport: SHA-256 fingerprints, with commas between them, of certificates that it must not trust. Of a
/// Secret or ConfigMap: the same for every ServersTransport that has its CAs from there, or [`ALL`]. Of our own.
pub const REVOKED: &str = "viaduct.io/revoked";

/// In [`REVOKED`] of a Secret or ConfigMap: every certificate that transports have from there.
pub const ALL: &str = "all";

/// Of a Namespace, as a label or an annotation: the least class that the backend legs of its routes have to have. Of our
/// own.
pub const REQUIRE: &str = "viaduct.io/require";

/// Annotations of an Ingress or a Service. What no Ingress controller reads is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations {
    /// [`CLASS`].
    pub class: Option<String>,
    /// Those that begin with [`PREFIX`], by what follows it, as written.
    pub own: BTreeMap<String, String>,
    /// The names of those that other Ingress controllers read.
    pub foreign: Vec<String>,
}

impl Annotations {
    pub fn of(annotations: Option<BTreeMap<String, String>>) -> Self {
        let mut kept = Self::default();
        for (key, value) in annotations.unwrap_or_default() {
            if let Some(name) = key.strip_prefix(PREFIX) {
                kept.own.insert(name.to_owned(), value);
            } else if key == CLASS {
                kept.class = Some(value);
            } else if is_foreign(&key) {
                kept.foreign.push(key);
            }
        }
        kept
    }

    /// The path of an annotation in its object.
    pub fn field(name: &str) -> String {
        format!("metadata.annotations[{PREFIX}{name}]")
    }
}

/// Whether another Ingress controller reads it: nobody else uses such prefixes.
fn is_foreign(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else {
        return false;
    };
    domain.ends_with(".ingress.kubernetes.io") || FOREIGN.contains(&domain)
}

/// Prefixes of controllers that are not named as Kubernetes suggests.
const FOREIGN: [&str; 8] = [
    "ingress.kubernetes.io",
    "nginx.org",
    "nginx.com",
    "haproxy.org",
    "haproxy-ingress.github.io",
    "konghq.com",
    "projectcontour.io",
    "appgw.ingress.azure.io",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_ingress_controller_reads_is_not_kept() {
        let written = [
            ("traefik.ingress.kubernetes.io/router.tls", "true"),
            ("kubernetes.io/ingress.class", "traefik"),
            ("nginx.ingress.kubernetes.io/auth-type", "basic"),
            ("haproxy.org/timeout", "5s"),
            ("cert-manager.io/issuer", "ca"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
            ("plain", "x"),
        ];
        let written = written.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let kept = Annotations::of(Some(written.into_iter().collect()));
        assert_eq!(kept.class.as_deref(), Some("traefik"));
        assert_eq!(kept.own.len(), 1);
        assert_eq!(kept.own["router.tls"], "true");
        assert_eq!(
            kept.foreign,
            ["haproxy.org/timeout", "nginx.ingress.kubernetes.io/auth-type"]
        );
    }
}
