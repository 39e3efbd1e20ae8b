//! The table for people: no line is longer than 100 columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use viaduct_snapshot::BridgeClass;

use crate::bridges::{Row, Trial, client_leg};

/// A line of headings, the rows, how many there are of each class, and what to do about verification that is skipped.
/// Servers that are reached alike stand together.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    line(&mut text, ["CLASS", "CLIENT LEG", "STATUS", "EXPIRES"], "ROUTE");
    for same in rows.chunk_by(alike) {
        let Some(first) = same.first() else { continue };
        let ends = same.iter().filter(|row| !row.expires.is_empty());
        let expires = ends.map(|row| row.expires.as_str()).min();
        let day = expires.and_then(|time| time.get(..10)).unwrap_or_default();
        let mut cells = [&*first.class, &*first.client_leg, &*first.status, day].map(|cell| match cell {
            "" => "-",
            cell => cell,
        });
        for route in route(first, same) {
            line(&mut text, cells, &route);
            cells = [""; 4];
        }
    }
    text.push_str(&summary(rows));
    trials(&mut text, rows);
    text
}

/// Whether two rows differ in nothing but the server.
fn alike(a: &Row, b: &Row) -> bool {
    let common = |row: &Row| Row {
        server: String::new(),
        verified_name: String::new(),
        expires: String::new(),
        expiring: String::new(),
        handshake: String::new(),
        seen: String::new(),
        certificate_fingerprint: String::new(),
        certificate_expires: String::new(),
        ..row.clone()
    };
    (&a.router, &a.service, &a.class) == (&b.router, &b.service, &b.class) && common(a) == common(b)
}

/// Once for each transport.
fn trials(text: &mut String, rows: &[Row]) {
    let tried = rows
        .iter()
        .filter_map(|row| Some((row.transport.as_str(), row.trial.as_ref()?)));
    let tried: BTreeMap<&str, &Trial> = tried.collect();
    for (transport, trial) in tried {
        let state = if trial.safe {
            format!("safe to verify since {}", trial.safe_since)
        } else {
            "not safe to verify yet".to_owned()
        };
        // Writing to a `String` does not fail.
        writeln!(text, "\nverification is skipped by {}: {state}", clean(transport)).unwrap_or_default();
        for line in wrapped(&trial.summary, TRIAL, "") {
            writeln!(text, "  {line}").unwrap_or_default();
        }
        for line in trial.patch.lines() {
            writeln!(text, "    {}", clean(line)).unwrap_or_default();
        }
    }
}

fn line(text: &mut String, [class, client_leg, status, expires]: [&str; 4], route: &str) {
    let line = format!("{class:<16}  {client_leg:<10}  {status:<14}  {expires:<10}  {route}");
    text.push_str(line.trim_end());
    text.push('\n');
}

/// What stands in the last column, line by line; `same`: the rows of its servers.
fn route(row: &Row, same: &[Row]) -> Vec<String> {
    let mut lines = wrapped(&row.router, WIDTH, "");
    lines.extend(wrapped(&format!("-> {}", row.service), WIDTH, DETAIL));
    let mut details: Vec<String> = same.iter().take(MOST_SERVERS).filter_map(server).collect();
    if same.len() > MOST_SERVERS {
        details.push(format!("and {} servers more", same.len() - MOST_SERVERS));
    }
    let one_name = same.iter().all(|other| other.verified_name == row.verified_name);
    if one_name && !row.verified_name.is_empty() {
        details.push(format!("as {}", row.verified_name));
    } else if !one_name {
        details.push("each as the host of its URL".to_owned());
    }
    match row.ca_fingerprints.as_slice() {
        [] if row.trust.is_empty() => {}
        [] => details.push(row.trust.clone()),
        [first, more @ ..] => {
            let first = short(first);
            details.push(match more.len() {
                0 => format!("CA {first}"),
                more => format!("CA {first} +{more}"),
            });
        }
    }
    let texts = [&row.owner, &row.reason].into_iter();
    details.extend(texts.filter(|text| !text.is_empty()).cloned());
    for detail in details {
        lines.extend(wrapped(&format!("{DETAIL}{detail}"), WIDTH, DETAIL));
    }
    lines
}

