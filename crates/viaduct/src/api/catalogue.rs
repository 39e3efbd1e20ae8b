//! Every object of every provider, as it was written and with what became of it: the one value that lists,
//! single objects, `rawdata`, `overview` and the dump are views of.
//!
//! It knows of each object where it is written and what is said of it; its fields are put together when somebody reads
//! them, since as trees those of thousands of routes would take more memory than the routes themselves.

mod written;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};
use viaduct_config::{Element, EntryPointName, ProviderName, QualifiedName, Severity, Update};
use viaduct_snapshot::{Router, RouterState, Snapshot};

use super::faults::{Faults, Said};
use super::published::Published;
use written::Written;

/// Objects of one layer, each list in the order of names.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) routers: Vec<Object>,
    pub(super) services: Vec<Object>,
    pub(super) middlewares: Vec<Object>,
}

#[derive(Default)]
pub(super) struct Catalogue {
    pub(super) http: Layer,
    pub(super) tcp: Layer,
    pub(super) udp: Layer,
    more: More,
}

/// What Traefik's API does not show: transports, TLS options, stores and certificates.
#[derive(Default)]
struct More {
    transports: Vec<Object>,
    tcp_transports: Vec<Object>,
    certificates: Vec<Object>,
    options: Vec<Object>,
    stores: Vec<Object>,
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
    pub(super) name: Arc<str>,
    pub(super) status: Option<Status>,
    fields: Fields,
}

enum Fields {
    /// Of what no provider writes.
    Plain(Map<String, Value>),
    Written(Written),
}

/// The fields of an object, as somebody reads them.
pub(super) struct Body<'o> {
    fields: Cow<'o, Map<String, Value>>,
    /// `loadbalancer`, `basicauth`; `None` for routers.
    kind: Option<String>,
}

impl Object {
    /// One that is all fields.
    pub(super) fn plain(name: impl Into<Arc<str>>, fields: Map<String, Value>) -> Self {
        Self {
            name: name.into(),
            status: None,
            fields: Fields::Plain(fields),
        }
    }

    /// Put together anew each time.
    pub(super) fn body(&self) -> Body<'_> {
        match &self.fields {
            Fields::Plain(fields) => Body {
                fields: Cow::Borrowed(fields),
                kind: None,
            },
            Fields::Written(written) => written.body(self.status),
        }
    }

    pub(super) fn status_text(&self) -> &str {
        match (&self.fields, self.status) {
            (Fields::Written(_), Some(status)) => status.text(),
            (Fields::Plain(fields), _) => fields.get("status").and_then(Value::as_str).unwrap_or_default(),
            (Fields::Written(_), None) => "",
        }
    }

    fn provider(&self) -> Option<&ProviderName> {
        match &self.fields {
            Fields::Plain(_) => None,
            Fields::Written(written) => Some(written.provider()),
        }
    }

    /// As it is shown by itself and in lists: with its names, and what Traefik adds there.
    pub(super) fn view(&self) -> Value {
        let Body { fields, kind } = self.body();
        let mut fields = fields.into_owned();
        if let Some(provider) = self.provider() {
            fields.insert("name".to_owned(), json!(*self.name));
            fields.insert("provider".to_owned(), json!(provider.as_str()));
        }
        if let Some(kind) = kind {
            fields.insert("type".to_owned(), json!(kind));
        }
        if let Some(Value::Object(tls)) = fields.get_mut("tls") {
            tls.entry("options").or_insert_with(|| json!("default"));
        }
        Value::Object(fields)
    }

    /// Whether a field of a router (a name, or several) says `wanted`, with its provider or without.
    pub(super) fn refers_to(&self, body: &Body<'_>, field: &str, wanted: &str) -> bool {
        let nobody = ProviderName::new("");
        let provider = self.provider().unwrap_or(&nobody);
        let meant = QualifiedName::resolve(wanted, provider);
        references(&body.fields, field).any(|name| QualifiedName::resolve(name, provider) == meant)
    }

    pub(super) fn sort_key(&self, by: &str) -> Value {
        match (by, &self.fields) {
            ("name", Fields::Plain(fields)) if fields.contains_key("commonName") => {
                fields.get("commonName").cloned().unwrap_or_default()
            }
            ("name", _) => json!(*self.name),
            ("provider", _) => json!(self.provider().map(ProviderName::as_str)),
            ("type", _) => json!(self.body().kind),
            ("servers", _) => json!(servers(&self.body().fields).count()),
            ("issuer", _) => self.body().field("issuerOrg"),
            ("validUntil", _) => self.body().field("notAfter"),
            (field, _) => self.body().field(field),
        }
    }
}

