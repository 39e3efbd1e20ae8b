//! The dashboard: one page, its style and its script, part of the binary. The page asks the API beside it
//! (`../api`), and nobody else.

use bytes::Bytes;
use http::Response;
use viaduct_proxy::internal::Asked;

use crate::api::reply;

/// The answer to a path below `base`. A router that strips `/dashboard` leads here too.
pub(crate) fn answer(base: &str, asked: &Asked) -> Response<Bytes> {
    let path = asked.uri.path();
    let path = path.strip_prefix(base).unwrap_or(path);
    let stripped = asked.headers.contains_key("x-forwarded-prefix");
    match path {
        "" | "/" if !stripped => reply::redirect(&format!("{base}/dashboard/")),
        "/dashboard" => reply::redirect(&format!("{base}/dashboard/")),
        _ => {
            let file = path.strip_prefix("/dashboard/").unwrap_or(path);
            match file.trim_start_matches('/') {
                "" | "index.html" => reply::asset("text/html; charset=utf-8", PAGE),
                "style.css" => reply::asset("text/css; charset=utf-8", STYLE),
                "script.js" => reply::asset("text/javascript; charset=utf-8", SCRIPT),
                "icon.svg" => reply::asset("image/svg+xml", ICON),
                _ => reply::not_found(),
            }
        }
    }
}

const PAGE: &str = include_str!("dashboard/index.html");
const STYLE: &str = include_str!("dashboard/style.css");
const SCRIPT: &str = include_str!("dashboard/script.js");
const ICON: &str = include_str!("dashboard/icon.svg");
