//! OCSP responders: `openssl ocsp` as an authority runs it, and answers made to measure, for what openssl
//! cannot be made to say.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use der::asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode, Tag, TagNumber};
use rcgen::{KeyPair, SigningKey};
use tempfile::TempDir;
use x509_ocsp::{
    BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse, ResponderId, ResponseData,
    RevokedInfo, SingleResponse, Version,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::child::run;
use crate::pki::{Ca, Issued};
use crate::tool::Tool;

/// An authority's responder: `openssl ocsp` over its database, one process per answer.
pub struct Responder {
    directory: TempDir,
    /// `openssl ca`'s database. Its lock also keeps answers apart, which share file names.
    database: Mutex<String>,
}

impl Responder {
    /// The authority answers itself.
    pub fn new(ca: &Ca) -> Self {
        Self::delegated(ca, ca.own())
    }

    /// Somebody answers for the authority.
    pub fn delegated(ca: &Ca, signer: &Issued) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        ca.write_to(directory.path(), "ca.pem");
        let path = directory.path();
        std::fs::write(path.join("signer.pem"), &signer.cert_pem).expect("the signer's certificate");
        std::fs::write(path.join("signer.key"), &signer.key_pem).expect("the signer's key");
        Self {
            directory,
            database: Mutex::default(),
        }
    }

    /// The certificate is good. What the responder does not know it answers with `unknown`.
    #[must_use]
    pub fn good(self, certificate: &Issued) -> Self {
        let serial = serial(certificate);
        self.add(&format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN={serial}"))
    }

    /// The certificate was revoked.
    #[must_use]
    pub fn revoked(self, certificate: &Issued) -> Self {
        let serial = serial(certificate);
        self.add(&format!(
            "R\t491231235959Z\t250101000000Z,keyCompromise\t{serial}\tunknown\t/CN={serial}"
        ))
    }

    fn add(self, line: &str) -> Self {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.push_str(line);
        database.push('\n');
        drop(database);
        self
    }

    /// openssl's answer, DER, valid for a day.
    #[track_caller]
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let file = |name: &str| -> PathBuf { self.directory.path().join(name) };
        let (question, answer) = (file("request.der"), file("response.der"));
        std::fs::write(file("index.txt"), &*database).expect("the database");
        std::fs::write(&question, request).expect("the question");
        let mut command = Command::new(Tool::Openssl.path());
        command.arg("ocsp").arg("-index").arg(file("index.txt"));
        command.arg("-CA").arg(file("ca.pem"));
        command.arg("-rsigner").arg(file("signer.pem"));
        command.arg("-rkey").arg(file("signer.key"));
        command.arg("-reqin").arg(question).arg("-respout").arg(&answer);
        command.args(["-ndays", "1"]);
        let finished = run(&mut command, b"");
        assert!(finished.status.success(), "openssl ocsp: {}", finished.output);
        std::fs::read(answer).expect("the answer")
    }
}

/// An answer made to measure. Begins as `good`, from an hour ago for a day.
#[derive(Debug, Clone)]
pub struct Answer {
    status: CertStatus,
    this_update: SystemTime,
    next_update: Option<SystemTime>,
    serial: Option<Vec<u8>>,
    certificates: Vec<Vec<u8>>,
}

impl Default for Answer {
    fn default() -> Self {
        let now = SystemTime::now();
        Self {
            status: CertStatus::Good(Null),
            this_update: now - HOUR,
            next_update: Some(now + 24 * HOUR),
            serial: None,
            certificates: Vec::new(),
        }
    }
}

impl Answer {
    #[must_use]
    pub fn revoked(mut self) -> Self {
        self.status = CertStatus::Revoked(RevokedInfo {
            revocation_time: time(SystemTime::now() - HOUR),
            revocation_reason: None,
        });
        self
    }

    #[must_use]
    pub fn unknown(mut self) -> Self {
        self.status = CertStatus::Unknown(Null);
        self
    }