impl Body<'_> {
    fn field(&self, name: &str) -> Value {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    /// What a search looks at, besides the name.
    pub(super) fn searched(&self) -> impl Iterator<Item = &str> {
        let texts = SEARCHED
            .iter()
            .filter_map(|field| self.fields.get(*field)?.as_str());
        let sans = self.fields.get("sans").and_then(Value::as_array);
        let sans = sans.into_iter().flatten().filter_map(Value::as_str);
        texts.chain(sans)
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
            ("serversTransports", &more.transports),
            ("tcpServersTransports", &more.tcp_transports),
            ("tlsCertificates", &more.certificates),
            ("tlsOptions", &more.options),
            ("tlsStores", &more.stores),
        ];
        let mut raw = serializer.serialize_map(None)?;
        for (section, objects) in sections.into_iter().filter(|(_, objects)| !objects.is_empty()) {
            raw.serialize_entry(section, &ByName(objects))?;
        }
        raw.end()
    }
}

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let objects = self.0.iter();
        serializer.collect_map(objects.map(|object| (&*object.name, object.body().fields)))
    }
}

impl Catalogue {
    pub(super) fn new(published: &Published) -> Self {
        let faults = Faults::new(published);
        let served = Served::of(&published.snapshot);
        let mut catalogue = Self::default();
        for update in &published.updates {
            catalogue.add(update, &faults, &served);
        }
        for layer in [&mut catalogue.http, &mut catalogue.tcp, &mut catalogue.udp] {
            layer.tie();
        }
        let More {
            transports,
            tcp_transports,
            certificates,
            options,
            stores,
        } = &mut catalogue.more;
        for objects in [transports, tcp_transports, certificates, options, stores] {
            objects.sort_by(|a, b| a.name.cmp(&b.name));
        }
        catalogue
    }

    /// Traefik's shape, by qualified name; empty sections are left out. As JSON.
    pub(super) fn raw(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Raw(self))
    }

    fn add(&mut self, update: &Arc<Update>, faults: &Faults, served: &Served<'_>) {
        for element in written::elements(update) {
            let said = faults.of(&update.provider, element.clone());
            let (objects, object) = match &element {
                Element::Router(_) => (&mut self.http.routers, router(update, element, said, served)),
                Element::Service(_) => (&mut self.http.services, typed(update, element, said)),
                Element::Middleware(_) => (&mut self.http.middlewares, typed(update, element, said)),
                Element::TcpRouter(_) => (&mut self.tcp.routers, unserved(update, element, "TCP routers")),
                Element::TcpService(_) => (&mut self.tcp.services, unserved(update, element, "TCP services")),
                Element::TcpMiddleware(_) => (
                    &mut self.tcp.middlewares,
                    unserved(update, element, "TCP middlewares"),
                ),
                Element::UdpRouter(_) => (&mut self.udp.routers, unserved(update, element, "UDP routers")),
                Element::UdpService(_) => (&mut self.udp.services, unserved(update, element, "UDP services")),
                Element::ServersTransport(_) => (&mut self.more.transports, typed(update, element, said)),
                Element::TcpServersTransport(_) => {
                    (&mut self.more.tcp_transports, typed(update, element, &[]))
                }
                Element::Certificate(_) => (&mut self.more.certificates, typed(update, element, said)),
                Element::TlsOptions(_) => (&mut self.more.options, typed(update, element, said)),
                Element::TlsStore(_) => (&mut self.more.stores, typed(update, element, said)),
            };
            objects.push(object);
        }
    }
}

