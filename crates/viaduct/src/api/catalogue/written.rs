//! One element of a provider's configuration, and its fields in the shape of the API.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use viaduct_config::{Dynamic, Element, EntryPointName, ProviderName, QualifiedName, Update, render};

use super::{Body, Status, references, servers};

/// Where an element is written, and what is to be said of it.
pub(super) struct Written {
    update: Arc<Update>,
    element: Element,
    errors: Box<[Box<str>]>,
    /// A router's, as it is served.
    priority: Option<i64>,
    /// The entry points at which a router is served, in the order of names.
    using: Box<[EntryPointName]>,
    /// The routers that lead to it, in the order of names.
    used_by: Box<[Arc<str>]>,
}

impl Written {
    pub(super) fn new(update: &Arc<Update>, element: Element, errors: Vec<Box<str>>) -> Self {
        Self {
            update: Arc::clone(update),
            element,
            errors: errors.into(),
            priority: None,
            using: Box::default(),
            used_by: Box::default(),
        }
    }

    /// What became of a router.
    pub(super) fn served(&mut self, priority: Option<i64>, using: Box<[EntryPointName]>) {
        (self.priority, self.using) = (priority, using);
    }

    pub(super) fn used_by(&mut self, routers: Vec<Arc<str>>) {
        self.used_by = routers.into();
    }

    pub(super) fn provider(&self) -> &ProviderName {
        &self.update.provider
    }

    /// `name@provider`; a certificate has its position for a name.
    pub(super) fn name(&self) -> Arc<str> {
        let name = match &self.element {
            Element::Router(name)
            | Element::Service(name)
            | Element::Middleware(name)
            | Element::ServersTransport(name)
            | Element::TcpRouter(name)
            | Element::TcpService(name)
            | Element::TcpMiddleware(name)
            | Element::TcpServersTransport(name)
            | Element::UdpRouter(name)
            | Element::UdpService(name)
            | Element::TlsOptions(name)
            | Element::TlsStore(name) => Cow::Borrowed(name.as_str()),
            Element::Certificate(position) => Cow::Owned(position.to_string()),
        };
        let name = QualifiedName::new(&*name, self.provider().clone());
        name.to_string().into()
    }

    /// The service and the middlewares that a router names.
    pub(super) fn references(&self) -> (Option<&str>, &[String]) {
        let Dynamic { http, tcp, udp, .. } = &self.update.dynamic;
        let (service, middlewares) = match &self.element {
            Element::Router(name) => {
                let router = http.routers.get(name);
                router.map_or(("", &[][..]), |router| (&*router.service, &*router.middlewares))
            }
            Element::TcpRouter(name) => {
                let router = tcp.routers.get(name);
                router.map_or(("", &[][..]), |router| (&*router.service, &*router.middlewares))
            }
            Element::UdpRouter(name) => {
                let router = udp.routers.get(name);
                router.map_or(("", &[][..]), |router| (&*router.service, &[][..]))
            }
            _ => ("", &[][..]),
        };
        (Some(service).filter(|service| !service.is_empty()), middlewares)
    }

    pub(super) fn body(&self, status: Option<Status>) -> Body<'_> {
        let mut fields = self.fields();
        let mut names = fields.keys().filter(|field| *field != "middlewares");
        let kind = match &self.element {
            Element::Router(_) | Element::TcpRouter(_) | Element::UdpRouter(_) => None,
            _ => names.next().map(|kind| kind.to_lowercase()),
        };
        if let Some(status) = status {
            fields.insert("status".to_owned(), json!(status.text()));
        }
        if !self.errors.is_empty() {
            fields.insert("error".to_owned(), json!(self.errors));
        }
        match &self.element {
            Element::Router(_) => self.complete_router(&mut fields),
            Element::Service(_) => complete_service(&mut fields, status),
            Element::TcpRouter(_) | Element::UdpRouter(_) => {
                let using: BTreeSet<_> = references(&fields, "entryPoints").collect();
                let using = (!using.is_empty()).then(|| json!(using));
                fields.extend(using.map(|using| ("using".to_owned(), using)));
            }
            _ => {}
        }
        if !self.used_by.is_empty() {
            let names: Vec<&str> = self.used_by.iter().map(AsRef::as_ref).collect();
            fields.insert("usedBy".to_owned(), json!(names));
        }
        Body {
            fields: Cow::Owned(fields),
            kind,
        }
    }

    fn complete_router(&self, fields: &mut Map<String, Value>) {
        if let Some(priority) = self.priority {
            fields.insert("priority".to_owned(), json!(priority));
        }
        let observability = fields.entry("observability").or_insert_with(|| json!({}));
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
        if !self.using.is_empty() {
            let names: Vec<&str> = self.using.iter().map(EntryPointName::as_str).collect();
            fields.insert("using".to_owned(), json!(names));
        }
    }

    /// As it is written, without its secrets; nothing where its provider could not even write it down.
    fn fields(&self) -> Map<String, Value> {
        let Some((alone, path)) = alone(&self.update.dynamic, &self.element) else {
            return Map::new();
        };
        let mut tree = render::redacted(&alone);
        match tree.pointer_mut(&path).map(Value::take) {
            Some(Value::Object(fields)) => fields,
            Some(_) | None => Map::new(),
        }
    }
}

