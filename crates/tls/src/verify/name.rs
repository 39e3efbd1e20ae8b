//! Whether a certificate names a host: Go's rules.
//!
//! Only subject alternative names count. A wildcard is a whole leftmost label and stands for exactly one
//! label. (webpki would refuse `*.internal` for `web.internal`; Go accepts it.)

use std::net::IpAddr;

use crate::certificate::CertificateFacts;
use crate::reason::ExpectedName;

pub(super) fn covers(facts: &CertificateFacts, expected: &ExpectedName) -> bool {
    match expected {
        ExpectedName::Dns(host) => facts.dns_names.iter().any(|pattern| matches(pattern, host)),
        ExpectedName::Ip(address) => facts
            .ip_addresses
            .iter()
            .any(|known| same_address(known, address)),
    }
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => match host.split_once('.') {
            Some((label, rest)) => !label.is_empty() && !rest.is_empty() && rest.eq_ignore_ascii_case(parent),
            None => false,
        },
        None => !host.is_empty() && pattern.eq_ignore_ascii_case(host),
    }
}

/// An IPv4 address and its IPv6-mapped form are one address.
fn same_address(one: &IpAddr, other: &IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a7_18_wildcards_stand_for_exactly_one_whole_label() {
        for (pattern, host, expected) in [
            ("web.example.com", "web.example.com", true),
            ("WEB.example.com", "web.EXAMPLE.com", true),
            ("*.example.com", "web.example.com", true),
            ("*.internal", "web.internal", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.web.example.com", false),
            ("*.example.com", ".example.com", false),
            ("w*.example.com", "web.example.com", false),
            ("web.*.com", "web.example.com", false),
            ("*.*.com", "web.example.com", false),
            ("*", "localhost", false),
            ("web.example.com.", "web.example.com", false),
            ("web.example.com\0.evil.test", "web.example.com", false),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} for {host}");
        }
    }
}
