//! Contacts as lines of CSV: cut out of a stream, read, and written so that no spreadsheet takes one
//! for a formula. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{Contact, OptIn, is_phone};

/// A record has at most so many bytes; with an open quote it ends here too.
const MAX_RECORD: usize = 16 << 10;
const MAX_NAME: usize = 200;
/// The team's own fields of one contact, as JSON.
pub const MAX_FIELDS: usize = 8 << 10;

/// Cuts records out of bytes as they come; one may reach over several lines, in quotes.
#[derive(Debug)]
pub struct Splitter {
    rest: Vec<u8>,
    /// How much of it was looked at, and whether that ends in quotes.
    seen: usize,
    quoted: bool,
    /// The number of the line that `rest` begins with.
    line: i64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { rest: Vec::new(), seen: 0, quoted: false, line: 1 }
    }
}

impl Splitter {
    /// The records that these bytes complete, each with the number of its first line.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<(i64, String)> {
        self.rest.extend_from_slice(bytes);
        let mut records = Vec::new();
        while let Some(end) = self.next_end() {
            records.extend(self.cut(end));
        }
        records
    }

    /// What is left when no more bytes come.
    pub fn end(mut self) -> Option<(i64, String)> {
        let end = self.rest.len();
        self.cut(end)
    }

    /// Where the next record ends, its line break included.
    fn next_end(&mut self) -> Option<usize> {
        while self.seen < self.rest.len() {
            let byte = self.rest[self.seen];
            self.seen += 1;
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\n' if !self.quoted => return Some(self.seen),
                _ if self.seen >= MAX_RECORD => {
                    // A quote that nobody closed must not swallow the file: the line ends it.
                    let line = self.rest.iter().position(|byte| *byte == b'\n');
                    return Some(line.map_or(self.seen, |line| line + 1));
                }
                _ => {}
            }
        }
        None
    }

    fn cut(&mut self, end: usize) -> Option<(i64, String)> {
        let record: Vec<u8> = self.rest.drain(..end).collect();
        (self.seen, self.quoted) = (0, false);
        let line = self.line;
        self.line +=
            i64::try_from(record.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0);
        let text = String::from_utf8_lossy(&record);
        let text = text.trim_end_matches(['\n', '\r']);
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        (!text.trim().is_empty()).then(|| (line, text.to_owned()))
    }
}

/// The cells of a record.
///
/// # Errors
/// What is wrong with it, for people.
pub fn cells(record: &str) -> Result<Vec<String>, String> {
    if record.contains(['\0', '\u{fffd}']) {
        return Err("it is not UTF-8 text".to_owned());
    }
    if record.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err("a quote is not closed, or the line is too long".to_owned());
    }
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(record.as_bytes());
    let read = reader.records().next().transpose().map_err(|problem| problem.to_string())?;
    Ok(read.unwrap_or_default().iter().map(|cell| from_cell(cell.trim())).collect())
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    Phone,
    Name,
    Tags,
    OptIn,
    /// All own fields, as a JSON object.
    Fields,
    Field(String),
    /// What an export tells and nobody can set.
    Told,
}

/// The columns that a first line names.
///
/// # Errors
/// The column that is unknown or missing.
pub fn columns(names: &[String]) -> Result<Vec<Column>, String> {
    let column = |name: &String| match name.to_lowercase().replace(['_', ' '], "").as_str() {
        "phone" => Ok(Column::Phone),
        "name" => Ok(Column::Name),
        "tags" => Ok(Column::Tags),
        "optin" => Ok(Column::OptIn),
        "fields" => Ok(Column::Fields),
        "id" | "blocked" | "firstseenat" | "lastseenat" => Ok(Column::Told),
        _ => match name.strip_prefix("fields.").filter(|field| !field.is_empty()) {
            Some(field) => Ok(Column::Field(field.to_owned())),
            None => Err(format!(
                "unknown column {name:?}: there are phone, name, tags, optIn, fields and fields.<name>"
            )),
        },
    };
    let columns = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    if columns.iter().filter(|column| **column == Column::Phone).count() == 1 {
        Ok(columns)
    } else {
        Err("the first line names the columns, one of them phone".to_owned())
    }
}

