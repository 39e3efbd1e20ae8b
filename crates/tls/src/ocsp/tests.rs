use std::time::{Duration, SystemTime};

use viaduct_testkit::ocsp::{Answer, Responder, try_later};
use viaduct_testkit::pki::{Ca, Issued, KeyKind, Leaf, Usage, Validity};

use super::{AnswerError, Question, Staple, Status, Unasked};
use crate::Identity;

/// An intermediate, which leaves carry in their chains, and a leaf that names a responder.
struct World {
    authority: Ca,
    leaf: Issued,
    question: Question,
}

impl World {
    fn new() -> Self {
        let authority = Ca::new("Root").intermediate("Issuing CA");
        let leaf = authority.issue(Leaf::server("web.example.com").ocsp(URL));
        Self {
            question: Question::of(&identity(&leaf)).unwrap(),
            authority,
            leaf,
        }
    }

    fn crafted(&self, answer: &Answer, signer: &Issued) -> Result<Staple, AnswerError> {
        let response = answer.to(self.question.request(), signer);
        self.question.read(&response, SystemTime::now())
    }

    fn delegate(&self, leaf: Leaf) -> Issued {
        self.authority.issue(leaf)
    }
}

fn identity(issued: &Issued) -> Identity {
    Identity::from_pem(issued.chain_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap()
}

#[test]
fn a8_22_openssl_answers_our_question_and_we_believe_it() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        let root = Ca::new("Root");
        let authority = viaduct_testkit::pki::Authority::new("Issuing CA")
            .key(kind)
            .signed_by(&root);
        let [good, revoked, stranger] =
            ["good", "revoked", "stranger"].map(|name| authority.issue(Leaf::server(name).ocsp(URL)));
        let responder = Responder::new(&authority).good(&good).revoked(&revoked);
        let ask = |leaf: &Issued| {
            let question = Question::of(&identity(leaf)).unwrap();
            question.read(&responder.answer(question.request()), SystemTime::now())
        };
        let staple = ask(&good).unwrap();
        assert_eq!(staple.status(), Status::Good, "{kind:?}");
        assert!(staple.next_update().unwrap() > SystemTime::now() + 23 * HOUR);
        assert_eq!(ask(&revoked).unwrap().status(), Status::Revoked);
        assert_eq!(ask(&stranger), Err(AnswerError::Unknown));
    }
}

#[test]
fn a8_22_a_responder_that_the_issuer_vouches_for_is_believed() {
    let world = World::new();
    let delegate = world.delegate(Leaf::bare(Usage::OcspSigning).common_name("Responder"));
    let responder = Responder::delegated(&world.authority, &delegate).good(&world.leaf);
    let response = responder.answer(world.question.request());
    let staple = world.question.read(&response, SystemTime::now()).unwrap();
    assert_eq!((staple.status(), staple.response()), (Status::Good, &*response));
}

#[test]
fn a8_22_a_signer_whom_the_issuer_does_not_vouch_for_is_not_believed() {
    let world = World::new();
    let others = Ca::new("Other CA");
    let signers = [
        (
            "another authority's",
            others.issue(Leaf::bare(Usage::OcspSigning)),
        ),
        ("for servers", world.delegate(Leaf::bare(Usage::Server))),
        (
            "for nothing in particular",
            world.delegate(Leaf::bare(Usage::Absent)),
        ),
        (
            "expired",
            world.delegate(Leaf::bare(Usage::OcspSigning).valid(Validity::expired())),
        ),
        ("the leaf itself", world.leaf.clone()),
    ];
    for (name, signer) in signers {
        let error = world
            .crafted(&Answer::default().with(&signer), &signer)
            .unwrap_err();
        assert!(matches!(error, AnswerError::BadSigner(_)), "{name}: {error}");
        let error = world.crafted(&Answer::default(), &signer).unwrap_err();
        assert_eq!(error, AnswerError::NotSigned, "{name}, not sent along");
    }
}

