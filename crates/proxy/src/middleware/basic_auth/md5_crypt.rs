//! The MD5-based password hash of `htpasswd -m` (`$apr1$`) and of older crypt libraries (`$1$`), on the `md-5`
//! crate. No crate that is kept alive offers it.
//!
//! The scheme is Poul-Henning Kamp's of 1994: an initial digest of password, magic and salt, stirred a thousand
//! times, and written in an alphabet of its own.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

/// Whether `secret`, such as `$apr1$salt$hash`, is that of `password`.
pub(super) fn is_right(secret: &str, password: &[u8]) -> bool {
    let parts = ["$apr1$", "$1$"]
        .into_iter()
        .find_map(|magic| Some((magic, secret.strip_prefix(magic)?)));
    let Some((magic, rest)) = parts else {
        return false;
    };
    let (salt, hash) = rest.split_once('$').unwrap_or((rest, ""));
    let salt = salt.as_bytes().get(..MOST_SALT).unwrap_or(salt.as_bytes());
    hashed(password, magic.as_bytes(), salt)
        .ct_eq(hash.as_bytes())
        .into()
}

fn hashed(password: &[u8], magic: &[u8], salt: &[u8]) -> Vec<u8> {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut first = Md5::new()
        .chain_update(password)
        .chain_update(magic)
        .chain_update(salt);
    for piece in password.chunks(inner.len()) {
        first.update(inner.get(..piece.len()).unwrap_or_default());
    }
    // The bits of the length choose between a zero and the first character.
    let mut bits = password.len();
    while bits > 0 {
        let character = password.first().copied().unwrap_or_default();
        first.update([if bits & 1 == 1 { 0 } else { character }]);
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        let odd = round % 2 == 1;
        next.update(if odd { password } else { digest.as_slice() });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { digest.as_slice() } else { password });
        digest = next.finalize();
    }
    written(digest.as_slice())
}

/// Three bytes in four characters, least significant first; the bytes in an order of their own.
fn written(digest: &[u8]) -> Vec<u8> {
    let byte = |index: usize| u32::from(digest.get(index).copied().unwrap_or_default());
    let mut text = Vec::with_capacity(22);
    for (high, middle, low) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        write(byte(high) << 16 | byte(middle) << 8 | byte(low), 4, &mut text);
    }
    write(byte(11), 2, &mut text);
    text
}

fn write(mut value: u32, characters: usize, text: &mut Vec<u8>) {
    for _ in 0..characters {
        text.extend(ALPHABET.get((value & 63) as usize));
        value >>= 6;
    }
}

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MOST_SALT: usize = 8;
const ROUNDS: u32 = 1000;
