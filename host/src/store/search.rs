//! The words of messages: SQLite's FTS5 and PostgreSQL's text search behind one function.
//!
//! Both hold the same words, made here: in lower case and without accents, cut at everything that is
//! neither letter nor digit, each sign of a script without blanks a word of its own. Before each stands
//! the end of its team's id. So no syntax of a query reaches either database, and a search of one team
//! reads nothing that belongs to another.

use unicode_normalization::UnicodeNormalization;

use super::department::narrow;
use super::message::{Filter, NewMessage};
use super::sql::{Sql, rows, with_list};
use super::{Backend, Conn, forget as gone};
use crate::model::Message;

/// Of one message, and of one search, no more words than this are kept.
const MAX_WORDS: usize = 600;
const MAX_QUERY: usize = 16;
/// Longer words are cut.
const MAX_WORD: usize = 40;
/// Signs of a team's id before each word: the last, which are by chance. The index of the beginnings of
/// words counts with them.
const TEAM: usize = 8;

/// The words of a text, as they are kept and looked for.
pub fn words(text: &str, most: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut length = 0;
    for c in plain(text) {
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
            break;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.truncate(most);
    words
}

/// In lower case, without the accents of Latin, Greek and Cyrillic letters. Marks of other scripts
/// stay: there they make another letter.
fn plain(text: &str) -> impl Iterator<Item = char> {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.nfd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).nfc()
}

/// What is looked for: words that stand one behind the other, or one that may be the beginning of a
/// longer one.
#[derive(Debug, PartialEq)]
struct Part {
    words: Vec<String>,
    is_beginning: bool,
}

/// What a person typed: what stands in double quotes stands so in the message, all else somewhere.
fn parts(text: &str) -> Vec<Part> {
    let mut room = MAX_QUERY;
    let mut parts = Vec::new();
    let pieces: Vec<&str> = text.split(['"', '\u{201c}', '\u{201d}']).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let words = words(piece, room);
        room -= words.len();
        // A quote that is not closed quotes nothing.
        if index % 2 == 1 && index + 1 < pieces.len() {
            parts.push(Part { words, is_beginning: false });
        } else {
            let alone = |word| Part { words: vec![word], is_beginning: true };
            parts.extend(words.into_iter().map(alone));
        }
        if room == 0 {
            break;
        }
    }
    parts.retain(|part| !part.words.is_empty());
    parts
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

/// The part of a team's id that stands before its words.
fn team_key(team_id: &str) -> String {
    let signs: Vec<char> = team_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let end = &signs[signs.len().saturating_sub(TEAM)..];
    let key: String = end.iter().map(char::to_ascii_lowercase).collect();
    format!("{key:0>TEAM$}")
}

/// A message's words as a database keeps them; `None` where it has none.
fn kept(backend: Backend, message: &Message) -> Option<String> {
    let words = words(&message.content.searchable(), MAX_WORDS);
    if words.is_empty() {
        return None;
    }
    let key = team_key(&message.team_id);
    let mut kept: Vec<String> = match backend {
        Backend::Sqlite => words.iter().map(|word| format!("{key}{word}")).collect(),
        Backend::Postgres => {
            let placed = (1..).zip(&words);
            placed.map(|(place, word)| format!("'{key}{word}':{place}")).collect()
        }
    };
    if backend == Backend::Sqlite {
        // By which its row is found again.
        kept.push(id_word(&message.id));
    }
    Some(kept.join(" "))
}

/// Add messages that were just written. Those without words are left out.
pub async fn add<'a>(
    conn: &mut Conn,
    messages: impl Iterator<Item = &'a NewMessage>,
) -> sqlx::Result<()> {
    let backend = backend(conn);
    let entry = |new: &'a NewMessage| Some((&new.message, new.place, kept(backend, &new.message)?));
    let entries: Vec<(&Message, i64, String)> = messages.filter_map(entry).collect();
    insert(conn, &entries).await
}

async fn insert(conn: &mut Conn, entries: &[(&Message, i64, String)]) -> sqlx::Result<()> {
    let (head, tail) = match backend(conn) {
        Backend::Sqlite => {
            ("INSERT INTO message_search (message_id, team_id, place, words) VALUES", "")
        }
        Backend::Postgres => (
            "INSERT INTO message_search (message_id, team_id, place, terms) \
             SELECT v.column1, v.column2, v.column3, CAST(v.column4 AS tsvector) FROM (VALUES",
            ") AS v",
        ),
    };
    rows(conn, head, tail, entries, |row, (message, place, words)| {
        row.text(&message.id).text(&message.team_id).add(*place).text(words);
    })
    .await?;
    Ok(())
}

/// A message says something else from now on.
pub async fn change(conn: &mut Conn, message: &Message, place: i64) -> sqlx::Result<()> {
    forget(conn, std::slice::from_ref(&message.id)).await?;
    match kept(backend(conn), message) {
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
        Backend::Postgres => Sql::new("DELETE FROM message_search WHERE "),
        Backend::Sqlite => {
            let mut sql = Sql::new(
                "DELETE FROM message_search WHERE rowid IN \
                 (SELECT rowid FROM message_search WHERE message_search MATCH ",
            );
            sql.bind(format!("\"{}\" *", team_key(team_id))).push(") AND ");
            sql
        }
    };
    sql.push("team_id = ").bind(team_id.to_owned());
    sql.execute(conn).await?;
    Ok(())
}

