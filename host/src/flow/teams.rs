//! A team ends, with all that it has: while no service runs on the data.

use super::{House, media};
use crate::store::team_removal;

/// Delete a team: its files, then its rows in one transaction. Cut off between the two, it is asked
/// for again.
pub async fn remove(house: &House, team_id: &str) -> anyhow::Result<()> {
    media::remove_all(house, team_id).await?;
    let mut tx = house.store.begin().await?;
    team_removal::everything(&mut tx, team_id).await?;
    house.commit(tx).await?;
    Ok(())
}
