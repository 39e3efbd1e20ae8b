//! The content type of some bytes, by the rules of the MIME Sniffing standard that Go's server follows.
//! No crate that is kept alive has these rules and these answers.

/// Always says something.
pub(super) fn content_type(bytes: &[u8]) -> &'static str {
    let bytes = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let text = bytes.trim_ascii_start();
    if is_html(text) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    if let Some(found) = by_signature(bytes) {
        return found;
    }
    if bytes.iter().any(|byte| is_binary(*byte)) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    }
}

/// One of the tags, and behind it the end of its name.
fn is_html(text: &[u8]) -> bool {
    if text.starts_with(b"<!--") {
        return true;
    }
    TAGS.iter().any(|tag| {
        let Some((begin, rest)) = text.split_at_checked(tag.len()) else {
            return false;
        };
        begin.eq_ignore_ascii_case(tag) && matches!(rest.first(), Some(b' ' | b'>'))
    })
}

fn by_signature(bytes: &[u8]) -> Option<&'static str> {
    let at =
        |place: usize, signature: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(signature));
    if let Some((_, found)) = SIGNATURES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature))
    {
        return Some(found);
    }
    if at(0, b"RIFF") {
        let inside = INSIDE_RIFF.iter().find(|(signature, _)| at(8, signature));
        return inside.map(|(_, found)| *found);
    }
    if at(0, b"FORM") && at(8, b"AIFF") {
        return Some("audio/aiff");
    }
    if is_mp4(bytes) {
        return Some("video/mp4");
    }
    at(34, b"LP").then_some("application/vnd.ms-fontobject")
}

/// A box `ftyp` that names a brand `mp4..`.
fn is_mp4(bytes: &[u8]) -> bool {
    let Some((size, _)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let size = u32::from_be_bytes(*size) as usize;
    if !size.is_multiple_of(4) || bytes.get(4..8) != Some(b"ftyp") {
        return false;
    }
    let brands = bytes.get(8..size).unwrap_or_default().chunks_exact(4).enumerate();
    // The second is a version.
    brands
        .filter(|(index, _)| *index != 1)
        .any(|(_, brand)| brand.starts_with(b"mp4"))
}

/// A byte that no text has.
const fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F)
}

const LOOKED_AT: usize = 512;

const TAGS: [&[u8]; 16] = [
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
];

const SIGNATURES: [(&[u8], &str); 26] = [
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xFE\xFF", "text/plain; charset=utf-16be"),
    (b"\xFF\xFE", "text/plain; charset=utf-16le"),
    (b"\xEF\xBB\xBF", "text/plain; charset=utf-8"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"\0\0\x02\0", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1A\n", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\0", "application/ogg"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"\x1A\x45\xDF\xA3", "video/webm"),
    (b"\0\x01\0\0", "font/ttf"),
    (b"OTTO", "font/otf"),
    (b"ttcf", "font/collection"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1F\x8B\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1A\x07\0", "application/x-rar-compressed"),
    (b"Rar!\x1A\x07\x01\0", "application/x-rar-compressed"),
    (b"\0asm", "application/wasm"),
];

const INSIDE_RIFF: [(&[u8], &str); 3] = [
    (b"WEBPVP", "image/webp"),
    (b"AVI ", "video/avi"),
    (b"WAVE", "audio/wave"),
];

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn a4_7_types_are_those_that_go_finds() {
        for (bytes, wanted) in [
            (&b"  <!doctype HTML>x"[..], "text/html; charset=utf-8"),
            (b"\n<p>x", "text/html; charset=utf-8"),
            (b"<!-- x", "text/html; charset=utf-8"),
            (b"<pre>x", "text/plain; charset=utf-8"),
            (b"<a", "text/plain; charset=utf-8"),
            (b" <?xml x", "text/xml; charset=utf-8"),
            (b"{\"a\": 1}", "text/plain; charset=utf-8"),
            (b"a\0b", "application/octet-stream"),
            (b"\x89PNG\r\n\x1A\nx", "image/png"),
            (b"RIFF1234WEBPVP8 ", "image/webp"),
            (b"RIFF1234WAVEfmt", "audio/wave"),
            (b"\x1F\x8B\x08x", "application/x-gzip"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
            (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "application/octet-stream"),
            (b"\xEF\xBB\xBFx", "text/plain; charset=utf-8"),
            (b"caf\xC3\xA9", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(content_type(bytes), wanted, "{}", bytes.escape_ascii());
        }
        // What lies further behind is not looked at.
        let mut long = vec![b'a'; 512];
        long.push(0);
        assert_eq!(content_type(&long), "text/plain; charset=utf-8");
    }
}
