//! `ocsp` -> OCSP stapling (A8.22).

use viaduct_config::Install;

use crate::failure::Failure;
use crate::ocsp::{BadResponder, Settings};

/// `None`: stapling is off.
pub(crate) fn settings(install: &Install) -> Result<Option<Settings>, Failure> {
    let Some(ocsp) = &install.ocsp else {
        return Ok(None);
    };
    let overrides = ocsp.responder_overrides.iter().map(|(from, to)| {
        let responder = to.parse().map_err(|error: BadResponder| {
            Failure::new(format!("`ocsp.responderOverrides.{from}` is `{to}`"))
                .because(error)
                .hint("name a responder as `http://host:port/path`")
        })?;
        Ok((from.clone(), responder))
    });
    Ok(Some(Settings {
        responder_overrides: overrides.collect::<Result<_, Failure>>()?,
    }))
}

#[cfg(test)]
mod tests {
    use viaduct_config::install::Ocsp;

    use super::*;

    #[test]
    fn a8_22_the_install_option_switches_stapling_on_and_names_responders() {
        assert_eq!(settings(&Install::default()).unwrap(), None);
        let mut install = Install {
            ocsp: Some(Ocsp::default()),
            ..Install::default()
        };
        assert_eq!(settings(&install).unwrap(), Some(Settings::default()));
        let overrides = [("http://ocsp.example.com/A", "http://ocsp.internal:8080/a")];
        install.ocsp = Some(Ocsp {
            responder_overrides: overrides.map(|(from, to)| (from.into(), to.into())).into(),
        });
        let given = settings(&install).unwrap().unwrap().responder_overrides;
        let given: Vec<_> = given.iter().map(|(from, to)| (&**from, to.to_string())).collect();
        assert_eq!(given, overrides.map(|(from, to)| (from, to.to_owned())));
    }
}
