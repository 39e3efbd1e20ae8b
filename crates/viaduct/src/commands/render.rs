//! `viaduct render DIR` or `--kubeconfig FILE`: what manifests or a cluster's objects come to, in the shape of Traefik's file provider.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use viaduct_config::dynamic::http::{Router, Service};
use viaduct_config::render::{Format, Secrets, render};
use viaduct_config::{Dynamic, Finding, ProviderName, QualifiedName, Update};
use viaduct_kubernetes::watch::Access;
use viaduct_snapshot::{Inputs, compile};
use viaduct_tls::CertificateStore;
use viaduct_tls::ocsp::Staples;

use super::up;
use crate::cli::{Render, RenderFormat};
use crate::control::{gather, has_errors, text};
use crate::failure::Failure;
use crate::{logging, output, serving, source};

/// The configuration goes to standard output, findings to standard error; fails if one is an error.
pub(super) fn run(arguments: &Render) -> anyhow::Result<ExitCode> {
    let _log = logging::start(logging::Level::Warn)?;
    let update = read(arguments)?;
    let format = match arguments.format {
        RenderFormat::Yaml => Format::Yaml,
        RenderFormat::Json => Format::Json,
    };
    let secrets = if arguments.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Redacted
    };
    output::result(render(&qualified(&update), format, secrets));

    let findings = findings(update);
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

fn read(arguments: &Render) -> Result<Update, Failure> {
    if let Some(directory) = &arguments.directory {
        return source::read_once(directory);
    }
    let access = Access {
        kubeconfig: arguments.kubeconfig.clone(),
        context: arguments.context.clone(),
        ..Access::default()
    };
    let read = source::cluster::read_once(access, arguments.namespaces.clone());
    serving::control_runtime()?.block_on(read)
}

/// What serving this configuration would say, on entry points that are all there.
fn findings(update: Update) -> Vec<Finding> {
    let named: BTreeSet<String> = update
        .dynamic
        .http
        .routers
        .values()
        .flat_map(|router| router.entry_points.iter().cloned())
        .collect();
    let install = up::install(named.iter().map(|name| (name.as_str(), false)));
    let inputs = Inputs {
        install: &install,
        updates: &[Arc::new(update)],
        generated_default: Arc::new(CertificateStore::generate_default()),
        // Nobody is asked, so there is nothing to be said of it.
        staples: Some(&Staples::new()),
    };
    compile(&inputs, None).1
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
    http.middlewares = names.keys(&mut http.middlewares);
    http.servers_transports = names.keys(&mut http.servers_transports);
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

    fn keys<T>(&self, map: &mut BTreeMap<String, T>) -> BTreeMap<String, T> {
        std::mem::take(map)
            .into_iter()
            .map(|(name, value)| (self.full(&name), value))
            .collect()
    }

    fn tls_keys<T>(&self, map: &mut BTreeMap<String, T>) -> BTreeMap<String, T> {
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
        if let Some(balancer) = &mut service.load_balancer {
            balancer.servers_transport = self.full(&balancer.servers_transport);
        }
        if let Some(weighted) = &mut service.weighted {
            weighted
                .services
                .iter_mut()
                .for_each(|child| child.name = self.full(&child.name));
        }
    }
}
