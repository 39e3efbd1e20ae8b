use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct_config::{Dynamic, Location, Origin, ProviderName};
use viaduct_testkit::pki::{Ca, Issued, Leaf};

use super::*;

struct World {
    directory: TempDir,
    material: Material,
}

impl World {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            material: Material::default(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn write_pair(&self, issued: &Issued) {
        self.write("tls.crt", &issued.chain_pem);
        self.write("tls.key", &issued.key_pem);
    }

    fn fill(&mut self, dynamic: Value) -> (Update, BTreeSet<PathBuf>) {
        let dynamic: Dynamic = serde_json::from_value(dynamic).unwrap();
        let mut update = Update::new(ProviderName::new("file"), dynamic);
        let files = self.material.fill(&mut update);
        (update, files)
    }

    fn certificate(&self) -> Value {
        json!({ "tls": { "certificates": [
            { "certFile": self.path("tls.crt"), "keyFile": self.path("tls.key") },
        ] } })
    }
}

fn pair(update: &Update) -> (&str, &str) {
    let pair = &update.dynamic.tls.certificates[0].pair;
    (&pair.cert_file, &pair.key_file)
}

#[test]
fn a10_1_files_and_contents_are_both_taken() {
    let mut world = World::new();
    let issued = Ca::new("CA").issue(Leaf::server("a.test"));
    world.write_pair(&issued);
    let (update, files) = world.fill(world.certificate());
    assert_eq!(
        pair(&update),
        (issued.chain_pem.as_str(), issued.key_pem.as_str())
    );
    assert_eq!(
        files,
        BTreeSet::from([world.path("tls.crt").into(), world.path("tls.key").into()])
    );

    let inline = json!({ "tls": { "certificates": [
        { "certFile": issued.chain_pem, "keyFile": issued.key_pem },
    ] } });
    let (update, files) = world.fill(inline);
    assert_eq!(pair(&update).0, issued.chain_pem);
    assert_eq!((files.len(), update.broken.len()), (0, 0));
}

#[test]
fn c24_a_certificate_is_never_paired_with_another_ones_key() {
    let mut world = World::new();
    let ca = Ca::new("CA");
    let (old, new) = (ca.issue(Leaf::server("a.test")), ca.issue(Leaf::server("a.test")));
    world.write_pair(&old);
    world.fill(world.certificate());

    world.write("tls.crt", &new.chain_pem);
    let (update, _) = world.fill(world.certificate());
    assert_eq!(pair(&update), (old.chain_pem.as_str(), old.key_pem.as_str()));
    assert!(update.broken.is_empty());
    let note = &update.notes[0];
    assert_eq!(
        (note.code, note.element.clone()),
        (Code::LastGoodKept, Some(Element::Certificate(0)))
    );
    assert!(
        note.message.ends_with(
            "the private key does not belong to the certificate; the last good contents stay in service"
        ),
        "{}",
        note.message
    );

    world.write("tls.key", &new.key_pem);
    let (update, _) = world.fill(world.certificate());
    assert_eq!(pair(&update), (new.chain_pem.as_str(), new.key_pem.as_str()));
    assert!(update.notes.is_empty());
}

#[test]
fn c24_files_that_vanish_or_break_leave_what_was_good() {
    let mut world = World::new();
    let ca = Ca::new("CA");
    world.write_pair(&ca.issue(Leaf::server("a.test")));
    world.write("ca.pem", ca.pem());
    let mut dynamic = world.certificate();
    dynamic["http"] = json!({ "serversTransports": { "t": { "rootCAs": [world.path("ca.pem")] } } });
    let (good, _) = world.fill(dynamic.clone());
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA", "nonsense"] {
        world.write("ca.pem", broken);
        world.write("tls.crt", broken);
        let (update, _) = world.fill(dynamic.clone());
        assert_eq!(update.dynamic, good.dynamic, "{broken:?}");
        assert_eq!((update.broken.len(), update.notes.len()), (0, 2));
    }
    fs::remove_file(world.path("ca.pem")).unwrap();
    let (update, files) = world.fill(dynamic);
    assert_eq!(update.dynamic, good.dynamic);
    assert!(files.contains(Path::new(&world.path("ca.pem"))), "still watched");
}

#[test]
fn a14_1_a_ca_that_never_was_breaks_its_element_and_is_never_the_system() {
    let mut world = World::new();
    let missing = world.path("missing.pem");
    let dynamic = json!({
        "http": {
            "serversTransports": { "t": { "rootCAs": [missing] } },
            "middlewares": {
                "basic": { "basicAuth": { "usersFile": missing } },
                "forward": { "forwardAuth": { "address": "http://a", "tls": { "ca": missing } } },
            },
        },
        "tls": {
            "options": { "o": { "clientAuth": { "caFiles": [missing] } } },
            "stores": { "default": { "defaultCertificate": { "certFile": missing, "keyFile": missing } } },
            "certificates": [{ "certFile": missing, "keyFile": missing }],
        },
    });
    let (update, files) = world.fill(dynamic.clone());
    let broken: BTreeSet<_> = update.broken.iter().map(|(element, _)| element.clone()).collect();
    let wanted = BTreeSet::from([
        Element::ServersTransport("t".to_owned()),
        Element::Middleware("basic".to_owned()),
        Element::Middleware("forward".to_owned()),
        Element::TlsOptions("o".to_owned()),
        Element::TlsStore("default".to_owned()),
        Element::Certificate(0),
    ]);
    assert_eq!(broken, wanted);
    assert_eq!(files.len(), 1);
    let written: Dynamic = serde_json::from_value(dynamic).unwrap();
    assert_eq!(update.dynamic, written, "what was written can still be shown");
    let message = &update.broken[0].1.message;
    assert!(
        message.starts_with(&format!("`{missing}` cannot be read: ")),
        "{message}"
    );
}

#[test]
fn a10_1_users_of_a_file_follow_those_written() {
    let mut world = World::new();
    world.write("users", "# staff\na:1\n\n  b:2  \n");
    let dynamic = json!({ "http": { "middlewares": { "m": {
        "basicAuth": { "users": ["c:3"], "usersFile": world.path("users") },
    } } } });
    let (update, files) = world.fill(dynamic);
    let auth = update.dynamic.http.middlewares["m"].basic_auth.as_ref().unwrap();
    let users: Vec<_> = auth.users.iter().map(Secret::expose).collect();
    assert_eq!(users, ["c:3", "a:1", "b:2"]);
    assert_eq!(files.len(), 1);
}

#[test]
fn r24_no_key_is_in_a_message() {
    let mut world = World::new();
    let ca = Ca::new("CA");
    let (one, other) = (ca.issue(Leaf::server("a.test")), ca.issue(Leaf::server("b.test")));
    world.write("tls.crt", &one.chain_pem);
    let dynamic = json!({ "tls": { "certificates": [
        { "certFile": world.path("tls.crt"), "keyFile": other.key_pem },
    ] } });
    let mut update = Update::new(
        ProviderName::new("file"),
        serde_json::from_value(dynamic).unwrap(),
    );
    let location = Location {
        file: "f.yaml".into(),
        line: 3,
        column: 5,
    };
    let origin = Origin {
        object: None,
        location: Some(location.clone()),
    };
    update.origins.insert(Element::Certificate(0), origin);
    world.material.fill(&mut update);
    let (_, finding) = &update.broken[0];
    assert_eq!(finding.location, Some(location));
    assert_eq!(
        finding.message,
        format!(
            "`{}`: the private key does not belong to the certificate",
            world.path("tls.crt")
        )
    );
}
