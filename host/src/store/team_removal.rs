//! All rows of a team, taken away.
//!
//! A table that grows has its line here; those without a `team_id` go with what they stand on.

use super::Conn;
use super::sql::Sql;
use super::{search, user};

/// Rows that know their team only by what they belong to: the table, its column, and whose ids.
const PARTS: [(&str, &str, &str); 9] = [
    ("contact_tag", "contact_id", "contact"),
    ("import_part", "import_id", "contact_import"),
    ("import_problem", "import_id", "contact_import"),
    ("bulk_recipient", "bulk_id", "bulk"),
    ("account_day", "account_id", "account"),
    ("state", "install_id", "install"),
    ("secret", "install_id", "install"),
    ("webhook_reply", "install_id", "install"),
    ("refresh_token", "session_id", "session"),
];

/// The others, what refers to something before what it refers to.
const WHOLES: [&str; 34] = [
    "job",
    "timer",
    "dead_letter",
    "attempt",
    "resend",
    "endpoint",
    "event",
    "message",
    "chat",
    "chat_merged",
    "contact_alias",
    "contact_merged",
    "contact",
    "contact_import",
    "bulk",
    "template",
    "media",
    "conversation",
    "usage_period",
    "ledger",
    "account",
    "department",
    "business_account",
    "plugin_log",
    "plugin_call",
    "plugin_change",
    "plugin_hour",
    "failure",
    "install",
    "plugin_version",
    "plugin",
    "session",
    "api_key",
    "app",
];

/// Delete a team, and who belonged to no other; in one transaction, which may be a long one.
pub async fn everything(conn: &mut Conn, team_id: &str) -> sqlx::Result<()> {
    search::forget_team(conn, team_id).await?;
    for (table, column, whole) in PARTS {
        let mut sql = Sql::new(&format!(
            "DELETE FROM {table} WHERE {column} IN (SELECT id FROM {whole} WHERE team_id = "
        ));
        sql.bind(team_id.to_owned()).push(")");
        sql.execute(conn).await?;
    }
    for table in WHOLES {
        let mut sql = Sql::new(&format!("DELETE FROM {table} WHERE team_id = "));
        sql.bind(team_id.to_owned());
        sql.execute(conn).await?;
    }
    for member in user::members(conn, team_id, "", i64::MAX).await? {
        user::leave(conn, team_id, &member.user.id).await?;
        user::delete_if_alone(conn, &member.user.id).await?;
    }
    let mut sql = Sql::new("DELETE FROM team WHERE id = ");
    sql.bind(team_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}
