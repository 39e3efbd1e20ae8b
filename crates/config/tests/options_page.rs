//! `docs/reference/options.md` is the table of install options.
//!
//! `UPDATE_GOLDEN=1 cargo test -p viaduct-config --test options_page` writes it.

use std::fmt::Write as _;
use std::path::Path;

use viaduct_config::install::options::{self, InstallOption};

#[test]
fn a1_2_the_reference_page_lists_every_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/options.md");
    let wanted = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, wanted).expect("writing the page");
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == wanted,
        "docs/reference/options.md is not what the table says (UPDATE_GOLDEN=1 writes it)"
    );
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let mut group = "";
    for option in options::all() {
        let root = option.name.split('.').next().unwrap_or_default();
        if root != group {
            group = root;
            put(
                &mut page,
                format_args!("\n## {group}\n\n| Option | Default | |\n|---|---|---|\n"),
            );
        }
        put(&mut page, format_args!("{}\n", row(option)));
    }
    page
}

fn row(option: &InstallOption) -> String {
    let name = option.name.replace("_name_", "<name>");
    let default = match option.default {
        "" => String::new(),
        // A rule has backticks of its own.
        default if default.contains('`') => format!("`` {default} ``"),
        default => format!("`{default}`"),
    };
    format!("| `{name}` | {default} | {} |", option.disposition)
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes any text");
}

const HEAD: &str = "# Install options

Every option of Traefik v3.7, with its default (durations in seconds) and what becomes of it when it is set to anything
else. *Accepted* has no effect and is named in a warning at the start; *refused* ends the start. `viaduct options` prints
the same. How options are written: [install.md](install.md).
";
