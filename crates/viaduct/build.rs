//! Tells the program which compiler made it, for `viaduct version`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(compiler)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(
            || "unknown".to_owned(),
            |text| text.trim().trim_start_matches("rustc ").to_owned(),
        );
    println!("cargo::rustc-env=VIADUCT_RUSTC={version}");
}
