use super::*;
use viaduct_testkit::pki::{Ca, Leaf};

fn bundle(texts: &[&str]) -> Result<TrustBundle, TrustError> {
    TrustBundle::from_pem(texts.iter().map(|text| text.as_bytes()))
}

#[test]
fn c9_equality_ignores_order_and_repetition() {
    let (a, b) = (Ca::new("a"), Ca::new("b"));
    let one = bundle(&[a.pem(), b.pem()]).expect("readable");
    let other = bundle(&[&format!("{}{}{}", b.pem(), a.pem(), b.pem())]).expect("readable");
    assert_eq!(one, other);
    assert_eq!(other.roots().count(), 2);
    assert_ne!(one, bundle(&[a.pem()]).expect("readable"));
}

#[test]
fn c13_a14_1_nothing_readable_is_an_error_never_less_trust() {
    let ca = Ca::new("a");
    let half = ca.pem().get(..ca.pem().len() / 2).expect("ASCII");
    assert_eq!(bundle(&[]), Err(TrustError::Empty));
    assert_eq!(bundle(&[""]), Err(TrustError::NoCertificate(0)));
    assert_eq!(bundle(&[ca.pem(), "junk"]), Err(TrustError::NoCertificate(1)));
    assert_eq!(bundle(&[&ca.own().key_pem]), Err(TrustError::NoCertificate(0)));
    assert!(matches!(
        bundle(&[half]),
        Err(TrustError::Unreadable {
            text: 0,
            index: 0,
            ..
        })
    ));
    let second_bad = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ca.pem()
    );
    assert!(matches!(
        bundle(&[&second_bad]),
        Err(TrustError::Unreadable {
            text: 0,
            index: 1,
            ..
        })
    ));
    let foreign = format!(
        "{}{}",
        ca.pem(),
        ca.pem().replace("CERTIFICATE", "TRUSTED CERTIFICATE")
    );
    assert!(matches!(
        bundle(&[&foreign]),
        Err(TrustError::Unreadable {
            text: 0,
            index: 1,
            ..
        })
    ));
}

#[test]
fn c43_sizes_are_bounded() {
    let long = "\n".repeat(TrustBundle::MAX_PEM + 1);
    assert_eq!(bundle(&[&long]), Err(TrustError::TooLarge(0)));
}

#[test]
fn e59_a_leaf_as_root_is_no_signer() {
    let leaf = Leaf::server("web.example.com").self_signed();
    let bundle = bundle(&[&leaf.cert_pem]).expect("readable");
    assert!(bundle.anchors().trust_anchors().is_empty());
    assert!(bundle.anchors().same(&leaf.der).is_some());
}

proptest::proptest! {
    #[test]
    fn c13_damaged_text_never_parses_to_other_trust(at in 0usize..500, byte: u8) {
        let ca = Ca::new("a");
        let good = bundle(&[ca.pem()]).expect("readable");
        let mut text = ca.pem().as_bytes().to_vec();
        let at = at % text.len();
        if let Some(place) = text.get_mut(at) {
            *place = byte;
        }
        // Either it is refused, or nothing that matters was touched, or another certificate came of it:
        // a flipped bit inside the DER. It is never a bundle without roots.
        if let Ok(read) = TrustBundle::from_pem([text.as_slice()]) {
            proptest::prop_assert_eq!(read.roots().count(), 1);
            if read.roots().next().map(|root| root.fingerprint) == good.roots().next().map(|root| root.fingerprint) {
                proptest::prop_assert_eq!(read, good);
            }
        }
    }
}
