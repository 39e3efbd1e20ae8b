//! Middlewares that ask who the client is.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use viaduct_config::Finding;
use viaduct_config::dynamic::http as written;

use super::invalid;
use crate::middleware::{BasicAuth, Credential, Secret};

pub(super) fn basic(written: &written::BasicAuth) -> Result<BasicAuth, Finding> {
    // The users of `usersFile` are among them: the source has read it.
    let users = (0..)
        .zip(&written.users)
        .map(|(index, user): (usize, _)| credential(user.expose(), index))
        .collect::<Result<Vec<_>, _>>()?;
    let realm = match written.realm.as_str() {
        "" => DEFAULT_REALM,
        realm => realm,
    };
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    let challenge = HeaderValue::from_str(&format!("Basic realm=\"{quoted}\""))
        .map_err(|_| invalid("basicAuth.realm", "the realm cannot stand in a header").got(realm))?;
    let header_field = match written.header_field.as_str() {
        "" => None,
        name => Some(
            HeaderName::try_from(name)
                .map_err(|_| invalid("basicAuth.headerField", "not a header name").got(name))?,
        ),
    };
    BasicAuth::new(users, challenge, written.remove_header, header_field)
        .ok_or_else(|| invalid("basicAuth.users", "the users are missing"))
}

/// Says which entry is wrong, and not what is in it.
fn credential(user: &str, index: usize) -> Result<Credential, Finding> {
    let field = format!("basicAuth.users[{index}]");
    let (name, secret) = user
        .split_once(':')
        .filter(|(name, secret)| !name.is_empty() && !secret.contains(':'))
        .ok_or_else(|| invalid(&field, "a user is written `name:hash`"))?;
    let secret = Secret::new(secret).ok_or_else(|| {
        invalid(
            &field,
            format!("the password of `{name}` is hashed in a way that is not known"),
        )
        .wanted("bcrypt, MD5 or SHA-1, as `htpasswd -B`, `-m` and `-s` write them")
    })?;
    Ok(Credential {
        name: Arc::from(name),
        secret,
    })
}

const DEFAULT_REALM: &str = "traefik";
