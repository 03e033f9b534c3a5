//! What is heard of a plugin while its transcript is played.

use std::collections::{HashMap, HashSet, VecDeque};

use super::said::Said;
use super::scene::Scene;
use super::stubs::Called;
use crate::model::{Direction, Event, Message, Status};
use crate::store::message::Filter;
use crate::store::plugin_log::LogRow;
use crate::store::{Conn, contact, dead_letter, event, message, plugin_log};

/// More of one kind at once is not looked at; a transcript is short.
const MOST: i64 = 1_000;

/// What came since the last act, and how far was listened.
#[derive(Default)]
pub struct Heard {
    /// Messages that no line has spoken of yet.
    pub queue: VecDeque<Said>,
    /// All that each customer got, by their names, oldest first.
    pub got: HashMap<String, Vec<Message>>,
    pub emitted: Vec<Event>,
    pub logs: Vec<LogRow>,
    pub faults: VecDeque<Fault>,
    pub called: Vec<Called>,
    pub reply: Option<(u16, String)>,
    /// Messages that were heard, and those that the team wrote itself.
    pub known: HashSet<String>,
    cursor: i64,
    last_log: String,
    last_failure: String,
    last_letter: String,
}

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Fault {
    pub class: String,
    pub reason: String,
}

impl Heard {
    /// What came of the act before does not count for the next.
    pub fn begin(&mut self) {
        self.emitted.clear();
        self.logs.clear();
        self.faults.clear();
        self.called.clear();
        self.reply = None;
    }
}

impl Scene {
    /// Hear what is new.
    pub(super) async fn listen(&mut self) -> anyhow::Result<()> {
        let mut conn = self.running.house.store.read().await?;
        let said = self.said(&mut conn).await?;
        let heard = &mut self.heard;
        for said in said {
            heard.known.insert(said.message.id.clone());
            heard.got.entry(said.to.clone()).or_default().push(said.message.clone());
            heard.queue.push_back(said);
        }
        let events = event::after(&mut conn, &self.team, heard.cursor, MOST).await?;
        heard.cursor = events.last().map_or(heard.cursor, |event| event.cursor);
        heard.emitted.extend(events);
        let logs =
            plugin_log::logs(&mut conn, &self.team, &self.install, &heard.last_log, MOST).await?;
        if let Some(last) = logs.last() {
            heard.last_log.clone_from(&last.id);
        }
        heard.logs.extend(logs);
        let failures = plugin_log::failures_after(
            &mut conn,
            &self.team,
            &self.install,
            &heard.last_failure,
            MOST,
        )
        .await?;
        if let Some(last) = failures.last() {
            heard.last_failure.clone_from(&last.id);
        }
        heard
            .faults
            .extend(failures.into_iter().map(|row| Fault { class: row.fault, reason: row.reason }));
        for neighbour in &mut self.neighbours {
            let last = &neighbour.last_failure;
            let failures =
                plugin_log::failures_after(&mut conn, &self.team, &neighbour.install, last, MOST);
            for row in failures.await? {
                let reason = format!("{}: {}", neighbour.name, row.reason);
                heard.faults.push_back(Fault { class: row.fault, reason });
                neighbour.last_failure = row.id;
            }
        }
        let letters =
            dead_letter::list(&mut conn, &self.team, Some(&self.install), &heard.last_letter, MOST)
                .await?;
        if let Some(last) = letters.last() {
            heard.last_letter.clone_from(&last.id);
        }
        // The others are failures too, and were heard as such.
        let rejected = letters.into_iter().filter(|letter| letter.fault == "rejected");
        heard.faults.extend(rejected.map(|row| Fault { class: row.fault, reason: row.reason }));
        heard.called.extend(self.stubs.take_called());
        Ok(())
    }

    /// Messages that left since the last time (or were refused), in the order in which they did.
    async fn said(&self, conn: &mut Conn) -> anyhow::Result<Vec<Said>> {
        let filter = Filter { direction: Some(Direction::Out), ..Filter::default() };
        let mut all = message::find(conn, &self.team, &filter, "", MOST).await?;
        all.reverse();
        all.retain(|message| {
            let waits = matches!(message.status, Status::Pending | Status::Cancelled);
            !waits && !self.heard.known.contains(&message.id)
        });
        all.sort_by_key(|message| message.sent_at.unwrap_or(message.created_at));
        let contacts: Vec<String> = all.iter().map(|message| message.contact_id.clone()).collect();
        let contacts = contact::by_ids(conn, &contacts).await?;
        let named = |message: Message| {
            let phone = contacts
                .get(&message.contact_id)
                .map(|contact| contact.phone.clone())
                .unwrap_or_default();
            let person = self.people.iter().find(|(_, person)| person.phone == phone);
            Said::new(message, person.map_or(phone, |(name, _)| name.clone()))
        };
        Ok(all.into_iter().map(named).collect())
    }
}
