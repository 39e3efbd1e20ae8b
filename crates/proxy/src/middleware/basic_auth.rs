//! `basicAuth`.
//!
//! An answer must not tell whether a user exists: a name that does not costs the same hash as one that does
//! (CVE-2026-32595, CVE-2026-41263). Hashes are made to be slow; they are computed beside the worker, few at a
//! time, and a password that was right once is remembered by a keyed digest.

mod md5_crypt;

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use viaduct_snapshot::middleware::{BasicAuth, Secret, SecretKind};

use crate::answer::ProxyError;
use crate::exchange::Exchange;
use crate::headers;
use crate::request::Request;

use super::Way;

/// Lets the request pass if it names a user and the user's password.
pub(super) async fn check(
    auth: &BasicAuth,
    way: Way<'_>,
    request: &mut Request,
    exchange: &mut Exchange,
) -> Result<(), ProxyError> {
    let refused = || ProxyError::Unauthenticated {
        challenge: auth.challenge.clone(),
    };
    let given = Given::read(&request.parts.headers).ok_or_else(refused)?;
    exchange.user(&given.name);
    if !given.is_right(auth, &way.connection.worker.passwords).await? {
        return Err(refused());
    }
    let headers = &mut request.parts.headers;
    if let Some(field) = &auth.header_field {
        let name = HeaderValue::from_bytes(given.name.as_bytes()).map_err(|_| refused())?;
        headers::claim(headers, field.clone(), name);
    }
    if auth.remove_header {
        headers.remove(AUTHORIZATION);
    }
    Ok(())
}

/// What a client says of itself.
struct Given {
    name: String,
    password: String,
}

impl Given {
    /// RFC 7617, section 2.
    fn read(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?.as_bytes();
        let (scheme, encoded) = value.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        if encoded.len() > LONGEST {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim_ascii()).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        Some(Self {
            name: name.to_owned(),
            password: password.to_owned(),
        })
    }

    /// The steps are the same whether the user exists or not.
    async fn is_right(&self, auth: &BasicAuth, passwords: &Passwords) -> Result<bool, ProxyError> {
        let decoy = auth.decoy(&self.name);
        let user = auth.user(&self.name);
        let secret = user.map_or(decoy, |user| &user.secret);
        let digest = passwords.digest(secret, &self.password);
        if user.is_some() && passwords.knows(&digest) {
            return Ok(true);
        }
        let right = passwords.verify(secret, &self.password).await? && user.is_some();
        if right {
            passwords.remember(digest);
        }
        Ok(right)
    }
}

/// What one worker knows of passwords, and how many it looks into at once.
pub(crate) struct Passwords {
    /// Of secret and password together, under a key of this process: useless to whoever reads it.
    right: RefCell<HashSet<[u8; 32], foldhash::quality::RandomState>>,
    key: OnceCell<[u8; 32]>,
    turns: Arc<Semaphore>,
    /// Every secret that a password was held against, in order.
    #[cfg(test)]
    work: RefCell<Vec<Secret>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            right: RefCell::default(),
            key: OnceCell::new(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            #[cfg(test)]
            work: RefCell::default(),
        }
    }
}

impl Passwords {
    fn digest(&self, secret: &Secret, password: &str) -> [u8; 32] {
        let key = self.key.get_or_init(|| {
            use std::hash::BuildHasher as _;
            // Random by the operating system, as every `RandomState` of the standard library.
            let words = std::array::from_fn::<_, 4, _>(|word| {
                std::hash::RandomState::new().hash_one(word).to_be_bytes()
            });
            let mut key = [0; 32];
            for (place, byte) in key.iter_mut().zip(words.as_flattened()) {
                *place = *byte;
            }
            key
        });
        let mut digest = Sha256::new();
        digest.update(key);
        digest.update((secret.expose().len() as u64).to_be_bytes());
        digest.update(secret.expose().as_bytes());
        digest.update(password.as_bytes());
        digest.finalize().into()
    }

    fn knows(&self, digest: &[u8; 32]) -> bool {
        self.right.borrow().contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut right = self.right.borrow_mut();
        if right.len() >= MOST_REMEMBERED {
            right.clear();
        }
        right.insert(digest);
    }

    async fn verify(&self, secret: &Secret, password: &str) -> Result<bool, ProxyError> {
        #[cfg(test)]
        self.work.borrow_mut().push(secret.clone());
        if secret.kind == SecretKind::Sha1 {
            return Ok(is_sha1(secret.expose(), password));
        }
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(ProxyError::TooManyPasswords)?;
        let (kind, secret, password) = (secret.kind, Arc::clone(secret.expose()), password.to_owned());
        let verified = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match kind {
                SecretKind::Bcrypt => bcrypt::verify(password, &secret).unwrap_or(false),
                SecretKind::Md5Crypt => md5_crypt::is_right(&secret, password.as_bytes()),
                SecretKind::Sha1 => is_sha1(&secret, &password),
            }
        });
        Ok(verified.await.unwrap_or(false))
    }
}

fn is_sha1(secret: &str, password: &str) -> bool {
    let digest = STANDARD.encode(Sha1::digest(password.as_bytes()));
    let stored = secret.strip_prefix("{SHA}").unwrap_or_default();
    digest.as_bytes().ct_eq(stored.as_bytes()).into()
}

const SCHEME: &[u8] = b"Basic ";
/// Of name and password, encoded: some hashes go over the password a thousand times.
const LONGEST: usize = 4096;
/// Per worker: the rest of the processor is for requests that need no password.
const AT_ONCE: usize = 2;
/// For a turn. Whoever waits longer is one of too many.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests;
