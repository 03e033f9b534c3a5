//! Imports of contacts: the upload becomes rows as it comes, and the rows become contacts a set at a
//! time. A line that does not fit is noted, and the rest goes on.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::json;

use super::csv::{self, Column, MAX_FIELDS, Row, Splitter};
use super::{Task, event, finish};
use crate::flow::{House, record};
use crate::model::{Contact, Event, EventKind, OptIn};
use crate::store::import::{Import, ImportState};
use crate::store::job::Job;
use crate::store::{Conn, contact, import, job, team};

/// Lines that become contacts in one transaction.
const SET: usize = 256;

/// Why an upload was refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<crate::store::StoreError> for ImportError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

/// Store an upload as it comes; what it says is done afterwards, and survives a restart.
///
/// # Errors
/// When the first line names no columns that we know, or the upload broke off.
pub async fn upload<E: std::fmt::Display>(
    house: &House,
    team_id: &str,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Import, ImportError> {
    let mut splitter = Splitter::default();
    let mut waiting: Vec<(i64, String)> = Vec::new();
    let mut begun: Option<Import> = None;
    let mut place = 0;
    loop {
        let part = bytes.next().await.transpose();
        let part = part
            .map_err(|problem| ImportError::Invalid(format!("the upload broke off: {problem}")))?;
        match &part {
            Some(part) => waiting.extend(splitter.push(part)),
            None => waiting.extend(std::mem::take(&mut splitter).end()),
        }
        if begun.is_none() && !waiting.is_empty() {
            begun = Some(begin(house, team_id, waiting.remove(0)).await?);
        }
        if let Some(import) = &mut begun {
            while waiting.len() >= SET || (part.is_none() && !waiting.is_empty()) {
                let set: Vec<_> = waiting.drain(..waiting.len().min(SET)).collect();
                import.total += i64::try_from(set.len()).unwrap_or(0);
                let records = serde_json::to_string(&set).map_err(anyhow::Error::from)?;
                let mut tx = house.store.begin().await?;
                import::add_part(&mut tx, &import.id, place, &records).await?;
                tx.commit().await?;
                place += 1;
            }
        }
        if part.is_none() {
            break;
        }
    }
    let Some(mut import) = begun else {
        return Err(ImportError::Invalid("the file is empty".to_owned()));
    };
    import.state = ImportState::Running;
    let task = Task::Import { import_id: import.id.clone() };
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(team_id.to_owned(), 1)])).await?;
    import::update(&mut tx, &import).await?;
    job::insert(&mut tx, &[super::job(house, team_id, &import.id, &task)?]).await?;
    house.commit(tx).await?;
    Ok(import)
}

async fn begin(
    house: &House,
    team_id: &str,
    (_, head): (i64, String),
) -> Result<Import, ImportError> {
    let names = csv::cells(&head).map_err(ImportError::Invalid)?;
    csv::columns(&names).map_err(ImportError::Invalid)?;
    let now = house.clock.now();
    let import = Import {
        id: house.clock.id("imp"),
        team_id: team_id.to_owned(),
        state: ImportState::Uploading,
        columns: names,
        total: 0,
        added: 0,
        updated: 0,
        refused: 0,
        created_at: now,
        updated_at: now,
    };
    let mut tx = house.store.begin().await?;
    import::insert(&mut tx, &import).await?;
    tx.commit().await?;
    Ok(import)
}

/// One set of lines.
pub async fn step(house: &House, job: &Job, import_id: &str) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    let most = i64::try_from(SET).unwrap_or(0) + 1;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(job.team_id.clone(), most)])).await?;
    let Some(mut import) = import::get(&mut tx, &job.team_id, import_id).await? else {
        drop(tx);
        return finish(house, job).await;
    };
    let part = import::take_part(&mut tx, import_id).await?;
    let held = match part {
        Some(_) => job::put_back(&mut tx, std::slice::from_ref(job)).await?,
        None => job::finish(&mut tx, std::slice::from_ref(job)).await?,
    };
    if held.is_empty() {
        return Ok(());
    }
    let events = match part {
        Some(records) => take_in(house, &mut tx, &mut import, &records).await?,
        None => {
            import.state = ImportState::Done;
            let data = json!({
                "import": import.id, "added": import.added, "updated": import.updated,
                "refused": import.refused,
            });
            vec![event(house, &job.team_id, EventKind::CONTACTS_IMPORTED, "", data)]
        }
    };
    import.updated_at = house.clock.now();
    import::update(&mut tx, &import).await?;
    record::events(house, &mut tx, &mut numbers, events).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Write a set; gives the events of those who were opted in or out by it.
