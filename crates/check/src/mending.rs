//! Makes the edits that are proposed, round by round: an edit may make room for another one, and two that touch each
//! other are not made at once.

use std::collections::{BTreeMap, BTreeSet};

use viaduct_config::Severity;

use crate::Report;
use crate::catalogue::Diagnosis;
use crate::diagnostic::{Diagnostic, Help};
use crate::edit::Edit;
use crate::source::{Sources, Text};

/// Which edits are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that change nothing but what was meant already.
    Safe,
    /// The first that is proposed for each diagnostic.
    All,
}

/// A proposal that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub code: &'static str,
    /// Of the file with the mistake, and the line in it as it was read.
    pub place: Option<(String, usize)>,
    pub subject: Option<String>,
    /// What the edit does.
    pub text: String,
    pub safe: bool,
}

/// Texts as they are after the edits.
#[derive(Debug)]
pub struct Mended {
    /// As they were read.
    pub before: Sources,
    pub texts: Vec<Text>,
    /// In the order of files and lines.
    pub made: Vec<Made>,
    /// Of those that are not as they were.
    pub changed: Vec<usize>,
    pub sources: Sources,
    /// What is left.
    pub report: Report,
}

/// `look` tells what is wrong with some texts.
///
/// # Errors
/// Those of `look`.
pub fn mend<E>(
    texts: Vec<Text>,
    which: Which,
    look: impl Fn(&Sources) -> Result<Report, E>,
) -> Result<Mended, E> {
    let mut sources = Sources::new(texts.iter().cloned());
    let mut report = look(&sources)?;
    let as_read = Sources::new(texts.iter().cloned());
    let mut rounds = Rounds {
        before: texts.clone(),
        texts,
        history: Vec::new(),
        made: Vec::new(),
    };
    for _ in 0..MOST_ROUNDS {
        if !rounds.make(&report, which, &sources) {
            break;
        }
        sources = Sources::new(rounds.texts.iter().cloned());
        report = look(&sources)?;
    }
    let Rounds {
        before,
        texts,
        mut made,
        ..
    } = rounds;
    made.sort_by_key(|(place, _)| *place);
    let is_changed = |(index, text): (usize, &Text)| {
        let same = before.get(index).is_some_and(|before| before.text == text.text);
        (!same).then_some(index)
    };
    Ok(Mended {
        before: as_read,
        changed: texts.iter().enumerate().filter_map(is_changed).collect(),
        made: made.into_iter().map(|(_, made)| made).collect(),
        texts,
        sources,
        report,
    })
}

impl Mended {
    /// All edits together, as those of the texts that were read.
    pub fn edits(&self) -> Vec<Edit> {
        let changed = self.changed.iter().filter_map(|index| {
            let (before, after) = (self.before.files.get(*index)?, self.texts.get(*index)?);
            Some(difference(*index, &before.text, &after.text))
        });
        changed.flatten().collect()
    }
}

impl Report {
    /// Diagnostics with an edit, safe or not, that `--fix` would make.
    pub fn mendable(&self, which: Which) -> usize {
        let all = self.diagnostics.iter();
        all.filter(|diagnostic| proposal(diagnostic, which).is_some())
            .count()
    }
}

/// The first that is safe, or the first at all: another one would be an alternative to it.
fn proposal(diagnostic: &Diagnostic, which: Which) -> Option<&Help> {
    let mut with_edits = diagnostic.help.iter().filter(|help| !help.edits.is_empty());
    match which {
        Which::Safe => with_edits.find(|help| help.safe),
        Which::All => with_edits.next(),
    }
}

struct Rounds {
    before: Vec<Text>,
    texts: Vec<Text>,
    /// The edits of each round, by file and in order.
    history: Vec<BTreeMap<usize, Vec<Edit>>>,
    /// Each with its place in the texts as they were read.
    made: Vec<(Option<(usize, usize)>, Made)>,
}

impl Rounds {
    /// Makes what can be made at once. Whether there was anything.
    fn make(&mut self, report: &Report, which: Which, sources: &Sources) -> bool {
        let mut taken = Taken::default();
        // The wrong object first: what else is wrong with it is mended by taking it away, and nobody would know any more
        // what it was meant for. Then errors: where two proposals are about the same lines, that of the worse one is made.
        let is_first = |one: &&Diagnostic| one.diagnosis == Diagnosis::ClientAuthForBackend;
        let first = report.diagnostics.iter().filter(is_first);
        let of = |severity| {
            let others = report.diagnostics.iter().filter(move |one| !is_first(one));
            others.filter(move |one| one.severity == severity)
        };
        let all = first
            .chain(of(Severity::Error))
            .chain(of(Severity::Warning))
            .chain(of(Severity::Info));
        let proposed: Vec<_> = all
            .filter_map(|diagnostic| Some((diagnostic, proposal(diagnostic, which)?)))
            .filter(|(_, help)| taken.takes(&help.edits))
            .collect();
        let good = self.good(&proposed);
        let Some((round, texts)) = self.with(&good) else {
            return false;
        };
        let is_new = texts
            .iter()
            .zip(&self.texts)
            .any(|(text, before)| text.text != before.text);
        if is_new {
            let made = good
                .iter()
                .map(|(diagnostic, help)| self.told(diagnostic, help, sources));
            let mut made: Vec<_> = made.collect();
            self.made.append(&mut made);
            self.texts = texts;
            self.history.push(round);
        }
        is_new
    }

