//! PEM texts that cannot be used: a finding about the object that holds the text, and one about its user.

use viaduct_config::{Finding, Material};

use crate::resolve::because_of;

/// `finding`, which is about text `index` of the list beside `materials`, as a consequence of what is wrong
/// with the object that the text came from; as it is where that is not known.
pub(super) fn blame(materials: &[Material], index: usize, finding: Finding) -> Finding {
    let Some(material) = materials.get(index) else {
        return finding;
    };
    let root = Finding {
        message: format!("`{}` cannot be used: {}", material.key, finding.message),
        ..finding
    };
    because_of(
        &root
            .object(material.object.clone())
            .at(material.location.clone())
            .field(material.key.as_str()),
    )
}

/// Adds a finding, after what it follows from.
pub(super) fn note(finding: Finding, findings: &mut Vec<Finding>) {
    if let Some(cause) = finding.cause.as_deref()
        && !findings.contains(cause)
    {
        findings.push(cause.clone());
    }
    findings.push(finding);
}
