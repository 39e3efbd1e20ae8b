//! Fields that no schema has: where they belong, if that can be told (features.md C4).

use viaduct_config::Location;
use viaduct_config::finding::Code;
use viaduct_config::{Finding, ObjectRef, suggest};

use crate::api::Kind;

/// A field's name, the path under which it is found by mistake (`[]` for any position), and where it
/// belongs.
struct Misplaced {
    kind: Kind,
    wrong: &'static str,
    right: &'static str,
}

const fn misplaced(kind: Kind, wrong: &'static str, right: &'static str) -> Misplaced {
    Misplaced { kind, wrong, right }
}

const MISPLACED: &[Misplaced] = &[
    misplaced(Kind::IngressRoute, "tls", "`spec.tls`"),
    misplaced(Kind::IngressRoute, "serversTransport", SERVICE_TRANSPORT),
    misplaced(Kind::IngressRoute, "spec.secretName", "`spec.tls.secretName`"),
    misplaced(Kind::IngressRoute, "spec.options", "`spec.tls.options`"),
    misplaced(Kind::IngressRoute, "spec.certResolver", "`spec.tls.certResolver`"),
    misplaced(Kind::IngressRoute, "spec.domains", "`spec.tls.domains`"),
    misplaced(Kind::IngressRoute, "spec.serversTransport", SERVICE_TRANSPORT),
    misplaced(Kind::IngressRoute, "spec.services", "`spec.routes[].services`"),
    misplaced(Kind::IngressRoute, "spec.match", "`spec.routes[].match`"),
    misplaced(
        Kind::IngressRoute,
        "spec.middlewares",
        "`spec.routes[].middlewares`",
    ),
    misplaced(Kind::IngressRoute, "spec.priority", "`spec.routes[].priority`"),
    misplaced(Kind::IngressRoute, "spec.tls.serversTransport", SERVICE_TRANSPORT),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].tls",
        "`spec.tls`, for all routes of the object",
    ),
    misplaced(Kind::IngressRoute, "spec.routes[].options", "`spec.tls.options`"),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].certResolver",
        "`spec.tls.certResolver`",
    ),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].entryPoints",
        "`spec.entryPoints`",
    ),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].passHostHeader",
        "`spec.routes[].services[].passHostHeader`",
    ),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].scheme",
        "`spec.routes[].services[].scheme`",
    ),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].services[].secretName",
        "`spec.tls.secretName`",
    ),
    misplaced(Kind::IngressRoute, "spec.routes[].services[].tls", TRANSPORT),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].services[].serverName",
        TRANSPORT,
    ),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].services[].insecureSkipVerify",
        TRANSPORT,
    ),
    misplaced(Kind::IngressRoute, "spec.routes[].services[].rootCAs", TRANSPORT),
    misplaced(
        Kind::IngressRoute,
        "spec.routes[].services[].rootCAsSecrets",
        TRANSPORT,
    ),
    misplaced(Kind::TlsOption, "spec.rootCAs", TRANSPORT),
    misplaced(Kind::TlsOption, "spec.rootCAsSecrets", TRANSPORT),
    misplaced(Kind::TlsOption, "spec.serverName", TRANSPORT),
    misplaced(Kind::TlsOption, "spec.insecureSkipVerify", TRANSPORT),
    misplaced(Kind::TlsOption, "spec.certificatesSecrets", TRANSPORT),
    misplaced(
        Kind::TlsOption,
        "spec.secretNames",
        "`spec.clientAuth.secretNames`",
    ),
    misplaced(
        Kind::TlsOption,
        "spec.clientAuthType",
        "`spec.clientAuth.clientAuthType`",
    ),
    misplaced(
        Kind::TlsOption,
        "spec.clientAuth.caFiles",
        "`spec.clientAuth.secretNames`",
    ),
    misplaced(
        Kind::ServersTransport,
        "spec.certificates",
        "`spec.certificatesSecrets`",
    ),
    misplaced(
        Kind::ServersTransport,
        "spec.clientAuth",
        "a TLSOption: it is about this proxy's clients",
    ),
    misplaced(
        Kind::ServersTransport,
        "spec.rootCAs[].secretName",
        "`spec.rootCAs[].secret`",
    ),
    misplaced(
        Kind::ServersTransport,
        "spec.rootCAs[].configMapName",
        "`spec.rootCAs[].configMap`",
    ),
    misplaced(
        Kind::ServersTransport,
        "spec.dialTimeout",
        "`spec.forwardingTimeouts.dialTimeout`",
    ),
    misplaced(
        Kind::TlsStore,
        "spec.secretName",
        "`spec.defaultCertificate.secretName`",
    ),
];

