//! Every option that is said to be supported arrives in [`Install`], from each of the three sources.

use serde_json::{Map, Value, json};

use super::options::{self, Disposition, InstallOption, Kind};
use super::{Install, LoadError, Loaded, from_environment, from_file, from_flags};

/// Options that are set beside the one that is looked at, because it is nothing without them.
fn companions(option: &InstallOption) -> Vec<(String, String)> {
    let mut companions = vec![("entryPoints.web.address", ":80")];
    if option.name.starts_with("log.otlp") || option.name.starts_with("accessLog.otlp") {
        companions.push(("experimental.otlpLogs", "true"));
    }
    if option.name.contains("http.redirections.") {
        companions.push(("entryPoints.web.http.redirections.entryPoint.to", "web"));
    }
    if let Some(field) = option.name.strip_prefix("bridge.exceptions[0].") {
        companions.push(("bridge.exceptions[0].until", "2030-12-31"));
        companions.push(("bridge.exceptions[0].reason", "legacy"));
        if matches!(field, "until" | "reason") {
            companions.push(("bridge.exceptions[0].namespace", "shop"));
        }
    }
    // Its section is there, so that what is seen is the option's own effect.
    let sections = option
        .name
        .match_indices('.')
        .filter_map(|(at, _)| option.name.get(..at));
    let switches = sections.filter(|name| {
        let is = |known: &&InstallOption| known.name == *name && known.kind == Kind::Switch;
        options::all().iter().any(|known| is(&known)) && !name.ends_with("_name_")
    });
    let sections = switches.map(|name| (concrete(name), "true".to_owned()));
    let companions = companions
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    companions
        .chain(sections)
        .filter(|(name, _)| *name != concrete(option.name))
        .collect()
}

/// A value that is not the default.
fn sample(option: &InstallOption) -> String {
    let special = SAMPLES.iter().find(|(end, _)| option.name.ends_with(end));
    match (special, option.kind, option.default) {
        (Some((_, value)), ..) => (*value).to_owned(),
        (None, Kind::Switch, "true") => "false".to_owned(),
        (None, Kind::Switch, _) => "true".to_owned(),
        (None, Kind::Value | Kind::List, default) if default.parse::<f64>().is_ok() => "7".to_owned(),
        (None, ..) => "/x".to_owned(),
    }
}

const SAMPLES: &[(&str, &str)] = &[
    ("trustedIPs", "10.0.0.0/8,::1"),
    ("buckets", "1,2.5"),
    ("explicitBoundaries", "1,2.5"),
    ("log.level", "DEBUG"),
    ("accessLog.format", "json"),
    ("bridge.preflight", "gate"),
    ("log.format", "json"),
    ("fields.headers.defaultMode", "redact"),
    ("defaultMode", "drop"),
    ("fields.names._name_", "drop"),
    ("fields.headers.names._name_", "redact"),
    ("traceVerbosity", "detailed"),
    ("underscoreHeadersStrategy", "reject"),
    ("redirections.entryPoint.to", ":8443"),
    ("defaultRuleSyntax", "v2"),
    ("sampleRate", "0.5"),
    ("terminatingStatusCode", "418"),
    ("bridge.require", "mtls"),
    ("bridge.entryPoints._name_.require", "verified"),
    ("bridge.namespaces._name_.require", "verified"),
    ("bridge.mode", "report"),
    ("exceptions[0].until", "2031-12-31"),
    ("exceptions[0].router", "app@file"),
    ("exceptions[0].service", "app@file"),
];

/// With a name in place of `_name_`; small letters, because variables have no others. A list of sections is set
/// by its first one.
fn concrete(name: &str) -> String {
    let list = if name.ends_with(".domains") {
        "[0].main"
    } else {
        ""
    };
    format!("{name}{list}")
        .replace("entryPoints._name_", "entryPoints.web")
        .replace("_name_", "mine")
}

fn by_flags(options: &[(String, String)]) -> Result<Loaded, LoadError> {
    let flags: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect();
    from_flags(&flags)
}

fn by_environment(options: &[(String, String)]) -> Result<Loaded, LoadError> {
    let variable = |name: &str| {
        let name = name.replace('[', "_").replace(']', "").replace('.', "_");
        format!("TRAEFIK_{}", name.to_uppercase())
    };
    let variables = options
        .iter()
        .map(|(name, value)| (variable(name), value.clone()));
    from_environment(variables).expect("there are options")
}

