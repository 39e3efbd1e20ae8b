use super::*;
use crate::template::render;

fn read_as(format: Format, text: &str) -> Result<Read, Vec<Problem>> {
    let rendered = render("dyn.yaml", text, &|_| None).expect("a good template");
    read("dyn.yaml", text, &rendered, format)
}

#[track_caller]
fn good(text: &str) -> Read {
    read_as(Format::Yaml, text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[track_caller]
fn wrong(text: &str) -> Vec<Problem> {
    match read_as(Format::Yaml, text) {
        Ok(read) => panic!("accepted: {read:?}"),
        Err(problems) => problems,
    }
}

fn place(finding: &Finding) -> (u32, u32) {
    finding
        .location
        .as_ref()
        .map_or((0, 0), |place| (place.line, place.column))
}

#[test]
fn a10_3_an_unknown_field_has_its_place_and_the_nearest_name() {
    let problems =
        wrong("http:\n  routers:\n    r:\n      rul: Host(`a`)\n      service: s\n      nonsense: 1\n");
    let [first, second] = problems.as_slice() else {
        panic!("two expected: {problems:#?}");
    };
    assert_eq!(first.finding.message, "field not found: rul");
    assert_eq!(first.finding.field.as_deref(), Some("http.routers.r.rul"));
    assert_eq!(place(&first.finding), (4, 7));
    assert_eq!(first.finding.hint.as_deref(), Some("did you mean `rule`?"));
    let excerpt = first.excerpt.as_deref().unwrap_or_default();
    assert!(excerpt.contains("4 |       rul: Host(`a`)"), "{excerpt}");
    assert_eq!(place(&second.finding), (6, 7));
}

#[test]
fn a10_3_places_are_those_of_the_template() {
    let text = "{{ range until 3 }}# line\n{{ end }}http:\n  routers:\n    r: { rul: x }\n";
    let problems = wrong(text);
    assert_eq!(place(&problems[0].finding), (4, 10));
}

#[test]
fn a10_3_a_broken_document_and_a_wrong_value_have_their_places() {
    assert_eq!(place(&wrong("http:\n  routers: [\n")[0].finding).0, 3);
    let finding = &wrong("http:\n  routers:\n    r:\n      priority: high\n")[0].finding;
    assert_eq!((place(finding), finding.code), ((4, 17), Code::InvalidObject));
    assert_eq!(finding.field.as_deref(), Some("http.routers.r.priority"));
    assert_eq!(wrong("just text")[0].finding.code, Code::InvalidObject);
}

#[test]
fn a10_1_names_and_types_are_as_loose_as_traefiks() {
    let read = good(
        "HTTP:\n  Routers:\n    r:\n      ENTRYPOINTS: web, websecure\n      priority: \"5\"\n      tls: true\n\
         \x20 middlewares:\n    m: { compress: true }\n",
    );
    let router = &read.dynamic.http.routers["r"];
    assert_eq!(router.entry_points, ["web", "websecure"]);
    assert_eq!(router.priority, Some(5));
    assert!(router.tls.is_some());
    assert!(read.dynamic.http.middlewares["m"].compress.is_some());
    assert_eq!(
        read.origins[&Element::Router("r".to_owned())]
            .location
            .as_ref()
            .map(|at| at.line),
        Some(3)
    );
}

#[test]
fn a1_2_sections_of_the_install_configuration_are_left_to_others() {
    let read =
        good("entryPoints:\n  web: { address: ':80' }\nproviders: {}\nhttp:\n  routers: {}\nhtpp: {}\n");
    let [note] = read.notes.as_slice() else {
        panic!("one expected: {:#?}", read.notes);
    };
    assert_eq!(
        (note.message.as_str(), place(note)),
        ("the section `htpp` is not read", (6, 1))
    );
    assert_eq!(note.hint.as_deref(), Some("did you mean `http`?"));
}

#[test]
fn a10_1_an_empty_text_says_nothing_and_a_second_document_is_told() {
    assert_eq!(good("").dynamic, Dynamic::default());
    assert_eq!(good("# comment\n").dynamic, Dynamic::default());
    let read = good("http: {}\n---\nhttp: {}\n");
    assert_eq!(place(&read.notes[0]).0, 3);
}

#[test]
fn a10_1_yaml_toml_and_json_say_the_same() {
    let yaml = good("http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: s\n      tls: {}\n");
    let json = good(r#"{"http":{"routers":{"r":{"rule":"Host(`a`)","service":"s","tls":{}}}}}"#);
    let toml = "[http.routers.r]\nrule = \"Host(`a`)\"\nservice = \"s\"\n[http.routers.r.tls]\n";
    let toml = read_as(Format::Toml, toml).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(yaml.dynamic, json.dynamic);
    assert_eq!(yaml.dynamic, toml.dynamic);
}

/// A configuration with every field, and Traefik's own samples where a checkout has them beside it.
#[test]
fn a10_1_every_field_is_read_from_yaml_and_toml_alike() {
    let sample = |name: &str| {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|ancestor| ancestor.join("shared/reference").join(name))
            .find_map(|path| std::fs::read_to_string(path).ok())
    };
    let mut pairs = vec![(
        include_str!("../../../config/tests/every_field.yaml").to_owned(),
        include_str!("tests/every_field.toml").to_owned(),
    )];
    pairs.extend(sample("traefik-file-provider.yaml").zip(sample("traefik-file-provider.toml")));
    for (yaml, toml) in pairs {
        let yaml = good(&yaml);
        let toml = read_as(Format::Toml, &toml).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!((yaml.notes.len(), toml.notes.len()), (0, 0));
        assert!(yaml.dynamic.http.middlewares.len() >= 25);
        assert_eq!(yaml.dynamic, toml.dynamic);
    }
}
