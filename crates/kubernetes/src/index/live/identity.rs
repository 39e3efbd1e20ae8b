//! Which object it is, and in which state. Every object has one, so that the usual forms take no text.

use serde_json::Value as Json;

/// Which object it is, through renamings and repetitions, and in which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: Uid,
    version: Version,
}

/// `metadata.uid`. Opaque: two that are written differently are different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Uid {
    /// Written as API servers write one: lower-case hexadecimal, 8-4-4-4-12.
    Uuid([u8; 16]),
    Text(Box<str>),
}

/// `metadata.resourceVersion`. Opaque, but for their order where both are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Version {
    /// Written without a sign or leading zeros.
    Number(u64),
    Text(Box<str>),
}

impl Identity {
    pub(super) fn of(object: &Json) -> Self {
        let text = |field: &str| {
            let value = object.get("metadata").and_then(|metadata| metadata.get(field));
            value.and_then(Json::as_str).unwrap_or_default()
        };
        Self {
            uid: Uid::of(text("uid")),
            version: Version::of(text("resourceVersion")),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self == other && !self.version.is_empty()
    }

    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        match (self.version.number(), other.version.number()) {
            (Some(own), Some(others)) => own < others,
            _ => false,
        }
    }
}

impl Uid {
    fn of(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl Version {
    fn of(text: &str) -> Self {
        match text.parse::<u64>() {
            Ok(number) if !text.starts_with('+') && (text == "0" || !text.starts_with('0')) => {
                Self::Number(number)
            }
            Ok(_) | Err(_) => Self::Text(text.into()),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn number(&self) -> Option<u128> {
        match self {
            Self::Number(number) => Some(u128::from(*number)),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut uuid = [0_u8; 16];
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if DASHES.contains(&at) {
            (*byte == b'-').then_some(())?;
            continue;
        }
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        let place = uuid.get_mut(digits / 2)?;
        *place = *place << 4 | value;
        digits += 1;
    }
    Some(uuid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn identity(uid: &str, version: &str) -> Identity {
        Identity::of(&json!({ "metadata": { "uid": uid, "resourceVersion": version } }))
    }

    proptest! {
        #[test]
        fn two_are_one_only_where_they_are_written_alike(
            one in "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[+0]{0,2}[0-9]{0,22}|.{0,40}",
            other in "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[+0]{0,2}[0-9]{0,22}",
        ) {
            for (one, other) in [(&one, &other), (&one, &one), (&one, &one.to_uppercase()), (&one, &format!("0{one}"))] {
                prop_assert_eq!(Uid::of(one) == Uid::of(other), one == other);
                prop_assert_eq!(Version::of(one) == Version::of(other), one == other);
            }
        }
    }

    #[test]
    fn r14_versions_have_an_order_where_both_are_numbers() {
        let (one, other) = (
            "9f1c2d3e-0000-4000-8000-000000000001",
            "9f1c2d3e-0000-4000-8000-000000000002",
        );
        assert_eq!(identity(one, "1"), identity(one, "1"));
        assert_ne!(identity(one, "1"), identity(other, "1"));
        assert_ne!(identity(&one.to_uppercase(), "1"), identity(one, "1"));
        assert!(identity(one, "9").is_older_than(&identity(one, "10")));
        assert!(identity(one, "007").is_older_than(&identity(one, "99999999999999999999999")));
        assert!(!identity(one, "b").is_older_than(&identity(one, "10")));
        assert!(identity(one, "7").is_same(&identity(one, "7")));
        assert!(!identity(one, "7").is_same(&identity(one, "07")), "another text");
        assert!(!identity(one, "").is_same(&identity(one, "")), "nothing is said");
        assert!(Uid::of("").is_empty() && Uid::of(one) != Uid::of(""));
    }
}
