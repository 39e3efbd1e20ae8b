//! Every object of every provider, as it was written and with what became of it: the one value that lists,
//! single objects, `rawdata`, `overview` and the dump are views of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};
use viaduct_config::{Element, ProviderName, QualifiedName, Severity, Update, render};
use viaduct_snapshot::{Router, RouterState, Snapshot};

use super::faults::{Faults, Said};
use super::published::Published;

/// Objects of one layer, each list in the order of names.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) routers: Vec<Object>,
    pub(super) services: Vec<Object>,
    pub(super) middlewares: Vec<Object>,
}

pub(super) struct Catalogue {
    pub(super) http: Layer,
    pub(super) tcp: Layer,
    pub(super) udp: Layer,
    /// What Traefik's API does not show: transports, TLS options, stores and certificates.
    more: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Enabled,
    /// In service, but something about it is wrong.
    Warning,
    Disabled,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Warning => "warning",
            Self::Disabled => "disabled",
        }
    }
}

/// One object: its fields without secrets, and its state.
pub(super) struct Object {
    /// `name@provider`.
    pub(super) name: String,
    /// `None` for what no provider writes.
    provider: Option<String>,
    pub(super) status: Option<Status>,
    /// `loadbalancer`, `basicauth`; `None` for routers.
    kind: Option<String>,
    pub(super) body: Map<String, Value>,
}

impl Object {
    /// One that is all fields.
    pub(super) fn plain(name: String, body: Map<String, Value>) -> Self {
        Self {
            name,
            provider: None,
            status: None,
            kind: None,
            body,
        }
    }

    /// As it is shown by itself and in lists: with its names, and what Traefik adds there.
    pub(super) fn view(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(provider) = &self.provider {
            body.insert("name".to_owned(), json!(self.name));
            body.insert("provider".to_owned(), json!(provider));
        }
        if let Some(kind) = &self.kind {
            body.insert("type".to_owned(), json!(kind));
        }
        if let Some(Value::Object(tls)) = body.get_mut("tls") {
            tls.entry("options").or_insert_with(|| json!("default"));
        }
        Value::Object(body)
    }

    pub(super) fn status_text(&self) -> &str {
        self.body
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What a search looks at.
    pub(super) fn searched(&self) -> impl Iterator<Item = &str> {
        let texts = SEARCHED
            .iter()
            .filter_map(|field| self.body.get(*field)?.as_str());
        let sans = self.body.get("sans").and_then(Value::as_array);
        let sans = sans.into_iter().flatten().filter_map(Value::as_str);
        [self.name.as_str()].into_iter().chain(texts).chain(sans)
    }

    /// Whether a field of a router (a name, or several) says `wanted`, with its provider or without.
    pub(super) fn refers_to(&self, field: &str, wanted: &str) -> bool {
        let provider = ProviderName::new(self.provider.as_deref().unwrap_or_default());
        let meant = QualifiedName::resolve(wanted, &provider);
        references(&self.body, field).any(|name| QualifiedName::resolve(name, &provider) == meant)
    }

    pub(super) fn sort_key(&self, by: &str) -> Value {
        match by {
            "name" => match self.body.get("commonName") {
                Some(name) => name.clone(),
                None => json!(self.name),
            },
            "provider" => json!(self.provider),
            "type" => json!(self.kind),
            "servers" => json!(servers(&self.body).count()),
            "issuer" => self.body.get("issuerOrg").cloned().unwrap_or_default(),
            "validUntil" => self.body.get("notAfter").cloned().unwrap_or_default(),
            field => self.body.get(field).cloned().unwrap_or_default(),
        }
    }

    fn set_state(&mut self, status: Status, said: &[Said]) {
        self.status = Some(status);
        self.body.insert("status".to_owned(), json!(status.text()));
        let texts: Vec<_> = said.iter().map(|said| said.text.as_str()).collect();
        if !texts.is_empty() {
            self.body.insert("error".to_owned(), json!(texts));
        }
    }

    fn set_list(&mut self, field: &str, values: &BTreeSet<String>) {
        if !values.is_empty() {
            self.body.insert(field.to_owned(), json!(values));
        }
    }
}

/// Written out of the objects as they are: of thousands of routes, a tree of its own would take as much again.
struct Raw<'c>(&'c Catalogue);

