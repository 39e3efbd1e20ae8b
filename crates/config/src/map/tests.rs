use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn pairs<'a>(map: impl IntoIterator<Item = (&'a u16, &'a u8)>) -> Vec<(u16, u8)> {
    map.into_iter().map(|(key, value)| (*key, *value)).collect()
}

fn is_sound(map: &Map<u16, u8>) -> bool {
    let chunks = map.chunks.iter();
    let len: usize = chunks.clone().map(|chunk| chunk.len()).sum();
    len == map.len && chunks.clone().all(|chunk| (1..=MOST).contains(&chunk.len()))
}

/// `None`: the key is removed.
fn edits(most: usize) -> impl Strategy<Value = Vec<(u16, Option<u8>)>> {
    prop::collection::vec((0..600_u16, prop::option::weighted(0.7, any::<u8>())), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_map_holds_what_a_sorted_map_of_the_standard_library_holds(steps in edits(2000)) {
        let (mut map, mut model) = (Map::<u16, u8>::new(), BTreeMap::new());
        for (key, value) in steps {
            match value {
                Some(value) => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                None => prop_assert_eq!(map.remove(&key), model.remove(&key)),
            }
            prop_assert_eq!(map.get(&key), model.get(&key));
        }
        prop_assert!(is_sound(&map));
        prop_assert_eq!(pairs(&map), pairs(&model));
        for key in 0..600 {
            prop_assert_eq!(map.get(&key), model.get(&key));
        }
    }

    #[test]
    fn a_changed_copy_differs_where_it_was_changed_and_leaves_the_other_alone(first in edits(1500), then in edits(40)) {
        let mut before = Map::<u16, u8>::new();
        before.extend(first.into_iter().filter_map(|(key, value)| Some((key, value?))));
        let model: BTreeMap<_, _> = pairs(&before).into_iter().collect();
        let (mut now, mut changed) = (before.clone(), model.clone());
        for (key, value) in then {
            match value {
                Some(value) => {
                    now.insert(key, value);
                    changed.insert(key, value);
                }
                None => {
                    now.remove(&key);
                    changed.remove(&key);
                }
            }
        }
        prop_assert!(is_sound(&now));
        prop_assert_eq!(pairs(&before), pairs(&model));
        let differences: Vec<_> = now
            .differences(&before)
            .map(|one| (*one.key, one.before.copied(), one.now.copied()))
            .collect();
        let expected: Vec<_> = (0..600)
            .map(|key| (key, model.get(&key).copied(), changed.get(&key).copied()))
            .filter(|(_, before, now)| before != now)
            .collect();
        prop_assert_eq!(now == before, expected.is_empty());
        prop_assert_eq!(differences, expected);
    }
}

#[test]
fn what_copies_share_is_not_looked_into() {
    /// Cannot be compared with itself.
    #[derive(Clone)]
    struct Opaque(bool);
    impl PartialEq for Opaque {
        fn eq(&self, other: &Self) -> bool {
            assert!(self.0 && other.0, "it is shared, and was compared");
            false
        }
    }
    let mut before = Map::<u32, Opaque>::new();
    before.extend((0..10_000).map(|key| (key, Opaque((4992..5056).contains(&key)))));
    let mut now = before.clone();
    assert!(now == before);
    now.insert(5000, Opaque(true));
    let chunk: Vec<_> = now.differences(&before).map(|one| *one.key).collect();
    assert_eq!(chunk, (4992..5056).collect::<Vec<_>>(), "its chunk alone");
}

#[test]
fn it_is_read_and_written_as_a_map() {
    let text = r#"{"b":2,"a":1,"c":3}"#;
    let map: Map<String, u8> = serde_json::from_str(text).expect("a map");
    assert_eq!(map.get("b"), Some(&2));
    assert_eq!(
        serde_json::to_string(&map).expect("JSON"),
        r#"{"a":1,"b":2,"c":3}"#
    );
}