async fn take_in(
    house: &House,
    conn: &mut Conn,
    import: &mut Import,
    records: &str,
) -> anyhow::Result<Vec<Event>> {
    let records: Vec<(i64, String)> = serde_json::from_str(records)?;
    let columns: Vec<Column> = csv::columns(&import.columns).map_err(anyhow::Error::msg)?;
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (line, record) in records {
        match csv::row(&columns, &record) {
            Ok(row) => rows.push((line, row)),
            Err(problem) => problems.push((line, problem)),
        }
    }
    let (mut contacts, mut made) = contacts_of(house, conn, &import.team_id, &rows).await?;
    let mut opted: BTreeMap<String, OptIn> = BTreeMap::new();
    let mut tags: BTreeMap<(String, String), String> = BTreeMap::new();
    for (line, row) in rows {
        let Some(contact) = contacts.get_mut(&row.phone) else { continue };
        if !apply(contact, &row) {
            problems.push((line, format!("the fields would have more than {MAX_FIELDS} bytes")));
            continue;
        }
        if let Some(opt_in) = row.opt_in.filter(|opt_in| *opt_in != contact.opt_in) {
            contact.opt_in = opt_in;
            opted.insert(contact.id.clone(), opt_in);
        }
        for (tag, value) in row.tags {
            tags.insert((contact.id.clone(), tag), value);
        }
        if made.remove(&row.phone) {
            import.added += 1;
        } else {
            import.updated += 1;
        }
    }
    let contacts: Vec<Contact> = contacts.into_values().collect();
    contact::write(conn, &contacts).await?;
    let tags: Vec<(String, String, String)> =
        tags.into_iter().map(|((contact, tag), value)| (contact, tag, value)).collect();
    contact::set_tags(conn, &tags).await?;
    import.refused += i64::try_from(problems.len()).unwrap_or(0);
    import::add_problems(conn, &import.id, &problems).await?;
    let told = |(id, opt_in): (String, OptIn)| {
        let kind = match opt_in {
            OptIn::Out => EventKind::CONTACT_OPTED_OUT,
            OptIn::In => EventKind::CONTACT_OPTED_IN,
            OptIn::Unknown => EventKind::CONTACT_UPDATED,
        };
        let data = json!({ "reason": "import", "opt_in": opt_in });
        event(house, &import.team_id, kind, &id, data)
    };
    Ok(opted.into_iter().map(told).collect())
}

/// The contacts of these rows by number, and those numbers that were new.
async fn contacts_of(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    rows: &[(i64, Row)],
) -> anyhow::Result<(BTreeMap<String, Contact>, HashSet<String>)> {
    let mut wanted = BTreeMap::new();
    for (_, row) in rows {
        wanted.entry(row.phone.clone()).or_insert_with(|| contact::Wanted {
            team_id: team_id.to_owned(),
            phone: row.phone.clone(),
            name: String::new(),
            new_id: house.clock.id("con"),
            now: house.clock.now(),
        });
    }
    let wanted: Vec<contact::Wanted> = wanted.into_values().collect();
    let new: HashSet<&str> = wanted.iter().map(|wanted| wanted.new_id.as_str()).collect();
    let mut contacts = BTreeMap::new();
    let mut made = HashSet::new();
    for ((_, phone), contact) in contact::ensure(conn, &wanted).await? {
        if new.contains(contact.id.as_str()) {
            made.insert(phone.clone());
        }
        contacts.insert(phone, contact);
    }
    Ok((contacts, made))
}

/// What a row says of its contact; false where that is too much.
fn apply(contact: &mut Contact, row: &Row) -> bool {
    let mut fields = contact.fields.clone();
    fields.extend(row.fields.clone());
    if serde_json::to_string(&fields).map_or(usize::MAX, |json| json.len()) > MAX_FIELDS {
        return false;
    }
    contact.fields = fields;
    if !row.name.is_empty() {
        contact.name.clone_from(&row.name);
    }
    true
}
