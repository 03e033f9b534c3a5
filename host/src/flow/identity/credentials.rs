//! Keys and apps are made and ended; the team hears of both.

use serde_json::json;

use super::{hash, hold, note};
use crate::flow::House;
use crate::model::EventKind;
use crate::store::credential::{self, Credential, Kind};

/// Keep a new key or app by the hash of what it is known by.
pub async fn keep(
    house: &House,
    kind: Kind,
    credential: &Credential,
    secret: &str,
) -> anyhow::Result<()> {
    let event = match kind {
        Kind::Key => EventKind::KEY_CREATED,
        Kind::App => EventKind::APP_CREATED,
    };
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &credential.team_id).await?;
    credential::insert(&mut tx, kind, credential, &hash(secret)).await?;
    let data = json!({ "id": credential.id, "name": credential.name });
    note(house, &mut tx, &mut numbers, &credential.team_id, event, data).await?;
    Ok(house.commit(tx).await?)
}

/// End a key or app; false where the team has none of this id.
pub async fn end(house: &House, kind: Kind, team_id: &str, id: &str) -> anyhow::Result<bool> {
    let event = match kind {
        Kind::Key => EventKind::KEY_DELETED,
        Kind::App => EventKind::APP_DELETED,
    };
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, team_id).await?;
    if !credential::delete(&mut tx, kind, team_id, id).await? {
        return Ok(false);
    }
    note(house, &mut tx, &mut numbers, team_id, event, json!({ "id": id })).await?;
    house.commit(tx).await?;
    Ok(true)
}
