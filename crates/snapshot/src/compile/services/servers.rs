//! One server of a load balancer: its URL, read once.

use std::collections::HashMap;
use std::sync::Arc;

use http::uri::{Authority, Uri};
use viaduct_config::Finding;
use viaduct_config::dynamic::http::Server as WrittenServer;
use viaduct_config::finding::Code;

use super::weight;
use crate::book::{PoolKey, Pools};
use crate::service::{Scheme, Server, Service, ServiceKind};
use crate::transport::Transport;

/// The servers of a service at the previous compile.
pub(super) struct Known<'a>(HashMap<&'a str, Vec<&'a Arc<Server>>>);

impl<'a> Known<'a> {
    pub(super) fn of(kept: Option<&'a Arc<Service>>) -> Self {
        let mut known: HashMap<_, Vec<_>> = HashMap::new();
        if let Some(ServiceKind::LoadBalancer(balancer)) = kept.map(|service| &service.kind) {
            for server in &balancer.servers {
                known.entry(&*server.url).or_default().push(server);
            }
        }
        Self(known)
    }

    /// The equal server of before, or this one.
    pub(super) fn share(&self, server: Server) -> Arc<Server> {
        let before = self
            .0
            .get(&*server.url)
            .and_then(|known| known.iter().find(|known| ****known == server));
        before.map_or_else(|| Arc::new(server), |before| Arc::clone(before))
    }
}

/// Keeps the pools of servers that did not change.
pub(super) fn keep_pools(
    servers: &[Arc<Server>],
    transport: &Arc<Transport>,
    pools: &mut Pools,
    before: Option<&Pools>,
) {
    for server in servers {
        pools.acquire(PoolKey::of(server, transport), before);
    }
}

pub(super) fn build(
    written: &WrittenServer,
    transport: &Arc<Transport>,
    pools: &mut Pools,
    before: Option<&Pools>,
    notes: &mut Vec<Finding>,
) -> Result<Server, Finding> {
    let url = parse(&written.url)?;
    let path = url.uri.path().trim_end_matches('/');
    if url.uri.query().is_some() {
        notes.push(
            Finding::warning(Code::InvalidService, "the query of a server URL has no effect")
                .got(&*written.url),
        );
    }
    Ok(Server {
        url: written.url.as_str().into(),
        scheme: url.scheme,
        pool: pools.acquire(PoolKey::new(url.scheme, &url.host, url.port, transport), before),
        host: url.host,
        port: url.port,
        authority: url.authority,
        base_path: if written.preserve_path.unwrap_or(false) {
            path.into()
        } else {
            Arc::default()
        },
        weight: weight(written.weight)?,
        fenced: written.fenced,
    })
}

struct Url {
    uri: Uri,
    scheme: Scheme,
    host: Arc<str>,
    port: u16,
    authority: http::HeaderValue,
}

fn parse(text: &str) -> Result<Url, Finding> {
    let bad = |why: &str| {
        Finding::error(
            Code::InvalidService,
            format!("the server URL cannot be used: {why}"),
        )
        .wanted("scheme://host[:port] with scheme http, https or h2c")
        .got(without_userinfo(text))
    };
    let uri: Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
    let scheme = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some("h2c") => Scheme::H2c,
        Some(_) => return Err(bad("its scheme is unknown")),
        None => return Err(bad("it has no scheme")),
    };
    let Some(authority) = uri.authority() else {
        return Err(bad("it has no host"));
    };
    if authority.as_str().contains('@') {
        return Err(bad(
            "it holds a user name or password, which is not sent to servers",
        ));
    }
    let host = authority.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(bad("it has no host"));
    }
    Ok(Url {
        scheme,
        host: host.to_ascii_lowercase().into(),
        port: port(authority, scheme).ok_or_else(|| bad("its port is not a number from 1 to 65535"))?,
        authority: http::HeaderValue::from_str(authority.as_str())
            .map_err(|_| bad("its host is malformed"))?,
        uri,
    })
}

/// The port written, or the scheme's.
fn port(authority: &Authority, scheme: Scheme) -> Option<u16> {
    let has_port = authority
        .as_str()
        .rsplit_once(':')
        .is_some_and(|(_, after)| !after.contains(']'));
    if has_port {
        return authority.port_u16().filter(|port| *port != 0);
    }
    Some(match scheme {
        Scheme::Http | Scheme::H2c => 80,
        Scheme::Https => 443,
    })
}

/// For messages, which must not hold passwords.
fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => {
            let shown = rest.get(at + 1..).unwrap_or_default();
            if scheme.is_empty() {
                format!("REDACTED@{shown}")
            } else {
                format!("{scheme}://REDACTED@{shown}")
            }
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, parse};

    fn read(url: &str) -> (Scheme, String, u16, String) {
        let url = parse(url).expect("a good URL");
        (
            url.scheme,
            url.host.to_string(),
            url.port,
            url.authority.to_str().expect("ASCII").to_owned(),
        )
    }

    #[test]
    fn a6_1_server_urls() {
        assert_eq!(
            read("https://10.0.0.1:8443"),
            (Scheme::Https, "10.0.0.1".into(), 8443, "10.0.0.1:8443".into())
        );
        assert_eq!(
            read("https://Web.Example.com"),
            (
                Scheme::Https,
                "web.example.com".into(),
                443,
                "Web.Example.com".into()
            )
        );
        assert_eq!(
            read("h2c://app/base/"),
            (Scheme::H2c, "app".into(), 80, "app".into())
        );
        assert_eq!(
            read("HTTP://[::1]:80"),
            (Scheme::Http, "::1".into(), 80, "[::1]:80".into())
        );
        assert_eq!(
            read("http://[fd00::2]"),
            (Scheme::Http, "fd00::2".into(), 80, "[fd00::2]".into())
        );
    }

    #[test]
    fn a6_1_bad_server_urls_are_refused() {
        for url in [
            "",
            "10.0.0.1:80",
            "/path",
            "ftp://a",
            "http://",
            "http://a:0",
            "http://a:99999",
            "http://a:",
            "http://a b",
            "//a",
        ] {
            assert!(parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn r24_passwords_in_urls_are_not_repeated() {
        let Err(finding) = parse("http://user:secret@host/x@y") else {
            panic!("user information is refused");
        };
        assert!(!format!("{finding:?}").contains("secret"));
        assert_eq!(finding.got.as_deref(), Some("http://REDACTED@host/x@y"));
    }
}
