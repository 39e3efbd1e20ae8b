//! What people get wrong, and the whole of what they are told.

use std::net::TcpListener;

use viaduct_testkit::child::run;

use crate::fixture::root;

/// Exit status 1, and exactly this said.
#[track_caller]
fn told(files: &[(&str, &str)], arguments: &[&str], expected: &str) {
    let work = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(work.path().join(name), text).expect("a file");
    }
    let finished = run(root(work.path()).args(arguments), b"");
    assert_eq!(finished.output, expected, "{arguments:?}");
    assert_eq!(finished.status.code(), Some(1), "{arguments:?}");
}

#[test]
fn a1_4_an_unknown_option_in_yaml() {
    told(
        &[(
            "traefik.yml",
            "entryPoints:\n  web:\n    adress: \":80\"\nlogs: {}\n",
        )],
        &["--configFile=traefik.yml"],
        "error: traefik.yml:3:5: unknown option `entryPoints.web.adress`
   |
 3 |     adress: \":80\"
   |     ^
  hint: did you mean `address`?
error: traefik.yml:4:1: unknown option `logs`
   |
 4 | logs: {}
   | ^
  hint: did you mean `log`?",
    );
}

#[test]
fn a1_4_an_unknown_option_in_toml() {
    told(
        &[("traefik.toml", "[entryPoints.web]\n  adress = \":80\"\n")],
        &["--configFile=traefik.toml"],
        "error: traefik.toml:2:3: unknown option `entryPoints.web.adress`
   |
 2 |   adress = \":80\"
   |   ^
  hint: did you mean `address`?",
    );
}

#[test]
fn a1_4_an_unknown_flag_and_a_removed_one() {
    told(
        &[],
        &[
            "--entrypoints.web.adress=:80",
            "--pilot.token=hush",
            "--frobnicate",
        ],
        "error: --entrypoints.web.adress: unknown option
  hint: did you mean `address`?
error: --pilot.token: option is gone since Traefik v3
  hint: Traefik Pilot does not exist any more: remove the section
error: --frobnicate: unknown option",
    );
}

#[test]
fn a1_1_broken_yaml_and_toml_have_a_place_and_an_excerpt() {
    told(
        &[("t.yml", "log:\n  level: \"DEBUG\n")],
        &["--configFile=t.yml"],
        "error: t.yml:2:10: a quoted text is not closed
   |
 2 |   level: \"DEBUG
   |          ^",
    );
    told(
        &[("t.toml", "[log]\nlevel = DEBUG\n")],
        &["--configFile=t.toml"],
        "error: t.toml:2:9: string values must be quoted, expected literal string
   |
 2 | level = DEBUG
   |         ^",
    );
}

#[test]
fn a1_14_a_bad_duration_and_a_bad_integer() {
    told(
        &[(
            "t.yml",
            "entryPoints:\n  web:\n    address: \":80\"\n    transport:\n      respondingTimeouts:\n        readTimeout: 5 minutes\n",
        )],
        &["--configFile=t.yml"],
        "error: t.yml:6:22: option `entryPoints.web.transport.respondingTimeouts.readTimeout`: `5 minutes` is not a duration: the unit is unknown (ns, us, ms, s, m and h are known)
   |
 6 |         readTimeout: 5 minutes
   |                      ^",
    );
    told(
        &[],
        &[
            "--entrypoints.web.address=:80",
            "--entrypoints.web.http2.maxconcurrentstreams=many",
        ],
        "error: --entrypoints.web.http2.maxconcurrentstreams: invalid type: text, expected a number",
    );
}

#[test]
fn a1_4_what_must_not_be_ignored_is_refused() {
    told(
        &[],
        &["--entrypoints.web.address=:80", "--providers.docker", "--hostresolver.cnameflattening"],
        "error: --providers.docker: option is refused: this provider is not built: use `providers.file` or `providers.http`
error: --hostresolver.cnameflattening: option is refused: CNAME flattening is not built: name every host in the rules",
    );
}

#[test]
fn a1_1_a_file_that_does_not_exist_and_one_that_is_empty() {
    told(
        &[],
        &["--configFile=nowhere.yml"],
        "error: cannot read the configuration file `nowhere.yml`
  cause: No such file or directory (os error 2)
  hint: `--configFile` names an existing file",
    );
    told(
        &[("t.yml", "# all commented out\n")],
        &["--configFile=t.yml"],
        "error: no configuration found in `t.yml`",
    );
}

#[test]
fn a1_2_a_word_that_is_no_option() {
    told(
        &[],
        &["--api", "dashboard"],
        "error: `dashboard` is not an option: options begin with `--`
  hint: `viaduct --help` shows how options are written",
    );
}

#[test]
fn a7_11_a_ca_file_that_cannot_be_read_ends_the_start() {
    told(
        &[],
        &[
            "--entrypoints.web.address=127.0.0.1:0",
            "--serverstransport.rootcas=nowhere.pem",
        ],
        "warning: no provider is configured, so there are no routes (`--providers.file.filename=...`)
error: `serversTransport.rootCAs` cannot be used
  cause: cannot read `nowhere.pem`
  cause: No such file or directory (os error 2)
  hint: each entry is PEM or the name of a PEM file; without CAs that can be read nothing is forwarded",
    );
}

#[test]
fn a12_8_a_status_that_no_answer_can_have() {
    for (code, expected) in [
        (
            "7",
            "error: --ping.terminatingStatusCode: `7` is no status that an answer can have: 200 to 999",
        ),
        (
            "100",
            "error: --ping.terminatingStatusCode: `100` is no status that an answer can have: 200 to 999",
        ),
        (
            "1000",
            "error: --ping.terminatingStatusCode: `1000` is no status that an answer can have: 200 to 999",
        ),
    ] {
        told(
            &[],
            &["--ping", &format!("--ping.terminatingStatusCode={code}")],
            expected,
        );
    }
}

#[test]
fn a2_1_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    told(
        &[],
        &[&format!("--entrypoints.web.address={address}")],
        &format!(
            "warning: no provider is configured, so there are no routes (`--providers.file.filename=...`)
error: entry point `web`: cannot listen on {address}
  cause: Address already in use (os error 98)
  hint: another process listens there: stop it, or choose another port with `entryPoints.<name>.address`"
        ),
    );
}
