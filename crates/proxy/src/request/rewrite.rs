//! What middlewares may do to the path of a request, and what of it they may see.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use viaduct_snapshot::middleware::EncodedCharacters;

use super::{BadRequest, Request, origin_form, path};

impl<B> Request<B> {
    /// As it goes to the backend.
    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }

    /// The path with the escapes decoded that mean nothing in a URI, as rules see it.
    pub(crate) fn readable_path(&self) -> Cow<'_, str> {
        path::for_rules(self.path()).map_or_else(|| Cow::Borrowed(self.path()), Cow::Owned)
    }

    /// What is left of the path behind the first `readable` bytes of its readable form.
    pub(crate) fn path_behind(&self, readable: usize) -> &str {
        path::behind(self.path(), readable)
    }

    /// Refuses the request if its path holds an escaped character that is not among these.
    pub(crate) fn check_escapes(&self, allowed: EncodedCharacters) -> Result<(), BadRequest> {
        path::check_escapes(self.path(), allowed)
    }

    /// Replaces the path by one that was made of it; refuses the request where that is no normal path (I1).
    pub(crate) fn rewrite(&mut self, path: &str, sanitize: bool) -> Result<(), BadRequest> {
        let path = path::rewritten(path, sanitize)?;
        self.set_path(&path)
    }

    /// Replaces the path by one that is the configuration's own.
    pub(crate) fn set_path(&mut self, path: &str) -> Result<(), BadRequest> {
        let path = if path.is_empty() { "/" } else { path };
        let target = match self.parts.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let target = PathAndQuery::try_from(target).map_err(|_| BadRequest::Rewritten)?;
        self.parts.uri = origin_form(target);
        Ok(())
    }
}