/// Every element of an update, those among them that their provider could not even write down.
pub(super) fn elements(update: &Update) -> Vec<Element> {
    let Dynamic { http, tcp, udp, tls } = &update.dynamic;
    let mut elements = Vec::new();
    elements.extend(http.routers.keys().cloned().map(Element::Router));
    elements.extend(http.services.keys().cloned().map(Element::Service));
    elements.extend(http.middlewares.keys().cloned().map(Element::Middleware));
    let transports = http.servers_transports.keys();
    elements.extend(transports.cloned().map(Element::ServersTransport));
    elements.extend(tcp.routers.keys().cloned().map(Element::TcpRouter));
    elements.extend(tcp.services.keys().cloned().map(Element::TcpService));
    elements.extend(tcp.middlewares.keys().cloned().map(Element::TcpMiddleware));
    let transports = tcp.servers_transports.keys();
    elements.extend(transports.cloned().map(Element::TcpServersTransport));
    elements.extend(udp.routers.keys().cloned().map(Element::UdpRouter));
    elements.extend(udp.services.keys().cloned().map(Element::UdpService));
    elements.extend((0..tls.certificates.len()).map(Element::Certificate));
    elements.extend(tls.options.keys().cloned().map(Element::TlsOptions));
    elements.extend(tls.stores.keys().cloned().map(Element::TlsStore));
    let broken: BTreeSet<&Element> = update.broken.iter().map(|(element, _)| element).collect();
    let missing = broken.into_iter().filter(|element| {
        let is_certificate = matches!(element, Element::Certificate(_));
        !is_certificate && alone(&update.dynamic, element).is_none()
    });
    elements.extend(missing.cloned());
    elements
}

/// A configuration of one element of `whole`, and where its fields are in the tree of it.
fn alone(whole: &Dynamic, element: &Element) -> Option<(Dynamic, String)> {
    let mut alone = Dynamic::default();
    macro_rules! copy {
        ($name:expr, $layer:ident.$section:ident, $path:literal) => {{
            let value = whole.$layer.$section.get($name)?.clone();
            alone.$layer.$section.insert($name.clone(), value);
            pointer($path, $name)
        }};
    }
    let path = match element {
        Element::Router(name) => copy!(name, http.routers, "/http/routers"),
        Element::Service(name) => copy!(name, http.services, "/http/services"),
        Element::Middleware(name) => copy!(name, http.middlewares, "/http/middlewares"),
        Element::ServersTransport(name) => copy!(name, http.servers_transports, "/http/serversTransports"),
        Element::TcpRouter(name) => copy!(name, tcp.routers, "/tcp/routers"),
        Element::TcpService(name) => copy!(name, tcp.services, "/tcp/services"),
        Element::TcpMiddleware(name) => copy!(name, tcp.middlewares, "/tcp/middlewares"),
        Element::TcpServersTransport(name) => copy!(name, tcp.servers_transports, "/tcp/serversTransports"),
        Element::UdpRouter(name) => copy!(name, udp.routers, "/udp/routers"),
        Element::UdpService(name) => copy!(name, udp.services, "/udp/services"),
        Element::TlsOptions(name) => copy!(name, tls.options, "/tls/options"),
        Element::TlsStore(name) => copy!(name, tls.stores, "/tls/stores"),
        Element::Certificate(position) => {
            let stored = whole.tls.certificates.get(*position)?.clone();
            alone.tls.certificates.push(stored);
            "/tls/certificates/0".to_owned()
        }
    };
    Some((alone, path))
}

/// As RFC 6901 has it.
fn pointer(section: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    format!("{section}/{name}")
}

fn complete_service(fields: &mut Map<String, Value>, status: Option<Status>) {
    if let Some(Value::Object(balancer)) = fields.get_mut("loadBalancer") {
        balancer.entry("strategy").or_insert_with(|| json!("wrr"));
        balancer.entry("passHostHeader").or_insert_with(|| json!(true));
        balancer
            .entry("responseForwarding")
            .or_insert_with(|| json!({ "flushInterval": "100ms" }));
    }
    // Nobody asks servers how they are yet; as in Traefik, they count as up then.
    if status != Some(Status::Disabled) {
        let up: Map<_, _> = servers(fields).map(|url| (url.to_owned(), json!("UP"))).collect();
        if !up.is_empty() {
            fields.insert("serverStatus".to_owned(), Value::Object(up));
        }
    }
}