/// What one line says of a contact; what it leaves empty it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub phone: String,
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub opt_in: Option<OptIn>,
    pub fields: Map<String, Value>,
}

/// Read a record.
///
/// # Errors
/// What is wrong with it, for people.
pub fn row(columns: &[Column], record: &str) -> Result<Row, String> {
    let cells = cells(record)?;
    if cells.len() != columns.len() {
        return Err(format!("it has {} cells, and the first line {}", cells.len(), columns.len()));
    }
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Phone => {
                row.phone = cell.chars().filter(|c| !" -()./".contains(*c)).collect();
                if !is_phone(&row.phone) {
                    return Err(format!("{cell:?} is no phone number such as +15550100123"));
                }
            }
            Column::Name => {
                if cell.chars().count() > MAX_NAME {
                    return Err(format!("the name has more than {MAX_NAME} characters"));
                }
                row.name = cell;
            }
            Column::Tags => row.tags = tags(&cell)?,
            Column::OptIn => row.opt_in = Some(cell.to_lowercase().parse()?),
            Column::Fields => {
                let fields: Map<String, Value> = serde_json::from_str(&cell)
                    .map_err(|_| "fields is not a JSON object".to_owned())?;
                row.fields.extend(fields);
            }
            Column::Field(name) => {
                row.fields.insert(name.clone(), cell.into());
            }
            Column::Told => {}
        }
    }
    if row.phone.is_empty() {
        return Err("it has no phone number".to_owned());
    }
    if serde_json::to_string(&row.fields).map_or(usize::MAX, |json| json.len()) > MAX_FIELDS {
        return Err(format!("the fields have more than {MAX_FIELDS} bytes"));
    }
    Ok(row)
}

/// `vip;city=Berlin`: a backslash keeps what follows it from meaning anything.
fn tags(cell: &str) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    let (mut tag, mut value, mut in_value) = (String::new(), String::new(), false);
    let mut chars = cell.chars();
    loop {
        let next = chars.next();
        match next {
            Some(';') | None => {
                let (name, text) = (std::mem::take(&mut tag), std::mem::take(&mut value));
                in_value = false;
                let name = name.trim().to_owned();
                if name.chars().count() > 100 || text.chars().count() > 1000 {
                    return Err("a tag has at most 100 characters, its value 1000".to_owned());
                }
                if !name.is_empty() {
                    tags.insert(name, text);
                }
                if next.is_none() {
                    return Ok(tags);
                }
            }
            Some('=') if !in_value => in_value = true,
            Some(c) => {
                let c = if c == '\\' { chars.next().unwrap_or(c) } else { c };
                if in_value { value.push(c) } else { tag.push(c) }
            }
        }
    }
}

fn tags_cell(tags: &[(String, String)]) -> String {
    let kept = |text: &str| {
        let meaning = |c: char| matches!(c, ';' | '=' | '\\');
        text.chars().fold(String::new(), |mut kept, c| {
            if meaning(c) {
                kept.push('\\');
            }
            kept.push(c);
            kept
        })
    };
    let tag = |(tag, value): &(String, String)| match value.as_str() {
        "" => kept(tag),
        value => format!("{}={}", kept(tag), kept(value)),
    };
    tags.iter().map(tag).collect::<Vec<_>>().join(";")
}

/// The first line of an export.
pub const HEAD: [&str; 9] =
    ["id", "phone", "name", "tags", "optIn", "blocked", "fields", "firstSeenAt", "lastSeenAt"];

