//! Sessions in openssl's files, to be tampered with.

use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Changes one bit of the ticket in a file of `openssl s_client -sess_out`, at `hundredths` of its length.
#[track_caller]
pub fn forge_ticket(file: &Path, hundredths: usize) {
    let text = std::fs::read_to_string(file).expect("a session");
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = BASE64_STANDARD.decode(base64).expect("base64");
    let ticket = ticket(&der).expect("a ticket in the session");
    let place = ticket.start + (ticket.len() - 1) * hundredths / 100;
    der[place] ^= 1;
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let text = format!(
        "-----BEGIN SSL SESSION PARAMETERS-----\n{}\n-----END SSL SESSION PARAMETERS-----\n",
        lines.join("\n")
    );
    std::fs::write(file, text).expect("writing a session");
}

/// An OCTET STRING in the tenth field of openssl's structure.
fn ticket(der: &[u8]) -> Option<Range<usize>> {
    (0..der.len()).filter(|&at| der[at] == 0xaa).find_map(|at| {
        let (outer, start) = length(der, at + 1)?;
        let (inner, ticket) = length(der, start + 1).filter(|_| der.get(start) == Some(&4))?;
        (outer == inner + (ticket - start) && inner > 32).then_some(ticket..ticket + inner)
    })
}

/// A DER length at `at`, and what follows it.
fn length(der: &[u8], at: usize) -> Option<(usize, usize)> {
    match der.get(at..)? {
        [0x81, low, ..] => Some((usize::from(*low), at + 2)),
        [0x82, high, low, ..] => Some((usize::from(u16::from_be_bytes([*high, *low])), at + 3)),
        [short, ..] if *short < 0x80 => Some((usize::from(*short), at + 1)),
        _ => None,
    }
}
