//! `/api/version`, `/api/overview`, and what the dashboard's head shows.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::View;
use super::catalogue::{Catalogue, Layer, Object, Status};

pub(super) fn version(view: &View) -> Value {
    let mut version = json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "Codename": "viaduct",
        "startDate": date(view.started),
    });
    let api = view.install.api.clone().unwrap_or_default();
    if let Some(fields) = version.as_object_mut() {
        if api.disable_dashboard_ad {
            fields.insert("disableDashboardAd".to_owned(), json!(true));
        }
        if !api.dashboard_name.is_empty() {
            fields.insert("dashboardName".to_owned(), json!(api.dashboard_name));
        }
    }
    version
}

pub(super) fn overview(view: &View, catalogue: &Catalogue) -> Value {
    let mut overview = json!({
        "http": layer(&catalogue.http),
        "tcp": layer(&catalogue.tcp),
        "udp": {
            "routers": section(&catalogue.udp.routers),
            "services": section(&catalogue.udp.services),
        },
        "features": features(view),
    });
    let providers = providers(view);
    if let Some(fields) = overview.as_object_mut()
        && !providers.is_empty()
    {
        fields.insert("providers".to_owned(), json!(providers));
    }
    overview
}

/// What only our dashboard asks.
pub(super) fn about(view: &View) -> Value {
    json!({
        "name": view.install.api.as_ref().map(|api| api.dashboard_name.as_str()),
        "insecure": view.install.api.as_ref().is_some_and(|api| api.insecure),
        "generation": view.published().map(|published| published.snapshot.generation),
    })
}

pub(crate) fn date(time: std::time::SystemTime) -> String {
    let seconds = Timestamp::try_from(time).map(Timestamp::as_second);
    let whole = seconds.and_then(Timestamp::from_second);
    whole.map(|time| time.to_string()).unwrap_or_default()
}

fn layer(layer: &Layer) -> Value {
    json!({
        "routers": section(&layer.routers),
        "services": section(&layer.services),
        "middlewares": section(&layer.middlewares),
    })
}

fn section(objects: &[Object]) -> Value {
    let count = |status| {
        objects
            .iter()
            .filter(|object| object.status == Some(status))
            .count()
    };
    json!({
        "total": objects.len(),
        "warnings": count(Status::Warning),
        "errors": count(Status::Disabled),
    })
}

fn features(view: &View) -> Map<String, Value> {
    let install = &view.install;
    let metrics = install.metrics.as_ref().map_or("", |metrics| {
        if metrics.prometheus.is_some() {
            "Prometheus"
        } else if metrics.otlp.is_some() {
            "OTLP"
        } else {
            ""
        }
    });
    let tracing = if install.tracing.is_some() { "OTLP" } else { "" };
    let mut features = Map::new();
    features.insert("accessLog".to_owned(), json!(install.access_log.is_some()));
    features.insert("metrics".to_owned(), json!(metrics));
    features.insert("tracing".to_owned(), json!(tracing));
    features
}

fn providers(view: &View) -> Vec<&'static str> {
    let providers = &view.install.providers;
    let known = [
        (providers.file.is_some(), "File"),
        (providers.kubernetes_ingress.is_some(), "KubernetesIngress"),
        (providers.kubernetes_crd.is_some(), "KubernetesCRD"),
        (providers.http.is_some(), "HTTP"),
    ];
    let configured = known.into_iter().filter(|(configured, _)| *configured);
    configured.map(|(_, name)| name).collect()
}
