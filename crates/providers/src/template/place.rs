//! Where a part of the output came from.

use viaduct_config::Location;

/// What a template became, with the way back to its source.
#[derive(Debug, Clone)]
pub struct Rendered {
    text: String,
    /// `None`: the source itself.
    origin: Option<Origin>,
}

#[derive(Debug, Clone)]
struct Origin {
    file: String,
    source: String,
    /// In the order of the output.
    pieces: Vec<Piece>,
}

/// A run of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first byte in the output.
    pub(super) start: usize,
    /// Where in the source it was written, or the action that made it.
    pub(super) source: usize,
    pub(super) verbatim: bool,
}

impl Rendered {
    pub(crate) fn verbatim(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            origin: None,
        }
    }

    pub(super) fn new(file: &str, source: &str, text: String, pieces: Vec<Piece>) -> Self {
        Self {
            text,
            origin: Some(Origin {
                file: file.to_owned(),
                source: source.to_owned(),
                pieces,
            }),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the source held actions.
    pub fn is_generated(&self) -> bool {
        self.origin.is_some()
    }

    /// The place in the source of a place in the output.
    pub fn source_of(&self, output: &Location) -> Location {
        let Some(origin) = &self.origin else {
            return output.clone();
        };
        let offset = offset(&self.text, output);
        let last = origin.pieces.partition_point(|piece| piece.start <= offset);
        let source = match last.checked_sub(1).and_then(|index| origin.pieces.get(index)) {
            Some(piece) if piece.verbatim => piece.source + (offset - piece.start),
            Some(piece) => piece.source,
            None => 0,
        };
        locate(&origin.file, &origin.source, source)
    }
}

/// The place of byte `at` of `text`.
pub(super) fn locate(file: &str, text: &str, at: usize) -> Location {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    Location {
        file: file.into(),
        line: count(before.matches('\n').count()),
        column: count(before.get(line_start..).unwrap_or_default().chars().count()),
    }
}

fn offset(text: &str, place: &Location) -> usize {
    let mut start = 0;
    for _ in 1..place.line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(newline) => start += newline + 1,
            None => break,
        }
    }
    let rest = text.get(start..).unwrap_or_default();
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}
