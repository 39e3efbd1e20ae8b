//! Templates beside Go's own engine: `tests/go.json` holds what Go and sprig made of each text, written by
//! `tests/go`.

use super::{Rendered, TemplateError, render};

fn env(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("web.example.com".to_owned()),
        "LIST" => Some("a,b,c".to_owned()),
        _ => None,
    }
}

fn rendered(text: &str) -> Result<Rendered, TemplateError> {
    render("f.yaml", text, &env)
}

#[track_caller]
fn refused(text: &str) -> String {
    match rendered(text) {
        Ok(rendered) => panic!("{text} became {}", rendered.text()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a10_2_templates_become_what_go_makes_of_them() {
    let rows: Vec<(String, Option<String>)> =
        serde_json::from_str(include_str!("tests/go.json")).expect("rows of template and result");
    assert!(rows.len() > 100);
    let mut wrong = Vec::new();
    for (text, go) in rows {
        let ours = rendered(&text);
        let same = match (&ours, &go) {
            (Ok(ours), Some(go)) => ours.text() == go,
            (Err(_), None) => true,
            (Ok(_), None) | (Err(_), Some(_)) => false,
        };
        if !same {
            let ours = ours.map(|ours| ours.text().to_owned());
            wrong.push(format!("{text}\n    Go: {go:?}\n  ours: {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a10_2_a_text_without_actions_stays_as_it_is() {
    let text = "http:\n  routers:\n    r:\n      rule: HostRegexp(`^[a-z]{2}}$`)\n";
    let rendered = rendered(text).expect("no template");
    assert_eq!((rendered.text(), rendered.is_generated()), (text, false));
}

#[test]
fn a10_2_errors_say_line_and_column() {
    let cases = [
        (
            "a: 1\nb: {{ nofunction 1 }}\n",
            "f.yaml:2:7: function \"nofunction\" not defined",
        ),
        ("a: {{ upper }}", "f.yaml:1:7: `upper` takes 1 argument, not 0"),
        (
            "a: {{ upper 5 }}",
            "f.yaml:1:7: `upper`: argument 1 has to be a text, not an integer",
        ),
        ("a: {{ .Name }}", "f.yaml:1:7: a boolean has no field `Name`"),
        ("a: {{ fail \"no way\" }}", "f.yaml:1:7: `fail`: no way"),
        ("a: {{ if true }}\nb", "f.yaml:1:4: `if` has no `{{ end }}`"),
        ("a: {{ end }}", "f.yaml:1:4: unexpected `end`"),
        ("a: {{ now }}", "f.yaml:1:7: the function `now` is not offered"),
        ("a: {{ $x }}", "f.yaml:1:7: the variable `$x` is not declared"),
        (
            "é: {{ \"x }}",
            "f.yaml:1:7: a string is not closed, or has an escape sequence that Go does not know",
        ),
        (
            "a: {{ eq 1 \"1\" }}",
            "f.yaml:1:7: `eq`: an integer and a text cannot be compared",
        ),
        ("a: {{ (list 1 }}", "f.yaml:1:15: `)` expected, `}}` found"),
        ("a: {{ 1", "f.yaml:1:4: an action is not closed by `}}`"),
        ("a: {{ break }}", "f.yaml:1:4: `break` outside `range`"),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message);
    }
}

#[test]
fn a10_2_errors_hint_at_what_was_meant() {
    let hint = |text| rendered(text).expect_err("refused").hint;
    assert_eq!(
        hint("{{ trimSufix \"a\" \"b\" }}").as_deref(),
        Some("did you mean `trimSuffix`?")
    );
    assert_eq!(
        hint("{{ eq env \"HOST\" }}").as_deref(),
        Some("put a function and its arguments in parentheses, such as `(env \"NAME\")`")
    );
}

#[test]
fn a10_3_places_of_the_output_lead_back_to_the_source() {
    let source = "a: 1\n{{ range until 3 }}- x{{ . }}: y\n{{ end }}z: {{ env \"HOST\" }} w\n";
    let rendered = rendered(source).expect("a good template");
    assert_eq!(
        rendered.text(),
        "a: 1\n- x0: y\n- x1: y\n- x2: y\nz: web.example.com w\n"
    );
    let at = |line, column| {
        let place = viaduct_config::Location {
            file: "f.yaml".into(),
            line,
            column,
        };
        let source = rendered.source_of(&place);
        (source.line, source.column)
    };
    assert_eq!(at(1, 4), (1, 4));
    assert_eq!(at(3, 3), (2, 22), "text inside a range");
    assert_eq!(at(3, 4), (2, 26), "what an action made");
    assert_eq!(at(5, 1), (3, 10), "text behind it");
    assert_eq!(at(5, 9), (3, 16), "inside what an action made");
    assert_eq!(at(5, 20), (3, 30));
}

#[test]
fn a10_2_a_template_cannot_grow_or_work_without_bound() {
    let doubling = "{{ $x := \"0123456789\" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}";
    assert!(refused(doubling).contains("larger than 4 MiB"));
    let nested = "{{ $x := list }}{{ range until 1000 }}{{ $x = list $x }}{{ end }}";
    assert!(refused(nested).contains("nested more than 64 deep"));
    let shared = "{{ $x := list 1 }}{{ range until 40 }}{{ $x = list $x $x }}{{ end }}";
    assert!(refused(shared).contains("larger than 16 MiB"));
    let busy = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}";
    let message = refused(busy);
    assert!(
        message.contains("2000000 steps") || message.contains("64 MiB"),
        "{message}"
    );
    let output = "{{ $x := repeat 1000000 \"x\" }}{{ range until 100 }}{{ $x }}{{ end }}";
    assert!(refused(output).contains("the output is larger than 16 MiB"));
    let looking =
        "{{ $x := repeat 4000000 \"x\" }}{{ range until 1000 }}{{ $_ := contains \"y\" $x }}{{ end }}";
    assert!(refused(looking).contains("look at more than 1 GiB"));
    assert!(refused("{{ repeat 1000000000 \"x\" }}").contains("larger than 4 MiB"));
    assert!(refused("{{ until 1000000000 }}").contains("more than 100000 numbers"));
    assert!(
        refused("{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}").contains("32 deep")
    );
    assert!(refused(&"{{ if true }}".repeat(100)).contains("64 deep"));
    assert!(refused(&format!("{{{{ {}1 }}}}", "(".repeat(100))).contains("64 deep"));
    assert!(refused("{{ printf \"%1000000000d\" 1 }}").contains("at most 1000"));
}

/// Twice the variables are about twice the work: what looked at each for each would take four times the steps
/// and, at this number, minutes.
#[test]
fn i5_a_hundred_thousand_variables_are_found_at_once() {
    let many = 200_000;
    let mut text = String::from("{{ $first := 1 }}");
    for number in 0..many {
        text.push_str(&format!("{{{{$v{number}:=$first}}}}"));
    }
    text.push_str("{{ $first }}{{ $v0 }}");
    assert_eq!(rendered(&text).expect("a template").text(), "11");
}

#[test]
fn a10_2_a_variable_ends_with_its_block() {
    let text = "{{ $a := 1 }}{{ if true }}{{ $a := 2 }}{{ $a = 3 }}{{ $a }}{{ end }}{{ $a }}";
    assert_eq!(rendered(text).expect("a template").text(), "31");
    assert!(refused("{{ if true }}{{ $b := 1 }}{{ end }}{{ $b }}").contains("`$b` is not declared"));
}
