//! What serving has nothing against, and a person would point out: the wrong object, weak or ageing material, routers
//! that nobody reaches.

mod annotations;
mod backend_leg;
mod backends;
mod evidence;
mod fragments;
mod guards;
mod left_over;
mod material;
mod objects;
mod plain;
mod shadow;
mod streams;
mod trusts;
mod wrong_object;

use crate::Setting;
use crate::diagnostic::Diagnostic;
use crate::serve::Served;
use crate::source::Sources;
pub(crate) use backend_leg::carries;
use backends::Backend;
use evidence::Evidence;
pub(crate) use material::certificates;
pub(crate) use objects::{Object, Objects};
use trusts::Transport;

/// What the lints look at.
struct Looked<'a> {
    objects: Objects<'a>,
    backends: Vec<Backend<'a>>,
    transports: Vec<Transport<'a>>,
    evidence: Evidence<'a>,
}

/// Adds to what was found, and says how to mend what follows from what it adds.
pub(crate) fn look(sources: &Sources, setting: &Setting, served: &Served, found: &mut Vec<Diagnostic>) {
    let objects = Objects::new(sources);
    let transports = trusts::find(&objects, served);
    let looked = Looked {
        backends: backends::find(&objects),
        evidence: Evidence::new(&objects, &transports),
        transports,
        objects,
    };
    let meant = wrong_object::look(&looked, served, setting, found);
    wrong_object::mend_options(&looked, &meant, found);
    fragments::look(&looked, &meant, found);
    left_over::look(&looked.objects, found);
    annotations::look(&looked.objects, found);
    backend_leg::look(&looked, served, found);
    plain::look(&looked.objects, &looked.backends, found);
    material::look(&looked, served, setting, found);
    streams::look(&looked.objects, setting, found);
    shadow::look(sources, served, found);
}
