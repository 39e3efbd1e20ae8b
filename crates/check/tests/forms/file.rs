//! Dynamic configuration of the file provider.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use viaduct_check::Diagnosis as D;
use viaduct_config::document;

use crate::Cell::{self, Never, With};
use crate::route::{ENTRY_POINT, VERIFIED};
use crate::{Form, INSTALL};

pub(crate) const FORM: Form = Form {
    right: include_str!("file.yaml"),
    said: &[],
    cell,
};

const OBJECT: &str = "there are no objects in a file of the file provider";

fn cell(diagnosis: D) -> Cell {
    match diagnosis {
        D::Unreadable => With(&[("  services:", " services:")]),
        D::Duplicate => Never(
            "a second document, or a key that is there twice, makes the file unreadable: V0001; two files are looked at below",
        ),
        D::NotConfiguration => With(&[
            ("http:", "htpp:"),
            ("tls:\n  options:", "lts:\n  options:"),
            ("rule: Host(`web.example.com`)", "rule: web"),
        ]),
        D::OldApiGroup
        | D::ApiVersion
        | D::UnknownKind
        | D::NoNamespace
        | D::Placeholder
        | D::ForeignAnnotation
        | D::PortMissing
        | D::SecretMissing
        | D::SecretKeyMissing
        | D::ReferenceMissing
        | D::KeyOfCa
        | D::Fragment => Never(OBJECT),
        D::InvalidObject => With(&[("[websecure]", "{}")]),
        D::ServiceMissing => With(&[("service: app", "service: pap")]),
        D::TransportMissing => With(&[("serversTransport: own", "serversTransport: onw")]),
        D::MiddlewareMissing => With(&[("[own-only]", "[owns-only]")]),
        D::TlsOptionMissing => With(&[("options: strict", "options: stritc")]),
        D::ForbiddenReference => Never("a file may name what any provider has"),
        D::EntryPointMissing => With(&[("", ENTRY_POINT), ("[websecure]", "[websecured]")]),
        D::MisplacedField => {
            Never("a field that is not in its place is unknown there, and the file is refused: V0112")
        }
        D::UnknownField => With(&[("      service: app", "      servce: app")]),
        D::DeprecatedField => Never("the deprecated list of CAs is one of Secrets"),
        D::InvalidRule => With(&[("Host(`web.example.com`)", "Host('web.example.com')")]),
        D::Unsupported => With(&[(
            "        sourceRange: [10.0.0.0/8]",
            "        sourceRange: [10.0.0.0/8]\n    other:\n      plugin: { demo: {} }",
        )]),
        D::InvalidService => With(&[("https://10.0.0.7:8443", "htps://10.0.0.7:8443")]),
        D::NoServers => With(&[("servers:\n        - url: https://10.0.0.7:8443", "servers: []")]),
        D::Unreachable => With(&[(
            "    web:\n",
            "    never:\n      rule: Host(`web.example.com`) && PathPrefix(`/a`)\n      priority: 1\n      entryPoints: [websecure]\n      service: app\n      tls: { options: strict }\n    web:\n",
        )]),
        D::OptionUnknown
        | D::OptionRefused
        | D::OptionInvalid
        | D::OptionWithoutEffect
        | D::OptionDeprecated
        | D::BridgeException => Never(INSTALL),
        D::ClientAuthForBackend => With(&[
            ("        serversTransport: own\n", ""),
            (
                "minVersion: VersionTLS13",
                "clientAuth: { clientAuthType: RequireAndVerifyClientCert, caFiles: [<backend-ca ca.crt>] }",
            ),
        ]),
        D::ConflictingTlsOptions => With(&[(
            "    web:\n",
            "    other:\n      rule: Host(`web.example.com`) && PathPrefix(`/a`)\n      entryPoints: [websecure]\n      service: app\n      tls: {}\n    web:\n",
        )]),
        D::InvalidTlsOption => With(&[("VersionTLS13", "VersionTLS10000")]),
        D::BackendsOwnKey => With(&[(
            "<backend-ca ca.crt>\n",
            "<backend-self tls.crt>\n      certificates:\n      - certFile: <backend-self tls.crt>\n        keyFile: <backend-self tls.key>\n",
        )]),
        D::LeafAsRoot => With(&[("<backend-ca ca.crt>", "<backend-self tls.crt>")]),
        D::NoTrust => With(&[("rootCAs:\n      - <backend-ca ca.crt>", "rootCAs: []")]),
        D::PlainBackend => With(&[("https://10", "http://10")]),
        D::SkipVerify => With(&[(
            "      serverName:",
            "      insecureSkipVerify: true\n      serverName:",
        )]),
        D::NameNotCarried => With(&[
            ("serverName: web.", "serverName: other."),
            ("<backend-ca ca.crt>", "<backend-self tls.crt>"),
        ]),
        D::NoTransport => With(&[("        serversTransport: own\n", "")]),
        D::BelowRequiredClass => With(&[("", VERIFIED), ("https://10", "http://10")]),
        D::KeyMismatch => With(&[("<web-tls tls.key>", "<backend-tls tls.key>")]),
        D::UnusableCertificate => With(&[(
            "<web-tls tls.crt>",
            "\"-----BEGIN CERTIFICATE-----\\nnone\\n-----END CERTIFICATE-----\"",
        )]),
        D::Expired => With(&[
            ("<web-tls tls.crt>", "<expired-tls tls.crt>"),
            ("<web-tls tls.key>", "<expired-tls tls.key>"),
        ]),
        D::ExpiresSoon => With(&[
            ("<web-tls tls.crt>", "<soon-tls tls.crt>"),
            ("<web-tls tls.key>", "<soon-tls tls.key>"),
        ]),
        D::NotYetValid => With(&[
            ("<web-tls tls.crt>", "<not-yet-tls tls.crt>"),
            ("<web-tls tls.key>", "<not-yet-tls tls.key>"),
        ]),
        D::IncompleteChain => With(&[
            ("<web-tls tls.crt>", "<chained-tls tls.crt>"),
            ("<web-tls tls.key>", "<chained-tls tls.key>"),
        ]),
        D::WeakKey => With(&[
            ("<web-tls tls.crt>", "<weak-tls tls.crt>"),
            ("<web-tls tls.key>", "<weak-tls tls.key>"),
        ]),
    }
}