    /// Without the proposals that would break a file: what those were for is still told.
    fn good<'d>(&self, proposed: &[Proposed<'d>]) -> Vec<Proposed<'d>> {
        if self.with(proposed).is_some() {
            return proposed.to_vec();
        }
        if proposed.len() < 2 {
            return Vec::new();
        }
        let (one, other) = proposed.split_at(proposed.len() / 2);
        let mut good = self.good(one);
        let first = good.len();
        good.extend(self.good(other));
        if self.with(&good).is_none() {
            good.truncate(first);
        }
        good
    }

    /// The edits by file, and the texts with them. `None`: a file could not be read afterwards.
    fn with(&self, proposed: &[Proposed<'_>]) -> Option<(ByFile, Vec<Text>)> {
        let mut round: BTreeMap<usize, Vec<Edit>> = BTreeMap::new();
        for edit in proposed.iter().flat_map(|(_, help)| &help.edits) {
            round.entry(edit.file).or_default().push(edit.clone());
        }
        let mut texts = self.texts.clone();
        for (index, edits) in &mut round {
            edits.sort_by_key(|edit| (edit.start, edit.end));
            let text = texts.get_mut(*index)?;
            *text = Sources::mended(text, edits)?;
        }
        Some((round, texts))
    }

    fn told(
        &self,
        diagnostic: &Diagnostic,
        help: &Help,
        sources: &Sources,
    ) -> (Option<(usize, usize)>, Made) {
        let place = diagnostic.place.as_ref();
        let place = place.map(|place| (place.file, self.origin(place.file, place.start)));
        let named = place.and_then(|(index, offset)| {
            let text = self.before.get(index)?.text.get(..offset)?;
            let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            Some((sources.name(index)?.to_owned(), line))
        });
        let made = Made {
            code: diagnostic.diagnosis.code(),
            place: named,
            subject: diagnostic.subject.clone(),
            text: help.text.clone(),
            safe: help.safe,
        };
        (place, made)
    }

    /// Where a byte was in the text that was read; of what was put in, where that was done.
    fn origin(&self, file: usize, mut offset: usize) -> usize {
        for round in self.history.iter().rev() {
            let Some(edits) = round.get(&file) else { continue };
            offset = before(edits, offset);
        }
        offset
    }
}

/// Edits by file, in order.
type ByFile = BTreeMap<usize, Vec<Edit>>;

type Proposed<'d> = (&'d Diagnostic, &'d Help);

/// Which bytes the edits of a round are about: file, begin, end.
#[derive(Default)]
struct Taken(BTreeSet<(usize, usize, usize)>);

impl Taken {
    /// Takes the bytes of some edits that belong together, unless one of them is about bytes of others, or puts
    /// something in where others end: which of them comes first would be anybody's guess.
    fn takes(&mut self, edits: &[Edit]) -> bool {
        if edits.iter().any(|edit| self.has(edit)) {
            return false;
        }
        self.0
            .extend(edits.iter().map(|edit| (edit.file, edit.start, edit.end)));
        true
    }

    fn has(&self, edit: &Edit) -> bool {
        let near = self
            .0
            .range((edit.file, 0, 0)..=(edit.file, edit.end, usize::MAX))
            .rev();
        // Those that are taken do not overlap, so that no more of them can reach here.
        near.take(3).any(|(_, start, end)| {
            let is_insertion = start == end || edit.start == edit.end;
            if is_insertion {
                *start <= edit.end && edit.start <= *end
            } else {
                *start < edit.end && edit.start < *end
            }
        })
    }
}

/// The edits of a text that give another one, line by line.
pub(crate) fn difference(file: usize, before: &str, after: &str) -> Vec<Edit> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let same = old
        .iter()
        .zip(&new)
        .take_while(|(one, other)| one == other)
        .count();
    let rest = |lines: &[&str]| lines.len() - same;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let tail = tail.min(rest(&old)).min(rest(&new));
    let middle = |lines: &'_ [&str]| same..lines.len() - tail;
    let (left, right) = (
        old.get(middle(&old)).unwrap_or_default(),
        new.get(middle(&new)).unwrap_or_default(),
    );
    let start = old.iter().take(same).map(|line| line.len()).sum();
    if left.len().saturating_mul(right.len()) > MOST_CELLS {
        let end = start + left.iter().map(|line| line.len()).sum::<usize>();
        return vec![Edit::replace(file, start..end, right.concat())];
    }
    by_longest_common(file, start, left, right)
}

