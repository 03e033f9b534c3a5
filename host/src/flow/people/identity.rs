//! Who is who: names that were seen together belong to one person. Pure.
//!
//! A name that is known stays with whom it is; only a merge moves it, and always to the older
//! contact. So a person's contact never flips, and in whatever order names are seen, the same people
//! come of it.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Alias, Millis};

/// A contact, as far as this matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// When it was first seen; the oldest stands.
    pub since: Millis,
    pub id: String,
}

/// What a set of sightings says.
#[derive(Debug, Default, PartialEq)]
pub struct Resolved {
    /// The contact of each sighting.
    pub of: Vec<String>,
    /// Contacts to make, with the sighting that each was first seen in.
    pub new: Vec<(String, usize)>,
    /// Names to note, with their contacts.
    pub learned: Vec<(Alias, String)>,
    /// Two contacts of one person: the older, and the one to merge into it.
    pub merges: BTreeSet<(String, String)>,
}

/// Find the contact of each sighting, a list of names of one person that is not empty.
pub fn resolve(
    mut known: HashMap<Alias, Person>,
    sightings: &[Vec<Alias>],
    now: Millis,
    mut new_id: impl FnMut() -> String,
) -> Resolved {
    let mut resolved = Resolved::default();
    for (index, names) in sightings.iter().enumerate() {
        let mut people: Vec<Person> =
            names.iter().filter_map(|name| known.get(name).cloned()).collect();
        // The first name that is known: until a merge, a chat goes on where it was.
        let owner = people.first().cloned().unwrap_or_else(|| {
            let made = Person { id: new_id(), since: now };
            resolved.new.push((made.id.clone(), index));
            made
        });
        for name in names {
            if !known.contains_key(name) {
                known.insert(name.clone(), owner.clone());
                resolved.learned.push((name.clone(), owner.id.clone()));
            }
        }
        people.sort();
        people.dedup();
        if let Some((oldest, others)) = people.split_first() {
            for other in others {
                resolved.merges.insert((oldest.id.clone(), other.id.clone()));
            }
        }
        resolved.of.push(owner.id);
    }
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::AliasKind;

    /// Contacts and names as the store keeps them, with every merge done at once or much later.
    #[derive(Default)]
    struct Store {
        names: HashMap<Alias, Person>,
        merged: HashMap<String, String>,
        people: HashMap<String, Person>,
        waiting: Vec<(String, String)>,
        clock: Millis,
    }

    impl Store {
        fn see(&mut self, set: &[Vec<Alias>]) -> Vec<String> {
            self.clock += 1;
            let mut made = self.people.len();
            let resolved = resolve(self.names.clone(), set, self.clock, || {
                made += 1;
                format!("con_{made:04}")
            });
            for (id, _) in &resolved.new {
                self.people.insert(id.clone(), Person { id: id.clone(), since: self.clock });
            }
            for (name, id) in resolved.learned {
                self.names.entry(name).or_insert_with(|| self.people[&id].clone());
            }
            self.waiting.extend(resolved.merges);
            resolved.of
        }

        fn now(&self, id: &str) -> String {
            self.merged.get(id).map_or_else(|| id.to_owned(), |into| self.now(into))
        }

        fn merge(&mut self) {
            for (one, other) in std::mem::take(&mut self.waiting) {
                let (one, other) = (self.now(&one), self.now(&other));
                if one == other {
                    continue;
                }
                let mut two = [self.people[&one].clone(), self.people[&other].clone()];
                two.sort();
                let [stays, goes] = two;
                for person in self.names.values_mut().filter(|person| person.id == goes.id) {
                    *person = stays.clone();
                }
                self.merged.insert(goes.id, stays.id);
            }
        }

        /// Which names belong together.
        fn groups(&self) -> BTreeSet<BTreeSet<Alias>> {
            let mut groups: HashMap<String, BTreeSet<Alias>> = HashMap::new();
            for (name, person) in &self.names {
                groups.entry(self.now(&person.id)).or_default().insert(name.clone());
            }
            groups.into_values().collect()
        }
    }

    fn sightings() -> impl Strategy<Value = Vec<Vec<Alias>>> {
        let name = (0..4_usize, 0..6_u8).prop_map(|(kind, value)| Alias {
            kind: AliasKind::ALL[kind],
            value: value.to_string(),
        });
        prop::collection::vec(prop::collection::vec(name, 1..4), 1..20)
    }

    proptest! {
        #[test]
        fn in_whatever_order_the_same_people_come_of_it(
            seen in sightings(), turn in 0..20_usize, late in any::<bool>()
        ) {
            let (mut one, mut other) = (Store::default(), Store::default());
            for names in &seen {
                one.see(std::slice::from_ref(names));
                one.merge();
            }
            let mut turned = seen.clone();
            turned.rotate_left(turn % seen.len());
            turned.reverse();
            if late {
                other.see(&turned);
            } else {
                turned.chunks(3).for_each(|set| drop(other.see(set)));
            }
            other.merge();
            prop_assert_eq!(one.groups(), other.groups());
        }

        #[test]
        fn a_contact_never_flips(seen in sightings(), merges in prop::collection::vec(any::<bool>(), 20)) {
            let mut store = Store::default();
            let mut before: Vec<(Alias, String)> = Vec::new();
            for (names, merge) in seen.iter().zip(merges) {
                let of = store.see(std::slice::from_ref(names)).remove(0);
                before.push((names[0].clone(), of));
                if merge {
                    store.merge();
                }
                for (name, id) in &before {
                    // What was answered once still leads to the one who has the name, once merged.
                    let person = &store.names[name];
                    prop_assert!(store.people[&store.now(id)].since <= store.people[id].since);
                    if store.waiting.is_empty() {
                        prop_assert_eq!(store.now(id), store.now(&person.id));
                    }
                }
            }
        }
    }
}
