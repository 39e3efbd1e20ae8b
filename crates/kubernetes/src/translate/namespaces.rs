//! `Namespace` -> what is demanded of the routes in it (C7).

use super::Draft;
use crate::api::Namespace;
use crate::index::View;

/// Whichever provider's routes they are. A Namespace that cannot be read might demand anything.
pub(super) fn translate(view: &View<'_>, draft: &mut Draft) {
    for held in view.all::<Namespace>() {
        let demands = match held.state {
            Ok(namespace) if namespace.demands.is_empty() => continue,
            Ok(namespace) => namespace.demands.clone(),
            Err(_) => vec![UNREADABLE.to_owned()],
        };
        let name = held.subject.name.name.clone();
        draft.update.demands.insert(name, demands);
    }
}

/// No class.
const UNREADABLE: &str = "what cannot be read";
