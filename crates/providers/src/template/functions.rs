//! What templates can call: Go's own functions, Traefik's two, and those of sprig that configuration files
//! are written with.
//!
//! A function takes values and gives one, or says why not. Names and the order of arguments are theirs.

mod collections;
mod encoding;
mod format;
mod logic;
mod numbers;
mod strings;

use viaduct_config::suggest;

use super::value::{Refusal, Value};

/// What a function may ask for beside its arguments.
pub(super) struct Calling<'e> {
    pub(super) env: &'e dyn Fn(&str) -> Option<String>,
}

type Body = fn(&mut Calling<'_>, &[Value]) -> Result<Value, Refusal>;

/// A function.
pub(super) struct Function {
    pub(super) name: &'static str,
    least: usize,
    most: usize,
    body: Body,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub(super) fn check_count(&self, given: usize) -> Result<(), Refusal> {
        if (self.least..=self.most).contains(&given) {
            return Ok(());
        }
        let wanted = match (self.least, self.most) {
            (least, ANY) => format!("at least {}", counted(least)),
            (least, most) if least == most => counted(least),
            (least, most) => format!("{least} to {}", counted(most)),
        };
        Err(format!("`{}` takes {wanted}, not {given}", self.name))
    }

    pub(super) fn call(&self, calling: &mut Calling<'_>, arguments: &[Value]) -> Result<Value, Refusal> {
        (self.body)(calling, arguments)
    }

    /// The truth that ends `and` and `or` early.
    pub(super) fn decided_by(&self) -> Option<bool> {
        match self.name {
            "and" => Some(false),
            "or" => Some(true),
            _ => None,
        }
    }

    /// Whether it changes the variable that is its first argument.
    pub(super) fn changes_first(&self) -> bool {
        matches!(self.name, "set" | "unset" | "merge" | "mergeOverwrite")
    }
}

/// A name that is no function here.
pub(super) struct Unknown {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

pub(super) fn find(name: &str) -> Result<&'static Function, Unknown> {
    if let Some(function) = all().find(|function| function.name == name) {
        return Ok(function);
    }
    if NOT_OFFERED.contains(&name) {
        return Err(Unknown {
            message: format!("the function `{name}` is not offered"),
            hint: Some("what it gives differs at every reading, or comes from outside this file".to_owned()),
        });
    }
    Err(Unknown {
        message: format!("function \"{name}\" not defined"),
        hint: suggest::closest(name, all().map(|function| function.name))
            .map(|near| format!("did you mean `{near}`?")),
    })
}

fn all() -> impl Iterator<Item = &'static Function> {
    let tables: [&'static [Function]; 6] = [
        collections::TABLE,
        encoding::TABLE,
        format::TABLE,
        logic::TABLE,
        numbers::TABLE,
        strings::TABLE,
    ];
    tables.into_iter().flatten()
}

const fn function(name: &'static str, least: usize, most: usize, body: Body) -> Function {
    Function {
        name,
        least,
        most,
        body,
    }
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 argument".to_owned(),
        count => format!("{count} arguments"),
    }
}

/// The argument at `index`; its presence was checked.
fn argument(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

/// A text, as Go demands it: no number is taken for one.
fn text(arguments: &[Value], index: usize) -> Result<&str, Refusal> {
    match argument(arguments, index) {
        Value::Text(text) => Ok(text),
        other => Err(format!(
            "argument {} has to be a text, not {}",
            index + 1,
            other.noun()
        )),
    }
}

fn list(arguments: &[Value], index: usize) -> Result<&[Value], Refusal> {
    match argument(arguments, index) {
        Value::List(list) => Ok(list.items()),
        other => Err(format!(
            "argument {} has to be a list, not {}",
            index + 1,
            other.noun()
        )),
    }
}

fn dict(arguments: &[Value], index: usize) -> Result<&std::collections::BTreeMap<String, Value>, Refusal> {
    match argument(arguments, index) {
        Value::Dict(dict) => Ok(dict.entries()),
        other => Err(format!(
            "argument {} has to be a dictionary, not {}",
            index + 1,
            other.noun()
        )),
    }
}

/// A count or a position.
fn integer(arguments: &[Value], index: usize) -> Result<i64, Refusal> {
    match argument(arguments, index) {
        value @ (Value::Integer(_) | Value::Float(_)) => Ok(value.to_integer()),
        other => Err(format!(
            "argument {} has to be a number, not {}",
            index + 1,
            other.noun()
        )),
    }
}

/// Said where a function is meant to have arguments and cannot.
pub(super) const PARENTHESES: &str =
    "put a function and its arguments in parentheses, such as `(env \"NAME\")`";

const ANY: usize = usize::MAX;

/// Of sprig and Go, on purpose: random or dated, or reaching into the network.
const NOT_OFFERED: &[&str] = &[
    "ago",
    "bcrypt",
    "buildCustomCert",
    "call",
    "date",
    "dateInZone",
    "dateModify",
    "date_in_zone",
    "date_modify",
    "decryptAES",
    "derivePassword",
    "duration",
    "durationRound",
    "encryptAES",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "getHostByName",
    "htmlDate",
    "htmlDateInZone",
    "htpasswd",
    "mustDateModify",
    "must_date_modify",
    "mustToDate",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "toDate",
    "unixEpoch",
    "uuidv4",
];
