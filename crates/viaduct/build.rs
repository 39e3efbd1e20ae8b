//! Tells the program what it was made of, for `viaduct version`: compiler, commit, date. Nothing of it has to
//! be known: outside a git repository the commit is `unknown`.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-env-changed=SOURCE_COMMIT");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said(Command::new(compiler).arg("--version"));
    let version = version.map(|text| text.trim_start_matches("rustc ").to_owned());
    tell("VIADUCT_RUSTC", version);
    tell("VIADUCT_COMMIT", commit());
    tell("VIADUCT_BUILT", Some(date(build_time())));
}

fn tell(name: &str, value: Option<String>) {
    println!(
        "cargo::rustc-env={name}={}",
        value.as_deref().unwrap_or("unknown")
    );
}

/// The commit checked out, or the one that `SOURCE_COMMIT` names where the history is not at hand.
fn commit() -> Option<String> {
    let given = std::env::var("SOURCE_COMMIT").ok();
    if let Some(given) =
        given.filter(|given| !given.is_empty() && given.bytes().all(|c| c.is_ascii_hexdigit()))
    {
        return Some(given);
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // Run again when another commit is checked out or made. A path that is not there would mean always.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    said(Command::new("git").args(arguments))
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains('\n'))
}

/// Seconds since 1970; `SOURCE_DATE_EPOCH` makes builds reproducible.
fn build_time() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    })
}

/// `2026-11-24`: the Gregorian calendar, counted in eras of 400 years that begin in March.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