struct ByName<'o>(&'o [Object]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Catalogue { http, tcp, udp, more } = self.0;
        let sections = [
            ("routers", &http.routers),
            ("middlewares", &http.middlewares),
            ("services", &http.services),
            ("tcpRouters", &tcp.routers),
            ("tcpMiddlewares", &tcp.middlewares),
            ("tcpServices", &tcp.services),
            ("udpRouters", &udp.routers),
            ("udpServices", &udp.services),
        ];
        let mut raw = serializer.serialize_map(None)?;
        for (section, objects) in sections.into_iter().filter(|(_, objects)| !objects.is_empty()) {
            raw.serialize_entry(section, &ByName(objects))?;
        }
        for (section, value) in more {
            raw.serialize_entry(section, value)?;
        }
        raw.end()
    }
}

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|object| (&object.name, &object.body)))
    }
}

impl Catalogue {
    pub(super) fn new(published: &Published) -> Self {
        let faults = Faults::new(published);
        let served = Served::of(&published.snapshot);
        let mut catalogue = Self {
            http: Layer::default(),
            tcp: Layer::default(),
            udp: Layer::default(),
            more: Map::new(),
        };
        for update in &published.updates {
            catalogue.add(update, &faults, &served);
        }
        for layer in [&mut catalogue.http, &mut catalogue.tcp, &mut catalogue.udp] {
            layer.tie();
        }
        catalogue
    }

    /// Traefik's shape, by qualified name; empty sections are left out. As JSON.
    pub(super) fn raw(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Raw(self))
    }

    fn add(&mut self, update: &Update, faults: &Faults, served: &Served<'_>) {
        let provider = &update.provider;
        let mut tree = render::redacted(&update.dynamic);
        add_missing(&mut tree, update);
        for (name, body) in take(&mut tree, "http", "routers") {
            let said = faults.of(provider, Element::Router(name.clone()));
            self.http.routers.push(router(&name, body, update, said, served));
        }
        for (name, body) in take(&mut tree, "http", "services") {
            let said = faults.of(provider, Element::Service(name.clone()));
            self.http.services.push(service(&name, body, provider, said));
        }
        for (name, body) in take(&mut tree, "http", "middlewares") {
            let said = faults.of(provider, Element::Middleware(name.clone()));
            self.http.middlewares.push(typed(&name, body, provider, said));
        }
        for (layer, name, objects) in [("tcp", "TCP", &mut self.tcp), ("udp", "UDP", &mut self.udp)] {
            let unserved = |kind: &str| {
                [Said {
                    severity: Severity::Error,
                    text: format!("{name} {kind} are not served yet"),
                }]
            };
            for (name, body) in take(&mut tree, layer, "routers") {
                let mut object = typed(&name, body, provider, &unserved("routers"));
                object.kind = None;
                let using = references(&object.body, "entryPoints")
                    .map(str::to_owned)
                    .collect();
                object.set_list("using", &using);
                objects.routers.push(object);
            }
            for (name, body) in take(&mut tree, layer, "services") {
                objects
                    .services
                    .push(typed(&name, body, provider, &unserved("services")));
            }
            for (name, body) in take(&mut tree, layer, "middlewares") {
                let said = unserved("middlewares");
                objects.middlewares.push(typed(&name, body, provider, &said));
            }
        }
        self.add_more(&mut tree, update, faults);
    }

    /// Transports and TLS material.
    fn add_more(&mut self, tree: &mut Value, update: &Update, faults: &Faults) {
        type Named = fn(String) -> Element;
        let sections: [(&str, &str, &str, Option<Named>); 4] = [
            (
                "http",
                "serversTransports",
                "serversTransports",
                Some(Element::ServersTransport),
            ),
            ("tcp", "serversTransports", "tcpServersTransports", None),
            ("tls", "options", "tlsOptions", Some(Element::TlsOptions)),
            ("tls", "stores", "tlsStores", Some(Element::TlsStore)),
        ];
        let provider = &update.provider;
        for (layer, kind, shown, element) in sections {
            for (name, body) in take(tree, layer, kind) {
                let said = element.map_or(&[][..], |element| faults.of(provider, element(name.clone())));
                let object = typed(&name, body, provider, said);
                let section = self.more.entry(shown).or_insert_with(|| json!({}));
                if let Some(section) = section.as_object_mut() {
                    section.insert(object.name, Value::Object(object.body));
                }
            }
        }
        let Some(Value::Array(certificates)) = tree.pointer_mut("/tls/certificates").map(Value::take) else {
            return;
        };
        for (index, certificate) in certificates.into_iter().enumerate() {
            let Value::Object(body) = certificate else {
                continue;
            };
            let said = faults.of(provider, Element::Certificate(index));
            let object = typed(&index.to_string(), body, provider, said);
            let section = self.more.entry("tlsCertificates").or_insert_with(|| json!({}));
            if let Some(section) = section.as_object_mut() {
                section.insert(object.name, Value::Object(object.body));
            }
        }
    }
}