impl Layer {
    /// Says of services and middlewares which routers use them, and puts all in order.
    fn tie(&mut self) {
        for objects in [&mut self.routers, &mut self.services, &mut self.middlewares] {
            objects.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut used: BTreeMap<(bool, String), Vec<Arc<str>>> = BTreeMap::new();
        for router in &self.routers {
            let Fields::Written(written) = &router.fields else {
                continue;
            };
            let (service, middlewares) = written.references();
            let service = service.into_iter().map(|name| (true, name));
            let names = service.chain(middlewares.iter().map(|name| (false, name.as_str())));
            for (is_service, name) in names {
                let name = QualifiedName::resolve(name, written.provider()).to_string();
                let users = used.entry((is_service, name)).or_default();
                if users.last() != Some(&router.name) {
                    users.push(Arc::clone(&router.name));
                }
            }
        }
        for (are_services, objects) in [(true, &mut self.services), (false, &mut self.middlewares)] {
            for object in objects {
                let users = used.remove(&(are_services, object.name.to_string()));
                if let (Some(users), Fields::Written(written)) = (users, &mut object.fields) {
                    written.used_by(users);
                }
            }
        }
    }
}

fn object(status: Status, written: Written) -> Object {
    Object {
        name: written.name(),
        status: Some(status),
        fields: Fields::Written(written),
    }
}

fn typed(update: &Arc<Update>, element: Element, said: &[Said]) -> Object {
    object(worst(said), Written::new(update, element, texts(said)))
}

/// One of a layer that is not served.
fn unserved(update: &Arc<Update>, element: Element, what: &str) -> Object {
    let text = format!("{what} are not served yet").into();
    object(Status::Disabled, Written::new(update, element, vec![text]))
}

fn texts(said: &[Said]) -> Vec<Box<str>> {
    said.iter().map(|said| said.text.as_str().into()).collect()
}

fn worst(said: &[Said]) -> Status {
    match said.iter().map(|said| said.severity).max() {
        Some(Severity::Error) => Status::Disabled,
        Some(Severity::Warning) => Status::Warning,
        Some(Severity::Info) | None => Status::Enabled,
    }
}

fn router(update: &Arc<Update>, element: Element, said: &[Said], served: &Served<'_>) -> Object {
    let mut written = Written::new(update, element, texts(said));
    let served = served.0.get(&*written.name()).map_or(&[][..], Vec::as_slice);
    let out = |router: &&&Router| matches!(router.state, RouterState::OutOfService { .. });
    let status = match (served.iter().filter(out).count(), served.len()) {
        (_, 0) => worst(said),
        (out, all) if out == all => Status::Disabled,
        (0, _) if said.iter().all(|said| said.severity == Severity::Info) => Status::Enabled,
        _ => Status::Warning,
    };
    let using: BTreeSet<&EntryPointName> = served
        .iter()
        .filter_map(|router| router.entry_point.as_ref())
        .collect();
    written.served(
        served.first().map(|first| first.priority),
        using.into_iter().cloned().collect(),
    );
    object(status, written)
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
fn references<'b>(fields: &'b Map<String, Value>, field: &str) -> impl Iterator<Item = &'b str> {
    let (one, several) = match fields.get(field) {
        Some(Value::String(name)) => (Some(name.as_str()), &[][..]),
        Some(Value::Array(names)) => (None, names.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(several.iter().filter_map(Value::as_str))
}

fn servers(fields: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let servers = fields
        .get("loadBalancer")
        .and_then(|balancer| balancer.get("servers"))
        .and_then(Value::as_array);
    let servers = servers.into_iter().flatten();
    servers.filter_map(|server| server.get("url")?.as_str())
}

/// Besides the name.
const SEARCHED: [&str; 5] = ["rule", "commonName", "issuerOrg", "issuerCN", "serialNumber"];