/// With what the last handshake with it came to and the certificate that it showed, where that is known.
fn server(row: &Row) -> Option<String> {
    let mut text = Some(&row.server).filter(|server| !server.is_empty())?.clone();
    if !row.handshake.is_empty() {
        text = format!("{text} {}", row.handshake);
    }
    if let Some(day) = row.certificate_expires.get(..10) {
        text = format!(
            "{text}, certificate {} until {day}",
            short(&row.certificate_fingerprint)
        );
    }
    Some(text)
}

/// The begin of a fingerprint: enough to tell certificates apart; the other formats have all of it.
fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(FINGERPRINT).collect()
}

/// Broken between words where that is possible, and after `indent` from the second line on; nothing is left out.
fn wrapped(text: &str, width: usize, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut current, mut used, mut begun) = (String::new(), 0, false);
    let mut next_line = |current: &mut String, used: &mut usize| {
        *used = indent.len();
        lines.push(std::mem::replace(current, indent.to_owned()));
    };
    let words = clean(text);
    for word in words.split(' ') {
        let wanted = word.chars().count();
        if begun && used + 1 + wanted > width && wanted <= width - indent.len() {
            next_line(&mut current, &mut used);
        } else if begun {
            current.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used >= width {
                next_line(&mut current, &mut used);
            }
            current.push(character);
            used += 1;
        }
        begun = true;
    }
    lines.push(current);
    lines
}

/// Names are the tenants': none of them writes on the terminal.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() || INVISIBLE.contains(&character) {
            true => clean.extend(character.escape_unicode()),
            false => clean.push(character),
        }
    }
    clean
}

fn summary(rows: &[Row]) -> String {
    let known: Vec<_> = rows.iter().filter_map(|row| Some((row, row.class()?))).collect();
    let mut text = match known.len() {
        0 => "no bridges".to_owned(),
        1 => "1 bridge: ".to_owned(),
        count => format!("{count} bridges: "),
    };
    let count =
        |is: &dyn Fn(&Row, BridgeClass) -> bool| known.iter().filter(|(row, class)| is(row, *class)).count();
    let by_class = BridgeClass::ALL.map(|class| (class, count(&|_, one| one == class)));
    let by_class: Vec<_> = by_class
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| format!("{count} {class}"))
        .collect();
    text.push_str(&by_class.join(", "));
    let plain = count(&|row, _| row.client_leg == client_leg(false));
    if plain > 0 {
        // Writing to a `String` does not fail.
        write!(text, "\n{plain} with a client leg in plain text").unwrap_or_default();
    }
    let unknown = rows.len() - known.len();
    if unknown > 0 {
        write!(text, "\n{unknown} more without a class: no server is known").unwrap_or_default();
    }
    text.push('\n');
    text
}

/// Of the last column.
const WIDTH: usize = 42;
/// What stands before the details of a route.
const DETAIL: &str = "   ";
/// Of what is said of verification that is skipped.
const TRIAL: usize = 96;
/// Servers shown of those that are reached alike; the other formats have all.
const MOST_SERVERS: usize = 16;
/// Characters.
const FINGERPRINT: usize = 16;
/// Marks that change the direction of what is read, or cannot be seen.
const INVISIBLE: [char; 14] = [
    '\u{200b}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2028}', '\u{2029}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn c6_long_names_are_broken_and_nothing_of_them_is_lost() {
        assert_eq!(wrapped("a name", 10, ""), ["a name"]);
        assert_eq!(
            wrapped("several words of it", 10, " "),
            ["several", " words of", " it"]
        );
        assert_eq!(
            wrapped("-> 0123456789abcdef", 10, "  "),
            ["-> 0123456", "  789abcde", "  f"]
        );
        let name = "web-web-ingressroute-0942d541708eb45f2d08@kubernetescrd";
        assert_eq!(wrapped(name, 42, "").concat(), name);
        assert_eq!(wrapped("", 10, ""), [""]);
        assert_eq!(wrapped("a\u{1b}[2J\u{202e}b", 42, ""), ["a\\u{1b}[2J\\u{202e}b"]);
    }
}
