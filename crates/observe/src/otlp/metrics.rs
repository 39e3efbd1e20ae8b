//! Families -> OTLP metrics.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    number_data_point,
};

use super::Attributes;
use crate::families::{Family, Kind, Series, Value};

pub(super) fn convert(families: &[Family], start: u64, now: u64) -> Vec<Metric> {
    let span = Span { start, now };
    families.iter().map(|family| span.metric(family)).collect()
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    now: u64,
}

impl Span {
    fn metric(self, family: &Family) -> Metric {
        let cumulative = AggregationTemporality::Cumulative.into();
        let numbers = || {
            family
                .series
                .iter()
                .filter_map(|series| self.number(series))
                .collect()
        };
        let data = match family.kind {
            Kind::Gauge => Data::Gauge(Gauge {
                data_points: numbers(),
            }),
            Kind::Counter => Data::Sum(Sum {
                data_points: numbers(),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            }),
            Kind::Histogram => Data::Histogram(Histogram {
                data_points: family
                    .series
                    .iter()
                    .filter_map(|series| self.histogram(series))
                    .collect(),
                aggregation_temporality: cumulative,
            }),
        };
        let seconds = family.name.ends_with("_seconds") || family.name.ends_with(".duration");
        let unit = if seconds { "s" } else { "1" };
        Metric {
            name: family.name.to_owned(),
            description: family.help.to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }

    fn number(self, series: &Series) -> Option<NumberDataPoint> {
        let Value::Number(number) = series.value else {
            return None;
        };
        Some(NumberDataPoint {
            attributes: attributes(series),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(number)),
            ..NumberDataPoint::default()
        })
    }

    fn histogram(self, series: &Series) -> Option<HistogramDataPoint> {
        let Value::Histogram {
            cumulative,
            count,
            sum,
        } = &series.value
        else {
            return None;
        };
        let mut below = 0;
        let ends = cumulative.iter().map(|(_, upto)| *upto).chain([*count]);
        let bucket_counts = ends.map(|upto| upto.saturating_sub(std::mem::replace(&mut below, upto)));
        Some(HistogramDataPoint {
            attributes: attributes(series),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: *count,
            sum: Some(*sum),
            bucket_counts: bucket_counts.collect(),
            explicit_bounds: cumulative.iter().map(|(bound, _)| *bound).collect(),
            ..HistogramDataPoint::default()
        })
    }
}

fn attributes(series: &Series) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let mut attributes = Attributes::default();
    for (name, value) in &series.labels {
        match value.parse() {
            Ok(number) if NUMBERS.contains(&name.as_str()) => attributes.number(name, number),
            _ => attributes.text(name, value),
        }
    }
    attributes.into_inner()
}

/// Attributes whose values are numbers by the conventions.
const NUMBERS: [&str; 2] = ["http.response.status_code", "server.port"];
