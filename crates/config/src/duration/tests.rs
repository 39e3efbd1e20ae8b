use proptest::prelude::*;

use super::*;

#[test]
fn a1_14_go_durations_and_bare_seconds() {
    let cases: &[(&str, i64)] = &[
        ("0", 0),
        ("-0", 0),
        ("5", 5_000_000_000),
        ("+5", 5_000_000_000),
        ("-5", -5_000_000_000),
        ("5s", 5_000_000_000),
        ("30s", 30_000_000_000),
        ("1478s", 1_478_000_000_000),
        ("-5s", -5_000_000_000),
        ("+5s", 5_000_000_000),
        ("-0s", 0),
        ("5.0s", 5_000_000_000),
        ("5.6s", 5_600_000_000),
        ("5.s", 5_000_000_000),
        (".5s", 500_000_000),
        ("1.0040s", 1_004_000_000),
        ("100.00100s", 100_001_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12µs", 12_000),
        ("12μs10ns", 12_010),
        ("13ms", 13_000_000),
        ("15m", 900_000_000_000),
        ("16h", 57_600_000_000_000),
        ("3h30m", 12_600_000_000_000),
        ("10.5s4m", 250_500_000_000),
        ("-2m3.4s", -123_400_000_000),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("39h9m14.425s", 140_954_425_000_000),
        ("52763797000ns", 52_763_797_000),
        ("0.3333333333333333333h", 1_200_000_000_000),
        ("9007199254740993ns", 9_007_199_254_740_993),
        ("9223372036854775807ns", i64::MAX),
        ("9223372036854775.807us", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
        ("-9223372036s854ms775us808ns", i64::MIN),
        ("0.100000000000000000000h", 360_000_000_000),
        ("0.830103483285477580700h", 2_988_372_539_827),
    ];
    for (text, nanos) in cases {
        assert_eq!(
            GoDuration::parse(text).map(GoDuration::nanos),
            Ok(*nanos),
            "{text}"
        );
    }
}

#[test]
fn a1_14_what_go_refuses_is_refused() {
    for text in [
        "",
        "-",
        "+",
        "s",
        ".",
        "-.",
        ".s",
        "+.s",
        "1d",
        "3 s",
        " 3s",
        "1.5",
        "1s2",
        "--5s",
        "1e3s",
        "1S",
        "9223372036854775808ns",
        "9223372036854775.808us",
        "-9223372036854775809ns",
        "3000000h",
        "10000000000",
        "\u{85}\u{85}",
        "\u{ffff}",
        "hello \u{ffff} world",
        "1\u{b5}",
    ] {
        assert!(GoDuration::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a1_14_messages_say_what_is_wrong() {
    let message = |text| GoDuration::parse(text).map_err(|error| error.to_string());
    assert_eq!(
        message("1.5"),
        Err("`1.5` is not a duration: a unit is missing (ns, us, ms, s, m or h)".to_owned())
    );
    assert_eq!(
        message("1d"),
        Err("`1d` is not a duration: the unit is unknown (ns, us, ms, s, m and h are known)".to_owned())
    );
}

#[test]
fn a1_14_prints_as_go_does() {
    let cases: &[(i64, &str)] = &[
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (245_000_000_000, "4m5s"),
        (245_001_000_000, "4m5.001s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (480_000_000_001, "8m0.000000001s"),
        (3_600_000_000_000, "1h0m0s"),
        (i64::MAX, "2562047h47m16.854775807s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ];
    for (nanos, text) in cases {
        assert_eq!(GoDuration::from_nanos(*nanos).to_string(), *text);
    }
}

#[test]
fn a1_14_reads_strings_and_numbers_from_json() {
    let read = serde_json::from_str::<Vec<GoDuration>>("[42, \"42\", \"42s\", -1]")
        .map(|durations| durations.into_iter().map(GoDuration::nanos).collect::<Vec<_>>());
    assert_eq!(
        read.ok(),
        Some(vec![
            42_000_000_000,
            42_000_000_000,
            42_000_000_000,
            -1_000_000_000
        ])
    );
    for text in ["1.5", "true", "\"soon\"", "99999999999999999999", "[]"] {
        assert!(serde_json::from_str::<GoDuration>(text).is_err(), "{text}");
    }
}

#[test]
fn negative_durations_have_no_std_form() {
    assert_eq!(GoDuration::from_secs(2).to_std(), Some(Duration::from_secs(2)));
    assert_eq!(GoDuration::from_nanos(-1).to_std(), None);
}

proptest! {
    #[test]
    fn a1_14_printing_parses_back(nanos in any::<i64>()) {
        let duration = GoDuration::from_nanos(nanos);
        prop_assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
    }

    #[test]
    fn a1_14_any_text_is_answered(text in "[-+.0-9a-zµμ ]{0,24}") {
        if let Ok(duration) = GoDuration::parse(&text) {
            prop_assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
        }
    }
}
