//! Every table of the schema, looked through for words: what is forgotten must be in none.

use std::collections::BTreeSet;
use std::fmt;

use sqlx::{AssertSqlSafe, Executor, Row};

use super::{On, Server};

/// Where a word was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub table: String,
    pub column: String,
    pub word: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} holds {:?}", self.table, self.column, self.word)
    }
}

impl Server {
    /// The first column of what a query gives.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        let mut conn = self.house().store.read().await.expect("a connection");
        let rows = conn.fetch_all(AssertSqlSafe(sql.to_owned())).await.expect(sql);
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// Change rows by hand.
    pub async fn execute(&self, sql: &str) {
        let mut tx = self.house().store.begin().await.expect("a transaction");
        tx.execute(AssertSqlSafe(sql.to_owned())).await.expect(sql);
        self.house().commit(tx).await.expect("committed");
    }

    /// Every table and column, those of the search's own tables among them.
    async fn columns(&self, on: On) -> Vec<(String, String)> {
        let sql = match on {
            On::Sqlite => {
                "SELECT it.name || ' ' || its.name AS found FROM sqlite_master AS it \
                 JOIN pragma_table_info(it.name) AS its WHERE it.type = 'table'"
            }
            On::Postgres => {
                "SELECT table_name || ' ' || column_name AS found FROM information_schema.columns \
                 WHERE table_schema = 'public'"
            }
        };
        let found = self.column(sql).await;
        let split = |text: &String| {
            let (table, column) = text.split_once(' ').expect("a table and a column");
            (table.to_owned(), column.to_owned())
        };
        found.iter().map(split).collect()
    }

    /// The tables that have a row, in their order; the search's own by its one name.
    pub async fn tables_with_rows(&self, on: On) -> Vec<String> {
        let columns = self.columns(on).await;
        let tables: BTreeSet<String> = columns.into_iter().map(|(table, _)| table).collect();
        let mut with_rows = Vec::new();
        for table in tables.into_iter().filter(|table| !table.starts_with("message_search_")) {
            let sql = format!("SELECT 'one' FROM \"{table}\" LIMIT 1");
            if !self.column(&sql).await.is_empty() {
                with_rows.push(table);
            }
        }
        with_rows
    }

    /// Wherever one of these words stands, in bytes too.
    pub async fn holding(&self, on: On, words: &[String]) -> Vec<Found> {
        let columns = self.columns(on).await;
        assert!(columns.len() > 200, "only {} columns", columns.len());
        let mut conn = self.house().store.read().await.expect("a connection");
        let mut all = Vec::new();
        for (table, column) in columns {
            let there = |word: &String| match on {
                On::Sqlite => {
                    let word = hex::encode_upper(word);
                    format!("instr(hex(CAST(\"{column}\" AS BLOB)), '{word}') > 0")
                }
                On::Postgres => format!("position('{word}' IN CAST(\"{column}\" AS TEXT)) > 0"),
            };
            let any = words.iter().map(there).collect::<Vec<_>>().join(" OR ");
            let mut found = async |condition: String| {
                let sql = format!("SELECT 1 AS found FROM \"{table}\" WHERE {condition} LIMIT 1");
                conn.fetch_optional(AssertSqlSafe(sql)).await.expect("looked through").is_some()
            };
            if !found(any).await {
                continue;
            }
            for word in words {
                if found(there(word)).await {
                    let (table, column) = (table.clone(), column.clone());
                    all.push(Found { table, column, word: word.clone() });
                }
            }
        }
        all
    }
}
