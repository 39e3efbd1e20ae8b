//! A table of data: the diagnoses in the order of their codes.
//!
//! `catalogue/CODE.yaml` is the example of each, `catalogue/CODE.txt` what is said of it.

use viaduct_config::Severity;

use super::Entry;

macro_rules! catalogue {
    ($($name:ident $code:literal $severity:ident $title:literal {
        why: $why:literal,
        here: $here:literal,
        traefik: $traefik:literal,
        mend: $mend:literal,
    })+) => {
        /// What can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Diagnosis {
            $(#[doc = $title] $name,)+
        }

        impl Diagnosis {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$name => &Entry {
                        code: $code,
                        severity: Severity::$severity,
                        title: $title,
                        why: $why,
                        here: $here,
                        traefik: $traefik,
                        mend: $mend,
                        example: include_str!(concat!("../../catalogue/", $code, ".yaml")),
                        output: include_str!(concat!("../../catalogue/", $code, ".txt")),
                    },)+
                }
            }

            pub const fn code(self) -> &'static str {
                self.entry().code
            }

            /// The diagnosis of a code, in whatever case it is written.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.code().eq_ignore_ascii_case(code))
            }
        }
    };
}

catalogue! {
    Unreadable "V0001" Error "a file that cannot be read" {
        why: "The text is not YAML, JSON or TOML, or it is not UTF-8. Nothing of a file with one such place is used, as half a file may say the opposite of the whole. Of Markdown, where the fenced blocks of YAML and JSON are read, only the block is left out.",
        here: "nothing of the file is used; a file that was good before keeps its last good state until this one is mended",
        traefik: "the file provider refuses the file; `kubectl apply` refuses the manifest",
        mend: "correct the text at the place that is named.",
    }
    NotConfiguration "V0002" Info "a document that nobody reads" {
        why: "It is neither a Kubernetes object (no `kind`) nor has it a section of Traefik's install or dynamic configuration; or it is Markdown, of which the fenced blocks of YAML and JSON are read and nothing else.",
        here: "it is passed over",
        traefik: "it is passed over, or refused where a directory of the file provider holds it",
        mend: "keep it where no configuration is looked for, or name the files that are meant.",
    }
    Fragment "V0003" Error "lines of an object that stand on their own" {
        why: "Articles show the lines to add without the object around them. Pasted as a document they belong to nothing. Where they ask for TLS options that were meant for the backend, they belong nowhere: that is [`V0201`](#v0201).",
        here: "they have no effect: the route goes on without them",
        traefik: "`kubectl apply` refuses a document without `kind`; the file provider takes them for something else",
        mend: "put the lines where they belong inside the IngressRoute, or leave them out.",
    }
    OldApiGroup "V0004" Warning "an object of the API group before Traefik 3" {
        why: "Traefik 3 reads `traefik.io` and nothing else; `traefik.containo.us` was the name until then, and most articles still have it.",
        here: "`viaduct up` reads it as `traefik.io`; a cluster without the old CRDs does not take it",
        traefik: "Traefik 3 does not look at the old group: the object is there and has no effect",
        mend: "write `apiVersion: traefik.io/v1alpha1`.",
    }
    ApiVersion "V0005" Warning "an `apiVersion` that is missing or not read" {
        why: "A kind belongs to a group and version. Without them no API server takes the object; with another version it is another object.",
        here: "a kind of Traefik's without `apiVersion` is read by `viaduct up`; any other one has no effect",
        traefik: "the API server refuses the manifest",
        mend: "write the `apiVersion` that is wanted.",
    }
    InvalidObject "V0006" Error "a value of the wrong type, or a part that is missing" {
        why: "The object has not the shape of its kind: text where a list belongs, a name that is none, a value that is not one of those allowed.",
        here: "the object is not used, and what refers to it is out of service",
        traefik: "the API server refuses the manifest; the file provider refuses the file",
        mend: "write the value as the message says.",
    }
    Duplicate "V0007" Error "something that is written twice" {
        why: "Two documents define one object, or two objects one element. Only one of them can count.",
        here: "the first one counts, in the order of the files' names; the other one has no effect",
        traefik: "the last one that is applied to the cluster replaces the others; in files the first one counts",
        mend: "remove one of them, or give it another name.",
    }
    UnknownKind "V0008" Warning "a kind that Traefik does not have" {
        why: "The group is Traefik's, the kind is not. Kinds are spelled with all their capitals: `TLSOption`, `IngressRouteTCP`.",
        here: "the object has no effect",
        traefik: "the API server refuses the manifest: no matches for kind",
        mend: "correct the kind.",
    }
    NoNamespace "V0009" Info "an object without a namespace" {
        why: "Every other object says its namespace and this one does not, so that it goes to whichever one `kubectl` has at the moment, or to `default`. What refers to it looks for it in a namespace of its own.",
        here: "`viaduct up` reads it as one of `default`",
        traefik: "it is wherever `kubectl apply` has put it",
        mend: "write `metadata.namespace`.",
    }
    Placeholder "V0010" Warning "a placeholder that was left in" {
        why: "Articles shorten files with `...`. Whoever copies them copies the dots as well.",
        here: "this proxy does not read the text; the program that does, does not start",
        traefik: "the same",
        mend: "write what the dots stand for.",
    }
    ServiceMissing "V0101" Error "a service that does not exist" {
        why: "A route names a Service, or a router a service, that is not among what is read. Services are looked for in the namespace of the IngressRoute. Where something else is wrong with the route as well, a Secret that is missing for example, that decides the status.",
        here: "the router is out of service and answers 404; it keeps its place, so that no other router gets its requests",
        traefik: "the router is left out, with a line in the log: another one may get its requests",
        mend: "correct the name or the namespace, or write the Service. If it is made elsewhere, `--allow V0101` leaves this out.",
    }
    PortMissing "V0102" Error "a port that the Service does not have" {
        why: "`port` names a port of the Service by its number or by its name; the port of the pod (`targetPort`) does not count.",
        here: "the router is out of service and answers 503",
        traefik: "the log has `service port not found`, and the router is left out",
        mend: "name one of the Service's ports.",
    }
    SecretMissing "V0103" Error "a Secret or ConfigMap that does not exist" {
        why: "A certificate, a CA or a list of users is to come from an object that is not among what is read. It is looked for in the namespace of the object that names it.",
        here: "what needs it is out of service and answers 503: no other certificate and no other trust takes its place",
        traefik: "a route's certificate is replaced by the default one, a missing CA by the system's CAs, a missing client certificate by none: each with a line in the log only",
        mend: "correct the name, or write the object. If it is made elsewhere, by cert-manager for example, `--allow V0103` leaves this out.",
    }
    TransportMissing "V0104" Error "a ServersTransport that does not exist" {
        why: "`serversTransport` of a service names the object that says whom to trust behind it. It is looked for in the namespace of the IngressRoute, and has no suffix there.",
        here: "the router is out of service and answers 404",
        traefik: "the router cannot be built, and its requests fail",
        mend: "correct the name, or write the ServersTransport.",
    }
    MiddlewareMissing "V0105" Error "a middleware that does not exist" {
        why: "A route or a chain names a Middleware that is not among what is read.",
        here: "the router is out of service and answers 503: it is never served without what guards it",
        traefik: "the router is left out, and another one may get its requests, without the middleware",
        mend: "correct the name or the namespace, or write the Middleware.",
    }
    TlsOptionMissing "V0106" Error "TLS options that do not exist" {
        why: "`tls.options` names a TLSOption that is not among what is read.",
        here: "the router is out of service and answers 503: it is never served under weaker options",
        traefik: "the log has `unknown TLS options`, and handshakes for the host fail",
        mend: "correct the name or the namespace, or write the TLSOption.",
    }
    SecretKeyMissing "V0107" Error "a Secret without the key that is wanted" {
        why: "The Secret is there, what is wanted of it is not: `tls.crt` and `tls.key` for a certificate, `tls.ca` or `ca.crt` for a CA.",
        here: "what needs it is out of service and answers 503",
        traefik: "a CA that is not there is skipped with a line in the log; without any, the system's CAs are trusted, or no client is verified",
        mend: "add the key to the Secret, or name the Secret that has it.",
    }
    ForbiddenReference "V0108" Error "a reference that is not allowed" {
        why: "A name with a provider behind it (`name@file`, `name@kubernetescrd`) is an element of that provider and not an object; and objects of other namespaces may be named with `allowCrossNamespace` only. Inside a cluster's objects, objects are named without a suffix.",
        here: "the router is out of service and answers 503",
        traefik: "it is refused, with a line in the log, and the router is left out",
        mend: "name the object itself, in the same namespace, without `@provider`.",
    }
    EntryPointMissing "V0109" Error "an entry point that does not exist" {
        why: "A router names an entry point that the install configuration does not have.",
        here: "the router is not served there; one that has no other entry point answers nobody",
        traefik: "the log has `EntryPoint doesn't exist`, and the router is not served there",
        mend: "correct the name, or add the entry point to the install configuration.",
    }
    ReferenceMissing "V0110" Error "a reference to something else that does not exist" {
        why: "An object that is neither Service, Secret, ServersTransport, Middleware nor TLSOption is named and not among what is read.",
        here: "the router is out of service and answers 404",
        traefik: "the router is left out, with a line in the log",
        mend: "correct the name or the namespace, or write the object.",
    }
    MisplacedField "V0111" Warning "a field in the wrong place" {
        why: "The field exists, elsewhere. `secretName` and `serversTransport` under a route are the ones that articles spread: the certificate of a route is named in `spec.tls`, the transport at the service.",
        here: "`viaduct up` reads `secretName` and `serversTransport` of a route as they were meant; any other misplaced field has no effect",
        traefik: "the API server drops the field before Traefik sees the object, and the route is served without it",
        mend: "move the field to the place that is named.",
    }
    UnknownField "V0112" Warning "a field that does not exist" {
        why: "No schema has the field, so that nothing reads it. In an object that is a warning; in a file of the file provider it is an error, since the file is refused as a whole.",
        here: "in an object it has no effect; a file that has one is not used",
        traefik: "the API server drops it silently (or `kubectl` refuses it, with strict validation); the file provider refuses the file",
        mend: "spell it as the schema does, or remove it.",
    }
    ForeignAnnotation "V0113" Warning "an annotation of another controller" {
        why: "Each ingress controller reads annotations under a prefix of its own. What one of another controller asks for, TLS to the backend for example, does not happen.",
        here: "it has no effect",
        traefik: "it has no effect, silently (some of ingress-nginx's are read with a provider of their own)",
        mend: "write what does the same here, and remove the annotation when the other controller is gone.",
    }
    DeprecatedField "V0114" Info "a field that is deprecated" {
        why: "Traefik has another name for it since, and will take the old one away.",
        here: "it counts",
        traefik: "it counts, until a later version does not have it",
        mend: "write the field that takes its place.",
    }
    InvalidRule "V0121" Error "a rule that cannot be read" {
        why: "The rule is not of the syntax of Traefik 3: a matcher that does not exist, a value without backticks, several values where one belongs.",
        here: "the router is out of service and answers 503 to what the rule was probably meant to match, so that no other router gets it",
        traefik: "the router is left out, and another one may get its requests",
        mend: "correct the rule at the position that the message names.",
    }
    Unsupported "V0122" Error "something that is not served yet" {
        why: "Traefik has it and this build has not. It is refused rather than left out.",
        here: "what asks for it is out of service",
        traefik: "it is served",
        mend: "do without it, or keep this part with Traefik.",
    }
    InvalidService "V0123" Error "a service that cannot be built" {
        why: "The service exists and says something that cannot be: an address that is none, a scheme or strategy that does not exist, an empty list.",
        here: "the routers that use it are out of service and answer 503",
        traefik: "it is refused with a line in the log, and the router is left out",
        mend: "correct the field that is named.",
    }
    NoServers "V0124" Warning "a service without servers" {
        why: "The service has no server that is ready. It is only said where servers are among what is read: manifests seldom hold endpoints.",
        here: "its requests are answered with 503",
        traefik: "the router is left out, unless `allowEmptyServices` is set; then 503",
        mend: "start the pods, or correct the selector or the port's name.",
    }
    Unreachable "V0125" Warning "a router that no request reaches" {
        why: "Routers are tried by priority, which is the length of the rule unless it is written. Another router at the same entry point has a higher one and a rule that matches every request that this one matches. Only what can be proved from the rules is said.",
        here: "all of its requests go to the other router",
        traefik: "the same, silently",
        mend: "give it a higher `priority`, or narrow the other rule.",
    }
    OptionUnknown "V0131" Error "an install option that does not exist" {
        why: "The install configuration sets an option that Traefik does not have.",
        here: "the process does not start",
        traefik: "the process does not start: field not found",
        mend: "correct the name; `viaduct options` lists all of them.",
    }
    OptionRefused "V0132" Error "an install option that is gone or refused" {
        why: "The option is of an earlier Traefik, or asks for something that is not here and must not be ignored.",
        here: "the process does not start",
        traefik: "an option of an earlier Traefik ends the start; others are served",
        mend: "do what the help says, or remove the option.",
    }
    OptionInvalid "V0133" Error "an install option whose value cannot be used" {
        why: "The value is of the wrong type or out of range.",
        here: "the process does not start",
        traefik: "the process does not start, or falls back to the default",
        mend: "correct the value.",
    }
    OptionWithoutEffect "V0134" Info "an install option that has no effect" {
        why: "The option is accepted, lest a configuration has to be rewritten, and does nothing here.",
        here: "it is ignored, and said once at the start",
        traefik: "it has the effect that its reference describes",
        mend: "remove it, or leave it.",
    }
    OptionDeprecated "V0135" Info "an install option that is deprecated" {
        why: "It works, and a later version will not have it.",
        here: "it has its effect",
        traefik: "it has its effect, and the log has a warning",
        mend: "use the option that the message names.",
    }
    BridgeException "V0136" Warning "an exception for nothing that is there" {
        why: "`bridge.exceptions` of the install configuration lets something be below the class that is demanded, and no router, service or namespace of that name is there: it is misspelt, or has outlived what it was for.",
        here: "it has no effect",
        traefik: "it does not know the option",
        mend: "remove it, or correct the name.",
    }
    ClientAuthForBackend "V0201" Warning "`clientAuth` where a ServersTransport is meant" {
        why: "A TLSOption is about the connections of clients to this proxy: its `clientAuth` demands a certificate of every visitor. Whom this proxy trusts behind it is said by a ServersTransport, which the service of the route names. Where the certificate of the backend is among what is read (a Secret that a pod of the Service mounts, or that lies beside the CA, or that no route shows), its signature is verified with the CA, and a note says so. Where a pod's certificate is there and these CAs have not signed it, they are for clients, and this is not said; nor of a backend outside, or of options that let clients in without a certificate. An edit takes the options off the route only where they verify clients with the server's own pair, which no client has, and where nobody else asks for them.",
        here: "clients without a certificate of that CA are turned away in the handshake, and the backend is verified with the system's CAs, which do not know it: 502",
        traefik: "the same, but the answer is a bare 500 without a reason",
        mend: "write a ServersTransport with the backend's CA and name, name it at the service, and take the TLSOption off the route unless its clients are to show certificates.",
    }
    ConflictingTlsOptions "V0202" Error "one host with different TLS options" {
        why: "TLS options are chosen by the server name, before there is a request. Two routers of one host that ask for different ones cannot both have theirs.",
        here: "both routers answer 503 for that host; its handshakes have the strictest of the options",
        traefik: "the host gets the `default` options, with a line in the log: a demand for client certificates is gone",
        mend: "give all routers of the host the same `tls.options`.",
    }
    InvalidTlsOption "V0203" Error "a TLS option with a value that cannot be used" {
        why: "A version, cipher suite, group or kind of client authentication does not exist, or the values contradict each other. TLS 1.0 and 1.1 are not offered.",
        here: "routers that use the options are out of service; what is merely not spoken here is left out, with a warning",
        traefik: "an unknown cipher suite means the default ones, with a line in the log",
        mend: "use the names that the reference lists.",
    }
    BackendsOwnKey "V0301" Warning "the backend's own key as this proxy's client certificate" {
        why: "`certificatesSecrets` is what the proxy shows to a backend that demands a client certificate. Pointing it at the Secret of the backend's server puts the server's private key into a second process, and has nothing to do with trusting the backend.",
        here: "the pair is shown to backends that ask for one; the bridge is verified as `rootCAs` says",
        traefik: "the same",
        mend: "leave `certificatesSecrets` out; if the backend demands a certificate, issue one for this proxy.",
    }
    LeafAsRoot "V0302" Warning "a server's certificate as root of trust" {
        why: "The trusted certificate is the server's own and not that of an authority. It vouches for itself only: the day it is renewed, the bridge breaks until the Secret here has the new one.",
        here: "exactly this certificate is accepted, within its validity and for its names",
        traefik: "a Secret without `tls.ca` or `ca.crt` is skipped, and with no CA left the system's are trusted: the bridge fails with 500",
        mend: "put the CA that issues the backend's certificate under `ca.crt`.",
    }
    NoTrust "V0303" Error "nobody to trust" {
        why: "A list of CAs is written and holds none, or client certificates are to be verified and there is nothing to verify them with.",
        here: "what needs it is out of service and answers 503: an empty list is not the system's CAs",
        traefik: "the system's CAs are trusted instead, or no client is verified",
        mend: "name a CA, or remove the list to trust the system's CAs.",
    }
    PlainBackend "V0304" Info "a backend that is spoken to in plain text" {
        why: "The connection of the client ends here, and what follows is not encrypted: everyone on the way to the backend reads and changes it.",
        here: "it is served; `bridge.require` of the install configuration refuses such routes",
        traefik: "the same",
        mend: "put TLS in front of the application (`viaduct sidecar`), write `scheme: https` and name a ServersTransport.",
    }
    SkipVerify "V0305" Warning "TLS without verification" {
        why: "`insecureSkipVerify` encrypts for whoever answers. It is switched on to get rid of `unknown_ca`, which a ServersTransport with the right CA does as well.",
        here: "the bridge counts as unverified; `bridge.require: verified` refuses it",
        traefik: "it is served, and nothing tells",
        mend: "write `rootCAs` and `serverName` instead.",
    }
    NameNotCarried "V0306" Warning "a name that the backend's certificate does not carry" {
        why: "The certificate that lies beside the CA is taken for the backend's. It has to carry `serverName`, or without one the address that is connected to, among its subject alternative names.",
        here: "requests are answered with 502, reason `name_mismatch` or `no_ip_san`",
        traefik: "requests are answered with 500, without a reason",
        mend: "expect a name that the certificate carries, or issue it with the name.",
    }
    NoTransport "V0307" Warning "an https backend without a ServersTransport" {
        why: "Nobody says whom to trust behind the service and which name to expect. Then the system's CAs are trusted, and the certificate has to be for the pod's address: a certificate of the cluster's own never is.",
        here: "requests are answered with 502, reason `unknown_ca`, unless the certificate is from a public CA and for the address",
        traefik: "requests are answered with 500, without a reason",
        mend: "write a ServersTransport with `rootCAs` and `serverName`, and name it at the service.",
    }
    KeyOfCa "V0308" Warning "a CA's private key beside the CA" {
        why: "To trust a CA its certificate is enough. Whoever reads this Secret can issue certificates that are trusted here.",
        here: "the key is not used",
        traefik: "the key is not used",
        mend: "make a Secret or ConfigMap with the certificate alone, under `ca.crt`.",
    }
    BelowRequiredClass "V0309" Error "a backend leg below the class that is demanded" {
        why: "`bridge.require` of the install configuration, or that of the entry point or namespace, demands a better backend leg than the route's: TLS, a verified certificate, a client certificate.",
        here: "the router is out of service and answers 503; with `mode: report` it is served, and this is a warning",
        traefik: "it has no such demand: the route is served",
        mend: "secure the backend leg, or write an exception with a reason and an end.",
    }
    KeyMismatch "V0401" Error "a private key that does not belong to its certificate" {
        why: "`tls.crt` and `tls.key` are of different pairs, most often since one was renewed without the other.",
        here: "what needs the pair is out of service; a pair that was good before stays in service until this one is mended",
        traefik: "the certificate is skipped with a line in the log, and clients are shown another one",
        mend: "put certificate and key of the same pair into the Secret.",
    }
    UnusableCertificate "V0402" Error "a certificate or key that cannot be used" {
        why: "The PEM text is damaged, holds something else, or the key is of a kind that is not supported.",
        here: "what needs it is out of service and answers 503",
        traefik: "it is skipped with a line in the log: another certificate is shown, or another trust used",
        mend: "write the PEM text again; `openssl x509 -in FILE -text` shows what is in it.",
    }
    Expired "V0403" Error "a certificate that has expired" {
        why: "Its validity has ended: the leaf's, or that of a CA.",
        here: "clients refuse the certificate; with an expired CA every bridge that relies on it fails with 502, reason `expired`",
        traefik: "clients refuse the certificate; with an expired CA requests are answered with 500",
        mend: "renew it.",
    }
    ExpiresSoon "V0404" Warning "a certificate that expires soon" {
        why: "Less than a third of its life is left, and less than `--soon` says, which is 21 days unless it is given. What renews certificates does so when two thirds of their life are over: one of 90 days is told of in its last 21 days, one of a week in its last 56 hours.",
        here: "it is served until then",
        traefik: "it is served until then",
        mend: "renew it, or see why what renews it has not.",
    }
    NotYetValid "V0405" Error "a certificate that is not valid yet" {
        why: "Its validity begins later: it was issued in advance, or by a machine with another clock.",
        here: "clients refuse the certificate until then; a CA vouches for nobody until then",
        traefik: "the same",
        mend: "wait for it with the one before still in place, or set the clocks.",
    }
    IncompleteChain "V0406" Warning "a chain that is incomplete or out of order" {
        why: "A server has to send its certificate first and then each intermediate, up to the root. Browsers often find a missing one by themselves, other clients do not, so that it goes unnoticed.",
        here: "it is sent as it is; clients that do not know the intermediate refuse it",
        traefik: "the same",
        mend: "put the certificate first and its intermediates behind it into `tls.crt`.",
    }
    WeakKey "V0407" Warning "a key or signature that is too weak" {
        why: "RSA keys of fewer than 2048 bits and signatures with SHA-1 or MD5 are refused by clients, and by the verification of the backend leg.",
        here: "a weak key of ours cannot be used, or clients refuse it; a backend's is refused with 502, reason `bad_certificate`",
        traefik: "clients refuse it; a backend's signature with SHA-1 is refused",
        mend: "issue the certificate again, with an ECDSA key or one of RSA with 2048 bits or more.",
    }
}