impl Layer {
    /// Says of services and middlewares which routers use them, and puts all in order.
    fn tie(&mut self) {
        let mut used: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
        for router in &self.routers {
            let provider = ProviderName::new(router.provider.as_deref().unwrap_or_default());
            for field in ["service", "middlewares"] {
                for name in references(&router.body, field) {
                    let name = QualifiedName::resolve(name, &provider).to_string();
                    used.entry((field, name)).or_default().insert(router.name.clone());
                }
            }
        }
        for (field, objects) in [
            ("service", &mut self.services),
            ("middlewares", &mut self.middlewares),
        ] {
            for object in objects {
                if let Some(users) = used.get(&(field, object.name.clone())) {
                    object.set_list("usedBy", users);
                }
            }
        }
        for objects in [&mut self.routers, &mut self.services, &mut self.middlewares] {
            objects.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }
}

/// Elements that their provider could not even write down are there with their error.
fn add_missing(tree: &mut Value, update: &Update) {
    for (element, _) in &update.broken {
        let (layer, kind, name) = match element {
            Element::Router(name) => ("http", "routers", name),
            Element::Service(name) => ("http", "services", name),
            Element::Middleware(name) => ("http", "middlewares", name),
            Element::ServersTransport(name) => ("http", "serversTransports", name),
            Element::TcpRouter(name) => ("tcp", "routers", name),
            Element::TcpService(name) => ("tcp", "services", name),
            Element::TcpMiddleware(name) => ("tcp", "middlewares", name),
            Element::TcpServersTransport(name) => ("tcp", "serversTransports", name),
            Element::UdpRouter(name) => ("udp", "routers", name),
            Element::UdpService(name) => ("udp", "services", name),
            Element::TlsOptions(name) => ("tls", "options", name),
            Element::TlsStore(name) => ("tls", "stores", name),
            Element::Certificate(_) => continue,
        };
        let section = child(tree, layer).and_then(|layer| child(layer, kind));
        if let Some(Value::Object(section)) = section {
            section.entry(name.as_str()).or_insert_with(|| json!({}));
        }
    }
}

fn child<'t>(tree: &'t mut Value, name: &str) -> Option<&'t mut Value> {
    Some(tree.as_object_mut()?.entry(name).or_insert_with(|| json!({})))
}

/// Takes a section of named objects out of the tree.
fn take(tree: &mut Value, layer: &str, kind: &str) -> Vec<(String, Map<String, Value>)> {
    let section = tree.get_mut(layer).and_then(|layer| layer.get_mut(kind));
    let Some(Value::Object(section)) = section.map(Value::take) else {
        return Vec::new();
    };
    let objects = section.into_iter().map(|(name, body)| match body {
        Value::Object(body) => (name, body),
        _ => (name, Map::new()),
    });
    objects.collect()
}

fn object(name: &str, body: Map<String, Value>, provider: &ProviderName) -> Object {
    Object {
        name: QualifiedName::new(name, provider.clone()).to_string(),
        provider: Some(provider.to_string()),
        status: None,
        kind: None,
        body,
    }
}

