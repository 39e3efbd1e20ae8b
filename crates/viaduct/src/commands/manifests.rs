//! `viaduct manifests`: what a cluster needs, as YAML on standard output.

use viaduct_kubernetes::manifests::{crds, deployment, rbac, to_yaml};

use crate::cli::{Manifests, Printed};
use crate::output;

pub(super) fn run(arguments: &Manifests) {
    let objects = match &arguments.printed {
        Printed::Crds => crds::crds(),
        Printed::Rbac(place) => rbac::rbac(&place.place()),
        Printed::Deployment(asked) => deployment::deployment(&asked.installation()),
    };
    output::result(to_yaml(&objects));
}
