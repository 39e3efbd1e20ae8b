//! `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80`: options as environment variables, also with `VIADUCT_` in front,
//! which wins.
//!
//! A variable whose first word is no root of the options is somebody else's, as in Traefik; so are those that
//! Kubernetes sets for services (`TRAEFIK_API_SERVICE_HOST`, `TRAEFIK_PORT_80_TCP`).

use super::options::{self, Found, Step};
use super::tree::{Part, Tree, join_keys, steps};
use crate::document::Node;
use crate::suggest;

/// `None`: no variable is an option.
pub(super) fn tree(variables: impl IntoIterator<Item = (String, String)>) -> Option<Node> {
    let mut ours: Vec<(u8, String, String)> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let (rank, option) = option_text(&name)?;
            let root = option.split('_').next()?;
            let known = is_root(root) || root.eq_ignore_ascii_case(CONFIG_FILE);
            // A root that is nearly right is a mistake; one that is far off is not about options.
            let mistaken = || suggest::closest(root, options::roots()).is_some();
            (!is_service_link(option, &value) && (known || mistaken())).then_some((rank, name, value))
        })
        .collect();
    if ours.is_empty() {
        return None;
    }
    // What is said last wins; the order of the environment means nothing.
    ours.sort();
    let mut tree = Tree::new();
    for (_, name, value) in ours {
        if let Some((_, option)) = option_text(&name) {
            tree.set(&path(option), &name, value, |_, value| value);
        }
    }
    Some(tree.into_node())
}

/// The part behind the prefix, and which prefix it is.
fn option_text(name: &str) -> Option<(u8, &str)> {
    let behind = |prefix: &str| {
        let (start, rest) = name.split_at_checked(prefix.len())?;
        (start.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
    };
    behind("TRAEFIK_")
        .map(|rest| (0, rest))
        .or_else(|| behind("VIADUCT_").map(|rest| (1, rest)))
}

fn is_root(name: &str) -> bool {
    options::roots()
        .iter()
        .any(|root| root.eq_ignore_ascii_case(name))
}

/// What Kubernetes tells every pod of the services in its namespace.
fn is_service_link(option: &str, value: &str) -> bool {
    let option = option.to_ascii_uppercase();
    let is_address = value.starts_with("tcp://") || value.starts_with("udp://");
    option.ends_with("_SERVICE_HOST")
        || option.ends_with("_SERVICE_PORT")
        || option.contains("_SERVICE_PORT_")
        || option == "SERVICE_HOST"
        || option == "SERVICE_PORT"
        || option == "PORT"
        || (option.ends_with("_PORT") && is_address)
        || option.split("PORT_").skip(1).any(|rest| {
            let mut words = rest.split('_');
            words
                .next()
                .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
                && words
                    .next()
                    .is_some_and(|protocol| matches!(protocol, "TCP" | "UDP" | "SCTP"))
        })
}

/// Letters become small, as in Traefik; a number is a position where a list is expected.
fn path(option: &str) -> Vec<Part> {
    let mut path: Vec<Part> = Vec::new();
    for word in option.to_ascii_lowercase().split('_').take(MAX_PARTS) {
        let mut with_index = steps(&path);
        with_index.push(Step::Index);
        let part = match word.parse() {
            Ok(index) if options::find(&with_index) != Found::Nothing => Part::Index(index),
            _ => Part::Key(word.to_owned()),
        };
        path.push(part);
    }
    join_keys(path, "_")
}

/// Not an option that a variable can give; said to be unknown rather than ignored.
const CONFIG_FILE: &str = "configfile";
const MAX_PARTS: usize = 64;
