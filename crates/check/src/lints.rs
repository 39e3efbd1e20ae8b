//! What serving has nothing against, and a person would point out: the wrong object, weak or ageing material, routers
//! that nobody reaches.

mod annotations;
mod backend_leg;
mod material;
mod objects;
mod plain;
mod shadow;
mod wrong_object;

use crate::Setting;
use crate::diagnostic::Diagnostic;
use crate::serve::Served;
use crate::source::Sources;
use objects::Objects;

pub(crate) fn diagnostics(sources: &Sources, setting: &Setting, served: &Served) -> Vec<Diagnostic> {
    let objects = Objects::new(sources);
    let mut found = Vec::new();
    wrong_object::look(&objects, setting, &mut found);
    annotations::look(&objects, &mut found);
    backend_leg::look(&objects, &mut found);
    plain::look(&objects, &mut found);
    material::look(&objects, served, setting, &mut found);
    shadow::look(sources, served, &mut found);
    found
}
