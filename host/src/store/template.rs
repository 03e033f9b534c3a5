//! Templates.

use sqlx::any::AnyRow;

use super::Conn;
use super::sql::{Column, Sql, rows};
use crate::model::{Millis, Template, TemplateStatus};

fn from_row(row: &AnyRow) -> sqlx::Result<Template> {
    Ok(Template {
        id: row.text("id")?,
        team_id: row.text("team_id")?,
        business_account_id: row.text("business_account_id")?,
        name: row.text("name")?,
        language: row.text("language")?,
        category: row.word("category")?,
        format: row.word("format")?,
        components: row.json("components")?,
        status: row.word("status")?,
        reason: row.text("reason")?,
        provider_id: row.text("provider_id")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

/// Add a template; false where there is one of that name and language already.
pub async fn insert(conn: &mut Conn, template: &Template) -> sqlx::Result<bool> {
    let added = rows(
        conn,
        "INSERT INTO template (id, team_id, business_account_id, name, language, category, format, components, \
         status, reason, provider_id, created_at, updated_at) VALUES",
        "ON CONFLICT DO NOTHING RETURNING id",
        std::slice::from_ref(template),
        |row, it| {
            row.text(&it.id).text(&it.team_id).text(&it.business_account_id).text(&it.name);
            row.text(&it.language).text(it.category.as_str()).text(it.format.as_str());
            row.text(serde_json::to_string(&it.components).unwrap_or_default());
            row.text(it.status.as_str()).text(&it.reason).text(&it.provider_id);
            row.add(it.created_at).add(it.updated_at);
        },
    )
    .await?;
    Ok(!added.is_empty())
}

pub async fn get(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<Option<Template>> {
    let mut sql = Sql::new("SELECT * FROM template WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Of any team, for the sandbox, which knows no teams.
pub async fn by_id(conn: &mut Conn, id: &str) -> sqlx::Result<Option<Template>> {
    let mut sql = Sql::new("SELECT * FROM template WHERE id = ");
    sql.bind(id.to_owned());
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// The template of a name and language: that of the business account, or else the team's own.
pub async fn named(
    conn: &mut Conn,
    team_id: &str,
    business_account_id: &str,
    name: &str,
    language: &str,
) -> sqlx::Result<Option<Template>> {
    let mut sql = Sql::new("SELECT * FROM template WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND business_account_id IN ('', ");
    sql.bind(business_account_id.to_owned()).push(") AND name = ").bind(name.to_owned());
    sql.push(" AND language = ").bind(language.to_owned());
    sql.push(" ORDER BY business_account_id DESC LIMIT 1");
    sql.fetch_one(conn).await?.as_ref().map(from_row).transpose()
}

/// Which templates to list; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub name: Option<String>,
    pub language: Option<String>,
    pub status: Option<TemplateStatus>,
    pub business_account_id: Option<String>,
}

/// A team's templates, oldest first, after the one with id `after`.
pub async fn list(
    conn: &mut Conn,
    team_id: &str,
    filter: &Filter,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Template>> {
    let mut sql = Sql::new("SELECT * FROM template WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    let status = filter.status.map(|status| status.as_str().to_owned());
    let columns = [
        ("name", &filter.name),
        ("language", &filter.language),
        ("status", &status),
        ("business_account_id", &filter.business_account_id),
    ];
    for (column, wanted) in columns {
        if let Some(wanted) = wanted {
            sql.push(" AND ").push(column).push(" = ").bind(wanted.clone());
        }
    }
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// The templates that messages of a business account may use: its own, and those of the team that it
/// has no other for (see [`named`]); oldest first, after the one with id `after`.
pub async fn usable(
    conn: &mut Conn,
    team_id: &str,
    business_account_id: &str,
    status: Option<TemplateStatus>,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Template>> {
    let mut sql = Sql::new("SELECT * FROM template WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id > ").bind(after.to_owned());
    sql.push(" AND (business_account_id = ").bind(business_account_id.to_owned());
    sql.push(" OR business_account_id = '' AND NOT EXISTS (SELECT 1 FROM template AS other WHERE other.team_id = template.team_id");
    sql.push(" AND other.business_account_id = ").bind(business_account_id.to_owned());
    sql.push(" AND other.name = template.name AND other.language = template.language))");
    if let Some(status) = status {
        sql.push(" AND status = ").bind(status.as_str().to_owned());
    }
    sql.push(" ORDER BY id LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(from_row).collect()
}

/// Write what it says. It is handed in anew then: its reviewer's id for what it said before goes.
pub async fn edit(conn: &mut Conn, template: &Template, now: Millis) -> sqlx::Result<()> {
    let mut sql = Sql::new("UPDATE template SET provider_id = '', category = ");
    sql.bind(template.category.as_str().to_owned()).push(", format = ");
    sql.bind(template.format.as_str().to_owned()).push(", components = ");
    sql.bind(serde_json::to_string(&template.components).unwrap_or_default());
    sql.push(", updated_at = ").bind(now).push(" WHERE team_id = ").bind(template.team_id.clone());
    sql.push(" AND id = ").bind(template.id.clone());
    sql.execute(conn).await?;
    Ok(())
}

/// Write a new status with its reason; false where it was so already.
pub async fn set_status(
    conn: &mut Conn,
    id: &str,
    status: TemplateStatus,
    reason: &str,
    now: Millis,
) -> sqlx::Result<bool> {
    let mut sql = Sql::new("UPDATE template SET status = ");
    sql.bind(status.as_str().to_owned()).push(", reason = ").bind(reason.to_owned());
    sql.push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.to_owned());
    sql.push(" AND (status <> ").bind(status.as_str().to_owned());
    sql.push(" OR reason <> ").bind(reason.to_owned()).push(")");
    Ok(sql.execute(conn).await? > 0)
}

/// Keep the id that its reviewer gave it, where it gave one.
pub async fn set_provider_id(conn: &mut Conn, id: &str, provider_id: &str) -> sqlx::Result<()> {
    if provider_id.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("UPDATE template SET provider_id = ");
    sql.bind(provider_id.to_owned()).push(" WHERE id = ").bind(id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, team_id: &str, id: &str) -> sqlx::Result<bool> {
    let mut sql = Sql::new("DELETE FROM template WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND id = ").bind(id.to_owned());
    Ok(sql.execute(conn).await? > 0)
}