/// One of several kinds, named by its one field.
fn typed(name: &str, body: Map<String, Value>, provider: &ProviderName, said: &[Said]) -> Object {
    let mut object = object(name, body, provider);
    let mut fields = object.body.keys().filter(|field| *field != "middlewares");
    object.kind = fields.next().map(|kind| kind.to_lowercase());
    object.set_state(worst(said), said);
    object
}

fn worst(said: &[Said]) -> Status {
    match said.iter().map(|said| said.severity).max() {
        Some(Severity::Error) => Status::Disabled,
        Some(Severity::Warning) => Status::Warning,
        Some(Severity::Info) | None => Status::Enabled,
    }
}

fn service(name: &str, body: Map<String, Value>, provider: &ProviderName, said: &[Said]) -> Object {
    let mut object = typed(name, body, provider, said);
    if let Some(Value::Object(balancer)) = object.body.get_mut("loadBalancer") {
        balancer.entry("strategy").or_insert_with(|| json!("wrr"));
        balancer.entry("passHostHeader").or_insert_with(|| json!(true));
        balancer
            .entry("responseForwarding")
            .or_insert_with(|| json!({ "flushInterval": "100ms" }));
    }
    // Nobody asks servers how they are yet; as in Traefik, they count as up then.
    if object.status != Some(Status::Disabled) {
        let up: Map<_, _> = servers(&object.body)
            .map(|url| (url.to_owned(), json!("UP")))
            .collect();
        if !up.is_empty() {
            object.body.insert("serverStatus".to_owned(), Value::Object(up));
        }
    }
    object
}

fn router(
    name: &str,
    body: Map<String, Value>,
    update: &Update,
    said: &[Said],
    served: &Served<'_>,
) -> Object {
    let mut object = object(name, body, &update.provider);
    let served = served.0.get(object.name.as_str()).map_or(&[][..], Vec::as_slice);
    let out = |router: &&&Router| matches!(router.state, RouterState::OutOfService { .. });
    let status = match (served.iter().filter(out).count(), served.len()) {
        (_, 0) => worst(said),
        (out, all) if out == all => Status::Disabled,
        (0, _) if said.iter().all(|said| said.severity == Severity::Info) => Status::Enabled,
        _ => Status::Warning,
    };
    object.set_state(status, said);
    if let Some(first) = served.first() {
        object.body.insert("priority".to_owned(), json!(first.priority));
    }
    let observability = object.body.entry("observability").or_insert_with(|| json!({}));
    if let Some(observability) = observability.as_object_mut() {
        for (field, default) in [
            ("accessLogs", json!(true)),
            ("metrics", json!(true)),
            ("tracing", json!(true)),
            ("traceVerbosity", json!("minimal")),
        ] {
            observability.entry(field).or_insert(default);
        }
    }
    let using = served.iter().filter_map(|router| router.entry_point.as_ref());
    object.set_list("using", &using.map(ToString::to_string).collect());
    object
}

/// What each router is in the snapshot: itself, or one for each of its entry points.
struct Served<'s>(HashMap<&'s str, Vec<&'s Router>>);

impl<'s> Served<'s> {
    fn of(snapshot: &'s Snapshot) -> Self {
        let mut served: HashMap<_, Vec<&Router>> = HashMap::new();
        for router in snapshot.routers.values() {
            served.entry(&*router.written_name).or_default().push(router);
        }
        for parts in served.values_mut() {
            parts.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Self(served)
    }
}

/// The names in a field that holds one or several.
fn references<'b>(body: &'b Map<String, Value>, field: &str) -> impl Iterator<Item = &'b str> {
    let (one, several) = match body.get(field) {
        Some(Value::String(name)) => (Some(name.as_str()), &[][..]),
        Some(Value::Array(names)) => (None, names.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(several.iter().filter_map(Value::as_str))
}

fn servers(body: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let servers = body
        .get("loadBalancer")
        .and_then(|balancer| balancer.get("servers"))
        .and_then(Value::as_array);
    let servers = servers.into_iter().flatten();
    servers.filter_map(|server| server.get("url")?.as_str())
}

/// Besides the name.
const SEARCHED: [&str; 5] = ["rule", "commonName", "issuerOrg", "issuerCN", "serialNumber"];
