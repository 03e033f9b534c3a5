//! How messages stand to their accounts' quotas.

use std::collections::{BTreeMap, HashSet};

use super::{Options, json};
use crate::model::Millis;
use crate::store::Conn;
use crate::store::sql::{Column, Sql, with_list};

/// How a message stands to its account's quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// It counts nowhere.
    #[default]
    Free,
    /// It is counted in the period that begins then.
    Counted(Millis),
    /// The period in which it is due was used up when it was queued.
    Refused,
}

/// Where these messages are counted: how many of them in each period of each account.
pub async fn counted(
    conn: &mut Conn,
    ids: &[String],
) -> sqlx::Result<BTreeMap<(String, Millis), i64>> {
    let mut counted = BTreeMap::new();
    for row in
        with_list(conn, "SELECT account_id, options FROM message WHERE id IN", ids, "").await?
    {
        if let Quota::Counted(start) = row.json::<Options>("options")?.quota {
            *counted.entry((row.text("account_id")?, start)).or_insert(0) += 1;
        }
    }
    Ok(counted)
}

/// What a queued message still needs when it is sent.
pub async fn options(conn: &mut Conn, id: &str) -> sqlx::Result<Option<Options>> {
    let mut sql = Sql::new("SELECT options FROM message WHERE id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.json("options")).transpose()
}

pub async fn set_options(conn: &mut Conn, id: &str, options: &Options) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE message SET options = ");
    sql.bind(json(options)).push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Which of the callers' own ids an account knows already.
pub async fn known_clients(
    conn: &mut Conn,
    account_id: &str,
    client_ids: &[&str],
) -> sqlx::Result<HashSet<String>> {
    let mut known = HashSet::new();
    for part in client_ids.chunks(512) {
        let mut sql = Sql::new("SELECT client_id FROM message WHERE account_id = ");
        sql.bind(account_id.to_owned()).push(" AND client_id IN ").bind_list(part);
        for row in sql.fetch(conn).await? {
            known.insert(row.text("client_id")?);
        }
    }
    Ok(known)
}
