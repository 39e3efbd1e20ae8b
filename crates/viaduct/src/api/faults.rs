//! Findings by the element they are about, in the words that users of Traefik look for.

use std::collections::HashMap;

use viaduct_config::finding::Code;
use viaduct_config::{Element, Finding, ProviderName, Severity};

use super::published::Published;

/// What there is to say of each element.
pub(super) struct Faults(HashMap<(ProviderName, Element), Vec<Said>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) severity: Severity,
    pub(super) text: String,
}

impl Faults {
    pub(super) fn new(published: &Published) -> Self {
        let mut faults = Self(HashMap::new());
        for update in &published.updates {
            for (element, finding) in update.broken.iter() {
                faults.add(&update.provider, element, finding);
            }
        }
        for finding in published.findings() {
            if let (Some(provider), Some(element)) = (&finding.provider, &finding.element) {
                faults.add(provider, element, finding);
            }
        }
        faults
    }

    pub(super) fn of(&self, provider: &ProviderName, element: Element) -> &[Said] {
        let said = self.0.get(&(provider.clone(), element));
        said.map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, provider: &ProviderName, element: &Element, finding: &Finding) {
        let said = Said {
            severity: finding.severity,
            text: wording(provider, element, finding),
        };
        let known = self.0.entry((provider.clone(), element.clone())).or_default();
        if !known.contains(&said) {
            known.push(said);
        }
    }
}

/// Traefik's sentence where it has one for the same fault, ours elsewhere.
fn wording(provider: &ProviderName, element: &Element, finding: &Finding) -> String {
    let message = finding.message.as_str();
    match (finding.code, element) {
        (Code::MissingReference, _) => missing(message).unwrap_or_else(|| message.to_owned()),
        (Code::InvalidService, Element::Service(name)) if message.starts_with("the service says nothing") => {
            format!("the service \"{name}@{provider}\" does not have any type defined")
        }
        _ => message.to_owned(),
    }
}

/// `service `x@file` does not exist` and its like.
fn missing(message: &str) -> Option<String> {
    let (noun, rest) = message.split_once(" `")?;
    let (name, rest) = rest.split_once('`')?;
    if rest != " does not exist" && rest != " do not exist" {
        return None;
    }
    match noun {
        "service" => Some(format!("the service \"{name}\" does not exist")),
        "middleware" => Some(format!("middleware \"{name}\" does not exist")),
        "servers transport" => Some(format!("servers transport not found {name}")),
        "TLS options" => Some(format!("unknown TLS options: {name}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_3_errors_have_traefiks_words() {
        let provider = ProviderName::new("file");
        let router = Element::Router("r".to_owned());
        let say = |code, message: &str| wording(&provider, &router, &Finding::error(code, message));
        for (ours, theirs) in [
            (
                "service `x@file` does not exist",
                "the service \"x@file\" does not exist",
            ),
            (
                "middleware `x@file` does not exist",
                "middleware \"x@file\" does not exist",
            ),
            ("TLS options `x@file` do not exist", "unknown TLS options: x@file"),
            (
                "servers transport `x@file` does not exist",
                "servers transport not found x@file",
            ),
            ("Service `web/x` does not exist", "Service `web/x` does not exist"),
        ] {
            assert_eq!(say(Code::MissingReference, ours), theirs);
        }
        let service = Element::Service("s".to_owned());
        let silent = Finding::error(
            Code::InvalidService,
            "the service says nothing: `loadBalancer` or `weighted` is needed",
        );
        assert_eq!(
            wording(&provider, &service, &silent),
            "the service \"s@file\" does not have any type defined"
        );
    }
}
