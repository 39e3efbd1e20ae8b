//! `basicAuth`: users and what their passwords hash to.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use http::{HeaderName, HeaderValue};

/// `basicAuth`.
#[derive(Debug)]
pub struct BasicAuth {
    /// By name, in order; never empty.
    users: Vec<Credential>,
    /// `WWW-Authenticate` of a refusal.
    pub challenge: HeaderValue,
    /// Whether the `Authorization` header stays here. Default false.
    pub remove_header: bool,
    /// Header that tells the backend the user's name. Default none.
    pub header_field: Option<HeaderName>,
    /// Chooses the decoy of a name that does not exist.
    decoys: RandomState,
}

impl BasicAuth {
    /// The last of several entries for a name counts, as in Traefik. `None`: there is no user.
    pub fn new(
        users: impl IntoIterator<Item = Credential>,
        challenge: HeaderValue,
        remove_header: bool,
        header_field: Option<HeaderName>,
    ) -> Option<Self> {
        let mut users: Vec<_> = users.into_iter().collect();
        users.reverse();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users.dedup_by(|later, kept| later.name == kept.name);
        (!users.is_empty()).then(|| Self {
            users,
            challenge,
            remove_header,
            header_field,
            decoys: RandomState::default(),
        })
    }

    pub fn user(&self, name: &str) -> Option<&Credential> {
        let index = self.users.binary_search_by(|user| (*user.name).cmp(name)).ok()?;
        self.users.get(index)
    }

    /// The secret to compare with where there is no such user, so that the answer takes as long as that of a
    /// user who exists (CVE-2026-32595). The same name always gets the same one.
    pub fn decoy(&self, name: &str) -> &Secret {
        static NOBODY: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret {
            kind: SecretKind::Sha1,
            text: Arc::from(""),
        });
        let mut hasher = self.decoys.build_hasher();
        hasher.write(name.as_bytes());
        let turn = usize::try_from(hasher.finish() >> 1).unwrap_or_default();
        let index = turn.checked_rem(self.users.len()).unwrap_or_default();
        self.users.get(index).map_or(&NOBODY, |user| &user.secret)
    }
}

/// A user of `basicAuth`.
#[derive(Debug)]
pub struct Credential {
    pub name: Arc<str>,
    pub secret: Secret,
}

/// The hash of a password, as `htpasswd` writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub kind: SecretKind,
    text: Arc<str>,
}

/// How a password is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$` (`htpasswd -B`).
    Bcrypt,
    /// `$apr1$` (`htpasswd -m`), `$1$`.
    Md5Crypt,
    /// `{SHA}` (`htpasswd -s`).
    Sha1,
}

impl Secret {
    /// `None`: none of the three kinds.
    pub fn new(text: &str) -> Option<Self> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        let kind = if starts(&["$2a$", "$2b$", "$2x$", "$2y$"]) {
            SecretKind::Bcrypt
        } else if starts(&["$apr1$", "$1$"]) {
            SecretKind::Md5Crypt
        } else if starts(&["{SHA}"]) {
            SecretKind::Sha1
        } else {
            return None;
        };
        Some(Self {
            kind,
            text: text.into(),
        })
    }

    /// The hash itself, for comparing.
    pub fn expose(&self) -> &Arc<str> {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} REDACTED", self.kind)
    }
}
