//! The confinement of a container without a container: no root, no capabilities, no new privileges, and
//! nothing that can be written to (R27).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tool::Tool;
use viaduct_testkit::viaduct::Running;

use crate::fixture::{BINARY, HOST, Pki};

/// In a mount name space of its own: every file system read-only, then another user without rights.
const CONFINE: &str = r#"
set -e
awk '{print $5}' /proc/self/mountinfo | while read -r point; do
    mount -o remount,bind,ro "$point"
done
exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs \
    --bounding-set="$CAPABILITIES" --inh-caps="$CAPABILITIES" --ambient-caps="$CAPABILITIES" "$@"
"#;

/// `program`, confined; `capabilities` as setpriv writes them.
#[track_caller]
fn confined(capabilities: &str, name_spaces: &[&str], program: &Path) -> Command {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test makes name spaces\n  hint: run it as root"
    );
    let mut command = Command::new(Tool::Unshare.path());
    command
        .args(["--mount", "--propagation", "private"])
        .args(name_spaces)
        .args(["sh", "-c", CONFINE, "sh"])
        .arg(program)
        .env("CAPABILITIES", capabilities);
    command
}

/// The binary and its manifests, where every user can read them.
fn readable(manifests: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    open(directory.path(), 0o755);
    let binary = directory.path().join("viaduct");
    std::fs::copy(BINARY, &binary).expect("a copy of the binary");
    open(&binary, 0o755);
    let served = directory.path().join("manifests");
    std::fs::create_dir(&served).expect("a directory");
    open(&served, 0o755);
    let file = served.join("all.yaml");
    std::fs::write(&file, manifests).expect("a file");
    open(&file, 0o644);
    directory
}

/// `up` of a place, with one entry point.
#[track_caller]
fn up(capabilities: &str, name_spaces: &[&str], place: &TempDir, entry_point: &str) -> Command {
    let mut command = confined(capabilities, name_spaces, &place.path().join("viaduct"));
    command
        .arg("up")
        .arg(place.path().join("manifests"))
        .args(["--entrypoint", entry_point])
        .env("NO_COLOR", "1");
    command
}

#[test]
fn r27_it_serves_without_root_without_capabilities_and_without_a_file_to_write_to() {
    let pki = Pki::new();
    let backend = Origin::https(pki.server(&[]), |_| ok("confined"));
    let place = readable(&pki.bridge(backend.port()).yaml());
    let mut running = Running::start(&mut up("-all", &[], &place, "websecure=127.0.0.1:0"), 1);

    let address = running.address("websecure");
    let answer = Curl::secure(address, pki.edge_ca.pem()).get(HOST, "/");
    let child = running.child();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "confined"),
        "{}",
        child.output()
    );

    let process = Path::new("/proc").join(child.id().to_string());
    let status = std::fs::read_to_string(process.join("status")).expect("/proc");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let words = line.unwrap_or_default().split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(field("Uid:"), "65532 65532 65532 65532");
    assert_eq!(field("Groups:"), "");
    assert_eq!(field("NoNewPrivs:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    // Where something is mounted over another mount, the last one is what there is.
    let mounts = std::fs::read_to_string(process.join("mounts")).expect("/proc");
    let mounts: BTreeMap<&str, &str> = mounts.lines().filter_map(mount).collect();
    assert!(mounts.contains_key("/"), "{mounts:?}");
    for (point, options) in mounts {
        assert!(
            options.split(',').any(|option| option == "ro"),
            "{point}: {options}"
        );
    }
}

/// Mount point and options of a line of `/proc/PID/mounts`.
fn mount(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.split(' ').skip(1);
    let point = columns.next()?;
    Some((point, columns.nth(1)?))
}

#[test]
fn r27_ports_below_1024_take_one_capability_and_without_it_say_so() {
    let place = readable(&Pki::new().bridge(1).yaml());
    // In a network of its own, where nobody else has the port.
    let start = |capabilities| up(capabilities, &["--net"], &place, "websecure=0.0.0.0:443");
    let running = Running::start(&mut start("-all,+net_bind_service"), 1);
    assert_eq!(running.only_address().port(), 443);
    drop(running);

    let refused = run(&mut start("-all"), b"");
    assert_eq!(refused.status.code(), Some(1));
    for part in ["0.0.0.0:443", "Permission denied"] {
        assert!(refused.output.contains(part), "{part}: {}", refused.output);
    }
}
