//! Unicode categories and scripts by name.

/// What `\p{...}` names.
pub(super) enum UnicodeClass {
    /// As the target spells it: `{gc=...}` or `{sc=...}`.
    Named(String),
    /// A category that no UTF-8 text holds; the target does not know it.
    Surrogates,
}

/// The category or script of that name, if Go knows it.
pub(super) fn named(name: &str) -> Option<UnicodeClass> {
    let key: String = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).collect();
    // The target strips a leading `is` and knows scripts by their four-letter codes; Go does neither.
    let foreign = key.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("is"));
    if key.is_empty() || foreign || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    if key.eq_ignore_ascii_case("cs") || key.eq_ignore_ascii_case("surrogate") {
        return Some(UnicodeClass::Surrogates);
    }
    let known = |class: &String| regex_syntax::Parser::new().parse(&format!(r"\p{class}")).is_ok();
    let category = Some(format!("{{gc={key}}}")).filter(known);
    let code = key.len() == 4
        && !FOUR_LETTER_SCRIPTS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&key));
    let script = || Some(format!("{{sc={key}}}")).filter(|class| !code && known(class));
    category.or_else(script).map(UnicodeClass::Named)
}

/// Scripts whose full name has four letters, as their codes have.
const FOUR_LETTER_SCRIPTS: &[&str] = &[
    "Ahom", "Cham", "Kawi", "Lisu", "Miao", "Modi", "Newa", "Thai", "Toto",
];
