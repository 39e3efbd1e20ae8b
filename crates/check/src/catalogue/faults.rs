//! Reasons of failure: the table of `docs/reference/faults.md`, which a test compares with the code.

use viaduct_tls::Reason;

pub(super) fn explain(code: &str) -> Option<String> {
    let is_about = |cells: &Vec<&str>| match cells.as_slice() {
        [first, second, ..] => {
            *first == code || *second == code && first.starts_with(|c: char| c.is_ascii_digit())
        }
        _ => false,
    };
    let row = PAGE.lines().map(cells).find(is_about)?;
    match row.as_slice() {
        // Those of the backend leg have their code first.
        [code, meaning, status, mend, _tests] if Reason::ALL.iter().any(|reason| reason.code() == *code) => {
            Some(format!(
                "{code}: {meaning}\n\nThe backend leg failed for this reason, and the request was answered with {status}. \
             The log line has what was wanted and what came instead, and a hint that names the object.\n\n\
             To mend it: {mend}\n"
            ))
        }
        [status, code, meaning, mend] if status.starts_with(|c: char| c.is_ascii_digit()) => Some(format!(
            "{code}: {meaning}\n\nThe request was answered with {status}.\n\nTo mend it: {mend}\n"
        )),
        _ => None,
    }
}

/// Every code that the page has a row for.
pub(super) fn codes() -> Vec<&'static str> {
    let rows = PAGE.lines().map(cells);
    rows.filter_map(|row| match row.as_slice() {
        [code, _, _, _, _] if Reason::ALL.iter().any(|reason| reason.code() == *code) => Some(*code),
        [status, code, _, _] if status.starts_with(|c: char| c.is_ascii_digit()) => Some(*code),
        _ => None,
    })
    .collect()
}

/// The cells of a row, code marks taken off.
fn cells(line: &str) -> Vec<&str> {
    let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
        return Vec::new();
    };
    row.split(" | ")
        .map(
            |cell| match cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
                Some(code) if !code.contains('`') => code,
                Some(_) | None => cell,
            },
        )
        .collect()
}

const PAGE: &str = include_str!("../../../../docs/reference/faults.md");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_every_reason_of_failure_is_explained() {
        for reason in Reason::ALL {
            let code = reason.code();
            let text = explain(code).unwrap_or_else(|| panic!("`{code}` is not explained"));
            assert!(text.starts_with(&format!("{code}: ")), "{text}");
        }
        assert!(explain("misdirected").is_some_and(|text| text.contains("421")));
        assert_eq!(explain("Code"), None);
        assert_eq!(explain("502"), None);
    }
}
