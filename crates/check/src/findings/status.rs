//! What a request is answered with, when several things are wrong with one route: there is one answer, which the
//! first of them decides.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use viaduct_config::{Element, Finding, Location, ObjectRef};
use viaduct_snapshot::RouterState;

use crate::diagnostic::Diagnostic;
use crate::place::Field;
use crate::serve::Served;
use crate::source::Sources;

/// Routers that are out of service.
pub(super) struct Statuses<'a> {
    by_object: HashMap<&'a ObjectRef, Vec<(Option<&'a Location>, u16)>>,
    by_name: HashMap<&'a str, u16>,
}

impl<'a> Statuses<'a> {
    pub(super) fn of(served: &'a Served) -> Self {
        let out = served
            .snapshot
            .routers
            .values()
            .filter_map(|router| match router.state {
                RouterState::OutOfService { status, .. } => Some((&*router.written_name, status)),
                RouterState::Ready(_) => None,
            });
        let by_name: HashMap<_, _> = out.collect();
        let mut by_object: HashMap<_, Vec<_>> = HashMap::new();
        for update in &served.updates {
            for (element, origin) in &update.origins {
                let Element::Router(name) = element else { continue };
                let status = by_name.get(&*format!("{name}@{}", update.provider));
                if let (Some(object), Some(status)) = (&origin.object, status) {
                    by_object
                        .entry(object)
                        .or_default()
                        .push((origin.location.as_ref(), *status));
                }
            }
        }
        Self { by_object, by_name }
    }

    /// Puts the status into what is said of a router.
    pub(super) fn tell(&self, sources: &Sources, finding: &Finding, diagnostic: &mut Diagnostic) {
        let Some((before, after)) = ["answers 404", "answers 503"]
            .into_iter()
            .find_map(|text| diagnostic.here.split_once(text))
        else {
            return;
        };
        let (before, after) = (before.to_owned(), after.to_owned());
        if is_of_a_stream(finding) {
            diagnostic.here = Cow::Borrowed("nothing answers for it: TCP and UDP are not served yet");
            return;
        }
        if let Some(status) = self.one(sources, finding) {
            diagnostic.here = Cow::Owned(format!("{before}answers {status}{after}"));
        }
    }

    /// The status, if there is one for all that the finding is about.
    fn one(&self, sources: &Sources, finding: &Finding) -> Option<u16> {
        if let (Some(Element::Router(name)), Some(provider)) = (&finding.element, &finding.provider)
            && let Some(status) = self.by_name.get(&*format!("{name}@{provider}"))
        {
            return Some(*status);
        }
        let known = self.by_object.get(finding.object.as_ref()?)?;
        let route = route_of(finding.field.as_deref().unwrap_or_default());
        let rule = route.and_then(|route| {
            let around = sources.object_at(finding.location.as_ref()?)?;
            Field::at(around.root, &format!("{route}.match"))
        });
        let is_of_route = |place: Option<&Location>| match (rule, place) {
            (Some(rule), Some(place)) => rule.is_written_at(place),
            _ => true,
        };
        let statuses = known.iter().filter(|(place, _)| is_of_route(*place));
        let statuses: BTreeSet<u16> = statuses.map(|(_, status)| *status).collect();
        let mut statuses = statuses.into_iter();
        statuses.next().filter(|_| statuses.next().is_none())
    }
}

fn is_of_a_stream(finding: &Finding) -> bool {
    let of_object = finding.object.as_ref().is_some_and(|object| {
        let kind = object.to_string();
        ["IngressRouteTCP ", "IngressRouteUDP "]
            .iter()
            .any(|stream| kind.starts_with(stream))
    });
    of_object
        || matches!(
            finding.element,
            Some(
                Element::TcpRouter(_)
                    | Element::TcpService(_)
                    | Element::TcpMiddleware(_)
                    | Element::TcpServersTransport(_)
                    | Element::UdpRouter(_)
                    | Element::UdpService(_)
            )
        )
}

/// `spec.routes[1]` of `spec.routes[1].services[0].name`.
fn route_of(field: &str) -> Option<&str> {
    let inside = field.strip_prefix("spec.routes[")?;
    let end = inside.find(']')?;
    field.get(..field.len() - inside.len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::route_of;

    #[test]
    fn c18_a_field_of_a_route_names_its_route() {
        assert_eq!(
            route_of("spec.routes[12].services[0].name"),
            Some("spec.routes[12]")
        );
        assert_eq!(route_of("spec.tls.secretName"), None);
    }
}
