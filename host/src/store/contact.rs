//! Contacts: people, by whatever name a channel knows them.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::sql::{Column, Sql, rows, with_list};
use super::{Conn, merge};
use crate::model::{Alias, AliasKind, Contact, Millis, OptIn};

pub(super) fn from_row(row: &AnyRow) -> sqlx::Result<Contact> {
    Ok(Contact {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        name: row.text("name")?,
        phone: row.text("phone")?,
        opt_in: row.word("opt_in")?,
        blocked: row.int("blocked")? != 0,
        tags: Vec::new(),
        fields: row.json("fields")?,
        profile_image: row.text("profile_image")?,
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
    let mut teams: HashMap<&str, Vec<Alias>> = HashMap::new();
    for w in wanted {
        teams.entry(&w.team_id).or_default().push(Alias::phone(&w.phone));
    }
    let mut found = HashMap::new();
    for (team_id, phones) in teams {
        for (alias, contact) in by_aliases(conn, team_id, &phones).await? {
            found.insert((team_id.to_owned(), alias.value), contact);
        }
    }
    let mut missing = Vec::new();
    for w in wanted {
        if found.contains_key(&(w.team_id.clone(), w.phone.clone())) {
            continue;
        }
        let name = w.name.clone();
        missing
            .push(Contact { name, ..Contact::new(w.new_id.clone(), &w.team_id, &w.phone, w.now) });
    }
    insert(conn, &missing).await?;
    let phones: Vec<(Alias, &Contact)> =
        missing.iter().map(|contact| (Alias::phone(&contact.phone), contact)).collect();
    let phones: Vec<(&str, Alias, &str)> = phones
        .into_iter()
        .map(|(alias, contact)| (contact.team_id.as_str(), alias, contact.id.as_str()))
        .collect();
    add_aliases(conn, &phones).await?;
    found.extend(missing.into_iter().map(|it| ((it.team_id.clone(), it.phone.clone()), it)));
    Ok(found)
}

/// Add contacts, without their tags and aliases.
pub async fn insert(conn: &mut Conn, contacts: &[Contact]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO contact (id, team_id, name, name_key, phone, opt_in, fields, profile_image, first_seen_at, \
         last_seen_at) VALUES",
        "",
        contacts,
        |row, contact| {
            row.text(&contact.id).text(&contact.team_id).text(&contact.name);
            row.text(contact.name.to_lowercase()).text(&contact.phone).text(contact.opt_in.as_str());
            row.text(fields_text(&contact.fields)).text(&contact.profile_image);
            row.add(contact.first_seen_at).add(contact.last_seen_at);
        },
    )
    .await?;
    Ok(())
}

fn fields_text(fields: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(fields).unwrap_or_else(|_| "{}".to_owned())
}

/// Note further names (team, name, contact); one that is known already stays with whom it is.
pub async fn add_aliases(conn: &mut Conn, aliases: &[(&str, Alias, &str)]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO contact_alias (team_id, kind, value, contact_id) VALUES",
        "ON CONFLICT DO NOTHING",
        aliases,
        |row, (team_id, alias, contact_id)| {
            row.text(*team_id).text(alias.kind.as_str()).text(&alias.value).text(*contact_id);
        },
    )
    .await?;
    Ok(())
}

/// Who has these names in a team; without tags.
pub async fn by_aliases(
    conn: &mut Conn,
    team_id: &str,
    aliases: &[Alias],
) -> sqlx::Result<HashMap<Alias, Contact>> {
    let mut found = HashMap::new();
    for kind in AliasKind::ALL {
        let values: Vec<&str> = aliases
            .iter()
            .filter(|alias| alias.kind == *kind)
            .map(|alias| alias.value.as_str())
            .collect();
        for part in values.chunks(512) {
            let mut sql = Sql::new(
                "SELECT contact.*, contact_alias.value AS alias FROM contact_alias \
                 JOIN contact ON contact.id = contact_alias.contact_id WHERE contact_alias.team_id = ",
            );
            sql.bind(team_id.to_owned()).push(" AND contact_alias.kind = ");
            sql.bind(kind.as_str().to_owned()).push(" AND contact_alias.value IN ").bind_list(part);
            for row in sql.fetch(conn).await? {
                let alias = Alias { kind: *kind, value: row.text("alias")? };
                found.insert(alias, from_row(&row)?);
            }
        }
    }
    Ok(found)
}

