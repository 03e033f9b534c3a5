//! Lists of contacts, narrowed by what a team looks for.

use super::contact::{from_row, tags};
use super::department::narrow;
use super::sql::Sql;
use super::{Conn, forget};
use crate::model::{Contact, OptIn};

/// Which contacts to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub tag: Option<String>,
    /// Of the tag; only with one.
    pub tag_value: Option<String>,
    pub opt_in: Option<OptIn>,
    pub blocked: Option<bool>,
    /// How the name begins, in any case.
    pub name: Option<String>,
    /// How one of its numbers begins.
    pub phone: Option<String>,
    /// In any of its chats; empty: nobody in one of them.
    pub assigned: Option<String>,
    pub unread: Option<bool>,
    pub archived: Option<bool>,
    /// Only its chats count for the last three; empty: any.
    pub department_id: String,
}

/// A team's contacts in order of id, with their tags, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Contact>> {
    let mut sql = Sql::new("SELECT * FROM contact WHERE erased = 0 AND team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    by_itself(&mut sql, team_id, filter);
    by_chats(&mut sql, team_id, filter);
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

fn by_itself(sql: &mut Sql, team_id: &str, filter: &Filter) {
    if let Some(tag) = &filter.tag {
        sql.push(" AND id IN (SELECT contact_id FROM contact_tag WHERE tag = ").bind(tag.clone());
        if let Some(value) = &filter.tag_value {
            sql.push(" AND value = ").bind(value.clone());
        }
        sql.push(")");
    }
    if let Some(opt_in) = filter.opt_in {
        sql.push(" AND opt_in = ").bind(opt_in.as_str().to_owned());
    }
    if let Some(blocked) = filter.blocked {
        sql.push(" AND blocked = ").bind(i64::from(blocked));
    }
    if let Some(name) = &filter.name {
        let prefix = name.to_lowercase();
        sql.push(" AND name_key >= ").bind(prefix.clone()).push(" AND name_key < ");
        sql.bind(after_prefix(&prefix));
    }
    if let Some(phone) = &filter.phone {
        sql.push(
            " AND id IN (SELECT contact_id FROM contact_alias WHERE kind = 'phone' AND team_id = ",
        );
        sql.bind(team_id.to_owned()).push(" AND value >= ").bind(phone.clone());
        sql.push(" AND value < ").bind(after_prefix(phone)).push(")");
    }
}

fn by_chats(sql: &mut Sql, team_id: &str, filter: &Filter) {
    let mut some = |condition: &str, value: Option<String>| {
        sql.push(" AND EXISTS (SELECT 1 FROM chat WHERE chat.contact_id = contact.id AND ");
        sql.push(condition);
        if let Some(value) = value {
            sql.bind(value);
        }
        narrow(sql, "chat.account_id", team_id, &filter.department_id);
        sql.push(&forget::shown("chat")).push(")");
    };
    if let Some(who) = &filter.assigned {
        some("chat.assigned = ", Some(who.clone()));
    }
    if let Some(unread) = filter.unread {
        some(if unread { "chat.unread > 0" } else { "chat.unread = 0" }, None);
    }
    if let Some(archived) = filter.archived {
        some(if archived { "chat.archived = 1" } else { "chat.archived = 0" }, None);
    }
}

/// A text after all that begin so, and before what follows them: by bytes, as both databases sort.
fn after_prefix(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}
