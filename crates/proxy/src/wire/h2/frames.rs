//! What the frames of a connection tell of its streams, and nobody else does; both directions pass through here.
//!
//! Streams that end before there is a request (R25): hyper tells nobody of a head that h2 cannot take; the client gets
//! RST_STREAM, or a 431, and that is all.
//!
//! Streams that we are made to reset (C22): h2 counts them with what still comes for a stream that was reset because its
//! answer came early, and it remembers few of those. A client that uploads much to somebody who does not want it would be
//! taken for an attacker. Here the two are told apart.

use std::collections::VecDeque;

use h2::Reason;

/// What the frames of a connection say of its streams.
#[derive(Debug)]
pub(in crate::wire) struct Ledger {
    from_client: Frames,
    to_client: Frames,
    /// The highest stream that the client began.
    newest: u32,
    /// Its head is not complete yet.
    is_partial: bool,
    /// Streams with a complete head.
    begun: u64,
    /// Those that have been told of, since they never became a request.
    told: u64,
    /// The stream whose answer last began and ended with one frame.
    answered: u32,
    /// RST_STREAM in this turn that the client made us send.
    resets: Vec<Reason>,
    /// GOAWAY was sent: what comes now may be left alone.
    is_leaving: bool,
    /// All that was read has been looked at.
    is_drained: bool,
    /// Streams that were reset because we chose to, the last of them.
    chosen: VecDeque<u32>,
    /// How often the client made us reset a stream.
    provoked: u32,
    /// Streams that were one too many.
    refused: u32,
}

/// What became of a stream that is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Unborn {
    /// The client was told by RST_STREAM.
    Reset(Reason),
    /// The client was answered 431.
    TooLarge,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            from_client: Frames {
                preface: PREFACE,
                ..Frames::default()
            },
            to_client: Frames::default(),
            newest: 0,
            is_partial: false,
            begun: 0,
            told: 0,
            answered: 0,
            resets: Vec::new(),
            is_leaving: false,
            is_drained: false,
            chosen: VecDeque::new(),
            provoked: 0,
            refused: 0,
        }
    }
}

impl Ledger {
    /// Of the client, its preface included. Returns how many frames ended.
    pub(in crate::wire) fn read(&mut self, bytes: &[u8]) -> u32 {
        // No bytes: the client is done.
        self.is_drained = bytes.is_empty();
        let Self {
            from_client,
            newest,
            is_partial,
            begun,
            ..
        } = self;
        let mut frames = 0;
        from_client.pass(bytes, |frame| {
            frames += 1;
            if frame.kind == HEADERS && frame.stream > *newest {
                (*newest, *is_partial) = (frame.stream, true);
            }
            if matches!(frame.kind, HEADERS | CONTINUATION) && frame.flags & END_HEADERS != 0 && *is_partial {
                *is_partial = false;
                *begun += 1;
            }
        });
        frames
    }

    /// h2 asks for more than there is.
    pub(in crate::wire) fn drained(&mut self) {
        self.is_drained = true;
    }

    pub(in crate::wire) fn written(&mut self, bytes: &[u8]) {
        let Self {
            to_client,
            answered,
            resets,
            is_leaving,
            chosen,
            provoked,
            refused,
            ..
        } = self;
        to_client.pass(bytes, |frame| match frame.kind {
            HEADERS if frame.flags & END_STREAM != 0 => *answered = frame.stream,
            RST_STREAM => match Reason::from(frame.word) {
                Reason::NO_ERROR | Reason::CANCEL | Reason::INTERNAL_ERROR => {
                    if chosen.len() == MOST_CHOSEN {
                        chosen.pop_front();
                    }
                    chosen.push_back(frame.stream);
                }
                // It was on its way when the stream was reset.
                Reason::STREAM_CLOSED if chosen.contains(&frame.stream) => {}
                // Behind a 431.
                _ if frame.stream == *answered => {}
                reason => {
                    let count = match reason {
                        // It does not know our limit yet.
                        Reason::REFUSED_STREAM => &mut *refused,
                        _ => &mut *provoked,
                    };
                    *count = count.saturating_add(1);
                    if resets.len() < MOST_RESETS {
                        resets.push(reason);
                    }
                }
            },
            GOAWAY => *is_leaving = true,
            _ => {}
        });
    }

    /// The client has made us reset more streams than one does by mistake.
    pub(in crate::wire) fn is_misused(&self) -> bool {
        self.provoked > MOST_PROVOKED || self.refused > MOST_REFUSED
    }

