//! One SQL text for both databases: placeholders in order, and rows in sets.
//!
//! A placeholder is `?` for SQLite, which looks a number up among all those before it, and `$n` for
//! PostgreSQL, which knows no other.
//!
//! A set is written in statements of a power of two rows, because both databases keep prepared
//! statements by their text, and few texts are better than one for every size.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection, Arguments, AssertSqlSafe, Encode, Executor, Row, Type};

/// Rows of one statement, at most: 64 rows of 30 columns stay far below the 32,766 binds that
/// SQLite takes.
const SET: usize = 64;

/// A statement under construction: text, and a value for each `?` in it.
#[derive(Default)]
pub struct Sql {
    text: String,
    values: AnyArguments,
}

impl Sql {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: AnyArguments::default() }
    }

    /// Add text that holds no values.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Add the next placeholder and its value.
    pub fn bind<'v, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'v, Any> + Type<Any>,
    {
        // Encoding text and integers for `Any` has no way to fail.
        let added = self.values.add(value);
        debug_assert!(added.is_ok());
        self.text.push('?');
        self
    }

    /// Add `(…, …)` with one placeholder per value, padded to a power of two by its last value.
    /// An empty list becomes one that matches nothing.
    pub fn bind_list<S: AsRef<str>>(&mut self, values: &[S]) -> &mut Self {
        let Some(last) = values.last() else { return self.push("(NULL)") };
        self.push("(");
        for index in 0..values.len().next_power_of_two() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(values.get(index).unwrap_or(last).as_ref().to_owned());
        }
        self.push(")")
    }

    /// Run it; the number of rows that it touched.
    pub async fn execute(self, conn: &mut AnyConnection) -> sqlx::Result<u64> {
        let text = self.text_for(conn);
        Ok(conn.execute(sqlx::query_with(AssertSqlSafe(text), self.values)).await?.rows_affected())
    }

    /// Run it; all rows that it gives.
    pub async fn fetch(self, conn: &mut AnyConnection) -> sqlx::Result<Vec<AnyRow>> {
        let text = self.text_for(conn);
        conn.fetch_all(sqlx::query_with(AssertSqlSafe(text), self.values)).await
    }

    /// Run it; its first row.
    pub async fn fetch_one(self, conn: &mut AnyConnection) -> sqlx::Result<Option<AnyRow>> {
        let text = self.text_for(conn);
        conn.fetch_optional(sqlx::query_with(AssertSqlSafe(text), self.values)).await
    }

    fn text_for(&self, conn: &AnyConnection) -> String {
        if conn.backend_name() == "PostgreSQL" { numbered(&self.text) } else { self.text.clone() }
    }
}

/// Each `?` as `$n`. No statement of ours holds a question mark that is none.
fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        numbered.push('$');
        numbered.push_str(&(index + 1).to_string());
        numbered.push_str(part);
    }
    numbered
}

/// `head (…), (…) tail` for every row of a set: `bind` adds one row's values in order of the
/// columns. Gives what a `RETURNING` in `tail` returns, in no order.
pub async fn rows<T>(
    conn: &mut AnyConnection,
    head: &str,
    tail: &str,
    rows: &[T],
    bind: impl Fn(&mut Values<'_>, &T),
) -> sqlx::Result<Vec<AnyRow>> {
    let mut returned = Vec::new();
    for set in powers_of_two(rows) {
        let mut sql = Sql::new(head);
        for (index, row) in set.iter().enumerate() {
            sql.push(if index == 0 { " (" } else { ", (" });
            bind(&mut Values { sql: &mut sql, first: true }, row);
            sql.push(")");
        }
        sql.push(" ").push(tail);
        returned.extend(sql.fetch(conn).await?);
    }
    Ok(returned)
}

/// `head (?, …) tail` for a list of texts of any length.
pub async fn with_list<S: AsRef<str>>(
    conn: &mut AnyConnection,
    head: &str,
    list: &[S],
    tail: &str,
) -> sqlx::Result<Vec<AnyRow>> {
    let mut returned = Vec::new();
    for part in list.chunks(512) {
        let mut sql = Sql::new(head);
        sql.push(" ").bind_list(part).push(" ").push(tail);
        returned.extend(sql.fetch(conn).await?);
    }
    Ok(returned)
}

/// One row's values.
pub struct Values<'a> {
    sql: &'a mut Sql,
    first: bool,
}

