//! The table for people: no line is longer than 100 columns.

use std::fmt::Write as _;

use viaduct_snapshot::BridgeClass;

use crate::bridges::{Row, client_leg};

/// A line of headings, the rows, and how many there are of each class.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    line(&mut text, ["CLASS", "CLIENT LEG", "STATUS", "EXPIRES"], "ROUTE");
    for row in rows {
        let day = row.expires.get(..10).unwrap_or_default();
        let mut cells = [&*row.class, &*row.client_leg, &*row.status, day].map(|cell| match cell {
            "" => "-",
            cell => cell,
        });
        for route in route(row) {
            line(&mut text, cells, &route);
            cells = [""; 4];
        }
    }
    text.push_str(&summary(rows));
    text
}

fn line(text: &mut String, [class, client_leg, status, expires]: [&str; 4], route: &str) {
    let line = format!("{class:<16}  {client_leg:<10}  {status:<14}  {expires:<10}  {route}");
    text.push_str(line.trim_end());
    text.push('\n');
}

/// What stands in the last column, line by line.
fn route(row: &Row) -> Vec<String> {
    let mut lines = wrapped(&row.router, WIDTH, "");
    lines.extend(wrapped(&format!("-> {}", row.service), WIDTH, DETAIL));
    let shown = |values: &[String], most: usize| match (values, values.len().saturating_sub(1)) {
        ([], _) => None,
        ([first, ..], more) => {
            let first: String = first.chars().take(most).collect();
            Some(if more > 0 {
                format!("{first} +{more}")
            } else {
                first
            })
        }
    };
    let name = shown(&row.verified_names, usize::MAX).map(|name| format!("as {name}"));
    let ca = match shown(&row.ca_fingerprints, FINGERPRINT) {
        Some(fingerprint) => Some(format!("CA {fingerprint}")),
        None => (!row.trust.is_empty()).then(|| row.trust.clone()),
    };
    let reason = (!row.reason.is_empty()).then(|| row.reason.clone());
    for detail in [name, ca, owner(row), reason].into_iter().flatten() {
        lines.extend(wrapped(&format!("{DETAIL}{detail}"), WIDTH, DETAIL));
    }
    lines
}

fn owner(row: &Row) -> Option<String> {
    (!row.owner.is_empty()).then(|| row.owner.clone())
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
/// Characters of a fingerprint: enough to tell CAs apart.
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