#[test]
fn a8_22_a_changed_byte_breaks_the_signature() {
    let world = World::new();
    let good = Answer::default().to(world.question.request(), world.authority.own());
    assert!(world.question.read(&good, SystemTime::now()).is_ok());
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        if let Ok(staple) = world.question.read(&bytes, SystemTime::now()) {
            panic!("byte {at} of {} does not matter: {staple:?}", good.len());
        }
    }
    for end in 0..good.len() {
        assert!(world.question.read(&good[..end], SystemTime::now()).is_err());
    }
}

#[test]
fn a8_22_an_answer_is_for_its_certificate_and_its_time() {
    let world = World::new();
    let signer = world.authority.own();
    let other = world.authority.issue(Leaf::server("web.example.com").ocsp(URL));
    let now = SystemTime::now();
    let rows = [
        (Answer::default().about(&other), AnswerError::OtherCertificate),
        (Answer::default().unknown(), AnswerError::Unknown),
        (
            Answer::default().valid(now - 2 * HOUR, Some(now - HOUR)),
            AnswerError::Expired,
        ),
        (
            Answer::default().valid(now, Some(now - HOUR)),
            AnswerError::Expired,
        ),
        (
            Answer::default().valid(now + HOUR, Some(now + 2 * HOUR)),
            AnswerError::NotYetValid,
        ),
    ];
    for (answer, wanted) in rows {
        assert_eq!(world.crafted(&answer, signer), Err(wanted), "{answer:?}");
    }
    let slightly_fast = Answer::default().valid(now + Duration::from_secs(60), None);
    assert_eq!(world.crafted(&slightly_fast, signer).unwrap().next_update(), None);
}

#[test]
fn a8_22_what_is_no_answer_is_told_apart() {
    let world = World::new();
    let read = |bytes: &[u8]| world.question.read(bytes, SystemTime::now()).unwrap_err();
    assert_eq!(read(&try_later()), AnswerError::Refused("tryLater"));
    assert_eq!(read(b""), AnswerError::Unreadable);
    assert_eq!(read(b"<html>not found</html>"), AnswerError::Unreadable);
    let mut trailing = Answer::default().to(world.question.request(), world.authority.own());
    trailing.push(0);
    assert_eq!(read(&trailing), AnswerError::Unreadable);
}

#[test]
fn a8_22_certificates_that_cannot_be_asked_about_say_why() {
    let root = Ca::new("Root");
    let authority = root.intermediate("Issuing CA");
    let why = |issued: &Issued| Question::of(&identity(issued)).map(|_| ()).unwrap_err();
    assert_eq!(
        why(&authority.issue(Leaf::server("a.test"))),
        Unasked::NoResponder
    );
    // The root itself is not sent, so a leaf right below it comes without its issuer.
    assert_eq!(
        why(&root.issue(Leaf::server("a.test").ocsp(URL))),
        Unasked::NoIssuer
    );
    let many = (0..9).fold(Leaf::server("a.test"), |leaf, n| {
        leaf.ocsp(&format!("http://{n}.test/"))
    });
    let question = Question::of(&identity(&authority.issue(many))).unwrap();
    assert_eq!(question.responders().len(), Question::MAX_RESPONDERS);
    assert_eq!(question.responders()[0], "http://0.test/");
}

#[test]
fn a8_22_must_staple_is_read_and_a_staple_makes_another_identity() {
    let authority = Ca::new("Root").intermediate("Issuing CA");
    let plain = identity(&authority.issue(Leaf::server("a.test")));
    let strict = identity(&authority.issue(Leaf::server("a.test").must_staple()));
    assert!(!plain.must_staple() && strict.must_staple());
    let stapled = strict.with_ocsp(vec![1, 2, 3]);
    assert!(stapled.must_staple() && stapled != strict);
    assert_eq!(stapled.ocsp(), Some(&[1, 2, 3][..]));
    assert_eq!(stapled.with_ocsp(Vec::new()), strict);
}

const URL: &str = "http://ocsp.example.com/";

const HOUR: Duration = Duration::from_secs(3600);