/// Contacts as lines, in the order of [`HEAD`].
pub fn lines(contacts: &[Contact], head: bool) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory has no way to fail.
    let mut write = |cells: &[String]| drop(writer.write_record(cells));
    if head {
        write(&HEAD.map(str::to_owned));
    }
    for contact in contacts {
        let time = |at| {
            chrono::DateTime::from_timestamp_millis(at)
                .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
                .unwrap_or_default()
        };
        write(&[
            contact.id.clone(),
            contact.phone.clone(),
            to_cell(&contact.name),
            to_cell(&tags_cell(&contact.tags)),
            contact.opt_in.as_str().to_owned(),
            contact.blocked.to_string(),
            serde_json::to_string(&contact.fields).unwrap_or_default(),
            time(contact.first_seen_at),
            time(contact.last_seen_at),
        ]);
    }
    writer.into_inner().unwrap_or_default()
}

/// What a spreadsheet would run.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A leading quote makes a spreadsheet take the rest for a text.
fn to_cell(text: &str) -> String {
    let marked = text.strip_prefix('\'').is_some_and(is_formula);
    if is_formula(text) || marked { format!("'{text}") } else { text.to_owned() }
}

fn from_cell(cell: &str) -> String {
    let bare = |rest: &&str| is_formula(rest) || rest.strip_prefix('\'').is_some_and(is_formula);
    cell.strip_prefix('\'').filter(bare).unwrap_or(cell).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(bytes: &[u8], step: usize) -> Vec<(i64, String)> {
        let mut splitter = Splitter::default();
        let mut records: Vec<_> = bytes.chunks(step).flat_map(|part| splitter.push(part)).collect();
        records.extend(splitter.end());
        records
    }

    #[test]
    fn records_have_the_numbers_of_their_first_lines() {
        let text = "phone,name\r\n\n+15550101,\"Ann\nLee\"\n+15550102,Bob";
        let expected = [(1, "phone,name"), (3, "+15550101,\"Ann\nLee\""), (5, "+15550102,Bob")]
            .map(|(line, text)| (line, text.to_owned()));
        for step in [1, 3, 1000] {
            assert_eq!(split(text.as_bytes(), step), expected);
        }
    }

    #[test]
    fn an_open_quote_costs_its_line_and_not_the_file() {
        let many = "+15550101,x\n".repeat(5_000);
        let records = split(format!("+15550100,\"Ann\n{many}").as_bytes(), 4096);
        assert_eq!(records.len(), 5_001);
        assert!(cells(&records[0].1).is_err());
        assert_eq!(records[5_000], (5_001, "+15550101,x".to_owned()));
    }

    #[test]
    fn columns_are_known_or_named() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(columns(&names("Phone,Opt_In,fields.city")).is_ok());
        assert!(columns(&names("phone,colour")).is_err_and(|problem| problem.contains("colour")));
        assert!(columns(&names("name")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_as_it_was(
            name in "[ -~äß=+@'-]{0,20}",
            tags in prop::collection::btree_map("[a-z=;\\\\@+]{1,8}", "[ -~]{0,8}", 0..4),
        ) {
            let mut contact = Contact::new("con_1".to_owned(), "team", "+15550101", 1);
            contact.name = name.trim().to_owned();
            contact.tags = tags.into_iter().map(|(tag, value)| (tag, value.trim().to_owned())).collect();
            let text = lines(std::slice::from_ref(&contact), false);
            for cell in ::csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]).records().next().unwrap().unwrap().iter().skip(2) {
                prop_assert!(!is_formula(cell), "{}", cell);
            }
            let names = HEAD.map(str::to_owned);
            let record = String::from_utf8(text).unwrap();
            let row = row(&columns(&names).unwrap(), record.trim_end_matches(['\n', '\r'])).unwrap();
            prop_assert_eq!(row.name, contact.name);
            prop_assert_eq!(row.tags.into_iter().collect::<Vec<_>>(), contact.tags);
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1..50_usize) {
            let columns = [Column::Phone, Column::Name, Column::Tags];
            for (_, record) in split(&bytes, step) {
                drop(row(&columns, &record));
            }
        }
    }
}
