//! `viaduct render DIR` or `--kubeconfig FILE`: what manifests or a cluster's objects come to, in the shape of Traefik's file provider.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::process::ExitCode;

use viaduct_config::dynamic::http::{Middleware, Router, Service};
use viaduct_config::dynamic::tcp::{TcpRouter, TcpService};
use viaduct_config::dynamic::{Elements, Tcp, Udp};
use viaduct_config::render::{Format, Secrets, render};
use viaduct_config::{Dynamic, Finding, ProviderName, QualifiedName, Update};
use viaduct_kubernetes::watch::Access;

use super::{offline, serve, up};
use crate::cli::{Render, RenderFormat};
use crate::control::{gather, has_errors, text};
use crate::failure::Failure;
use crate::source::cluster::Terms;
use crate::{logging, output, serving, source};

/// The configuration goes to standard output, findings to standard error; fails if one is an error.
pub(super) fn run(arguments: &Render) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    let terms = offline::terms(&arguments.options)?;
    let updates = read(arguments, terms.as_ref())?;
    let format = match arguments.format {
        RenderFormat::Yaml => Format::Yaml,
        RenderFormat::Json => Format::Json,
    };
    let secrets = if arguments.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Redacted
    };
    output::result(render(&together(&updates), format, secrets));

    let findings = findings(updates, terms.as_ref())?;
    let failed = has_errors(&findings);
    gather(findings)
        .iter()
        .for_each(|told| output::status(text(told)));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A directory is the operator's where nothing else is said, and a cluster is its tenants' (decision 22).
fn read(arguments: &Render, terms: Option<&Terms>) -> Result<Vec<Update>, Failure> {
    if let Some(directory) = &arguments.directory {
        return Ok(match terms {
            Some(terms) => source::read_once_under(directory, terms)?.into(),
            None => source::read_once(directory)?.into(),
        });
    }
    let access = Access {
        kubeconfig: arguments.kubeconfig.clone(),
        context: arguments.context.clone(),
        ..Access::default()
    };
    let terms = terms.cloned().unwrap_or_else(Terms::cluster);
    let terms = terms.in_namespaces(&arguments.namespaces);
    serving::control_runtime()?.block_on(terms.read_once(access))
}

/// What serving this configuration would say. Without options: on entry points that are all there.
fn findings(updates: Vec<Update>, terms: Option<&Terms>) -> Result<Vec<Finding>, Failure> {
    if let Some(terms) = terms {
        let install = serve::routing(terms.install())?;
        return Ok(offline::compiled(install, updates).1);
    }
    let mut named: BTreeSet<String> = updates
        .iter()
        .flat_map(|update| update.dynamic.http.routers.values())
        .flat_map(|router| router.entry_points.iter().cloned())
        .collect();
    if named.is_empty() {
        // Routers that name none have the default ones, and there is always one.
        named.insert("web".to_owned());
    }
    let install = up::routing(named.iter().map(|name| (name.as_str(), false)));
    Ok(offline::compiled(install, updates).1)
}

/// What all providers say, as one configuration.
fn together(updates: &[Update]) -> Dynamic {
    let mut all = Dynamic::default();
    for update in updates {
        let Dynamic { http, tcp, udp, tls } = qualified(update);
        all.http.routers.extend(http.routers);
        all.http.services.extend(http.services);
        all.http.middlewares.extend(http.middlewares);
        all.http.servers_transports.extend(http.servers_transports);
        all.tcp.routers.extend(tcp.routers);
        all.tcp.services.extend(tcp.services);
        all.tcp.middlewares.extend(tcp.middlewares);
        all.tcp.servers_transports.extend(tcp.servers_transports);
        all.udp.routers.extend(udp.routers);
        all.udp.services.extend(udp.services);
        // One Secret may be named by both.
        for certificate in tls.certificates.into_inner() {
            if !all.tls.certificates.contains(&certificate) {
                all.tls.certificates.push(certificate);
            }
        }
        all.tls.options.extend(tls.options);
        all.tls.stores.extend(tls.stores);
    }
    all
}

/// Every name with its provider, keys and references alike. `default` TLS options and stores belong to
/// no provider.
fn qualified(update: &Update) -> Dynamic {
    let names = Names {
        provider: &update.provider,
    };
    let mut dynamic = update.dynamic.clone();
    let http = &mut dynamic.http;
    http.routers.values_mut().for_each(|router| names.router(router));
    http.services
        .values_mut()
        .for_each(|service| names.service(service));
    http.routers = names.keys(&mut http.routers);
    http.services = names.keys(&mut http.services);
    http.middlewares
        .values_mut()
        .for_each(|middleware| names.middleware(middleware));
    http.middlewares = names.keys(&mut http.middlewares);
    http.servers_transports = names.keys(&mut http.servers_transports);
    names.tcp(&mut dynamic.tcp);
    names.udp(&mut dynamic.udp);
    dynamic.tls.options = names.tls_keys(&mut dynamic.tls.options);
    dynamic.tls.stores = names.tls_keys(&mut dynamic.tls.stores);
    dynamic
}

