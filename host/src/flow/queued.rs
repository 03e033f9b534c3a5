//! Messages come into the queue in sets, and are taken off it unsent.

use std::collections::BTreeMap;
use std::sync::Weak;

use async_trait::async_trait;

use super::House;
use super::batch::Work;
use super::rules::{Refused, quota};
use super::send::{Draft, write};
use crate::model::Status;
use crate::store::job::Withdrawn;
use crate::store::message::Forward;
use crate::store::{Conn, job, message, team};

/// Queues the API's messages in sets. Weak, since the house holds it.
pub struct Queuer(pub Weak<House>);

#[async_trait]
impl Work for Queuer {
    type Item = Draft;
    /// Why it was not taken; `None`: it was.
    type Done = Option<Refused>;

    async fn commit(&self, drafts: &[Draft]) -> anyhow::Result<Vec<Option<Refused>>> {
        let house = self.0.upgrade().ok_or_else(|| anyhow::anyhow!("the host is stopping"))?;
        let mut wanted = BTreeMap::new();
        for draft in drafts {
            *wanted.entry(draft.team_id.clone()).or_insert(0) += 1;
        }
        let mut tx = house.store.begin().await?;
        let mut numbers = team::draw(&mut tx, &wanted).await?;
        let numbered = drafts
            .iter()
            .map(|draft| Draft { place: numbers.next(&draft.team_id), ..draft.clone() });
        let mut written = write(&house, &mut tx, numbered.collect()).await?;
        job::promote(&mut tx, &written.lanes).await?;
        house.commit(tx).await?;
        Ok(drafts.iter().map(|draft| written.refused.remove(&draft.message_id)).collect())
    }
}

/// Cancel a message that nobody has begun to send; false where it was too late.
pub async fn cancel(house: &House, team_id: &str, message_id: &str) -> anyhow::Result<bool> {
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    if message::get(&mut tx, team_id, message_id)
        .await?
        .is_none_or(|message| message.status != Status::Pending)
    {
        return Ok(false);
    }
    let withdrawn = withdraw(house, &mut tx, &[message_id.to_owned()]).await?;
    if withdrawn.subjects.is_empty() {
        return Ok(false);
    }
    job::promote(&mut tx, &withdrawn.lanes).await?;
    house.commit(tx).await?;
    drop(withdrawn);
    Ok(true)
}

/// Cancel those of these messages that nobody has begun to send, and give their quota back. In a
/// transaction that holds their teams; keep what it gives until that has ended, and promote its lanes.
pub async fn withdraw(house: &House, conn: &mut Conn, ids: &[String]) -> anyhow::Result<Withdrawn> {
    let withdrawn = job::withdraw(&house.store, conn, ids, house.clock.now()).await?;
    let moves: Vec<Forward> =
        withdrawn.subjects.iter().map(|id| Forward::to(id, Status::Cancelled)).collect();
    message::forward(conn, &moves).await?;
    quota::give_back(conn, &withdrawn.subjects).await?;
    Ok(withdrawn)
}
