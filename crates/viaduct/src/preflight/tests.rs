//! Drift, without sockets.

use std::time::{Duration, SystemTime};

use viaduct_testkit::pki::{Ca, Leaf, Validity};
use viaduct_tls::CertificateFacts;

use super::drift::{Kind, drifts};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A certificate that was issued `age` days ago for `life` days.
fn facts(ca: &Ca, name: &str, age: u32, life: u32) -> CertificateFacts {
    let not_before = SystemTime::now() - DAY * age;
    let validity = Validity {
        not_before,
        not_after: not_before + DAY * life,
    };
    CertificateFacts::from_der(&ca.issue(Leaf::server(name).valid(validity)).der).unwrap()
}

fn kinds(siblings: &[&CertificateFacts]) -> Vec<Vec<Kind>> {
    let found = drifts(siblings, SystemTime::now()).into_iter();
    found
        .map(|drifts| drifts.into_iter().map(|drift| drift.kind).collect())
        .collect()
}

#[test]
fn c12_the_one_with_another_issuer_or_other_names_is_named() {
    let (ca, other) = (Ca::new("now"), Ca::new("before"));
    let good = || facts(&ca, "app.example.com", 1, 90);
    let (foreign, misnamed) = (
        facts(&other, "app.example.com", 1, 90),
        facts(&ca, "old.example.com", 1, 90),
    );
    assert_eq!(
        kinds(&[&good(), &foreign, &good(), &misnamed]),
        [vec![], vec![Kind::Issuer], vec![], vec![Kind::Names]]
    );
}

#[test]
fn c12_of_two_the_older_one_is_odd_and_one_alone_is_not() {
    let (ca, other) = (Ca::new("now"), Ca::new("before"));
    let (new, old) = (
        facts(&ca, "app.example.com", 1, 90),
        facts(&other, "app.example.com", 2, 90),
    );
    assert_eq!(kinds(&[&old, &new]), [vec![Kind::Issuer], vec![]]);
    assert_eq!(kinds(&[&old]), [vec![]]);
}

#[test]
fn c12_a_name_of_its_own_for_each_is_no_drift() {
    let ca = Ca::new("now");
    let pods: Vec<_> = (0..5)
        .map(|pod| facts(&ca, &format!("app-{pod}.example.com"), 1, 90))
        .collect();
    assert!(kinds(&pods.iter().collect::<Vec<_>>()).iter().all(Vec::is_empty));
}

#[test]
fn c12_much_older_than_the_siblings_and_near_its_end() {
    let ca = Ca::new("now");
    let new = || facts(&ca, "app.example.com", 1, 90);
    let (older, ending) = (
        facts(&ca, "app.example.com", 40, 90),
        facts(&ca, "app.example.com", 80, 90),
    );
    assert_eq!(
        kinds(&[&new(), &older, &new(), &ending]),
        [
            vec![],
            vec![Kind::Older],
            vec![],
            vec![Kind::Older, Kind::Expiring]
        ]
    );
    // Renewed a few days apart is usual; and of a day's life, hours are left long enough.
    assert_eq!(
        kinds(&[&new(), &facts(&ca, "app.example.com", 20, 90)]),
        [vec![], vec![]]
    );
    let short = facts(&ca, "app.example.com", 0, 1);
    assert_eq!(kinds(&[&short]), [vec![]]);
}
