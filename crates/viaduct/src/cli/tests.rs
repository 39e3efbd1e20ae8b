use clap::{CommandFactory, Parser};
use viaduct_observe::{Format, Headers, Mode, Output};

use super::{Cli, Command, EntryPoint, Listen, TrustedIps, Up, resolve};

fn up(arguments: &[&str]) -> Up {
    let command = Cli::try_parse_from(["viaduct", "up", "DIR"].iter().chain(arguments))
        .unwrap()
        .command;
    let Command::Up(up) = command else {
        panic!("not `up`")
    };
    up
}

#[test]
fn a1_2_the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a2_1_entry_point_addresses() {
    for (text, address) in [
        ("web=127.0.0.1:80", "127.0.0.1:80"),
        ("web=127.0.0.1:80/tcp", "127.0.0.1:80"),
        ("web=[::1]:0", "[::1]:0"),
    ] {
        let entry_point: EntryPoint = text.parse().unwrap();
        assert_eq!(
            resolve(&entry_point.listen).unwrap(),
            address.parse().unwrap(),
            "{text}"
        );
        assert!(!entry_point.tls);
    }
    let every = resolve(&":8000".parse::<Listen>().unwrap()).unwrap();
    assert!(every.ip().is_unspecified() && every.port() == 8000);
}

#[test]
fn a2_1_bad_entry_points_say_what_to_write() {
    for (text, message) in [
        ("8443", "NAME=ADDR"),
        ("web=8443", "`:8443`"),
        ("web=:99999", "is not a port"),
        ("web=:53/udp", "is not served"),
        ("web=::1:80", "[::1]:80"),
        ("web=[::1:80", "misses its `]`"),
        ("a b=:80", "is not a name"),
        ("web=:80,quic", "unknown option"),
    ] {
        let error = text.parse::<EntryPoint>().unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a2_4_tls_is_on_for_websecure_and_where_asked_for() {
    for (text, tls) in [("websecure=:1", true), ("web=:1", false), ("other=:1,tls", true)] {
        assert_eq!(text.parse::<EntryPoint>().unwrap().tls, tls, "{text}");
    }
    let defaults = EntryPoint::defaults();
    let shown: Vec<_> = defaults
        .iter()
        .map(|e| (e.name.as_str(), e.listen.to_string(), e.tls))
        .collect();
    assert_eq!(
        shown,
        [
            ("web", ":8000".into(), false),
            ("websecure", ":8443".into(), true)
        ]
    );
}

#[test]
fn a11_2_access_log_is_off_on_standard_output_or_in_a_file() {
    assert!(up(&[]).run.access_log.output().is_none());
    assert!(up(&["--accesslog=false"]).run.access_log.output().is_none());
    for stdout in ["--accesslog", "--accesslog=true"] {
        assert!(
            matches!(up(&[stdout]).run.access_log.output(), Some(Output::Stdout)),
            "{stdout}"
        );
    }
    let file = up(&[
        "--accesslog=/tmp/a.log",
        "--accesslog-format",
        "genericCLF",
        "--accesslog-headers=keep",
    ]);
    assert!(matches!(file.run.access_log.output(), Some(Output::File(path)) if path.ends_with("a.log")));
    let options = file.run.access_log.options();
    assert_eq!(
        (options.format, options.headers),
        (Format::GenericClf, Headers::all(Mode::Keep))
    );
}

#[test]
fn a2_15_trusted_addresses_for_all_or_one_entry_point() {
    let all: TrustedIps = "10.0.0.0/8, 192.0.2.1".parse().unwrap();
    assert_eq!(all.entry_point, None);
    assert_eq!(
        all.nets,
        ["10.0.0.0/8".parse().unwrap(), "192.0.2.1/32".parse().unwrap()]
    );
    let one: TrustedIps = "web=::1".parse().unwrap();
    assert_eq!(one.entry_point.as_deref(), Some("web"));
    assert!(
        "10.0.0.0/99"
            .parse::<TrustedIps>()
            .unwrap_err()
            .contains("10.0.0.0/99")
    );
}

#[test]
fn a1_2_zero_workers_are_refused() {
    assert!(Cli::try_parse_from(["viaduct", "up", "DIR", "--workers", "0"]).is_err());
    assert_eq!(up(&["--workers", "3"]).run.workers(), 3);
    assert!(up(&[]).run.workers() >= 1);
}