/// The names of a contact.
pub async fn aliases(conn: &mut Conn, contact_id: &str) -> sqlx::Result<Vec<Alias>> {
    let mut sql = Sql::new("SELECT kind, value FROM contact_alias WHERE contact_id = ");
    sql.bind(contact_id.to_owned()).push(" ORDER BY kind, value");
    sql.fetch(conn)
        .await?
        .iter()
        .map(|row| Ok(Alias { kind: row.word("kind")?, value: row.text("value")? }))
        .collect()
}

/// Note that these contacts (id, name or empty) were heard from.
pub async fn touch(conn: &mut Conn, seen: &[(String, String)], now: Millis) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE contact SET last_seen_at = v.column3, \
         name = CASE WHEN contact.name = '' THEN v.column2 ELSE contact.name END, \
         name_key = CASE WHEN contact.name = '' THEN v.column4 ELSE contact.name_key END FROM (VALUES",
        ") AS v WHERE contact.id = v.column1",
        seen,
        |row, (id, name)| {
            row.text(id).text(name).add(now).text(name.to_lowercase());
        },
    )
    .await?;
    Ok(())
}

/// One contact with its tags; an id from before a merge finds who it is now.
pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Contact>> {
    let Some(mut contact) = row(conn, team_id, id).await? else {
        let Some(now) = merge::contact_now(conn, team_id, id).await? else { return Ok(None) };
        return Box::pin(get(conn, team_id, &now)).await;
    };
    contact.tags = tags(conn, &[contact.id.clone()]).await?.remove(&contact.id).unwrap_or_default();
    Ok(Some(contact))
}

async fn row(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Contact>> {
    let mut sql = Sql::new("SELECT * FROM contact WHERE erased = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Contacts of any team, without tags: for jobs, which carry their team themselves.
pub async fn by_ids(conn: &mut Conn, ids: &[String]) -> sqlx::Result<HashMap<String, Contact>> {
    let found = with_list(conn, "SELECT * FROM contact WHERE id IN", ids, "").await?;
    found.iter().map(|row| Ok((row.text("id")?, from_row(row)?))).collect()
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

pub(super) async fn tags(
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

/// What to change of a contact; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
    pub profile_image: Option<String>,
    pub blocked: Option<bool>,
}

/// Write a change; false where there is no such contact.
pub async fn change(
    conn: &mut Conn,
    team_id: &str,
    id: &str,
    change: &Change,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE contact SET team_id = team_id");
    if let Some(name) = &change.name {
        sql.push(", name = ").bind(name.clone()).push(", name_key = ").bind(name.to_lowercase());
    }
    if let Some(fields) = &change.fields {
        sql.push(", fields = ").bind(fields_text(fields));
    }
    if let Some(image) = &change.profile_image {
        sql.push(", profile_image = ").bind(image.clone());
    }
    if let Some(blocked) = change.blocked {
        sql.push(", blocked = ").bind(i64::from(blocked));
    }
    sql.push(" WHERE team_id = ").bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}

/// Write what an import made of contacts. One entry per contact, please.
pub async fn write(conn: &mut Conn, contacts: &[Contact]) -> sqlx::Result<()> {
    rows(
        conn,
        "UPDATE contact SET name = v.column2, name_key = v.column3, opt_in = v.column4, fields = v.column5 \
         FROM (VALUES",
        ") AS v WHERE contact.id = v.column1",
        contacts,
        |row, contact| {
            row.text(&contact.id).text(&contact.name).text(contact.name.to_lowercase());
            row.text(contact.opt_in.as_str()).text(fields_text(&contact.fields));
        },
    )
    .await?;
    Ok(())
}

/// Put tags (contact, tag, value). One entry per contact and tag, please.
pub async fn set_tags(conn: &mut Conn, tags: &[(String, String, String)]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO contact_tag (contact_id, tag, value) VALUES",
        "ON CONFLICT (contact_id, tag) DO UPDATE SET value = excluded.value",
        tags,
        |row, (contact, tag, value)| {
            row.text(contact).text(tag).text(value);
        },
    )
    .await?;
    Ok(())
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