/// What is not in the longest common subsequence is replaced.
fn by_longest_common(file: usize, start: usize, left: &[&str], right: &[&str]) -> Vec<Edit> {
    let width = right.len() + 1;
    let mut lengths = vec![0u32; (left.len() + 1) * width];
    let at = |lengths: &[u32], one: usize, other: usize| {
        lengths.get(one * width + other).copied().unwrap_or_default()
    };
    for (one, old) in left.iter().enumerate().rev() {
        for (other, new) in right.iter().enumerate().rev() {
            let length = if old == new {
                at(&lengths, one + 1, other + 1) + 1
            } else {
                at(&lengths, one + 1, other).max(at(&lengths, one, other + 1))
            };
            if let Some(cell) = lengths.get_mut(one * width + other) {
                *cell = length;
            }
        }
    }
    let mut edits: Vec<Edit> = Vec::new();
    let (mut one, mut other, mut offset) = (0, 0, start);
    while one < left.len() || other < right.len() {
        let (old, new) = (left.get(one), right.get(other));
        if let (Some(old), Some(new)) = (old, new)
            && old == new
        {
            (one, other, offset) = (one + 1, other + 1, offset + old.len());
            continue;
        }
        let removes =
            new.is_none() || old.is_some() && at(&lengths, one + 1, other) >= at(&lengths, one, other + 1);
        let (removed, added) = if removes { (old, None) } else { (None, new) };
        let end = offset + removed.map_or(0, |line| line.len());
        let added = added.copied().unwrap_or_default();
        match edits.last_mut().filter(|last| last.end == offset) {
            Some(last) => {
                last.end = end;
                last.text.push_str(added);
            }
            None => edits.push(Edit::replace(file, offset..end, added)),
        }
        offset = end;
        if removes {
            one += 1;
        } else {
            other += 1;
        }
    }
    edits
}

/// Where a byte was before some edits.
fn before(edits: &[Edit], offset: usize) -> usize {
    let (mut added, mut removed) = (0, 0);
    for edit in edits {
        let start = edit.start + added - removed;
        if offset < start {
            break;
        }
        if offset < start + edit.text.len() {
            return edit.start;
        }
        added += edit.text.len();
        removed += edit.end - edit.start;
    }
    offset + removed - added
}

const MOST_ROUNDS: usize = 8;
/// Of a comparison of lines; what is larger is replaced as a whole.
const MOST_CELLS: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_a_place_is_found_again_behind_edits() {
        let edit = |start, end, text: &str| Edit {
            file: 0,
            start,
            end,
            text: text.to_owned(),
        };
        // abcdefgh -> XXbcgh
        let edits = [edit(0, 1, "XX"), edit(3, 6, "")];
        assert_eq!(before(&edits, 0), 0);
        assert_eq!(before(&edits, 1), 0, "of what was put in, where that was");
        assert_eq!(before(&edits, 2), 1);
        assert_eq!(before(&edits, 3), 2);
        assert_eq!(before(&edits, 4), 6);
    }

    #[test]
    fn c18_the_difference_is_the_lines_that_differ() {
        let (before, after) = ("a\nb\nc\nd\ne\n", "a\nB\nc\nx\nd\n");
        let edits = difference(0, before, after);
        let told: Vec<_> = edits
            .iter()
            .map(|edit| (edit.start, edit.end, edit.text.as_str()))
            .collect();
        assert_eq!(told, [(2, 4, "B\n"), (6, 6, "x\n"), (8, 10, "")]);
        assert_eq!(crate::edit::apply(before, &edits).as_deref(), Some(after));
        assert_eq!(difference(0, before, before), []);
        assert_eq!(difference(0, "", "a"), [Edit::replace(0, 0..0, "a")]);
    }

    #[test]
    fn c18_edits_that_touch_are_not_made_at_once_but_those_of_one_proposal_are() {
        let edit = |start, end| Edit::replace(0, start..end, "");
        let mut taken = Taken::default();
        assert!(taken.takes(&[edit(4, 8), edit(8, 8)]));
        assert!(!taken.takes(&[edit(8, 8)]));
        assert!(!taken.takes(&[edit(0, 5)]));
        assert!(!taken.takes(&[edit(5, 6)]));
        assert!(
            taken.takes(&[edit(0, 4)]),
            "what is taken out may lie side by side"
        );
        assert!(taken.takes(&[edit(9, 20)]));
    }
}
