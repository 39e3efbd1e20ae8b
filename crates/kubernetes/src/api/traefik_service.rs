//! `TraefikService`: services made of services.

use schemars::JsonSchema;
use serde::Deserialize;
use viaduct_config::dynamic::http::{FailoverErrors, Sticky};

pub use super::service_ref::{Mirror, Mirroring, ServiceRef};

/// `spec`. Exactly one of the kinds is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TraefikService {
    /// Services by weight.
    pub weighted: Option<Weighted>,
    /// A service, and others that get copies of its requests.
    pub mirroring: Option<Box<Mirroring>>,
    /// Services by weight and client address: the same client, the same service.
    pub highest_random_weight: Option<HighestRandomWeight>,
    /// A service, and another one for when it is down.
    pub failover: Option<Box<Failover>>,
}

/// `spec.weighted`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Weighted {
    /// The services, each with its `weight`.
    pub services: Vec<ServiceRef>,
    /// Keeps a client at one service, by a cookie. Default: off.
    pub sticky: Option<Sticky>,
}

/// `spec.highestRandomWeight`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HighestRandomWeight {
    /// The services, each with its `weight`.
    pub services: Vec<ServiceRef>,
}

/// `spec.failover`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// Who answers.
    pub service: ServiceRef,
    /// Who answers when it is down.
    pub fallback: ServiceRef,
    /// Answers that count as being down.
    pub errors: FailoverErrors,
}
