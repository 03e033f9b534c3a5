//! State under concurrency: what a call read must still stand when it commits.

use std::collections::{BTreeSet, HashMap};

use super::{Conclusion, Settlement, effects};
use crate::flow::timers::new_revision;
use crate::model::{Effect, Millis, Scope};
use crate::store::state::{Write, versions};
use crate::store::{Conn, StoreError};

type Key = (String, Scope, String);

/// For each settlement, whether another call changed what it read: one that committed before, or
/// one of the same set. The transaction holds the teams, so nothing changes while it looks.
pub async fn overtaken(
    conn: &mut Conn,
    items: &[Settlement],
    now: Millis,
) -> Result<Vec<bool>, StoreError> {
    let keys: BTreeSet<Key> = items.iter().flat_map(reads).map(|(key, _)| key).collect();
    let mut current: HashMap<Key, i64> = versions(conn, &keys, now).await?;
    Ok(items
        .iter()
        .map(|item| {
            let overtaken = reads(item).any(|(key, seen)| current.get(&key).copied() != seen);
            if !overtaken {
                for key in written(item) {
                    // Any other version than those that were read.
                    current.insert(key, new_revision());
                }
            }
            overtaken
        })
        .collect())
}

fn reads(item: &Settlement) -> impl Iterator<Item = (Key, Option<i64>)> {
    let ran = match &item.conclusion {
        Conclusion::Ran { install_id, outcome, .. } => Some((install_id, outcome)),
        _ => None,
    };
    ran.into_iter().flat_map(|(install_id, outcome)| {
        // A call that failed writes nothing, so nothing can be lost by what it read.
        let reads = if effects(outcome).is_empty() { &[] } else { outcome.reads.as_slice() };
        reads.iter().map(move |read| {
            ((install_id.clone(), read.scope.clone(), read.key.clone()), read.version)
        })
    })
}

fn written(item: &Settlement) -> Vec<Key> {
    let Conclusion::Ran { install_id, outcome, .. } = &item.conclusion else { return Vec::new() };
    effects(outcome)
        .iter()
        .filter_map(|effect| match effect {
            Effect::SetState { scope, key, .. } => {
                Some((install_id.clone(), scope.clone(), key.clone()))
            }
            _ => None,
        })
        .collect()
}

/// The row of one write.
pub fn write(
    install_id: &str,
    scope: &Scope,
    key: &str,
    value: Option<&str>,
    expires_at: Option<Millis>,
) -> Write {
    Write {
        install_id: install_id.to_owned(),
        scope: scope.clone(),
        key: key.to_owned(),
        value: value.map(str::to_owned),
        version: new_revision(),
        expires_at,
    }
}
