//! People, the teams that they belong to, and the links by which they choose a password.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{Millis, Role};

/// A person, who may belong to several teams.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: String,
    /// In lower case.
    pub email: String,
    pub name: String,
    /// Argon2id, as a PHC string; empty until one is chosen.
    pub password: String,
    pub created_at: Millis,
}

impl User {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            email: row.text("email")?,
            name: row.text("name")?,
            password: row.text("password")?,
            created_at: row.int("created_at")?,
        })
    }
}

/// A person in a team.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub user: User,
    pub role: Role,
    /// Since when.
    pub joined_at: Millis,
}

/// A team that a person belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Belonging {
    pub team_id: String,
    pub team_name: String,
    pub role: Role,
}

/// Add a person; false where the address is taken.
pub async fn insert(conn: &mut Conn, user: &User) -> sqlx::Result<bool> {
    let added = rows(
        conn,
        "INSERT INTO users (id, email, name, password, created_at) VALUES",
        "ON CONFLICT (email) DO NOTHING RETURNING id",
        std::slice::from_ref(user),
        |row, u| {
            row.text(&u.id).text(&u.email).text(&u.name).text(&u.password).add(u.created_at);
        },
    )
    .await?;
    Ok(!added.is_empty())
}

pub async fn get(conn: &mut Conn, id: &str) -> sqlx::Result<Option<User>> {
    let mut sql = Sql::new("SELECT * FROM users WHERE id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(User::from_row).transpose()
}

pub async fn by_email(conn: &mut Conn, email: &str) -> sqlx::Result<Option<User>> {
    let mut sql = Sql::new("SELECT * FROM users WHERE email = ");
    sql.bind(email.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(User::from_row).transpose()
}

pub async fn set_password(conn: &mut Conn, id: &str, password: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE users SET password = ");
    sql.bind(password.to_owned()).push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Forget a person who belongs to no team any more.
pub async fn delete_if_alone(conn: &mut Conn, id: &str) -> sqlx::Result<()> {
    for table in ["session", "setup_link"] {
        let mut sql = Sql::new("DELETE FROM ");
        sql.push(table).push(" WHERE user_id = ").bind(id.to_owned());
        sql.push(" AND NOT EXISTS (SELECT 1 FROM membership WHERE user_id = ");
        sql.bind(id.to_owned()).push(")");
        sql.execute(conn).await?;
    }
    let mut sql = Sql::new("DELETE FROM users WHERE id = ");
    sql.bind(id.to_owned()).push(" AND NOT EXISTS (SELECT 1 FROM membership WHERE user_id = ");
    sql.bind(id.to_owned()).push(")");
    sql.execute(conn).await?;
    Ok(())
}

const MEMBERS: &str = "SELECT users.*, membership.role, membership.created_at AS joined_at \
    FROM membership JOIN users ON users.id = membership.user_id WHERE membership.team_id = ";

fn member(row: &AnyRow) -> sqlx::Result<Member> {
    Ok(Member {
        user: User::from_row(row)?,
        role: row.word("role")?,
        joined_at: row.int("joined_at")?,
    })
}

/// A team's people, by the order of their ids, after the one with id `after`.
pub async fn members(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Member>> {
    let mut sql = Sql::new(MEMBERS);
    sql.bind(team_id.to_owned()).push(" AND users.id > ").bind(after.to_owned());
    sql.push(" ORDER BY users.id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(member).collect()
}

pub async fn membership(
    conn: &mut Conn,
    team_id: &str,
    user_id: &str,
) -> sqlx::Result<Option<Member>> {
    let mut sql = Sql::new(MEMBERS);
    sql.bind(team_id.to_owned()).push(" AND users.id = ").bind(user_id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(member).transpose()
}

/// The teams of a person, the one that they joined first at the head.
pub async fn teams(conn: &mut Conn, user_id: &str) -> sqlx::Result<Vec<Belonging>> {
    let mut sql = Sql::new(
        "SELECT team.id, team.name, membership.role FROM membership \
         JOIN team ON team.id = membership.team_id WHERE membership.user_id = ",
    );
    sql.bind(user_id.to_owned()).push(" ORDER BY membership.created_at, team.id");
    let belonging = |row: &AnyRow| {
        Ok(Belonging {
            team_id: row.text("id")?,
            team_name: row.text("name")?,
            role: row.word("role")?,
        })
    };
    sql.fetch(conn).await?.iter().map(belonging).collect()
}

/// Let a person belong to a team; false where they do already.
pub async fn join(
    conn: &mut Conn,
    team_id: &str,
    user_id: &str,
    role: Role,
    now: Millis,
) -> sqlx::Result<bool> {
    let added = rows(
        conn,
        "INSERT INTO membership (team_id, user_id, role, created_at) VALUES",
        "ON CONFLICT (team_id, user_id) DO NOTHING RETURNING user_id",
        &[role],
        |row, role| {
            row.text(team_id).text(user_id).text(role.as_str()).add(now);
        },
    )
    .await?;
    Ok(!added.is_empty())
}

pub async fn set_role(
    conn: &mut Conn,
    team_id: &str,
    user_id: &str,
    role: Role,
) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE membership SET role = ");
    sql.bind(role.as_str().to_owned()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND user_id = ").bind(user_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

/// Let a person leave a team. Their sessions that are for it end.
pub async fn leave(conn: &mut Conn, team_id: &str, user_id: &str) -> sqlx::Result<()> {
    for table in ["membership", "session"] {
        let mut sql = Sql::new("DELETE FROM ");
        sql.push(table).push(" WHERE team_id = ").bind(team_id.to_owned());
        sql.push(" AND user_id = ").bind(user_id.to_owned());
        sql.execute(conn).await?;
    }
    Ok(())
}

/// How many owners a team has, or all teams together where `team_id` is empty.
pub async fn owners(conn: &mut Conn, team_id: &str) -> sqlx::Result<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) AS owners FROM membership WHERE role = 'owner'");
    if !team_id.is_empty() {
        sql.push(" AND team_id = ").bind(team_id.to_owned());
    }
    sql.fetch_one(conn).await?.map_or(Ok(0), |row| row.int("owners"))
}

/// Keep a link in place of those before it: for one person, or for the first owner (`user_id` empty).
pub async fn put_link(
    conn: &mut Conn,
    hash: &str,
    user_id: &str,
    expires_at: Millis,
) -> sqlx::Result<()> {
    forget_links(conn, user_id).await?;
    let mut sql = Sql::new("INSERT INTO setup_link (hash, user_id, expires_at) VALUES (");
    sql.bind(hash.to_owned()).push(", ").bind(user_id.to_owned()).push(", ").bind(expires_at);
    sql.push(")");
    sql.execute(conn).await?;
    Ok(())
}

/// Whom a link is for (empty: the first owner), while it holds.
pub async fn link(conn: &mut Conn, hash: &str, now: Millis) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("SELECT user_id FROM setup_link WHERE hash = ");
    sql.bind(hash.to_owned()).push(" AND expires_at > ").bind(now);
    sql.fetch_one(conn).await?.map(|row| row.text("user_id")).transpose()
}

/// Use a link up; gives whom it was for.
pub async fn take_link(conn: &mut Conn, hash: &str, now: Millis) -> sqlx::Result<Option<String>> {
    let mut sql = Sql::new("DELETE FROM setup_link WHERE hash = ");
    sql.bind(hash.to_owned()).push(" AND expires_at > ").bind(now).push(" RETURNING user_id");
    sql.fetch_one(conn).await?.map(|row| row.text("user_id")).transpose()
}

pub async fn forget_links(conn: &mut Conn, user_id: &str) -> sqlx::Result<()> {
    let mut sql = Sql::new("DELETE FROM setup_link WHERE user_id = ");
    sql.bind(user_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}
