use std::io::Write;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;

use super::{BATCHES, LogLines, Resource, metrics, queue};
use crate::families::{Family, Kind, Series, Value as FamilyValue};

#[tokio::test]
async fn a11_5_json_lines_become_log_records() {
    let (outbox, mut inbox) = queue();
    let mut lines = LogLines::new(outbox);
    lines
        .write_all(
            b"{\"level\":\"warn\",\"msg\":\"hello\",\"RequestCount\":3,\"GzipRatio\":1.5,\"flag\":true,\
              \"StartUTC\":\"2023-03-15T10:45:50.5Z\",\"trace_id\":\"000102030405060708090a0b0c0d0e0f\"}\nplain\n",
        )
        .unwrap();
    let records = inbox.next().await.unwrap();
    let [event, plain] = &*records else {
        panic!("{records:?}")
    };
    assert_eq!(event.severity_text, "warn");
    assert_eq!(event.time_unix_nano, 1_678_877_150_500_000_000);
    assert_eq!(event.trace_id, (0..16).collect::<Vec<u8>>());
    let body = |record: &super::LogRecord| record.body.clone().unwrap().value.unwrap();
    assert_eq!(body(event), Value::StringValue("hello".to_owned()));
    assert_eq!(body(plain), Value::StringValue("plain".to_owned()));
    let attribute = |name: &str| {
        let known = event.attributes.iter().find(|attribute| attribute.key == name);
        known.and_then(|attribute| attribute.value.clone()?.value)
    };
    assert_eq!(attribute("RequestCount"), Some(Value::IntValue(3)));
    assert_eq!(attribute("GzipRatio"), Some(Value::DoubleValue(1.5)));
    assert_eq!(attribute("flag"), Some(Value::BoolValue(true)));
    assert_eq!(attribute("msg"), None);
}

#[test]
fn a11_5_a_full_queue_drops_and_counts() {
    let (outbox, inbox) = queue();
    for _ in 0..BATCHES {
        outbox.send(vec![1, 2]);
    }
    assert_eq!(inbox.dropped(), 0);
    outbox.send(vec![1, 2]);
    assert_eq!((inbox.dropped(), inbox.dropped()), (2, 0));
}

#[test]
fn a11_9_histograms_keep_their_counts() {
    let family = Family {
        name: "traefik_entrypoint_request_duration_seconds",
        help: "",
        kind: Kind::Histogram,
        series: vec![Series {
            labels: vec![("entrypoint".to_owned(), "web".to_owned())],
            value: FamilyValue::Histogram {
                cumulative: vec![(0.1, 2), (0.5, 5)],
                count: 6,
                sum: 3.5,
            },
        }],
    };
    let resource = Resource::new("edge", [("service.version", "mine"), ("zone", "a")]);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let body = metrics(&resource, &[family], start, start);
    let request = ExportMetricsServiceRequest::decode(&*body).unwrap();
    let exported = &request.resource_metrics[0];
    let names: Vec<_> = exported
        .resource
        .as_ref()
        .unwrap()
        .attributes
        .iter()
        .map(|kv| &*kv.key)
        .collect();
    assert_eq!(names, ["service.name", "service.version", "zone"]);
    let metric = &exported.scope_metrics[0].metrics[0];
    assert_eq!(metric.unit, "s");
    let Some(Data::Histogram(histogram)) = &metric.data else {
        panic!("{metric:?}")
    };
    let point = &histogram.data_points[0];
    assert_eq!(point.bucket_counts, [2, 3, 1]);
    assert_eq!(
        (point.count, point.sum, point.start_time_unix_nano),
        (6, Some(3.5), 1_000_000_000)
    );
}
