//! Contacts: people, by whatever name a channel knows them.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows, with_list};
use crate::model::{Contact, Millis, OptIn};

fn from_row(row: &AnyRow) -> sqlx::Result<Contact> {
    Ok(Contact {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        name: row.text("name")?,
        phone: row.text("phone")?,
        opt_in: row.word("opt_in")?,
        tags: Vec::new(),
        first_seen_at: row.int("first_seen_at")?,
        last_seen_at: row.int("last_seen_at")?,
    })
}

/// A phone number of a team, and the contact to make where nobody has it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub team_id: String,
    pub phone: String,
    /// Empty where unknown; a known one is kept.
    pub name: String,
    /// The id for a new contact.
    pub new_id: String,
    pub now: Millis,
}

/// The contact of each number, made where there is none. One entry per team and number, please.
/// In a transaction that holds the teams.
pub async fn ensure(
    conn: &mut Conn,
    wanted: &[Wanted],
) -> sqlx::Result<HashMap<(String, String), Contact>> {
    let mut found = by_phones(conn, wanted).await?;
    let missing: Vec<Wanted> = wanted
        .iter()
        .filter(|w| !found.contains_key(&(w.team_id.clone(), w.phone.clone())))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(found);
    }
    rows(
        conn,
        "INSERT INTO contact (id, team_id, name, phone, opt_in, first_seen_at, last_seen_at) VALUES",
        "",
        &missing,
        |row, w| {
            row.text(&w.new_id).text(&w.team_id).text(&w.name).text(&w.phone);
            row.text(OptIn::Unknown.as_str()).add(w.now).add(w.now);
        },
    )
    .await?;
    rows(
        conn,
        "INSERT INTO contact_alias (team_id, kind, value, contact_id) VALUES",
        "",
        &missing,
        |row, w| {
            row.text(&w.team_id).text("phone").text(&w.phone).text(&w.new_id);
        },
    )
    .await?;
    for w in missing {
        let contact = Contact {
            id: w.new_id,
            team_id: w.team_id.clone(),
            name: w.name,
            phone: w.phone.clone(),
            opt_in: OptIn::Unknown,
            tags: Vec::new(),
            first_seen_at: w.now,
            last_seen_at: w.now,
        };
        found.insert((w.team_id, w.phone), contact);
    }
    Ok(found)
}

async fn by_phones(
    conn: &mut Conn,
    wanted: &[Wanted],
) -> sqlx::Result<HashMap<(String, String), Contact>> {
    let mut teams: HashMap<&str, Vec<&str>> = HashMap::new();
    for w in wanted {
        teams.entry(&w.team_id).or_default().push(&w.phone);
    }
    let mut found = HashMap::new();
    for (team_id, phones) in teams {
        for part in phones.chunks(512) {
            let mut sql = Sql::new(
                "SELECT contact.*, contact_alias.value AS alias FROM contact_alias \
                 JOIN contact ON contact.id = contact_alias.contact_id WHERE contact_alias.team_id = ",
            );
            sql.bind(team_id.to_owned())
                .push(" AND contact_alias.kind = 'phone' AND contact_alias.value IN ");
            sql.bind_list(part);
            for row in sql.fetch(conn).await? {
                found.insert((team_id.to_owned(), row.text("alias")?), from_row(&row)?);
            }
        }
    }
    Ok(found)
}

/// Note that these contacts (id, name or empty) were heard from.
pub async fn touch(conn: &mut Conn, seen: &[(String, String)], now: Millis) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE contact SET last_seen_at = v.column3, \
         name = CASE WHEN contact.name = '' THEN v.column2 ELSE contact.name END FROM (VALUES",
        ") AS v WHERE contact.id = v.column1",
        seen,
        |row, (id, name)| {
            row.text(id).text(name).add(now);
        },
    )
    .await?;
    Ok(())
}

/// One contact with its tags.
pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Contact>> {
    let mut sql = Sql::new("SELECT * FROM contact WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    let Some(row) = sql.fetch_one(conn).await? else { return Ok(None) };
    let mut contact = from_row(&row)?;
    contact.tags = tags(conn, &[contact.id.clone()]).await?.remove(&contact.id).unwrap_or_default();
    Ok(Some(contact))
}

/// Contacts of any team, without tags: for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Contact>> {
    let found = with_list(conn, "SELECT * FROM contact WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, from_row(row)?))).collect()
}

/// A team's contacts in order of id, with their tags, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Contact>> {
    let mut sql = Sql::new("SELECT * FROM contact WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    let mut contacts =
        sql.fetch(conn).await?.iter().map(from_row).collect::<sqlx::Result<Vec<_>>>()?;
    let ids: Vec<String> = contacts.iter().map(|contact| contact.id.clone()).collect();
    let mut tags = tags(conn, &ids).await?;
    for contact in &mut contacts {
        contact.tags = tags.remove(&contact.id).unwrap_or_default();
    }
    Ok(contacts)
}

/// The contact of a phone number.
pub async fn by_phone(
    conn: &mut Conn,
    team_id: &str,
    phone: &str,
) -> sqlx::Result<Option<Contact>> {
    let mut sql =
        Sql::new("SELECT contact_id FROM contact_alias WHERE kind = 'phone' AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND value = ").bind(phone.to_owned());
    match sql.fetch_one(conn).await? {
        Some(row) => get(conn, team_id, &row.text("contact_id")?).await,
        None => Ok(None),
    }
}

async fn tags(
    conn: &mut Conn,
    ids: &[String],
) -> sqlx::Result<HashMap<String, Vec<(String, String)>>> {
    let found = with_list(
        conn,
        "SELECT * FROM contact_tag WHERE contact_id IN",
        ids,
        "ORDER BY contact_id, tag",
    )
    .await?;
    let mut tags: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for row in found {
        tags.entry(row.text("contact_id")?)
            .or_default()
            .push((row.text("tag")?, row.text("value")?));
    }
    Ok(tags)
}

/// Put a tag, or with no value take it away.
pub async fn set_tag(
    conn: &mut Conn,
    id: &str,
    tag: &str,
    value: Option<&str>,
) -> sqlx::Result<()> {
    let mut sql;
    match value {
        Some(value) => {
            sql = Sql::new("INSERT INTO contact_tag (contact_id, tag, value) VALUES (");
            sql.bind(id.to_owned())
                .push(", ")
                .bind(tag.to_owned())
                .push(", ")
                .bind(value.to_owned());
            sql.push(") ON CONFLICT (contact_id, tag) DO UPDATE SET value = excluded.value");
        }
        None => {
            sql = Sql::new("DELETE FROM contact_tag WHERE contact_id = ");
            sql.bind(id.to_owned()).push(" AND tag = ").bind(tag.to_owned());
        }
    }
    sql.execute(conn).await?;
    Ok(())
}

pub async fn rename(conn: &mut Conn, team_id: &str, id: &str, name: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE contact SET name = ");
    sql.bind(name.to_owned())
        .push(" WHERE team_id = ")
        .bind(team_id.to_owned())
        .push(" AND id = ")
        .bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Write whether the contact agreed; false where it was so already (or there is no such contact).
pub async fn set_opt_in(
    conn: &mut Conn,
    team_id: &str,
    id: &str,
    opt_in: OptIn,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE contact SET opt_in = ");
    sql.bind(opt_in.as_str().to_owned()).push(" WHERE team_id = ").bind(team_id.to_owned());
    sql.push(" AND id = ")
        .bind(id.to_owned())
        .push(" AND opt_in <> ")
        .bind(opt_in.as_str().to_owned());
    Ok(sql.execute(conn).await? > 0)
}
