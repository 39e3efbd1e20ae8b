//! Finds the install configuration: a file, the command line or the environment; the first that there is.
//!
//! The order is Traefik's, and like there only one of them counts. What is set in another one is named in a
//! warning, because nobody sets an option in order to have it ignored.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use viaduct_config::document;
use viaduct_config::install::{
    Fault, LoadError, Loaded, defaults, from_environment, from_file, from_flags, take_flag,
};
use viaduct_config::{Install, Location};

use crate::failure::Failure;

/// What the process has been told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) install: Install,
    pub(crate) origin: Origin,
    /// What has to be said at the start: options without effect, sources that are not used.
    pub(crate) warnings: Vec<String>,
}

/// Where it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    File(PathBuf),
    Flags,
    Environment,
    Defaults,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Flags => f.write_str("flags"),
            Self::Environment => f.write_str("environment variables"),
            Self::Defaults => f.write_str("defaults"),
        }
    }
}

/// What the operating system gives a process.
pub(crate) struct Surroundings {
    /// Without the program's name.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Surroundings {
    /// Of this process. Variables that are not text are no options.
    pub(crate) fn own(arguments: Vec<String>) -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self {
            arguments,
            environment: std::env::vars_os().filter_map(text).collect(),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.environment.iter();
        let (_, value) = variables.find(|(known, value)| known == name && !value.is_empty())?;
        Some(value)
    }
}

/// Reads the one source that counts.
pub(crate) fn load(surroundings: &Surroundings) -> Result<Told, Failure> {
    let (config_file, flags) = take_flag(&surroundings.arguments, CONFIG_FILE);
    let file = match config_file {
        Some(path) if path.trim().is_empty() => {
            return Err(Failure::new("`--configFile` needs the name of a file"));
        }
        Some(path) => Some(PathBuf::from(path)),
        None => search(surroundings),
    };
    let by_environment = from_environment(surroundings.environment.iter().cloned());
    let mut unused = Vec::new();
    let (origin, loaded) = if let Some(path) = file {
        unused.extend(
            flags
                .first()
                .map(|flag| format!("flags such as `{}`", name_of(flag))),
        );
        unused.extend(
            by_environment
                .is_some()
                .then(|| "variables `TRAEFIK_...` or `VIADUCT_...`".to_owned()),
        );
        let loaded = read(&path)?;
        (Origin::File(path), loaded)
    } else if !flags.is_empty() {
        unused.extend(
            by_environment
                .is_some()
                .then(|| "variables `TRAEFIK_...` or `VIADUCT_...`".to_owned()),
        );
        (
            Origin::Flags,
            from_flags(&flags).map_err(|error| failure(error, None))?,
        )
    } else if let Some(loaded) = by_environment {
        (Origin::Environment, loaded.map_err(|error| failure(error, None))?)
    } else {
        let loaded = Loaded {
            install: defaults(),
            notes: Vec::new(),
        };
        (Origin::Defaults, loaded)
    };
    let unused = unused
        .iter()
        .map(|what| format!("{what} are ignored: the configuration is read from {origin}"));
    let notes = loaded.notes.iter().map(ToString::to_string);
    Ok(Told {
        warnings: unused.chain(notes).collect(),
        install: loaded.install,
        origin,
    })
}

/// The first file of Traefik's search path that exists.
fn search(surroundings: &Surroundings) -> Option<PathBuf> {
    let directories = [
        Some(PathBuf::from("/etc/traefik")),
        surroundings.variable("XDG_CONFIG_HOME").map(PathBuf::from),
        surroundings
            .variable("HOME")
            .map(|home| Path::new(home).join(".config")),
        Some(PathBuf::from(".")),
    ];
    let directories = directories.into_iter().flatten();
    let mut files = directories.flat_map(|directory| {
        ["toml", "yaml", "yml"].map(|extension| directory.join(format!("traefik.{extension}")))
    });
    // One that cannot be looked at is not passed over: reading it says why.
    files.find(|path| path.try_exists().unwrap_or(true))
}

fn read(path: &Path) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let cannot_read = |error: std::io::Error| {
        let failure = Failure::new(format!("cannot read the configuration file `{name}`"));
        match error.kind() {
            ErrorKind::NotFound => failure
                .because(error)
                .hint("`--configFile` names an existing file"),
            _ => failure.because(error),
        }
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(cannot_read)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::new(format!(
            "the configuration file `{name}` is larger than 4 MiB"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("the configuration file `{name}` is not text")))?;
    from_file(&name, &text).map_err(|error| failure(error, Some(&text)))
}

/// `text`: what was read, for excerpts.
fn failure(error: LoadError, text: Option<&str>) -> Failure {
    match error {
        LoadError::Faults(faults) => {
            let told = faults
                .iter()
                .take(MOST_FAULTS)
                .map(|fault| described(fault, text));
            let more = faults.len().saturating_sub(MOST_FAULTS);
            let more = (more > 0).then(|| format!("{more} more options are wrong"));
            let told: Vec<String> = told.chain(more).collect();
            // Each is an error of its own; the first has its `error:` from where failures are printed.
            Failure::new(told.join("\nerror: "))
        }
        LoadError::Document(error) => Failure::new(with_excerpt(error.to_string(), &error.location, text)),
        LoadError::Flags(_) => {
            Failure::new(error.to_string()).hint("`viaduct --help` shows how options are written")
        }
        LoadError::Empty { .. } => Failure::new(error.to_string()),
    }
}

fn described(fault: &Fault, text: Option<&str>) -> String {
    let mut described = with_excerpt(fault.to_string(), &fault.place, text);
    if let Some(hint) = fault.why.hint() {
        described.push_str("\n  hint: ");
        described.push_str(&hint);
    }
    described
}

fn with_excerpt(message: String, place: &Location, text: Option<&str>) -> String {
    match text.and_then(|text| document::excerpt(text, place)) {
        Some(excerpt) => format!("{message}\n{excerpt}"),
        None => message,
    }
}

/// A flag without its value, which may be a secret.
fn name_of(flag: &str) -> &str {
    flag.split_once('=').map_or(flag, |(name, _)| name)
}

const CONFIG_FILE: &str = "configFile";
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
const MOST_FAULTS: usize = 20;