    /// The GOAWAY that ends a connection that [is misused](Self::is_misused). `None`: not between two frames.
    pub(in crate::wire) fn goaway(&self) -> Option<Vec<u8>> {
        if self.to_client.had > 0 {
            return None;
        }
        let length = u32::try_from(8 + MISUSED.len()).unwrap_or_default().to_be_bytes();
        let mut frame = length.get(1..).unwrap_or_default().to_vec();
        frame.extend([GOAWAY, 0]);
        for word in [0, self.newest, Reason::ENHANCE_YOUR_CALM.into()] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(MISUSED);
        Some(frame)
    }

    /// At the end of a turn: streams that h2 has dealt with, and that are none of the `taken` requests.
    pub(in crate::wire) fn unborn(&mut self, taken: u64) -> impl Iterator<Item = Unborn> {
        let resets = std::mem::take(&mut self.resets);
        let settled = self.is_drained && !self.is_leaving;
        let count = if settled {
            self.begun.saturating_sub(taken + self.told)
        } else {
            0
        };
        self.told += count;
        // Requests are reset, too, for what comes behind their head.
        let mut reasons = resets.into_iter();
        (0..count).map(move |_| reasons.next().map_or(Unborn::TooLarge, Unborn::Reset))
    }
}

/// A frame that has gone by.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// The first four bytes of its payload.
    word: u32,
}

/// Follows the frames of one direction, however they are cut.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes in front of the first frame.
    preface: usize,
    /// Head of a frame, and the first of its payload.
    start: [u8; START],
    /// How much of that is there.
    had: usize,
    /// Of the payload.
    left: usize,
}

impl Frames {
    /// Calls `seen` with each frame that ends in `bytes`.
    fn pass(&mut self, bytes: &[u8], mut seen: impl FnMut(Frame)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        while !rest.is_empty() {
            if self.had < HEAD {
                rest = self.keep(rest, HEAD);
                if self.had < HEAD {
                    return;
                }
                let [a, b, c, ..] = self.start;
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            }
            let before = rest.len();
            rest = self.keep(rest, START.min(self.had + self.left));
            self.left -= before - rest.len();
            let passed = self.left.min(rest.len());
            self.left -= passed;
            rest = rest.get(passed..).unwrap_or_default();
            if self.left == 0 {
                seen(self.frame());
                (self.had, self.start) = (0, [0; START]);
            }
        }
    }

    /// Keeps bytes until there are `wanted`; gives the others back.
    fn keep<'b>(&mut self, bytes: &'b [u8], wanted: usize) -> &'b [u8] {
        let place = self.start.get_mut(self.had..wanted).unwrap_or_default();
        let (kept, rest) = bytes.split_at(place.len().min(bytes.len()));
        for (place, byte) in place.iter_mut().zip(kept) {
            *place = *byte;
        }
        self.had += kept.len();
        rest
    }

    fn frame(&self) -> Frame {
        let [_, _, _, kind, flags, s1, s2, s3, s4, word @ ..] = self.start;
        Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & STREAM,
            word: u32::from_be_bytes(word),
        }
    }
}

/// RFC 9113, 4.1 and 6.
const HEAD: usize = 9;
const START: usize = HEAD + 4;
const STREAM: u32 = 0x7fff_ffff;
const PREFACE: usize = 24;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Remembered of one turn; of more, the reason is not told.
const MOST_RESETS: usize = 1024;
/// More than a client can have an upload under way for.
const MOST_CHOSEN: usize = 1024;
/// Over the life of a connection.
const MOST_PROVOKED: u32 = 256;
/// The same. A client may begin as many streams as it likes before it has our SETTINGS, and is not to lose those that
/// were taken; none of the others costs more than its head.
const MOST_REFUSED: u32 = 4096;
const MISUSED: &[u8] = b"too many streams in error";

#[cfg(test)]
mod tests {
    use h2::Reason;

    use super::{
        CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Ledger, PREFACE, RST_STREAM, Unborn,
    };

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn head(stream: u32) -> Vec<u8> {
        frame(HEADERS, END_HEADERS, stream, b"some block")
    }

    fn reset(stream: u32, reason: Reason) -> Vec<u8> {
        frame(RST_STREAM, 0, stream, &u32::from(reason).to_be_bytes())
    }

