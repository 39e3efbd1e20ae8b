//! Go's regular-expression notation -> the notation of the `regex` crate.
//!
//! One pass over the text. Literals come out as escaped code points and classes as explicit ranges; the
//! structure (groups, alternation, repetition, flags) is the same in both notations.

use super::RegexpError;
use super::class::{self, CodePoint, NamedSet};
use super::{number, unicode};

pub(super) fn translate(source: &str) -> Result<String, RegexpError> {
    let mut translator = Translator {
        source,
        rest: source,
        out: String::with_capacity(source.len() * 2),
        groups: Vec::new(),
        current: Sequence::default(),
        names: Vec::new(),
    };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'a> {
    source: &'a str,
    rest: &'a str,
    out: String,
    /// The sequences around the innermost open group.
    groups: Vec<Sequence>,
    current: Sequence,
    names: Vec<&'a str>,
}

/// What has been read of the innermost group.
#[derive(Default)]
struct Sequence {
    /// Where the group's parenthesis stands in the source.
    opened_at: usize,
    last: Last,
    /// The largest product of nested counted repetitions in the last item and in the whole group.
    last_count: u32,
    count: u32,
}

/// What a repetition operator would apply to.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing: the start, or after `(`, `|` or a flag group.
    #[default]
    Nothing,
    Item,
    /// An item with its repetition; another one is an error.
    Repeated,
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<(), RegexpError> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '(' => self.open_group()?,
                ')' => self.close_group()?,
                '|' => {
                    self.advance(1);
                    self.out.push('|');
                    self.current.last = Last::Nothing;
                }
                '^' | '$' | '.' => {
                    self.advance(1);
                    self.out.push(c);
                    self.item(0);
                }
                '[' => self.class()?,
                '*' | '+' | '?' => self.repetition(1)?,
                '{' => self.braces()?,
                '\\' => self.escape()?,
                _ => {
                    self.advance(c.len_utf8());
                    self.literal(u32::from(c));
                }
            }
        }
        match self.groups.last() {
            None => Ok(()),
            Some(_) => Err(self.error_at(self.current.opened_at, "`(` is not closed")),
        }
    }

    // === groups ===

    fn open_group(&mut self) -> Result<(), RegexpError> {
        let opened_at = self.position();
        if self.groups.len() >= MAX_NESTING {
            return Err(self.error_at(opened_at, "groups are nested too deeply (more than 100)"));
        }
        if let Some(named) = self
            .rest
            .strip_prefix("(?P<")
            .or_else(|| self.rest.strip_prefix("(?<"))
        {
            self.named_group(named)?;
        } else if self.rest.starts_with("(?") {
            if self.flags()? == FlagsEnd::NoGroup {
                return Ok(());
            }
        } else {
            self.advance(1);
            self.out.push('(');
        }
        let outer = std::mem::take(&mut self.current);
        self.groups.push(outer);
        self.current.opened_at = opened_at;
        Ok(())
    }

    fn named_group(&mut self, named: &'a str) -> Result<(), RegexpError> {
        let opened_at = self.position();
        let Some((name, after)) = named.split_once('>') else {
            return Err(self.error_at(opened_at, "the name of a group is not closed by `>`"));
        };
        let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !valid {
            return Err(self.error_at(
                opened_at,
                "the name of a group may hold ASCII letters, digits and `_` only",
            ));
        }
        if self.names.contains(&name) {
            return Err(self.error_at(opened_at, "two groups have the same name"));
        }
        self.names.push(name);
        self.rest = after;
        // Go allows a leading digit, the target does not; such a group keeps its number only.
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            self.out.push('(');
        } else {
            self.out.push_str("(?P<");
            self.out.push_str(name);
            self.out.push('>');
        }
        Ok(())
    }

    /// `(?flags)`, `(?flags:`, `(?:`. Both notations give i, m, s and U the same meaning and scope.
    fn flags(&mut self) -> Result<FlagsEnd, RegexpError> {
        let opened_at = self.position();
        let inside = self.rest.strip_prefix("(?").unwrap_or_default();
        let invalid = |this: &Self| {
            this.error_at(
                opened_at,
                "`(?` is followed by something Go does not support (no look-around, comments, \
                 recursion or atomic groups; flags are i, m, s and U)",
            )
        };
        let (mut set, mut cleared, mut negative) = (String::new(), String::new(), false);
        for (index, c) in inside.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => {
                    let flags = if negative { &mut cleared } else { &mut set };
                    // The target refuses a repeated flag; Go does not mind.
                    if !flags.contains(c) {
                        flags.push(c);
                    }
                }
                '-' if !negative => negative = true,
                ':' | ')' if !negative || !cleared.is_empty() => {
                    self.rest = inside.get(index + 1..).unwrap_or_default();
                    // `(?i-i)` clears: the target refuses a flag that stands on both sides.
                    set.retain(|flag| !cleared.contains(flag));
                    return Ok(self.write_flags(&set, &cleared, c == ':'));
                }
                _ => return Err(invalid(self)),
            }
        }
        Err(invalid(self))
    }

    fn write_flags(&mut self, set: &str, cleared: &str, group: bool) -> FlagsEnd {
        if group || !set.is_empty() || !cleared.is_empty() {
            self.out.push_str("(?");
            self.out.push_str(set);
            if !cleared.is_empty() {
                self.out.push('-');
                self.out.push_str(cleared);
            }
            self.out.push(if group { ':' } else { ')' });
        }
        if group {
            return FlagsEnd::Group;
        }
        // Go would let a repetition reach back over the flags; nobody means that.
        self.current.last = Last::Nothing;
        FlagsEnd::NoGroup
    }

    fn close_group(&mut self) -> Result<(), RegexpError> {
        let Some(outer) = self.groups.pop() else {
            return Err(self.error("`)` without its `(`"));
        };
        self.advance(1);
        self.out.push(')');
        let inner = std::mem::replace(&mut self.current, outer);
        self.item(inner.count);
        Ok(())
    }

    // === repetition ===

    /// Takes an operator of `width` bytes and a lazy `?` that may follow.
    fn repetition(&mut self, width: usize) -> Result<(), RegexpError> {
        match self.current.last {
            Last::Nothing => return Err(self.error("a repetition without anything to repeat")),
            Last::Repeated => {
                return Err(self.error("a repetition of a repetition (Go has no possessive operators)"));
            }
            Last::Item => {}
        }
        self.out.push_str(self.rest.get(..width).unwrap_or_default());
        self.advance(width);
        if self.rest.starts_with('?') {
            self.advance(1);
            self.out.push('?');
        }
        self.current.last = Last::Repeated;
        Ok(())
    }

    /// `{n}`, `{n,}`, `{n,m}`; anything else in braces is literal text in Go.
    fn braces(&mut self) -> Result<(), RegexpError> {
        let Some((min, max, width)) = number::counts(self.rest) else {
            self.advance(1);
            self.literal(u32::from('{'));
            return Ok(());
        };
        let bad = min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min);
        if bad {
            return Err(self.error("a repetition count is above 1000 or upside down"));
        }
        let factor = max.unwrap_or(min);
        let product = self.current.last_count.max(1).saturating_mul(factor);
        if factor >= 2 && product > MAX_REPEAT {
            return Err(self.error("nested repetition counts multiply to more than 1000"));
        }
        self.repetition(width)?;
        self.current.count = self.current.count.max(product);
        Ok(())
    }

    // === single characters and classes ===

    fn escape(&mut self) -> Result<(), RegexpError> {
        let mut chars = self.rest.chars();
        chars.next();
        match chars.next() {
            Some('A') => self.assertion(r"\A"),
            Some('z') => self.assertion(r"\z"),
            // ASCII word boundaries.
            Some('b') => self.assertion(r"(?-u:\b)"),
            Some('B') => self.assertion(r"(?-u:\B)"),
            Some('Q') => self.quoted(),
            Some('p' | 'P') => {
                self.unicode_class()?;
                self.item(0);
            }
            Some(letter) => match NamedSet::perl(letter) {
                Some(set) => {
                    self.advance(2);
                    set.write(&mut self.out);
                    self.item(0);
                }
                None => {
                    let point = self.escaped_character()?;
                    self.literal(point);
                }
            },
            None => return Err(self.error("a trailing `\\`")),
        }
        Ok(())
    }

    fn assertion(&mut self, text: &str) {
        self.advance(2);
        self.out.push_str(text);
        self.item(0);
    }

    /// `\Q...\E`, or to the end.
    fn quoted(&mut self) {
        self.advance(2);
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        for c in text.chars() {
            self.literal(u32::from(c));
        }
    }

    /// `\pL`, `\p{Greek}`, `\P{^Lu}`: general categories and scripts, nothing else.
    fn unicode_class(&mut self) -> Result<(), RegexpError> {
        let at = self.position();
        let mut negated = self.rest.starts_with(r"\P");
        self.advance(2);
        let name = match self.rest.strip_prefix('{') {
            Some(inside) => {
                let Some((name, after)) = inside.split_once('}') else {
                    return Err(self.error_at(at, r"`\p{` is not closed"));
                };
                self.rest = after;
                name
            }
            None => {
                let width = self.rest.chars().next().map_or(0, char::len_utf8);
                let (name, after) = self.rest.split_at_checked(width).unwrap_or_default();
                self.rest = after;
                name
            }
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => name,
        };
        match unicode::named(name) {
            None => return Err(self.error_at(at, "an unknown Unicode category or script")),
            Some(unicode::UnicodeClass::Surrogates) => {
                self.out
                    .push_str(if negated { class::ANYTHING } else { class::NOTHING });
            }
            Some(unicode::UnicodeClass::Named(name)) => {
                self.out.push_str(if negated { r"\P" } else { r"\p" });
                self.out.push_str(&name);
            }
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), RegexpError> {
        let opened_at = self.position();
        self.advance(1);
        let negated = self.rest.starts_with('^');
        if negated {
            self.advance(1);
        }
        let outer = std::mem::take(&mut self.out);
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            if self.rest.is_empty() {
                return Err(self.error_at(opened_at, "`[` is not closed"));
            }
            first = false;
            self.class_item(opened_at)?;
        }
        self.advance(1);
        let items = std::mem::replace(&mut self.out, outer);
        // Nothing left: the class held surrogates only.
        match (items.is_empty(), negated) {
            (true, false) => self.out.push_str(class::NOTHING),
            (true, true) => self.out.push_str(class::ANYTHING),
            (false, _) => {
                self.out.push_str(if negated { "[^" } else { "[" });
                self.out.push_str(&items);
                self.out.push(']');
            }
        }
        self.item(0);
        Ok(())
    }

    fn class_item(&mut self, opened_at: usize) -> Result<(), RegexpError> {
        if let Some(inside) = self.rest.strip_prefix("[:")
            && let Some((name, after)) = inside.split_once(":]")
        {
            let Some(set) = NamedSet::posix(name) else {
                return Err(self.error("an unknown class name between `[:` and `:]`"));
            };
            self.rest = after;
            set.write(&mut self.out);
            return Ok(());
        }
        if let Some(escaped) = self.rest.strip_prefix('\\') {
            let letter = escaped.chars().next().unwrap_or_default();
            if matches!(letter, 'p' | 'P') {
                return self.unicode_class();
            }
            if let Some(set) = NamedSet::perl(letter) {
                self.advance(2);
                set.write(&mut self.out);
                return Ok(());
            }
        }
        let at = self.position();
        let lo = self.class_character(opened_at)?;
        let mut hi = lo;
        // `[a-]` holds `a` and `-`.
        if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.advance(1);
            hi = self.class_character(opened_at)?;
        }
        if hi < lo {
            return Err(self.error_at(at, "a range in `[...]` is upside down"));
        }
        class::write_range(&mut self.out, lo, hi);
        Ok(())
    }

    fn class_character(&mut self, opened_at: usize) -> Result<CodePoint, RegexpError> {
        match self.rest.chars().next() {
            None => Err(self.error_at(opened_at, "`[` is not closed")),
            Some('\\') => self.escaped_character(),
            Some(c) => {
                self.advance(c.len_utf8());
                Ok(u32::from(c))
            }
        }
    }

    /// `\n`, `\x41`, `\x{10FFFF}`, `\012`, `\.`: one character.
    fn escaped_character(&mut self) -> Result<CodePoint, RegexpError> {
        let at = self.position();
        self.advance(1);
        let Some(c) = self.rest.chars().next() else {
            return Err(self.error_at(at, "a trailing `\\`"));
        };
        self.advance(c.len_utf8());
        let point = match c {
            'a' => Some(0x07),
            'f' => Some(0x0C),
            'n' => Some(0x0A),
            'r' => Some(0x0D),
            't' => Some(0x09),
            'v' => Some(0x0B),
            'x' => self.hexadecimal(),
            '0'..='7' => self.octal(c),
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
            _ => None,
        };
        point.ok_or_else(|| {
            let hint = if c.is_ascii_digit() {
                " (Go has no back-references)"
            } else {
                ""
            };
            self.error_at(at, format!("`\\{c}` is not an escape sequence in Go{hint}"))
        })
    }

    /// After `\x`: two digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Option<CodePoint> {
        if let Some(inside) = self.rest.strip_prefix('{') {
            let (digits, after) = inside.split_once('}')?;
            self.rest = after;
            return number::hex_value(digits);
        }
        let (digits, after) = self.rest.split_at_checked(2)?;
        self.rest = after;
        number::hex_value(digits)
    }

    /// After the first of up to three digits. A lone digit other than 0 would be a back-reference.
    fn octal(&mut self, first: char) -> Option<CodePoint> {
        let mut value = first.to_digit(8)?;
        let mut digits = 1;
        while digits < 3
            && let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8))
        {
            self.advance(1);
            value = value * 8 + digit;
            digits += 1;
        }
        (digits > 1 || first == '0').then_some(value)
    }

    fn literal(&mut self, point: CodePoint) {
        class::write_literal(&mut self.out, point);
        self.item(0);
    }

    /// Notes that the last thing written can be repeated; `count`: the repetitions inside it.
    fn item(&mut self, count: u32) {
        self.current.last = Last::Item;
        self.current.last_count = count;
        self.current.count = self.current.count.max(count);
    }

    // === the text ===

    fn position(&self) -> usize {
        self.source.len() - self.rest.len()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn error(&self, why: impl Into<String>) -> RegexpError {
        self.error_at(self.position(), why)
    }

    fn error_at(&self, offset: usize, why: impl Into<String>) -> RegexpError {
        RegexpError::new(why, Some(offset.min(self.source.len())))
    }
}

/// How a flag group ended.
#[derive(PartialEq, Eq)]
enum FlagsEnd {
    /// `(?i:`: a group is open now.
    Group,
    /// `(?i)`: the flags hold for the rest of the group around.
    NoGroup,
}

/// The target recurses over groups once when it compiles.
const MAX_NESTING: usize = 100;
const MAX_REPEAT: u32 = 1000;
