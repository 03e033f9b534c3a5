//! What belongs to a department: what is of one of its accounts.

use super::Conn;
use super::sql::{Column, Sql};

/// Add that the account in `column` is one of this department's; nothing where none is named.
pub fn narrow(sql: &mut Sql, column: &str, team_id: &str, department_id: &str) {
    if department_id.is_empty() {
        return;
    }
    sql.push(" AND ").push(column).push(" IN (SELECT id FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND department_id = ").bind(department_id.to_owned());
    sql.push(")");
}

/// The ids of its accounts.
pub async fn accounts(
    conn: &mut Conn,
    team_id: &str,
    department_id: &str,
) -> sqlx::Result<Vec<String>> {
    let mut sql = Sql::new("SELECT id FROM account WHERE team_id = ");
    sql.bind(team_id.to_owned()).push(" AND department_id = ").bind(department_id.to_owned());
    sql.fetch(conn).await?.iter().map(|row| row.text("id")).collect()
}
