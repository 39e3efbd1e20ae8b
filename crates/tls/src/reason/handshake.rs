//! The [`Fault`] behind a rustls error on the backend leg.

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use super::{ExpectedName, Fault, Reason, Remedy};

/// What is known of a handshake besides its error; see
/// [`backend_leg::observe_client_auth`](crate::backend_leg::observe_client_auth).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HandshakeContext<'a> {
    /// The server asked for a client certificate.
    pub certificate_requested: bool,
    /// One was sent.
    pub certificate_sent: bool,
    /// The issuers the server said it accepts; empty when it named none.
    pub acceptable_issuers: &'a [String],
}

/// The [`Fault`] of a rustls error on the backend leg, with what else is known of the handshake.
pub fn fault_of_handshake(
    error: &rustls::Error,
    expected: &ExpectedName,
    context: HandshakeContext<'_>,
) -> Fault {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(error) => certificate_fault(error),
        Error::AlertReceived(alert) => alert_fault(*alert, expected, context),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Fault::new(Reason::PlaintextOnTlsPort, "a TLS handshake", "plain text")
                .with_remedy(Remedy::UseScheme("http"))
        }
        Error::PeerIncompatible(why) => incompatible(why),
        Error::NoApplicationProtocol
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => Fault::new(
            Reason::Alpn,
            "one of the application protocols offered",
            "another one, or none",
        ),
        Error::NoCertificatesPresented => Fault::new(Reason::BadCertificate, "a server certificate", "none"),
        Error::FailedToGetCurrentTime => {
            Fault::new(Reason::HandshakeFailed, "the current time", "no working clock")
                .with_remedy(Remedy::FixClock)
        }
        other => Fault::new(Reason::HandshakeFailed, "a complete TLS handshake", other),
    }
}

fn certificate_fault(error: &CertificateError) -> Fault {
    if let CertificateError::Other(other) = error
        && let Some(fault) = other.0.downcast_ref::<Fault>()
    {
        return fault.clone();
    }
    // Our verifier speaks in faults; what is left is rustls's own check of the handshake signature.
    Fault::new(
        Reason::BadCertificate,
        "a handshake signed with the certificate's key",
        error,
    )
}

fn alert_fault(alert: AlertDescription, expected: &ExpectedName, context: HandshakeContext<'_>) -> Fault {
    use AlertDescription as Alert;
    let got = format_args!("the alert `{}`", alert_name(alert)).to_string();
    match alert {
        Alert::CertificateRequired => fault_of_missing_certificate(&got, context),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::CertificateUnobtainable
        | Alert::NoCertificate
        | Alert::UnknownCA => certificate_alert(&got, context),
        // Sent for a client certificate by some stacks, and for much else by others.
        Alert::AccessDenied | Alert::DecryptError | Alert::HandshakeFailure
            if context.certificate_requested || context.certificate_sent =>
        {
            certificate_alert(&got, context)
        }
        Alert::ProtocolVersion | Alert::InappropriateFallback => Fault::new(
            Reason::VersionOrCipher,
            "a TLS version in common (1.2 or 1.3)",
            got,
        ),
        Alert::HandshakeFailure | Alert::InsufficientSecurity => Fault::new(
            Reason::VersionOrCipher,
            "a TLS version, cipher suite and key-exchange group in common",
            got,
        ),
        Alert::UnrecognisedName => Fault::new(
            Reason::UnrecognizedName,
            format_args!("a server that knows the name `{expected}`"),
            got,
        ),
        Alert::NoApplicationProtocol => Fault::new(
            Reason::Alpn,
            "a server that speaks a protocol offered by ALPN",
            got,
        ),
        _ => Fault::new(Reason::HandshakeFailed, "a complete TLS handshake", got),
    }
}

/// The alert concerns a client certificate: the one that was sent, or its absence.
fn certificate_alert(got: &str, context: HandshakeContext<'_>) -> Fault {
    if context.certificate_sent {
        fault_of_refused_certificate(got, context)
    } else {
        fault_of_missing_certificate(got, context)
    }
}

/// The server does not accept the client certificate; `got`: how it says so.
pub fn fault_of_refused_certificate(got: &str, context: HandshakeContext<'_>) -> Fault {
    Fault::new(
        Reason::ClientCertRefused,
        format_args!("a client certificate {}", acceptable(context)),
        got,
    )
    .with_remedy(Remedy::ReplaceClientCertificate)
}

/// The server wants a client certificate; `got`: how it says so.
pub fn fault_of_missing_certificate(got: &str, context: HandshakeContext<'_>) -> Fault {
    let wanted = format_args!("a client certificate {}", acceptable(context)).to_string();
    Fault::new(
        Reason::ClientCertMissing,
        wanted,
        format_args!("{got}, as none was sent"),
    )
    .with_remedy(Remedy::OfferClientCertificate {
        issuers: context.acceptable_issuers.to_vec(),
    })
}

fn acceptable(context: HandshakeContext<'_>) -> String {
    if context.acceptable_issuers.is_empty() {
        return "that the server accepts".to_owned();
    }
    let issuers: Vec<String> = context
        .acceptable_issuers
        .iter()
        .map(|issuer| format!("`{issuer}`"))
        .collect();
    format!("issued by {}", issuers.join(" or "))
}

fn incompatible(why: &PeerIncompatible) -> Fault {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 => {
            Fault::new(Reason::VersionOrCipher, "TLS 1.2 or 1.3", "an older version")
        }
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired => {
            Fault::new(Reason::VersionOrCipher, "TLS 1.3", "TLS 1.2")
                .with_remedy(Remedy::AllowVersion("VersionTLS12"))
        }
        PeerIncompatible::Tls12NotOfferedOrEnabled | PeerIncompatible::Tls12NotOffered => {
            Fault::new(Reason::VersionOrCipher, "TLS 1.2", "TLS 1.3")
                .with_remedy(Remedy::AllowVersion("VersionTLS13"))
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => Fault::new(
            Reason::VersionOrCipher,
            "a signature scheme in common",
            "none for the certificates of both sides",
        ),
        other => Fault::new(
            Reason::VersionOrCipher,
            "a TLS version, cipher suite and key-exchange group in common",
            format_args!("{other:?}"),
        ),
    }
}

/// The alert's name as RFC 8446 writes it.
fn alert_name(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let name = match alert {
        Alert::HandshakeFailure => "handshake_failure",
        Alert::BadCertificate => "bad_certificate",
        Alert::UnsupportedCertificate => "unsupported_certificate",
        Alert::CertificateRevoked => "certificate_revoked",
        Alert::CertificateExpired => "certificate_expired",
        Alert::CertificateUnknown => "certificate_unknown",
        Alert::CertificateRequired => "certificate_required",
        Alert::IllegalParameter => "illegal_parameter",
        Alert::UnknownCA => "unknown_ca",
        Alert::AccessDenied => "access_denied",
        Alert::DecodeError => "decode_error",
        Alert::DecryptError => "decrypt_error",
        Alert::ProtocolVersion => "protocol_version",
        Alert::InsufficientSecurity => "insufficient_security",
        Alert::InternalError => "internal_error",
        Alert::UnexpectedMessage => "unexpected_message",
        Alert::UnrecognisedName => "unrecognized_name",
        Alert::NoApplicationProtocol => "no_application_protocol",
        other => return format!("{other:?}"),
    };
    name.to_owned()
}
