//! Logins, and the refresh tokens that came of each.

use std::collections::BTreeSet;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{ApiScope, Millis, Role, scopes_as_text, scopes_from_text};

/// A login: the family of refresh tokens that came of one password.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: String,
    pub user_id: String,
    /// The team that its tokens are for unless another is named.
    pub team_id: String,
    /// What it was narrowed to.
    pub scopes: BTreeSet<ApiScope>,
    pub created_at: Millis,
    pub expires_at: Millis,
}

pub async fn insert(conn: &mut Conn, session: &Session) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO session (id, user_id, team_id, scopes, created_at, expires_at) VALUES",
        "",
        std::slice::from_ref(session),
        |row, s| {
            row.text(&s.id).text(&s.user_id).text(&s.team_id).text(scopes_as_text(&s.scopes));
            row.add(s.created_at).add(s.expires_at);
        },
    )
    .await?;
    Ok(())
}

pub async fn get(conn: &mut Conn, id: &str) -> sqlx::Result<Option<Session>> {
    let mut sql = Sql::new("SELECT * FROM session WHERE id = ");
    sql.bind(id.to_owned());
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    Ok(Some(Session {
        id: row.text("id")?,
        user_id: row.text("user_id")?,
        team_id: row.text("team_id")?,
        scopes: scopes_from_text(&row.text("scopes")?),
        created_at: row.int("created_at")?,
        expires_at: row.int("expires_at")?,
    }))
}

/// It lives until then.
pub async fn extend(conn: &mut Conn, id: &str, expires_at: Millis) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE session SET expires_at = ");
    sql.bind(expires_at).push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// End a session, with all its refresh tokens.
pub async fn delete(conn: &mut Conn, id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM session WHERE id = ");
    sql.bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// End all sessions of a person but one (none is kept where `kept` is empty).
pub async fn delete_of_user(conn: &mut Conn, user_id: &str, kept: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM session WHERE user_id = ");
    sql.bind(user_id.to_owned()).push(" AND id <> ").bind(kept.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// The role that a token's bearer has now: while the session lives and they belong to the team.
pub async fn standing(
    conn: &mut Conn,
    session_id: &str,
    user_id: &str,
    team_id: &str,
) -> sqlx::Result<Option<Role>> {
    let mut sql = Sql::new(
        "SELECT membership.role FROM session \
         JOIN membership ON membership.user_id = session.user_id WHERE session.id = ",
    );
    sql.bind(session_id.to_owned()).push(" AND session.user_id = ").bind(user_id.to_owned());
    sql.push(" AND membership.team_id = ").bind(team_id.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.word("role")).transpose()
}

pub async fn add_refresh(
    conn: &mut Conn,
    hash: &str,
    session_id: &str,
    expires_at: Millis,
) -> sqlx::Result<()> {
    let mut sql =
        Sql::new("INSERT INTO refresh_token (hash, session_id, expires_at, used_at) VALUES (");
    sql.bind(hash.to_owned()).push(", ").bind(session_id.to_owned()).push(", ").bind(expires_at);
    sql.push(", 0)");
    sql.execute(conn).await?;
    Ok(())
}

/// Exchange a refresh token that holds; gives its session. Of two that try, one gets it.
pub async fn use_refresh(conn: &mut Conn, hash: &str, now: Millis) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("UPDATE refresh_token SET used_at = ");
    sql.bind(now).push(" WHERE hash = ").bind(hash.to_owned());
    sql.push(" AND used_at = 0 AND expires_at > ").bind(now).push(" RETURNING session_id");
    sql.fetch_one(conn).await?.map(|row| row.text("session_id")).transpose()
}

/// The session of a refresh token that was exchanged before.
pub async fn of_spent(conn: &mut Conn, hash: &str) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("SELECT session_id FROM refresh_token WHERE used_at > 0 AND hash = ");
    sql.bind(hash.to_owned());
    sql.fetch_one(conn).await?.map(|row| row.text("session_id")).transpose()
}

/// Forget what nobody can use any more: at most so many sessions and refresh tokens that ended
/// before `old`.
pub async fn purge(conn: &mut Conn, old: Millis, limit: i64) -> sqlx::Result<u64> {
    let mut gone = 0;
    for (table, key) in [("session", "id"), ("refresh_token", "hash")] {
        let mut sql = Sql::new("DELETE FROM ");
        sql.push(table).push(" WHERE ").push(key).push(" IN (SELECT ").push(key).push(" FROM ");
        sql.push(table).push(" WHERE expires_at < ").bind(old).push(" LIMIT ").bind(limit);
        sql.push(")");
        gone = gone.max(sql.execute(conn).await?);
    }
    Ok(gone)
}
