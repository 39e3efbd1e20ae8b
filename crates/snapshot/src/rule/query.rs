//! The query of a request, read as Go's `url.ParseQuery` reads it: pairs between `&`; a pair with a
//! semicolon or a broken escape is left out; `+` is a space.

use smallvec::SmallVec;

use super::escaped;

/// Decoded text of a key or value.
type Decoded = SmallVec<[u8; 128]>;

/// Whether any pair named `key` has a value that `accept` takes.
pub(super) fn any(query: Option<&str>, key: &[u8], accept: impl Fn(&[u8]) -> bool) -> bool {
    let Some(query) = query else {
        return false;
    };
    query
        .as_bytes()
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty() && !pair.contains(&b';'))
        .any(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = halves.next().unwrap_or_default();
            let value = halves.next().unwrap_or_default();
            // A pair whose value is broken does not count, even when only its key is asked for.
            decode(name).is_some_and(|name| name.as_slice() == key)
                && decode(value).is_some_and(|value| accept(&value))
        })
}

fn decode(text: &[u8]) -> Option<Decoded> {
    let mut decoded = Decoded::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => {
                let mut escape: SmallVec<[u8; 3]> = SmallVec::new();
                escape.push(b'%');
                escape.extend(tail.iter().take(2).copied());
                decoded.push(escaped(&escape)?);
                rest = tail.get(2..)?;
            }
            plain => decoded.push(plain),
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::any;

    fn has(query: &str, key: &str, value: &str) -> bool {
        any(Some(query), key.as_bytes(), |found| found == value.as_bytes())
    }

    #[test]
    fn a3_1_query_is_decoded_as_go_decodes_it() {
        assert!(has("a=1&b=2", "b", "2"));
        assert!(has("a=x+y", "a", "x y"));
        assert!(has("a=x%20y", "a", "x y"));
        assert!(has("%61=1", "a", "1"));
        assert!(has("a=1&a=2", "a", "2"));
        assert!(has("a", "a", ""));
        assert!(has("a=b=c", "a", "b=c"));
        assert!(!has("A=1", "a", "1"));
        assert!(!has("a=1", "a", ""));
    }

    #[test]
    fn a3_1_broken_pairs_do_not_count() {
        assert!(!has("a=1;b=2", "a", "1"));
        assert!(!has("a=%zz", "a", "%zz"));
        assert!(!any(Some("a=%4"), b"a", |_| true));
        assert!(has("x=1;2&a=1", "a", "1"));
        assert!(!any(None, b"a", |_| true));
    }
}