const SERVICE_TRANSPORT: &str = "`spec.routes[].services[].serversTransport`";
const TRANSPORT: &str = "a ServersTransport, which `spec.routes[].services[].serversTransport` names";

/// Every field of the ten kinds, for the ones that are merely misspelt.
const FIELDS: &[&str] = &[
    "accessControlAllowCredentials",
    "accessControlAllowHeaders",
    "accessControlAllowMethods",
    "accessControlAllowOriginList",
    "accessControlAllowOriginListRegex",
    "accessControlExposeHeaders",
    "accessControlMaxAge",
    "accessLogs",
    "addAuthCookiesToResponse",
    "addPrefix",
    "addVaryHeader",
    "address",
    "allowEncodedBackSlash",
    "allowEncodedHash",
    "allowEncodedNullCharacter",
    "allowEncodedPercent",
    "allowEncodedQuestionMark",
    "allowEncodedSemicolon",
    "allowEncodedSlash",
    "allowOrigins",
    "allowedHosts",
    "alpnProtocols",
    "amount",
    "attempts",
    "authRequestHeaders",
    "authResponseHeaders",
    "authResponseHeadersRegex",
    "authSigninURL",
    "autoDetect",
    "average",
    "basicAuth",
    "browserXssFilter",
    "buffering",
    "burst",
    "caOptional",
    "caSecret",
    "certResolver",
    "certSecret",
    "certificates",
    "certificatesSecrets",
    "chain",
    "checkPeriod",
    "cipherSuites",
    "circuitBreaker",
    "clientAuth",
    "clientAuthType",
    "commonName",
    "compress",
    "configMap",
    "contentSecurityPolicy",
    "contentSecurityPolicyReportOnly",
    "contentType",
    "contentTypeNosniff",
    "cookie",
    "country",
    "curvePreferences",
    "customBrowserXSSValue",
    "customFrameOptionsValue",
    "customRequestHeaders",
    "customResponseHeaders",
    "db",
    "defaultCertificate",
    "defaultEncoding",
    "defaultGeneratedCert",
    "depth",
    "dialKeepAlive",
    "dialTimeout",
    "digestAuth",
    "disableHTTP2",
    "disableRetryOnNetworkError",
    "disableSessionTickets",
    "domain",
    "domainComponent",
    "domains",
    "encodedCharacters",
    "encodings",
    "endpoints",
    "entryPoints",
    "errorRequestHeaders",
    "errors",
    "excludedContentTypes",
    "excludedIPs",
    "expression",
    "failover",
    "failureWindow",
    "fallback",
    "fallbackDuration",
    "featurePolicy",
    "flushInterval",
    "followRedirects",
    "forceSTSHeader",
    "forceSlash",
    "forwardAuth",
    "forwardBody",
    "forwardingTimeouts",
    "frameDeny",
    "grpcWeb",
    "headerField",
    "headers",
    "healthCheck",
    "highestRandomWeight",
    "hostname",
    "hostsProxyHeaders",
    "httpOnly",
    "idleConnTimeout",
    "ids",
    "inFlightConn",
    "inFlightReq",
    "includedContentTypes",
    "info",
    "ingressClassName",
    "initialInterval",
    "insecureSkipVerify",
    "interval",
    "ipAllowList",
    "ipStrategy",
    "ipWhiteList",
    "ipv6Subnet",
    "isDevelopment",
    "issuer",
    "kind",
    "locality",
    "main",
    "match",
    "maxActiveConns",
    "maxAge",
    "maxBodySize",
    "maxFailedAttempts",
    "maxIdleConnsPerHost",
    "maxRequestBodyBytes",
    "maxResponseBodyBytes",
    "maxResponseBodySize",
    "maxVersion",
    "memRequestBodyBytes",
    "memResponseBodyBytes",
    "method",
    "metrics",
    "middlewares",
    "minIdleConns",
    "minResponseBodyBytes",
    "minVersion",
    "mirrorBody",
    "mirroring",
    "mirrors",
    "mode",
    "name",
    "namespace",
    "nativeLB",
    "nodePortLB",
    "notAfter",
    "notBefore",
    "observability",
    "options",
    "organization",
    "organizationalUnit",
    "parentRefs",
    "passHostHeader",
    "passTLSClientCert",
    "passiveHealthCheck",
    "passthrough",
    "path",
    "peerCertURI",
    "pem",
    "percent",
    "period",
    "permanent",
    "permissionsPolicy",
    "pingTimeout",
    "plugin",
    "poolSize",
    "port",
    "preferServerCipherSuites",
    "prefix",
    "prefixes",
    "preserveLocationHeader",
    "preserveRequestMethod",
    "priority",
    "province",
    "proxyProtocol",
    "publicKey",
    "query",
    "rateLimit",
    "readIdleTimeout",
    "readTimeout",
    "realm",
    "recoveryDuration",
    "redirectRegex",
    "redirectScheme",
    "redis",
    "referrerPolicy",
    "regex",
    "rejectStatusCode",
    "removeHeader",
    "replacePath",
    "replacePathRegex",
    "replacement",
    "requestHeaderName",
    "requestHost",
    "resolver",
    "responseCode",
    "responseForwarding",
    "responseHeaderTimeout",
    "retry",
    "retryExpression",
    "retryNonIdempotentMethod",
    "rootCAs",
    "rootCAsSecrets",
    "routes",
    "sameSite",
    "sans",
    "scheme",
    "secret",
    "secretName",
    "secretNames",
    "secure",
    "serialNumber",
    "serverName",
    "serversTransport",
    "service",
    "services",
    "sniStrict",
    "sourceCriterion",
    "sourceRange",
    "spiffe",
    "sslForceHost",
    "sslHost",
    "sslProxyHeaders",
    "sslRedirect",
    "sslTemporaryRedirect",
    "status",
    "statusRewrites",
    "sticky",
    "store",
    "strategy",
    "stripPrefix",
    "stripPrefixRegex",
    "stsIncludeSubdomains",
    "stsPreload",
    "stsSeconds",
    "subject",
    "syntax",
    "terminationDelay",
    "timeout",
    "tls",
    "traceVerbosity",
    "tracing",
    "trustDomain",
    "trustForwardHeader",
    "unhealthyInterval",
    "version",
    "weight",
    "weighted",
    "writeTimeout",
];

