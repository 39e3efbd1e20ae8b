//! "Did you mean ...?" for names that are nearly right.

/// The candidate that is spelled most like `name`, if any is close enough to be what was meant: equal but
/// for case, or at most one edit in three characters away. An edit inserts, drops or changes a character
/// or swaps two neighbours. The first of equally close candidates wins.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    if wanted.is_empty() || wanted.len() > MAX_NAME_CHARS {
        return None;
    }
    let reach = (wanted.len() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let spelled: Vec<char> = candidate.to_lowercase().chars().collect();
            (spelled.len().abs_diff(wanted.len()) <= reach)
                .then(|| (distance(&wanted, &spelled), candidate))
                .filter(|(edits, _)| *edits <= reach)
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment, three rows at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, &ca) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        let mut left = i + 1;
        row.push(left);
        let mut previous_b = None;
        for (j, (&cb, diagonal)) in b.iter().zip(last.windows(2)).enumerate() {
            let &[corner, above] = diagonal else { continue };
            let mut edits = (corner + usize::from(ca != cb)).min(above + 1).min(left + 1);
            if previous_a == Some(cb)
                && previous_b == Some(ca)
                && let Some(swapped) = j.checked_sub(1).and_then(|j| before_last.get(j))
            {
                edits = edits.min(swapped + 1);
            }
            row.push(edits);
            left = edits;
            previous_b = Some(cb);
        }
        before_last = std::mem::replace(&mut last, row);
        previous_a = Some(ca);
    }
    last.last().copied().unwrap_or_default()
}

const MAX_NAME_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn c4_nearly_right_names_find_the_right_one() {
        let fields = ["serversTransport", "passHostHeader", "scheme", "port", "name"];
        let meant = |name| closest(name, fields);
        assert_eq!(meant("serverTransport"), Some("serversTransport"));
        assert_eq!(meant("servers_transport"), Some("serversTransport"));
        assert_eq!(meant("passhostheader"), Some("passHostHeader"));
        assert_eq!(meant("shceme"), Some("scheme"));
        assert_eq!(meant("prot"), Some("port"));
        assert_eq!(meant("nmae"), Some("name"));
        assert_eq!(meant("weight"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"n".repeat(100_000)), None);
    }

    #[test]
    fn c4_the_nearest_candidate_wins() {
        assert_eq!(closest("certs", ["cert", "certs", "carts"]), Some("certs"));
        assert_eq!(closest("rootCA", ["rootCAs", "routes"]), Some("rootCAs"));
    }
}
