use http::header::HOST;
use http::request::Parts;

use super::super::BadRequest;
use super::{HostName, settle};

fn parse(text: &str) -> Result<(String, Option<u16>), BadRequest> {
    HostName::parse(text.as_bytes()).map(|host| (host.as_str().to_owned(), host.port()))
}

fn parts(uri: &str, hosts: &[&str]) -> Parts {
    let mut request = http::Request::get(uri);
    for host in hosts {
        request = request.header(HOST, *host);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn i1_host_has_one_form() {
    for (written, host, port) in [
        ("Web.Example.COM", "web.example.com", None),
        ("web.example.com:8443", "web.example.com", Some(8443)),
        ("web.example.com.", "web.example.com", None),
        ("web.example.com.:443", "web.example.com", Some(443)),
        ("[2001:DB8::1]", "2001:db8::1", None),
        ("[::1]:443", "::1", Some(443)),
        ("127.0.0.1:80", "127.0.0.1", Some(80)),
        ("under_score.example", "under_score.example", None),
        ("", "", None),
    ] {
        assert_eq!(parse(written), Ok((host.to_owned(), port)), "{written}");
    }
}

#[test]
fn cve_2026_88877_bad_or_empty_port() {
    for written in [
        "www.example.com:x",
        "www.example.com:",
        "a:70000",
        "a:+80",
        "a:-1",
        "[::1]:",
        "a:80:80",
    ] {
        assert_eq!(parse(written), Err(BadRequest::Port), "{written}");
    }
}

#[test]
fn c9_bad_hosts() {
    for written in [
        "user@web.example.com",
        "a b",
        "a/b",
        "a\\b",
        "[::1",
        "[::1]x",
        "[example]",
        "a?b",
        "a#b",
        "\u{e9}",
    ] {
        assert_eq!(parse(written), Err(BadRequest::Host), "{written}");
    }
}

#[test]
fn c9_absolute_form_and_host_must_agree() {
    let mut agree = parts("http://Web.example.com/x", &["web.example.com"]);
    assert_eq!(settle(&mut agree).unwrap().as_str(), "web.example.com");
    let mut differ = parts("http://web.example.com/x", &["admin.example.com"]);
    assert_eq!(settle(&mut differ), Err(BadRequest::HostMismatch));
    let mut ports_differ = parts("http://web.example.com:81/x", &["web.example.com:82"]);
    assert_eq!(settle(&mut ports_differ), Err(BadRequest::HostMismatch));
}

#[test]
fn c9_two_hosts_and_none() {
    assert_eq!(
        settle(&mut parts("/", &["a", "a"])),
        Err(BadRequest::SeveralHosts)
    );
    assert_eq!(settle(&mut parts("/", &[])), Err(BadRequest::NoHost));
    let mut old = parts("/", &[]);
    old.version = http::Version::HTTP_10;
    assert_eq!(settle(&mut old).unwrap().as_str(), "");
}

#[test]
fn c9_authority_becomes_the_host_header() {
    let mut h2 = parts("https://Web.example.com:8443/x", &[]);
    settle(&mut h2).unwrap();
    assert_eq!(h2.headers.get(HOST).unwrap(), "Web.example.com:8443");
}
