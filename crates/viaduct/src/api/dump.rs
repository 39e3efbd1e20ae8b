//! `/api/support-dump`: version, install and run-time configuration in one archive, without secrets.

use std::io;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use viaduct_config::render;

use super::catalogue::Catalogue;
use super::{View, overview, reply};

pub(super) fn answer(view: &View, catalogue: &Catalogue) -> Response<Bytes> {
    let files = [
        ("version.json", Ok(overview::version(view).to_string())),
        ("static-config.json", Ok(install(view).to_string())),
        ("runtime-config.json", catalogue.raw()),
    ];
    match archive(files) {
        Ok(bytes) => reply::archive(bytes),
        // Memory is all that is written to.
        Err(error) => reply::message(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// As in Traefik, a dump that leaves the house does not say where its entry points are.
fn install(view: &View) -> Value {
    let mut install = render::redacted_install(&view.install);
    let entry_points = install.get_mut("entryPoints").and_then(Value::as_object_mut);
    for entry_point in entry_points.into_iter().flat_map(|all| all.values_mut()) {
        if let Some(address) = entry_point.get_mut("address") {
            *address = json!("xxxx");
        }
    }
    install
}

fn archive(files: [(&str, serde_json::Result<String>); 3]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        let text = text?;
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}