    /// In pieces of `size`, and drained.
    fn read(ledger: &mut Ledger, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            ledger.read(piece);
        }
        ledger.drained();
    }

    fn unborn(ledger: &mut Ledger, taken: u64) -> Vec<Unborn> {
        ledger.unborn(taken).collect()
    }

    #[test]
    fn r25_heads_that_are_no_requests_are_counted_however_they_are_cut() {
        let mut sent = vec![b'P'; PREFACE];
        sent.extend(frame(4, 0, 0, b""));
        sent.extend(head(1));
        sent.extend(frame(0, END_STREAM, 1, &[7; 100]));
        sent.extend(frame(HEADERS, END_STREAM, 3, b"a"));
        sent.extend(frame(CONTINUATION, END_HEADERS, 3, b"block"));
        // Trailers are no stream of their own.
        sent.extend(head(1));
        let mut answers = frame(HEADERS, END_HEADERS, 1, b"200");
        answers.extend(reset(3, Reason::PROTOCOL_ERROR));
        for size in [1, 2, 8, 9, 10, 13, 1000] {
            let mut ledger = Ledger::default();
            read(&mut ledger, &sent, size);
            for piece in answers.chunks(size) {
                ledger.written(piece);
            }
            assert_eq!(
                unborn(&mut ledger, 1),
                [Unborn::Reset(Reason::PROTOCOL_ERROR)],
                "{size}"
            );
            assert_eq!(unborn(&mut ledger, 1), [], "told once");
        }
    }

    #[test]
    fn r25_a_stream_that_is_answered_by_h2_was_too_large() {
        let mut ledger = Ledger::default();
        let mut sent = vec![0; PREFACE];
        sent.extend(head(1));
        read(&mut ledger, &sent, 1000);
        ledger.written(&frame(HEADERS, END_HEADERS | END_STREAM, 1, b"431"));
        ledger.written(&reset(1, Reason::PROTOCOL_ERROR));
        assert_eq!(unborn(&mut ledger, 0), [Unborn::TooLarge]);
    }

    #[test]
    fn c22_what_comes_behind_a_reset_of_ours_is_no_misuse() {
        let mut ledger = Ledger::default();
        // Many uploads at once, far more in all than are remembered.
        for first in (1..10_001).step_by(200) {
            let uploads = || (first..first + 200).step_by(2);
            for stream in uploads() {
                ledger.written(&reset(stream, Reason::NO_ERROR));
            }
            for stream in uploads().chain(uploads()) {
                ledger.written(&reset(stream, Reason::STREAM_CLOSED));
            }
        }
        assert!(!ledger.is_misused());
        // A stream that has ended by itself.
        assert_eq!(misuse(&mut ledger, Reason::STREAM_CLOSED), 257);
    }

    /// How many streams that are reset like this make it misuse.
    fn misuse(ledger: &mut Ledger, reason: Reason) -> u32 {
        let reset_one = |count: &u32| {
            ledger.written(&reset(20_001 + 2 * count, reason));
            ledger.is_misused()
        };
        (0..10_000).find(reset_one).unwrap() + 1
    }

    #[test]
    fn c22_c27_what_a_client_makes_us_reset_is_counted_and_what_we_refuse_apart() {
        for (reason, most) in [
            (Reason::PROTOCOL_ERROR, 256),
            (Reason::FLOW_CONTROL_ERROR, 256),
            (Reason::FRAME_SIZE_ERROR, 256),
            (Reason::REFUSED_STREAM, 4096),
        ] {
            assert_eq!(misuse(&mut Ledger::default(), reason), most + 1, "{reason:?}");
        }
    }

    #[test]
    fn c22_the_goaway_of_a_misused_connection_stands_between_frames() {
        let mut ledger = Ledger::default();
        let mut sent = vec![0; PREFACE];
        sent.extend(head(7));
        read(&mut ledger, &sent, 1000);
        ledger.written(&[0, 0]);
        assert_eq!(ledger.goaway(), None);
        let mut ledger = Ledger::default();
        read(&mut ledger, &sent, 1000);
        let goaway = ledger.goaway().unwrap();
        let mut payload = [7_u32.to_be_bytes(), 11_u32.to_be_bytes()].concat();
        payload.extend(b"too many streams in error");
        assert_eq!(goaway, frame(GOAWAY, 0, 0, &payload));
    }

    #[test]
    fn r25_what_is_not_settled_is_not_told_of() {
        let mut ledger = Ledger::default();
        let mut sent = vec![0; PREFACE];
        sent.extend(frame(HEADERS, 0, 1, b"the first half"));
        read(&mut ledger, &sent, 1000);
        assert_eq!(unborn(&mut ledger, 0), [], "the head is not complete");
        ledger.read(&frame(CONTINUATION, END_HEADERS, 1, b"the rest"));
        assert_eq!(unborn(&mut ledger, 0), [], "h2 has not looked at it");
        ledger.drained();
        ledger.written(&reset(9, Reason::CANCEL));
        assert_eq!(unborn(&mut ledger, 1), [], "it is a request");
        ledger.written(&frame(GOAWAY, 0, 0, &[0; 8]));
        read(&mut ledger, &head(3), 1000);
        assert_eq!(unborn(&mut ledger, 1), [], "GOAWAY says that it was left alone");
    }
}
