use super::{Passwords, is_sha1, md5_crypt};
use viaduct_snapshot::middleware::Secret;

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

const MD5: &[(&str, &str)] = &[
    ("$apr1$8sFt66rZ$CwW5jnBTcCMb9M9VZMRdm/", "password"),
    ("$apr1$ab$eIePjsejfBGR8ITtu2z0U1", "x"),
    (
        "$apr1$12345678$RkSsHiO1RUdjaoav57ZaW/",
        "a much longer password than sixteen bytes",
    ),
    ("$1$abcdefgh$G//4keteveJp0qb8z2DxG/", "password"),
];
