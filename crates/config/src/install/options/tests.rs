use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn steps(path: &str) -> Vec<Step<'_>> {
    path.split('.')
        .flat_map(|part| match part.strip_suffix("[0]") {
            Some(list) => vec![Step::Key(list), Step::Index],
            None => vec![Step::Key(part)],
        })
        .collect()
}

#[test]
fn a1_2_every_option_is_in_the_table_once() {
    let names: BTreeSet<String> = all().iter().map(|option| option.name.to_lowercase()).collect();
    assert_eq!(names.len(), all().len());
    for option in all() {
        assert_eq!(
            find(&steps(option.name)),
            Found::Option(option),
            "{}",
            option.name
        );
    }
}

/// The reference of Traefik's options, where a checkout has it beside it.
#[test]
fn a1_2_the_table_is_that_of_traefik() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join("shared/reference/traefik-static-options.tsv"))
        .find_map(|path| std::fs::read_to_string(path).ok());
    let Some(reference) = reference else {
        // Without the reference, at least the number of options is that of v3.7.
        assert_eq!(all().len(), 538);
        return;
    };
    let wanted: Vec<(String, String)> = reference
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap_or((line, "")))
        .map(|(name, default)| (name.to_owned(), default.to_owned()))
        .collect();
    let told: Vec<(String, String)> = all()
        .iter()
        .map(|option| (option.name.to_lowercase(), option.default.to_owned()))
        .collect();
    assert_eq!(told, wanted);
}

#[test]
fn a1_4_paths_are_found_in_any_case_and_with_any_name() {
    let name_of = |path: &str| match find(&steps(path)) {
        Found::Option(option) => Some(option.name),
        _ => None,
    };
    assert_eq!(
        name_of("ENTRYPOINTS.Web.Address"),
        Some("entryPoints._name_.address")
    );
    assert_eq!(
        name_of("entryPoints.web.http.tls.domains[0].main"),
        Some("entryPoints._name_.http.tls.domains[0].main")
    );
    assert_eq!(find(&steps("entryPoints")), Found::Group);
    assert_eq!(find(&steps("accessLog.fields")), Found::Group);
    assert_eq!(find(&steps("providers.plugin.mine.a.b")), Found::Free);
    assert!(matches!(
        find(&steps("ocsp.responderOverrides.http://ocsp.example.com/x")),
        Found::Beyond(_)
    ));
    assert_eq!(find(&steps("entryPoints.web.adress")), Found::Nothing);
    assert_eq!(meant(&steps("entryPoints.web.adress")), Some("address"));
    assert_eq!(meant(&steps("entrypoint")), Some("entryPoints"));
    assert_eq!(meant(&steps("nonsense")), None);
}
