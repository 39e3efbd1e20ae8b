use http::HeaderValue;
use viaduct_snapshot::middleware::{BasicAuth, Credential, Secret};

use super::{Given, Passwords, is_sha1, md5_crypt};
use crate::testing::run;

/// Written by `openssl passwd` and `htpasswd`.
#[test]
fn a4_2_hashes_of_other_tools_are_verified() {
    for (secret, password) in MD5 {
        assert!(md5_crypt::is_right(secret, password.as_bytes()), "{secret}");
        assert!(!md5_crypt::is_right(secret, format!("{password}x").as_bytes()));
        assert!(!md5_crypt::is_right(secret, b""));
    }
    assert!(is_sha1("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password"));
    assert!(!is_sha1("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "Password"));
    assert!(!is_sha1("{SHA}", ""));
}

#[test]
fn cve_2026_71326_what_is_remembered_is_of_one_secret_and_one_password() {
    let passwords = Passwords::default();
    let (one, other) = (Secret::new("{SHA}ab").unwrap(), Secret::new("{SHA}a").unwrap());
    // The same text, cut elsewhere.
    assert_ne!(passwords.digest(&one, "c"), passwords.digest(&other, "bc"));
    passwords.remember(passwords.digest(&one, "c"));
    assert!(passwords.knows(&passwords.digest(&one, "c")));
    assert!(!passwords.knows(&passwords.digest(&other, "bc")));
    assert!(!Passwords::default().knows(&passwords.digest(&one, "c")));
}

/// The work is the hash: a name that exists and one that does not are held against one secret each, of the same
/// kind and cost, whatever the password, right ones of other users among them.
#[test]
fn cve_2026_32595_a_name_that_does_not_exist_costs_what_one_costs_that_does() {
    run(async {
        let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
        let users = [("ann", hash("of ann")), ("bob", hash("of bob"))];
        let credentials = users.iter().map(|(name, secret)| Credential {
            name: (*name).into(),
            secret: Secret::new(secret).unwrap(),
        });
        let challenge = HeaderValue::from_static("Basic");
        let auth = BasicAuth::new(credentials, challenge, false, None).unwrap();
        let passwords = Passwords::default();
        for (name, password, right) in [
            ("ann", "of ann", true),
            ("ann", "wrong", false),
            ("nobody", "wrong", false),
            ("nobody", "of ann", false),
            ("nobody", "of bob", false),
            ("", "", false),
        ] {
            let given = Given {
                name: name.to_owned(),
                password: password.to_owned(),
            };
            assert_eq!(given.is_right(&auth, &passwords).await.unwrap(), right, "{name}");
            let work = passwords.work.take();
            let [secret] = work.as_slice() else {
                panic!("{name}: {work:?}");
            };
            assert!(secret.expose().starts_with("$2b$04$"), "{name}");
        }
        // Only who was right is known the next time.
        let known = Given {
            name: "ann".to_owned(),
            password: "of ann".to_owned(),
        };
        assert!(known.is_right(&auth, &passwords).await.unwrap());
        assert!(passwords.work.take().is_empty());
    });
}

const MD5: &[(&str, &str)] = &[
    ("$apr1$8sFt66rZ$CwW5jnBTcCMb9M9VZMRdm/", "password"),
    ("$apr1$ab$eIePjsejfBGR8ITtu2z0U1", "x"),
    (
        "$apr1$12345678$RkSsHiO1RUdjaoav57ZaW/",
        "a much longer password than sixteen bytes",
    ),
    ("$1$abcdefgh$G//4keteveJp0qb8z2DxG/", "password"),
];
