//! Text from clients, made harmless.

/// Inside the quotes of a CLF field, as Apache and nginx do it: `"` and `\` get a backslash; control
/// characters and everything outside ASCII become `\xHH`.
pub(super) fn clf_quoted(out: &mut Vec<u8>, text: &[u8]) {
    for run in Runs::new(text, |byte| {
        !(b' '..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
    }) {
        match run {
            Run::Plain(bytes) => out.extend_from_slice(bytes),
            Run::Special(byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
            Run::Special(byte) => hex(out, byte),
        }
    }
}

/// A CLF field without quotes: a blank in it would start the next field.
pub(super) fn clf_bare(out: &mut Vec<u8>, text: &[u8]) {
    for run in Runs::new(text, |byte| {
        !(b'!'..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
    }) {
        match run {
            Run::Plain(bytes) => out.extend_from_slice(bytes),
            Run::Special(byte) => hex(out, byte),
        }
    }
}

/// The inside of a JSON string. DEL and the C1 controls, legal in JSON but obeyed by terminals, are escaped too.
#[inline]
pub(super) fn json(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        json_text(out, text);
    }
}

/// As [`json`]; what is not UTF-8 becomes U+FFFD.
pub(super) fn json_bytes(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        json_text(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(br"\ufffd");
        }
    }
}

/// Whether a text is what its JSON string is: printable ASCII without quote and backslash. Looks at eight
/// bytes at a time and never stops early: nearly every text is plain.
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let mut special = 0;
    for word in words {
        special |= special_bytes(u64::from_ne_bytes(*word));
    }
    let mut last = *b"        ";
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    special | special_bytes(u64::from_ne_bytes(last)) == 0
}

/// Zero if none of the eight bytes is special: a control character, DEL, outside ASCII, quote or backslash.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let low = word & !HIGH;
    // With the highest bit taken away nothing is carried from byte to byte, and each sum's highest bit says
    // whether the byte is at least so large.
    let from_space = low + ONES * (0x80 - 0x20);
    let is_delete = low + ONES;
    let is_other = |byte: u64| (low ^ (ONES * byte)) + ONES * 0x7f;
    let quote_free = is_other(0x22) & is_other(0x5c);
    (word | is_delete | !(from_space & quote_free)) & HIGH
}

#[cold]
fn json_text(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(br#"\""#),
            '\\' => out.extend_from_slice(br"\\"),
            '\n' => out.extend_from_slice(br"\n"),
            '\r' => out.extend_from_slice(br"\r"),
            '\t' => out.extend_from_slice(br"\t"),
            // JavaScript takes the two separators for line ends.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                let [high, low] = [(character as u32) >> 8, (character as u32) & 0xff];
                out.extend_from_slice(br"\u");
                for byte in [high, low] {
                    out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
                }
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Lower-case hexadecimal digits, as identifiers of traces are written.
pub(super) fn hex_lower(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&[digit(u32::from(byte >> 4)), digit(u32::from(byte & 0xf))]);
    }
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    let byte = u32::from(byte);
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 0xf)]);
}

fn digit(nibble: u32) -> u8 {
    char::from_digit(nibble, 16).map_or(b'0', |digit| digit as u8)
}

enum Run<'a> {
    Plain(&'a [u8]),
    Special(u8),
}

/// Cuts a text into what may be copied and what may not.
struct Runs<'a, F> {
    rest: &'a [u8],
    special: F,
}

impl<'a, F: Fn(u8) -> bool> Runs<'a, F> {
    fn new(text: &'a [u8], special: F) -> Self {
        Self { rest: text, special }
    }
}

impl<'a, F: Fn(u8) -> bool> Iterator for Runs<'a, F> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        let plain = self
            .rest
            .iter()
            .position(|byte| (self.special)(*byte))
            .unwrap_or(self.rest.len());
        if plain > 0 {
            let (run, rest) = self.rest.split_at(plain);
            self.rest = rest;
            return Some(Run::Plain(run));
        }
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(Run::Special(*first))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_plain;

    proptest! {
        #[test]
        fn c67_a_text_is_plain_if_each_of_its_bytes_is(
            mut text in prop::collection::vec(b' '..0x7f, 0..40),
            byte in any::<u8>(),
            place in any::<prop::sample::Index>(),
        ) {
            if !text.is_empty() {
                let place = place.index(text.len());
                text[place] = byte;
            }
            let each = text.iter().all(|byte| (b' '..0x7f).contains(byte) && !b"\"\\".contains(byte));
            prop_assert_eq!(is_plain(&text), each);
        }
    }
}