fn backend(conn: &Conn) -> Backend {
    if conn.backend_name() == "PostgreSQL" { Backend::Postgres } else { Backend::Sqlite }
}

/// A team's messages that have all that was typed, newest first, older than the message `before` where
/// it is not empty; none where there are no words. Of the filter it is asked who and where.
pub async fn find(
    conn: &mut Conn,
    team_id: &str,
    typed: &str,
    filter: &Filter,
    before: &str,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let parts = parts(typed);
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let (mut sql, order) = match backend(conn) {
        Backend::Sqlite => (in_sqlite(&parts, team_id, before), "rowid"),
        Backend::Postgres => (in_postgres(&parts, team_id, before), "place"),
    };
    sql.push(&gone::shown("message"));
    for (column, value) in [
        ("account_id", &filter.account),
        ("chat_id", &filter.chat),
        ("contact_id", &filter.contact),
    ] {
        if !value.is_empty() {
            sql.push(" AND message.").push(column).push(" = ").bind(value.clone());
        }
    }
    narrow(&mut sql, "message.account_id", team_id, &filter.department);
    sql.push(" ORDER BY message_search.").push(order).push(" DESC LIMIT ").bind(limit);
    sql.fetch(conn).await?.iter().map(super::message::from_row).collect()
}

/// Walks the rows of the match from the newest: it stops as soon as it has enough.
fn in_sqlite(parts: &[Part], team_id: &str, before: &str) -> Sql {
    let key = team_key(team_id);
    let part = |part: &Part| {
        let words: Vec<String> = part.words.iter().map(|word| format!("{key}{word}")).collect();
        format!("\"{}\"{}", words.join(" "), if part.is_beginning { " *" } else { "" })
    };
    let query: Vec<String> = parts.iter().map(part).collect();
    let mut sql = Sql::new(
        "SELECT message.* FROM message_search CROSS JOIN message ON message.id = message_search.message_id \
         WHERE message_search MATCH ",
    );
    sql.bind(query.join(" AND "));
    sql.push(" AND message.team_id = ").bind(team_id.to_owned());
    if !before.is_empty() {
        sql.push(" AND message_search.rowid < (SELECT rowid FROM message_search WHERE message_search MATCH ");
        sql.bind(format!("\"{}\"", id_word(before))).push(" AND team_id = ");
        sql.bind(team_id.to_owned()).push(")");
    }
    sql
}

fn in_postgres(parts: &[Part], team_id: &str, before: &str) -> Sql {
    let key = team_key(team_id);
    let part = |part: &Part| {
        let end = if part.is_beginning { ":*" } else { "" };
        let words: Vec<String> =
            part.words.iter().map(|word| format!("'{key}{word}'{end}")).collect();
        format!("({})", words.join(" <-> "))
    };
    let query: Vec<String> = parts.iter().map(part).collect();
    let mut sql = Sql::new(
        "SELECT message.* FROM message_search JOIN message ON message.id = message_search.message_id \
         WHERE message_search.terms @@ CAST(",
    );
    sql.bind(query.join(" & ")).push(" AS tsquery) AND message_search.team_id = ");
    sql.bind(team_id.to_owned());
    sql.push(" AND message.team_id = ").bind(team_id.to_owned());
    if !before.is_empty() {
        sql.push(" AND message_search.place < (SELECT place FROM message_search AS mark WHERE mark.message_id = ");
        sql.bind(before.to_owned()).push(" AND mark.team_id = ").bind(team_id.to_owned());
        sql.push(")");
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

    #[test]
    fn accents_do_not_count_where_they_are_only_accents() {
        assert_eq!(words("Café ÜBER Ёлка Ωραία İ", 9), ["cafe", "uber", "елка", "ωραια", "i"]);
        assert_eq!(words("Cafe\u{301}", 9), ["cafe"]);
        assert_eq!(words("が 한국", 9), ["が", "한국"]);
    }

    #[test]
    fn quotes_hold_words_together() {
        let beginning = |word: &str| Part { words: vec![word.to_owned()], is_beginning: true };
        let phrase = |text: &str| Part { words: words(text, 9), is_beginning: false };
        assert_eq!(parts("Good mor"), [beginning("good"), beginning("mor")]);
        assert_eq!(parts("\"Good morning\" ann"), [phrase("good morning"), beginning("ann")]);
        assert_eq!(parts("“good morning”"), [phrase("good morning")]);
        assert_eq!(parts("5\" pipe"), [beginning("5"), beginning("pipe")]);
        assert_eq!(parts("\"\" \" , \""), []);
        assert_eq!(
            parts(&"a \"b c\" ".repeat(20)).iter().map(|part| part.words.len()).sum::<usize>(),
            MAX_QUERY
        );
    }

    #[test]
    fn every_teams_key_is_as_long() {
        assert_eq!(team_key("team_01k9z3ABCDEFGH"), "abcdefgh");
        assert_eq!(team_key("t-1"), "000000t1");
    }

    proptest::proptest! {
        #[test]
        fn no_word_can_leave_its_quotes(text in "\\PC{0,200}") {
            for word in words(&text, MAX_WORDS) {
                proptest::prop_assert!(!word.is_empty());
                proptest::prop_assert!(word.chars().all(char::is_alphanumeric), "{word:?}");
            }
            proptest::prop_assert!(parts(&text).iter().all(|part| !part.words.is_empty()));
        }
    }
}
