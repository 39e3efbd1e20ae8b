//! Circles of references.

use std::collections::HashMap;
use std::hash::Hash;

/// Something that is made of others.
struct Link<N> {
    parts: Vec<N>,
    users: Vec<N>,
    /// Of the parts, those that are links themselves and have not been taken away.
    parts_left: usize,
    /// The same of the users.
    users_left: usize,
}

/// What is on a circle or between two, in order. `leads_to`: everything once, with what it is made of. Takes as long
/// as reading that.
pub(super) fn on_circles<N: Copy + Ord + Hash>(leads_to: impl Iterator<Item = (N, Vec<N>)>) -> Vec<N> {
    let mut links = links(leads_to);
    // Neither the first nor the last of a path is on a circle; then those next to them are the ends.
    let is_end = |link: &Link<N>| link.parts_left == 0 || link.users_left == 0;
    let ends = links.iter().filter(|(_, link)| is_end(link));
    let mut ends: Vec<N> = ends.map(|(name, _)| *name).collect();
    while let Some(end) = ends.pop() {
        // One that is the first and the last is found twice.
        let Some(Link { parts, users, .. }) = links.remove(&end) else {
            continue;
        };
        for part in parts {
            if let Some(part_link) = links.get_mut(&part) {
                part_link.users_left -= 1;
                if part_link.users_left == 0 {
                    ends.push(part);
                }
            }
        }
        for user in users {
            if let Some(user_link) = links.get_mut(&user) {
                user_link.parts_left -= 1;
                if user_link.parts_left == 0 {
                    ends.push(user);
                }
            }
        }
    }
    let mut circular: Vec<N> = links.into_keys().collect();
    circular.sort_unstable();
    circular
}

fn links<N: Copy + Ord + Hash>(leads_to: impl Iterator<Item = (N, Vec<N>)>) -> HashMap<N, Link<N>> {
    let link = |parts| Link {
        parts,
        users: Vec::new(),
        parts_left: 0,
        users_left: 0,
    };
    let mut links: HashMap<N, Link<N>> = leads_to
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(name, parts)| (name, link(parts)))
        .collect();
    let uses = links
        .iter()
        .flat_map(|(name, link)| link.parts.iter().map(|part| (*name, *part)));
    let uses: Vec<(N, N)> = uses.filter(|(_, part)| links.contains_key(part)).collect();
    for (user, part) in uses {
        if let Some(link) = links.get_mut(&part) {
            link.users.push(user);
            link.users_left += 1;
        }
        if let Some(link) = links.get_mut(&user) {
            link.parts_left += 1;
        }
    }
    links
}

#[cfg(test)]
mod tests;