    #[must_use]
    pub fn valid(mut self, this_update: SystemTime, next_update: Option<SystemTime>) -> Self {
        (self.this_update, self.next_update) = (this_update, next_update);
        self
    }

    /// About the certificate of this serial number instead of the one asked about.
    #[must_use]
    pub fn about(mut self, certificate: &Issued) -> Self {
        self.serial = Some(raw_serial(certificate));
        self
    }

    /// Sends a certificate along.
    #[must_use]
    pub fn with(mut self, certificate: &Issued) -> Self {
        self.certificates.push(certificate.der.to_vec());
        self
    }

    /// The answer to `request`, signed by `signer`, whose key is P-256.
    pub fn to(&self, request: &[u8], signer: &Issued) -> Vec<u8> {
        let request = OcspRequest::from_der(request).expect("an OCSP request");
        let asked = request.tbs_request.request_list.first().expect("a question");
        let mut cert_id = asked.req_cert.clone();
        if let Some(serial) = &self.serial {
            cert_id.serial_number = decoded(&any(Tag::Integer, serial.clone()));
        }
        let answer = SingleResponse {
            cert_id,
            cert_status: self.status,
            this_update: time(self.this_update),
            next_update: self.next_update.map(time),
            single_extensions: None,
        };
        let tbs_response_data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByKey(OctetString::new([7; 20]).expect("twenty bytes")),
            produced_at: time(self.this_update),
            responses: vec![answer],
            response_extensions: None,
        };
        let key = KeyPair::from_pem(&signer.key_pem).expect("the signer's key");
        let signature = key.sign(&encoded(&tbs_response_data)).expect("a signature");
        let certificates = self.certificates.iter().map(|der| decoded(der));
        let basic = BasicOcspResponse {
            tbs_response_data,
            signature_algorithm: decoded(ECDSA_WITH_SHA256),
            signature: BitString::from_bytes(&signature).expect("a bit string"),
            certs: (!self.certificates.is_empty()).then(|| certificates.collect()),
        };
        encoded(&OcspResponse::successful(basic).expect("an answer"))
    }
}

/// `tryLater`, without more.
pub fn try_later() -> Vec<u8> {
    encoded(&OcspResponse::try_later())
}

/// An HTTP answer with an OCSP response.
pub fn http(response: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: {}\r\n\r\n",
        response.len()
    );
    [head.as_bytes(), response].concat()
}

/// The contents of a certificate's authority information access.
pub(crate) fn authority_access(responders: &[String]) -> Vec<u8> {
    let uri = Tag::ContextSpecific {
        constructed: false,
        number: TagNumber::N6,
    };
    let descriptions = responders.iter().flat_map(|url| {
        let description = [encoded(&OCSP), any(uri, url.clone().into_bytes())].concat();
        any(Tag::Sequence, description)
    });
    any(Tag::Sequence, descriptions.collect())
}

fn raw_serial(certificate: &Issued) -> Vec<u8> {
    let (_, parsed) = X509Certificate::from_der(&certificate.der).expect("a certificate");
    parsed.raw_serial().to_vec()
}

/// As `openssl ca` writes it.
fn serial(certificate: &Issued) -> String {
    let raw = raw_serial(certificate);
    let digits = raw.strip_prefix(&[0]).unwrap_or(&raw);
    digits.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn any(tag: Tag, contents: Vec<u8>) -> Vec<u8> {
    encoded(&Any::new(tag, contents).expect("a short value"))
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    value.to_der().expect("a value that can be encoded")
}

#[track_caller]
fn decoded<T: for<'a> Decode<'a>>(der: &[u8]) -> T {
    T::from_der(der).expect("DER of this type")
}

fn time(time: SystemTime) -> OcspGeneralizedTime {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).expect("before 9999");
    OcspGeneralizedTime(time)
}

const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");

const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

const HOUR: Duration = Duration::from_secs(3600);
