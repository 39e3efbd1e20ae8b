//! What the fuzz target of templates checks. An ordinary test runs the same function
//! (`crates/providers/tests/fuzz.rs`).

use viaduct_config::Location;
use viaduct_providers::template;

/// A template is rendered or refused, within its bounds; every place of the output has a place in the source,
/// and a fault lies inside the text.
pub(crate) fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let env = |name: &str| (name == "HOST").then(|| "web.example.com".to_owned());
    let lines = u32::try_from(text.lines().count() + 1).expect("a short text");
    match template::render("fuzz", text, &env) {
        Ok(rendered) => {
            assert_eq!(rendered.is_generated(), text.contains("{{"));
            let last = rendered.text().lines().count();
            for line in [1, 2, last / 2, last] {
                let place = Location {
                    file: "fuzz".into(),
                    line: u32::try_from(line).expect("a bounded output").max(1),
                    column: 3,
                };
                let source = rendered.source_of(&place);
                if rendered.is_generated() {
                    assert!((1..=lines).contains(&source.line), "{source}");
                }
            }
        }
        Err(error) => {
            assert!((1..=lines).contains(&error.location.line), "{error}");
            assert!(!error.message.is_empty());
        }
    }
}
