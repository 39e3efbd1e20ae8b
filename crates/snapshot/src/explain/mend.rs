//! What usually mends each reason, in Traefik's words: for the reference and for `viaduct explain`. The hint of a fault
//! is more exact, as it knows the objects.

use viaduct_tls::Reason;

/// The usual mend; never empty. Its other half is [`Reason::meaning`].
pub const fn mend(reason: Reason) -> &'static str {
    match reason {
        Reason::UnknownCa => {
            "put the CA (or, for a self-signed certificate, the certificate itself) into `rootCAs` of the ServersTransport, and see that the service names the transport"
        }
        Reason::NameMismatch => {
            "set `serverName` to one of the names in `got`, or issue a certificate with the wanted name as a SAN (a common name does not count)"
        }
        Reason::NoIpSan => {
            "set `serverName` to a name of the certificate, as the servers are reached by address"
        }
        Reason::UriMismatch => "correct `peerCertURI`, or remove it",
        Reason::Expired => {
            "renew the certificate: `got` says whether it is the leaf, an intermediate or the CA"
        }
        Reason::NotYetValid => "set the clock of this machine, or of the one that issued the certificate",
        Reason::WrongUsage => {
            "issue the certificate with the extended key usage `serverAuth`; a client's certificate does not serve as a server's"
        }
        Reason::NameConstraint => "issue the certificate from a CA whose name constraints allow the name",
        Reason::BadCertificate => {
            "issue a certificate with an RSA key of 2048 bits or more or an elliptic-curve key, signed with SHA-256 or better, and let the server send its intermediates in order"
        }
        Reason::Revoked => {
            "give the server another certificate, or take it off the list: `bridge.revoked`, `bridge.revokedFile` or the annotation `viaduct.io/revoked`"
        }
        Reason::CaMissing => {
            "install the system's CA certificates (`ca-certificates`), or name `rootCAs`; a CA that is named and cannot be read takes the router out of service"
        }
        Reason::ClientCertUnusable => {
            "put a certificate and its own key into the Secret that `certificatesSecrets` names"
        }
        Reason::ClientCertMissing => {
            "name a pair in `certificatesSecrets`; `wanted` lists the issuers that the server accepts, if it named any"
        }
        Reason::ClientCertRefused => {
            "replace the pair by one that the server's CA signed, in date and with the usage `clientAuth`"
        }
        Reason::PlaintextOnTlsPort => "set `scheme: http`, or switch TLS on at the server",
        Reason::TlsOnPlainPort => {
            "set `scheme: https` at the service, or switch TLS off at the server's port"
        }
        Reason::VersionOrCipher => {
            "widen `minVersion`, `maxVersion` or `cipherSuites`, or let the server speak TLS 1.2 or 1.3 with an AEAD cipher suite and ECDHE"
        }
        Reason::Alpn => {
            "let the server offer `http/1.1` or `h2`; with `disableHTTP2: true` only `http/1.1` is offered"
        }
        Reason::UnrecognizedName => "set `serverName` to a name that the server has a certificate for",
        Reason::HandshakeTimeout => {
            "look at the server's load and at the network: 10 s went by without a handshake"
        }
        Reason::HandshakeClosed => {
            "read the server's log: often it expects a PROXY header, or another protocol, at this port"
        }
        Reason::HandshakeFailed => "read the server's log: `got` names the alert or the error",
        Reason::Dns => "correct the server's name, or the resolver of this machine",
        Reason::ConnectRefused => {
            "correct the port, or start what is to listen there: compare service, endpoints and application"
        }
        Reason::ConnectTimeout => "look at firewalls and network policies, or raise `dialTimeout`",
        Reason::ConnectFailed => {
            "correct the server's address or the route to it: `got` is the system's error"
        }
        Reason::ClosedBeforeResponse => {
            "read the server's log: it closed the connection without an answer; a keep-alive time-out shorter than ours shows as this only for requests that may not be sent twice"
        }
        Reason::ResponseTimeout => "raise `responseHeaderTimeout`, or make the server faster",
        Reason::BadResponse => {
            "correct the server, or the port if it speaks another protocol: `got` says what was wrong"
        }
        Reason::BodyBroken => {
            "read the server's log: it broke off inside the body, so the client's connection was cut on purpose"
        }
    }
}