/// What is another text in TOML, or cannot be written in it: whole texts.
pub(crate) fn in_toml(diagnosis: D) -> Option<Cell> {
    match diagnosis {
        D::Unreadable => Some(With(&[("", "[http.routers.web\n")])),
        D::EntryPointMissing => Some(With(&[(
            "",
            "[entryPoints.websecure]\naddress = \":443\"\n[http.routers.web]\nrule = \"Host(`web.example.com`)\"\nentryPoints = [\"websecured\"]\nservice = \"app\"\n[[http.services.app.loadBalancer.servers]]\nurl = \"http://127.0.0.1:8080\"\n",
        )])),
        D::BelowRequiredClass => Some(With(&[(
            "",
            "[entryPoints.websecure]\naddress = \":443\"\n[bridge]\nrequire = \"verified\"\n[http.routers.web]\nrule = \"Host(`web.example.com`)\"\nservice = \"app\"\n[[http.services.app.loadBalancer.servers]]\nurl = \"http://127.0.0.1:8080\"\n",
        )])),
        _ => None,
    }
}

/// With the PEM texts that `<secret key>` stands for.
pub(crate) fn filled(text: &str) -> String {
    let around = include_str!("../../catalogue/around.yaml");
    let objects = document::parse("around.yaml", around).expect("YAML");
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        let (named, after) = behind.split_once('>').expect("`<secret key>`");
        let (secret, key) = named.split_once(' ').expect("`<secret key>`");
        let mut roots = objects.iter().map(|object| &object.root);
        let root =
            roots.find(|root| root.at("metadata.name").and_then(document::Node::as_str) == Some(secret));
        let data = root.and_then(|root| root.get("data")?.get(key)?.as_str());
        let pem = BASE64_STANDARD
            .decode(data.expect("the Secret and its key"))
            .expect("base64");
        let pem = String::from_utf8(pem).expect("PEM");
        filled.push_str(before);
        filled.push_str(&serde_json::to_string(&pem).expect("text"));
        rest = after;
    }
    filled + rest
}