fn by_file(options: &[(String, String)]) -> Result<Loaded, LoadError> {
    let mut root = json!({});
    for (name, value) in options {
        let parts: Vec<&str> = name.split('.').collect();
        put(&mut root, &parts, value);
    }
    // JSON is YAML.
    from_file("traefik.yml", &root.to_string())
}

fn put(at: &mut Value, path: &[&str], value: &str) {
    let Some((first, rest)) = path.split_first() else {
        if !at.is_object() {
            *at = json!(value);
        }
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    match first.strip_suffix("[0]") {
        Some(list) => {
            if !at[list].is_array() {
                at[list] = json!([{}]);
            }
            put(&mut at[list][0], rest, value);
        }
        None => put(&mut at[*first], rest, value),
    }
}

#[track_caller]
fn loaded(option: &InstallOption, loaded: Result<Loaded, LoadError>) -> Install {
    loaded
        .unwrap_or_else(|error| panic!("{}: {error}", option.name))
        .install
}

#[test]
fn a1_2_every_supported_option_arrives_from_every_source() {
    for option in options::all().iter().chain(options::own()) {
        // Those without effect arrive too, if they have a type: whoever gives them an effect finds them there.
        let untyped = UNTYPED.iter().any(|name| option.name.starts_with(name));
        match option.disposition {
            Disposition::Supported => {}
            Disposition::Accepted(_) if !untyped => {}
            Disposition::Accepted(_) | Disposition::Refused(_) => continue,
        }
        let companions = companions(option);
        let mut options = companions.clone();
        options.push((concrete(option.name), sample(option)));
        let install = loaded(option, by_flags(&options));
        assert_eq!(
            loaded(option, by_environment(&options)),
            install,
            "{}: variable",
            option.name
        );
        assert_eq!(
            loaded(option, by_file(&options)),
            install,
            "{}: file",
            option.name
        );
        // A part of an exception is nothing without the others, so it is all of it that is left away.
        let is_other = |(name, _): &&(String, String)| !name.starts_with("bridge.exceptions");
        let without: Vec<_> = companions.iter().filter(is_other).cloned().collect();
        let without = loaded(option, by_flags(&without));
        let changes = install != without;
        let alone = NOTHING_ALONE.contains(&option.name);
        assert!(
            changes != alone,
            "{}: `{}` changes nothing",
            option.name,
            sample(option)
        );
    }
}

/// Accepted for good: nothing will ever read them.
const UNTYPED: &[&str] = &[
    "experimental.abortOnPluginFailure",
    "experimental.fastProxy",
    "experimental.knative",
    "experimental.kubernetes",
];

/// Sections whose only meaning is what stands in them.
const NOTHING_ALONE: &[&str] = &["entryPoints._name_", "entryPoints._name_.http"];

#[test]
fn a1_4_every_option_that_is_refused_is_refused_by_name_from_every_source() {
    for option in options::all() {
        let Disposition::Refused(why) = option.disposition else {
            continue;
        };
        let options = [(concrete(option.name), sample(option))];
        for refused in [by_flags(&options), by_environment(&options), by_file(&options)] {
            match refused {
                Err(LoadError::Faults(faults)) => {
                    let told = faults.iter().any(|fault| fault.to_string().contains(why))
                        // Or the section around it is refused as a whole.
                        || faults.iter().any(|fault| fault.to_string().contains(" is refused: "));
                    assert!(told, "{}: {faults:?}", option.name);
                }
                other => panic!("{}: {other:?}", option.name),
            }
        }
    }
}

#[test]
fn a1_4_every_option_that_is_accepted_is_named_in_a_note() {
    for option in options::all() {
        let Disposition::Accepted(_) = option.disposition else {
            continue;
        };
        let mut options = companions(option);
        options.push((concrete(option.name), sample(option)));
        let notes = by_flags(&options)
            .unwrap_or_else(|error| panic!("{}: {error}", option.name))
            .notes;
        let name = concrete(option.name).replace("[0]", "[]");
        assert!(
            notes.iter().any(|note| name.starts_with(&note.option)),
            "{}: {notes:?}",
            option.name
        );
    }
}
