use super::*;

fn notice(message: &str) -> Notice {
    let object = ObjectRef::new("IngressRoute", "web", "app");
    Notice::new(object, "MissingReference", message)
}

fn object(uid: &str) -> ObjectReference {
    ObjectReference {
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}

#[test]
fn c17_replicas_that_see_the_same_fault_write_the_same_event() {
    let name = |uid: &str, message: &str, instance: &str| {
        event(&notice(message), object(uid), instance)
            .metadata
            .name
            .expect("a name")
    };
    let first = name("u", "Secret `web/x` does not exist", "one");
    assert!(
        first.starts_with("app.") && first.len() == "app.".len() + 16,
        "{first}"
    );
    assert_eq!(first, name("u", "Secret `web/x` does not exist", "two"));
    assert_ne!(
        first,
        name("u", "Secret `web/y` does not exist", "one"),
        "another fault"
    );
    assert_ne!(
        first,
        name("v", "Secret `web/x` does not exist", "one"),
        "another object of the name"
    );
}

#[test]
fn c17_an_event_fits_what_the_api_server_takes() {
    let mut long = notice(&"ä".repeat(2000));
    assert!(long.message().len() <= 1024, "while it waits, too");
    long.object.name = "x".repeat(253).into();
    let event = event(&long, object("u"), &"i".repeat(500));
    assert!(event.note.expect("a note").len() <= 1024);
    assert!(event.metadata.name.expect("a name").len() <= 253);
    assert!(event.reporting_instance.expect("an instance").len() <= 128);
}