/// What to say of a field that nothing reads.
pub(crate) fn finding(kind: Kind, object: ObjectRef, path: &str, location: Location) -> Finding {
    let general = without_positions(path);
    let place = MISPLACED
        .iter()
        .find(|entry| entry.kind == kind && entry.wrong == general);
    let finding = match place {
        Some(entry) => Finding::warning(
            Code::MisplacedField,
            format!("`{path}` does not exist and has no effect"),
        )
        .hint(format!("it belongs in {}", entry.right)),
        None => {
            let finding = Finding::warning(
                Code::UnknownField,
                format!("`{path}` does not exist and has no effect"),
            );
            match (same_but_for_case(&general), nearest(&general)) {
                (Some(known), _) => finding.hint(format!("it is spelt `{known}`")),
                (None, Some(known)) => finding.hint(format!("did you mean `{known}`?")),
                (None, None) => finding,
            }
        }
    };
    finding.object(object).at(Some(location)).field(path)
}

/// `spec.routes[3].tls` -> `spec.routes[].tls`.
fn without_positions(path: &str) -> String {
    let mut general = String::with_capacity(path.len());
    let mut in_brackets = false;
    for character in path.chars() {
        match character {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ if in_brackets => continue,
            _ => {}
        }
        general.push(character);
    }
    general
}

fn nearest(path: &str) -> Option<&'static str> {
    let last = path.rsplit('.').next()?;
    suggest::closest(last, FIELDS.iter().copied()).filter(|known| *known != last)
}

fn same_but_for_case(path: &str) -> Option<&'static str> {
    let last = path.rsplit('.').next()?;
    FIELDS
        .iter()
        .copied()
        .find(|known| known.eq_ignore_ascii_case(last) && *known != last)
}
