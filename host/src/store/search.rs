//! The words of messages: SQLite's FTS5 and PostgreSQL's text search behind one function.
//!
//! Both hold the same words, made here: in lower case, cut at everything that is neither letter nor
//! digit, each sign of a script without blanks a word of its own. Two more words are the ids of the
//! message and of its team. So no syntax of a query reaches either database, and a search of one team
//! never reads what belongs to another.

use std::collections::BTreeMap;

use super::message::NewMessage;
use super::sql::{Sql, rows, with_list};
use super::{Backend, Conn, forget as gone};
use crate::model::Message;

/// Of one message, and of one search, no more words than this are kept.
const MAX_WORDS: usize = 600;
const MAX_QUERY: usize = 16;
/// Longer words are cut.
const MAX_WORD: usize = 40;

/// The words of a text, as they are kept and looked for.
pub fn words(text: &str, most: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut length = 0;
    for c in text.chars().flat_map(char::to_lowercase) {
        let alone = is_alone(c);
        if (alone || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            length = 0;
        }
        if alone {
            words.push(c.to_string());
        } else if c.is_alphanumeric() && length < MAX_WORD {
            word.push(c);
            length += 1;
        }
        if words.len() >= most {
            return words;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Han, Kana and Hangul are written without blanks, or with few.
fn is_alone(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// An id as a word that no text has: texts are cut at the underscore.
fn id_word(id: &str) -> String {
    let mut word = String::from("id_");
    word.extend(
        id.chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .map(|c| c.to_ascii_lowercase()),
    );
    word
}

fn kept(message: &Message) -> Option<String> {
    let mut kept = words(&message.content.searchable(), MAX_WORDS);
    if kept.is_empty() {
        return None;
    }
    kept.extend([id_word(&message.team_id), id_word(&message.id)]);
    Some(kept.join(" "))
}

/// Add messages that were just written. Those without words are left out.
pub async fn add<'a>(
    conn: &mut Conn,
    messages: impl Iterator<Item = &'a NewMessage>,
) -> sqlx::Result<()> {
    let entries: Vec<(&Message, i64, String)> =
        messages.filter_map(|new| Some((&new.message, new.place, kept(&new.message)?))).collect();
    insert(conn, &entries).await
}

async fn insert(conn: &mut Conn, entries: &[(&Message, i64, String)]) -> sqlx::Result<()> {
    rows(
        conn,
        "INSERT INTO message_search (message_id, team_id, place, words) VALUES",
        "",
        entries,
        |row, (message, place, words)| {
            row.text(&message.id).text(&message.team_id).add(*place).text(words);
        },
    )
    .await?;
    Ok(())
}

/// A message says something else from now on.
pub async fn change(conn: &mut Conn, message: &Message, place: i64) -> sqlx::Result<()> {
    forget(conn, std::slice::from_ref(&message.id)).await?;
    match kept(message) {
        Some(words) => insert(conn, &[(message, place, words)]).await,
        None => Ok(()),
    }
}

/// Messages are gone.
pub async fn forget(conn: &mut Conn, ids: &[String]) -> sqlx::Result<()> {
    if backend(conn) == Backend::Postgres {
        with_list(conn, "DELETE FROM message_search WHERE message_id IN", ids, "").await?;
        return Ok(());
    }
    for id in ids {
        let mut sql = Sql::new(
            "DELETE FROM message_search WHERE rowid IN (SELECT rowid FROM message_search WHERE message_search MATCH ",
        );
        sql.bind(format!("\"{}\"", id_word(id))).push(")");
        sql.execute(conn).await?;
    }
    Ok(())
}

/// All messages of a team are gone.
pub async fn forget_team(conn: &mut Conn, team_id: &str) -> sqlx::Result<()> {
    let mut sql = match backend(conn) {
        Backend::Postgres => Sql::new("DELETE FROM message_search WHERE team_id = "),
        Backend::Sqlite => Sql::new(
            "DELETE FROM message_search WHERE rowid IN (SELECT rowid FROM message_search WHERE message_search MATCH ",
        ),
    };
    match backend(conn) {
        Backend::Postgres => sql.bind(team_id.to_owned()),
        Backend::Sqlite => sql.bind(format!("\"{}\"", id_word(team_id))).push(")"),
    };
    sql.execute(conn).await?;
    Ok(())
}

fn backend(conn: &Conn) -> Backend {
    if conn.backend_name() == "PostgreSQL" { Backend::Postgres } else { Backend::Sqlite }
}

/// What to look for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    pub team_id: &'a str,
    /// What a person typed: all of its words must be there, each as a word or the beginning of one.
    pub text: &'a str,
    /// Empty for any, as are the next two.
    pub account: &'a str,
    pub chat: &'a str,
    pub contact: &'a str,
    /// Only older messages than this one; empty: from the newest.
    pub before: &'a str,
    pub limit: i64,
}

/// The messages that have all the words, newest first; none where there are no words.
pub async fn find(conn: &mut Conn, wanted: Wanted<'_>) -> sqlx::Result<Vec<Message>> {
    let looked_for = words(wanted.text, MAX_QUERY);
    if looked_for.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = match backend(conn) {
        Backend::Sqlite => in_sqlite(&looked_for, wanted),
        Backend::Postgres => in_postgres(&looked_for, wanted),
    };
    sql.push(&gone::shown("message"));
    for (column, value) in BTreeMap::from([
        ("account_id", wanted.account),
        ("chat_id", wanted.chat),
        ("contact_id", wanted.contact),
    ]) {
        if !value.is_empty() {
            sql.push(" AND message.").push(column).push(" = ").bind(value.to_owned());
        }
    }
    sql.push(match backend(conn) {
        Backend::Sqlite => " ORDER BY message_search.rowid DESC LIMIT ",
        Backend::Postgres => " ORDER BY message_search.place DESC LIMIT ",
    });
    sql.bind(wanted.limit);
    sql.fetch(conn).await?.iter().map(super::message::from_row).collect()
}

/// Walks the rows of the match from the newest: it stops as soon as it has enough.
fn in_sqlite(looked_for: &[String], wanted: Wanted<'_>) -> Sql {
    let mut query: Vec<String> = looked_for.iter().map(|word| format!("\"{word}\" *")).collect();
    query.push(format!("\"{}\"", id_word(wanted.team_id)));
    let mut sql = Sql::new(
        "SELECT message.* FROM message_search CROSS JOIN message ON message.id = message_search.message_id \
         WHERE message_search MATCH ",
    );
    sql.bind(query.join(" AND "));
    sql.push(" AND message.team_id = ").bind(wanted.team_id.to_owned());
    if !wanted.before.is_empty() {
        sql.push(" AND message_search.rowid < (SELECT rowid FROM message_search WHERE message_search MATCH ");
        sql.bind(format!("\"{}\" AND \"{}\"", id_word(wanted.before), id_word(wanted.team_id)))
            .push(")");
    }
    sql
}

fn in_postgres(looked_for: &[String], wanted: Wanted<'_>) -> Sql {
    let query: Vec<String> = looked_for.iter().map(|word| format!("'{word}':*")).collect();
    let mut sql = Sql::new(
        "SELECT message.* FROM message_search JOIN message ON message.id = message_search.message_id \
         WHERE message_search.terms @@ CAST(",
    );
    sql.bind(query.join(" & "))
        .push(" AS tsquery) AND message_search.team_id = ")
        .bind(wanted.team_id.to_owned());
    sql.push(" AND message.team_id = ").bind(wanted.team_id.to_owned());
    if !wanted.before.is_empty() {
        sql.push(" AND message_search.place < (SELECT place FROM message_search AS mark WHERE mark.message_id = ");
        sql.bind(wanted.before.to_owned())
            .push(" AND mark.team_id = ")
            .bind(wanted.team_id.to_owned())
            .push(")");
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_words_without_syntax() {
        assert_eq!(words("Hello, WORLD! foo_bar", 9), ["hello", "world", "foo", "bar"]);
        assert_eq!(words("\"a\" OR b* NEAR(c) -d:e", 9), ["a", "or", "b", "near", "c", "d", "e"]);
        assert_eq!(words("東京 tower", 9), ["東", "京", "tower"]);
        assert_eq!(words("one two three", 2), ["one", "two"]);
        assert!(words(" '\"*:&|!()\\ ", 9).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_word_can_leave_its_quotes(text in "\\PC{0,200}") {
            for word in words(&text, MAX_WORDS) {
                proptest::prop_assert!(!word.is_empty());
                proptest::prop_assert!(word.chars().all(char::is_alphanumeric), "{word:?}");
            }
        }
    }
}
