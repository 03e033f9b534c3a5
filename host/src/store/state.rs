//! Keys and values of plugins.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{Millis, Scope};

/// A key as it stands; one whose time is over counts as absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    pub version: i64,
    pub expires_at: Option<Millis>,
}

fn from_row(row: &AnyRow) -> sqlx::Result<Entry> {
    Ok(Entry {
        key: row.text("key")?,
        value: row.text("value")?,
        version: row.int("version")?,
        expires_at: row.maybe_int("expires_at")?,
    })
}

fn in_scope(text: &str, install_id: &str, scope: &Scope) -> Sql {
    let (word, id) = scope.parts();
    let mut sql = Sql::new(text);
    sql.push(" WHERE install_id = ")
        .bind(install_id.to_owned())
        .push(" AND scope = ")
        .bind(word.to_owned());
    sql.push(" AND scope_id = ").bind(id.to_owned());
    sql
}

pub async fn get(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    key: &str,
    now: Millis,
) -> sqlx::Result<Option<Entry>> {
    let mut sql = in_scope("SELECT * FROM state", install_id, scope);
    sql.push(" AND key = ").bind(key.to_owned());
    sql.push(" AND (expires_at IS NULL OR expires_at > ").bind(now).push(")");
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Entries whose key begins with `prefix` and sorts after `after`, in order of key.
pub async fn list(
    conn: &mut Conn,
    install_id: &str,
    scope: &Scope,
    prefix: &str,
    after: &str,
    now: Millis,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let mut sql = in_scope("SELECT * FROM state", install_id, scope);
    sql.push(" AND key > ").bind(after.to_owned()).push(" AND key >= ").bind(prefix.to_owned());
    if !prefix.is_empty() {
        sql.push(" AND key <= ").bind(format!("{prefix}{}", char::MAX));
    }
    sql.push(" AND (expires_at IS NULL OR expires_at > ").bind(now).push(")");
    sql.push(" ORDER BY key LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// A key to write, or with no value to delete.
#[derive(Clone, Debug)]
pub struct Write {
    pub install_id: String,
    pub scope: Scope,
    pub key: String,
    pub value: Option<String>,
    pub version: i64,
    pub expires_at: Option<Millis>,
}

/// Write and delete keys. One entry per key, please.
pub async fn write(conn: &mut Conn, writes: &[Write]) -> sqlx::Result<()> {
    let (set, deleted): (Vec<Write>, Vec<Write>) =
        writes.iter().cloned().partition(|write| write.value.is_some());
    rows(
        conn,
        "INSERT INTO state (install_id, scope, scope_id, key, value, version, expires_at) VALUES",
        "ON CONFLICT (install_id, scope, scope_id, key) DO UPDATE SET value = excluded.value, \
         version = excluded.version, expires_at = excluded.expires_at",
        &set,
        |row, write| {
            let (scope, scope_id) = write.scope.parts();
            row.text(&write.install_id).text(scope).text(scope_id).text(&write.key);
            row.text(write.value.clone().unwrap_or_default())
                .add(write.version)
                .add(write.expires_at);
        },
    )
    .await?;
    for write in deleted {
        let mut sql = in_scope("DELETE FROM state", &write.install_id, &write.scope);
        sql.push(" AND key = ").bind(write.key);
        sql.execute(conn).await?;
    }
    Ok(())
}

/// The live versions of these keys (install, scope, key); those that are absent are not in it.
pub async fn versions(
    conn: &mut Conn,
    keys: &BTreeSet<(String, Scope, String)>,
    now: Millis,
) -> sqlx::Result<HashMap<(String, Scope, String), i64>> {
    let mut scopes: BTreeMap<(&String, &Scope), Vec<&String>> = BTreeMap::new();
    for (install_id, scope, key) in keys {
        scopes.entry((install_id, scope)).or_default().push(key);
    }
    let mut versions = HashMap::new();
    for ((install_id, scope), keys) in scopes {
        for part in keys.chunks(512) {
            let mut sql = in_scope("SELECT key, version FROM state", install_id, scope);
            sql.push(" AND (expires_at IS NULL OR expires_at > ").bind(now).push(")");
            sql.push(" AND key IN ").bind_list(part);
            for row in sql.fetch(conn).await? {
                let place = (install_id.clone(), scope.clone(), row.text("key")?);
                versions.insert(place, row.int("version")?);
            }
        }
    }
    Ok(versions)
}

/// Forget keys whose time was over before `now`; at most `limit`.
pub async fn purge(conn: &mut Conn, now: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut sql = Sql::new(
        "DELETE FROM state WHERE (install_id, scope, scope_id, key) IN \
         (SELECT install_id, scope, scope_id, key FROM state WHERE expires_at <= ",
    );
    sql.bind(now).push(" LIMIT ").bind(limit).push(")");
    sql.execute(conn).await
}

/// Forget all keys of an install.
pub async fn remove_all(conn: &mut Conn, install_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM state WHERE install_id = ");
    sql.bind(install_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// An entry with where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub scope: Scope,
    pub entry: Entry,
}

/// Which entries of an install are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `plugin`, `account`, `chat` or `contact`; empty for all.
    pub scope: String,
    /// The id of an account, chat or contact; empty for all.
    pub subject: String,
    /// Only keys that begin so.
    pub prefix: String,
}

/// An install's entries by scope, subject and key, after the place with these three.
pub async fn page(
    conn: &mut Conn,
    install_id: &str,
    filter: &Filter,
    after: Option<&(String, String, String)>,
    now: Millis,
    limit: i64,
) -> sqlx::Result<Vec<Placed>> {
    let mut sql = Sql::new("SELECT * FROM state WHERE install_id = ");
    sql.bind(install_id.to_owned());
    for (column, wanted) in [("scope", &filter.scope), ("scope_id", &filter.subject)] {
        if !wanted.is_empty() {
            sql.push(&format!(" AND {column} = ")).bind(wanted.clone());
        }
    }
    if !filter.prefix.is_empty() {
        sql.push(" AND key >= ").bind(filter.prefix.clone());
        sql.push(" AND key <= ").bind(format!("{}{}", filter.prefix, char::MAX));
    }
    if let Some((scope, subject, key)) = after {
        sql.push(" AND (scope, scope_id, key) > (").bind(scope.clone()).push(", ");
        sql.bind(subject.clone()).push(", ").bind(key.clone()).push(")");
    }
    sql.push(" AND (expires_at IS NULL OR expires_at > ").bind(now).push(")");
    sql.push(" ORDER BY scope, scope_id, key LIMIT ").bind(limit);
    let placed = |row: &AnyRow| {
        let scope = Scope::from_parts(&row.text("scope")?, &row.text("scope_id")?);
        Ok(Placed { scope: scope.unwrap_or(Scope::Plugin), entry: from_row(row)? })
    };
    sql.fetch(conn).await?.iter().map(placed).collect()
}

/// How many keys an install has, and how many bytes in keys and values.
pub async fn held(conn: &mut Conn, install_id: &str) -> sqlx::Result<(i64, i64)> {
    let mut sql = Sql::new(
        "SELECT COUNT(*) AS held_keys, CAST(COALESCE(SUM(OCTET_LENGTH(key) + OCTET_LENGTH(value)), 0) AS BIGINT) AS bytes \
         FROM state WHERE install_id = ",
    );
    sql.bind(install_id.to_owned());
    let row = sql.fetch_one(conn).await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.int("held_keys")?, row.int("bytes")?)))
}
