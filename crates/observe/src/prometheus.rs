//! Prometheus's text exposition format, version 0.0.4.

use std::fmt::Write as _;

use crate::families::{Family, Kind, Labels, Series, Value};

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The families as text.
pub fn text(families: &[Family]) -> String {
    let mut text = Text(String::new());
    for family in families {
        text.family(family);
    }
    text.0
}

struct Text(String);

impl Text {
    fn family(&mut self, family: &Family) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let name = family.name;
        self.put(format_args!(
            "# HELP {name} {}\n# TYPE {name} {kind}\n",
            family.help
        ));
        for series in &family.series {
            self.series(name, series);
        }
    }

    fn series(&mut self, name: &str, Series { labels, value }: &Series) {
        match value {
            Value::Number(number) => self.line(name, "", labels, None, *number),
            Value::Histogram {
                cumulative,
                count,
                sum,
            } => {
                for (bound, upto) in cumulative {
                    self.line(name, "_bucket", labels, Some(&bound.to_string()), *upto as f64);
                }
                self.line(name, "_bucket", labels, Some("+Inf"), *count as f64);
                self.line(name, "_sum", labels, None, *sum);
                self.line(name, "_count", labels, None, *count as f64);
            }
        }
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>, value: f64) {
        self.put(format_args!("{name}{suffix}"));
        let bound = bound.map(|bound| ("le", bound));
        let labels = labels
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .chain(bound);
        let mut separator = '{';
        for (name, value) in labels {
            self.put(format_args!("{separator}{name}=\""));
            self.escape(value);
            self.0.push('"');
            separator = ',';
        }
        let end = if separator == ',' { "}" } else { "" };
        // Rust's shortest form of a float is one that Prometheus reads.
        self.put(format_args!("{end} {value}\n"));
    }

    fn escape(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
    }

    /// Writing to a `String` does not fail.
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).unwrap_or_default();
    }
}