struct Names<'a> {
    provider: &'a ProviderName,
}

impl Names<'_> {
    fn full(&self, name: &str) -> String {
        match name {
            "" => String::new(),
            _ => QualifiedName::resolve(name, self.provider).to_string(),
        }
    }

    fn full_tls(&self, name: &str) -> String {
        if name == "default" {
            name.to_owned()
        } else {
            self.full(name)
        }
    }

    fn keys<T: Clone>(&self, map: &mut Elements<T>) -> Elements<T> {
        std::mem::take(map)
            .into_iter()
            .map(|(name, value)| (self.full(&name), value))
            .collect()
    }

    fn tls_keys<T: Clone>(&self, map: &mut Elements<T>) -> Elements<T> {
        std::mem::take(map)
            .into_iter()
            .map(|(name, value)| (self.full_tls(&name), value))
            .collect()
    }

    fn router(&self, router: &mut Router) {
        let references = router
            .middlewares
            .iter_mut()
            .chain(&mut router.parent_refs)
            .chain([&mut router.service]);
        references.for_each(|name| *name = self.full(name));
        if let Some(tls) = &mut router.tls {
            tls.options = self.full_tls(&tls.options);
        }
    }

    fn service(&self, service: &mut Service) {
        let balancer = service.load_balancer.iter_mut();
        let weighted = service
            .weighted
            .iter_mut()
            .flat_map(|weighted| &mut weighted.services);
        let random = service
            .highest_random_weight
            .iter_mut()
            .flat_map(|random| &mut random.services);
        let mirroring = service.mirroring.iter_mut().flat_map(|mirroring| {
            let mirrors = mirroring.mirrors.iter_mut().map(|mirror| &mut mirror.name);
            mirrors.chain([&mut mirroring.service])
        });
        let failover = service
            .failover
            .iter_mut()
            .flat_map(|failover| [&mut failover.service, &mut failover.fallback]);
        balancer
            .map(|balancer| &mut balancer.servers_transport)
            .chain(weighted.chain(random).map(|child| &mut child.name))
            .chain(mirroring)
            .chain(failover)
            .chain(&mut service.middlewares)
            .for_each(|name| *name = self.full(name));
    }

    fn middleware(&self, middleware: &mut Middleware) {
        let chain = middleware.chain.iter_mut();
        let errors = middleware.errors.iter_mut();
        chain
            .flat_map(|chain| &mut chain.middlewares)
            .chain(errors.map(|errors| &mut errors.service))
            .for_each(|name| *name = self.full(name));
    }

    fn tcp(&self, tcp: &mut Tcp) {
        for router in tcp.routers.values_mut() {
            let router: &mut TcpRouter = router;
            let references = router.middlewares.iter_mut().chain([&mut router.service]);
            references.for_each(|name| *name = self.full(name));
            if let Some(tls) = &mut router.tls {
                tls.options = self.full_tls(&tls.options);
            }
        }
        for service in tcp.services.values_mut() {
            let service: &mut TcpService = service;
            let balancer = service.load_balancer.iter_mut();
            let weighted = service
                .weighted
                .iter_mut()
                .flat_map(|weighted| &mut weighted.services);
            balancer
                .map(|balancer| &mut balancer.servers_transport)
                .chain(weighted.map(|child| &mut child.name))
                .for_each(|name| *name = self.full(name));
        }
        tcp.routers = self.keys(&mut tcp.routers);
        tcp.services = self.keys(&mut tcp.services);
        tcp.middlewares = self.keys(&mut tcp.middlewares);
        tcp.servers_transports = self.keys(&mut tcp.servers_transports);
    }

    fn udp(&self, udp: &mut Udp) {
        let routers = udp.routers.values_mut();
        let services = udp.services.values_mut();
        let parts = services
            .filter_map(|service| service.weighted.as_mut())
            .flat_map(|weighted| &mut weighted.services);
        routers
            .map(|router| &mut router.service)
            .chain(parts.map(|part| &mut part.name))
            .for_each(|name| *name = self.full(name));
        udp.routers = self.keys(&mut udp.routers);
        udp.services = self.keys(&mut udp.services);
    }
}