impl Values<'_> {
    pub fn add<'v, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'v, Any> + Type<Any>,
    {
        if !self.first {
            self.sql.push(", ");
        }
        self.first = false;
        self.sql.bind(value);
        self
    }

    /// A text; both databases get an owned copy.
    pub fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.add(value.into())
    }

    /// A truth, kept as 0 or 1.
    pub fn truth(&mut self, value: bool) -> &mut Self {
        self.add(i64::from(value))
    }
}

/// Split a slice into parts of 64, 32, … 1 rows.
fn powers_of_two<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let fits = rows.len().min(SET);
        let size = if fits.is_power_of_two() { fits } else { fits.next_power_of_two() / 2 };
        let (set, rest) = rows.split_at(size);
        rows = rest;
        (!set.is_empty()).then_some(set)
    })
}

/// Columns by name, with the error that names the column.
pub trait Column {
    fn text(&self, name: &str) -> sqlx::Result<String>;
    fn int(&self, name: &str) -> sqlx::Result<i64>;
    fn maybe_text(&self, name: &str) -> sqlx::Result<Option<String>>;
    fn maybe_int(&self, name: &str) -> sqlx::Result<Option<i64>>;
    /// A column that holds one of a closed set of words.
    fn word<T: std::str::FromStr<Err = String>>(&self, name: &str) -> sqlx::Result<T>;
    /// A column that holds JSON.
    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> sqlx::Result<T>;
}

impl Column for AnyRow {
    fn text(&self, name: &str) -> sqlx::Result<String> {
        self.try_get(name)
    }

    fn int(&self, name: &str) -> sqlx::Result<i64> {
        self.try_get(name)
    }

    fn maybe_text(&self, name: &str) -> sqlx::Result<Option<String>> {
        self.try_get(name)
    }

    fn maybe_int(&self, name: &str) -> sqlx::Result<Option<i64>> {
        self.try_get(name)
    }

    fn word<T: std::str::FromStr<Err = String>>(&self, name: &str) -> sqlx::Result<T> {
        self.text(name)?.parse().map_err(|problem: String| undecodable(name, problem.into()))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> sqlx::Result<T> {
        serde_json::from_str(&self.text(name)?).map_err(|problem| undecodable(name, problem.into()))
    }
}

fn undecodable(column: &str, source: Box<dyn std::error::Error + Send + Sync>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_split_into_few_sizes() {
        let rows: Vec<u32> = (0..203).collect();
        let sizes: Vec<usize> = powers_of_two(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [64, 64, 64, 8, 2, 1]);
    }

    proptest::proptest! {
        #[test]
        fn a_set_that_is_split_loses_no_row(count in 0..500_u32) {
            let rows: Vec<u32> = (0..count).collect();
            let parts: Vec<&[u32]> = powers_of_two(&rows).collect();
            assert!(parts.iter().all(|part| part.len().is_power_of_two() && part.len() <= SET));
            assert_eq!(parts.concat(), rows);
        }
    }

    #[test]
    fn a_list_is_padded_by_its_last_value_and_an_empty_one_matches_nothing() {
        let mut sql = Sql::new("x IN ");
        sql.bind_list(&["a", "b", "c"]);
        assert_eq!(sql.text, "x IN (?, ?, ?, ?)");
        assert_eq!(numbered(&sql.text), "x IN ($1, $2, $3, $4)");
        let mut none = Sql::new("x IN ");
        none.bind_list::<&str>(&[]);
        assert_eq!(none.text, "x IN (NULL)");
    }
}
