//! What the pretend network's journal says of what reached the customers.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};

use super::host::Host;
use super::load::{Accepted, Kind};
use super::upheaval::Upheavals;

pub struct Proof {
    pub host: Host,
    accepted: Vec<Accepted>,
    upheavals: Upheavals,
}

/// One message that reached a customer.
struct Delivered {
    message_id: String,
    to: String,
    text: String,
    possible_duplicate: bool,
}

impl Proof {
    pub fn new(host: Host, accepted: Vec<Accepted>, upheavals: Upheavals) -> Self {
        let texts: HashSet<&Accepted> = accepted.iter().collect();
        assert_eq!(texts.len(), accepted.len(), "every one is told from every other");
        assert!(accepted.len() > 50, "{} accepted: too few to prove anything", accepted.len());
        for kind in [Kind::Answer, Kind::Timer, Kind::Scheduled, Kind::Bulk] {
            assert!(accepted.iter().any(|it| it.kind == kind), "no {kind:?} among them");
        }
        Self { host, accepted, upheavals }
    }

    /// Every call that reached a customer, oldest first. A kill may tear the line that was being
    /// written: that call was not answered.
    fn delivered(&self) -> Vec<Delivered> {
        let journal =
            std::fs::read_to_string(self.host.journal()).expect("the journal can be read");
        let calls = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let reached = calls.filter(|call| {
            call["line"] == "call" && call["outcome"] == "delivered" && call["duplicate"] == false
        });
        let text = |value: &Value| {
            value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
        };
        reached
            .map(|call| Delivered {
                message_id: text(&call["message_id"]),
                to: text(&call["to"]),
                text: text(&call["content"]["text"]),
                possible_duplicate: call["possible_duplicate"] == true,
            })
            .collect()
    }

    fn counts(&self) -> HashMap<(String, String), usize> {
        let mut counts = HashMap::new();
        for delivered in self.delivered() {
            *counts.entry((delivered.to, delivered.text)).or_insert(0) += 1;
        }
        counts
    }

    /// What was accepted and has reached nobody.
    pub fn missing(&self) -> Vec<&Accepted> {
        let counts = self.counts();
        self.accepted
            .iter()
            .filter(|it| !counts.contains_key(&(it.to.clone(), it.text.clone())))
            .collect()
    }

    /// Everything that was accepted happened, but for what the host itself reports as given up.
    pub fn nothing_is_lost(&self, given_up: &[String]) {
        let lost: Vec<_> =
            self.missing().into_iter().filter(|it| !given_up.contains(&it.text)).collect();
        assert!(
            lost.is_empty(),
            "{} of {} lost: {:?}",
            lost.len(),
            self.accepted.len(),
            &lost[..lost.len().min(10)]
        );
        println!("{} reported as given up", given_up.len());
    }

    /// Nothing reached a customer twice, and nothing that nobody asked for.
    pub fn nothing_came_twice(&self) {
        let asked: HashSet<(&str, &str)> =
            self.accepted.iter().map(|it| (it.to.as_str(), it.text.as_str())).collect();
        for ((to, text), count) in &self.counts() {
            assert_eq!(*count, 1, "{to} got {text:?} {count} times");
            assert!(
                asked.contains(&(to.as_str(), text.as_str())),
                "{to} got {text:?}, for which nobody asked"
            );
        }
    }

    /// A message id that came again is marked each time but the first, and came at most twice; and
    /// two messages never say the same.
    pub fn repeats_are_marked(&self) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut said: HashMap<(String, String), String> = HashMap::new();
        let mut repeats = 0;
        for delivered in self.delivered() {
            let times = seen.entry(delivered.message_id.clone()).or_insert(0);
            *times += 1;
            if *times > 1 {
                repeats += 1;
                assert!(
                    delivered.possible_duplicate,
                    "{} came again and does not say so",
                    delivered.message_id
                );
            }
            assert!(*times <= 2, "{} came {times} times", delivered.message_id);
            let id = said
                .entry((delivered.to, delivered.text.clone()))
                .or_insert_with(|| delivered.message_id.clone());
            assert_eq!(*id, delivered.message_id, "{:?} was written twice", delivered.text);
        }
        let marked = self.delivered().iter().filter(|it| it.possible_duplicate).count();
        println!("{repeats} repeated, {marked} marked");
        assert!(repeats > 0, "no kill fell between a call and its answer: nothing is proved");
    }

    /// The answers of a chat came in the order of what was written in it.
    pub fn chats_are_in_order(&self) {
        let mut wanted: HashMap<&str, Vec<&str>> = HashMap::new();
        for answer in self.accepted.iter().filter(|it| it.kind == Kind::Answer) {
            wanted.entry(&answer.to).or_default().push(&answer.text);
        }
        let delivered = self.delivered();
        for (to, wanted) in wanted {
            let mut seen = HashSet::new();
            let first_time = |it: &&Delivered| {
                it.to == to && wanted.contains(&it.text.as_str()) && seen.insert(it.text.clone())
            };
            let got: Vec<&str> =
                delivered.iter().filter(first_time).map(|it| it.text.as_str()).collect();
            let wanted: Vec<&str> = wanted.into_iter().filter(|text| got.contains(text)).collect();
            assert_eq!(got, wanted, "{to} was answered out of order");
        }
    }

    /// How many jobs there are.
    pub async fn jobs(&self) -> i64 {
        self.count("job").await
    }

    /// Every recipient of a bulk send has one message, and every merge, erasure and deletion that was
    /// accepted is done and has left nothing behind.
    pub async fn upheavals_are_finished(&self) {
        let Upheavals { bulk, merged, erased, deleted, messages } = &self.upheavals;
        let is_done = "bulk WHERE state = 'done' AND next_index = total";
        assert_eq!(self.count(is_done).await, bulk.len() as i64, "bulk sends go on");
        let of_bulk = "message WHERE client_id LIKE 'bulk%/%'";
        let named = "message JOIN bulk_recipient ON message_id = message.id";
        assert_eq!(
            (self.count(of_bulk).await, self.count(named).await),
            (messages.len() as i64, messages.len() as i64)
        );
        for (one, other) in merged {
            let both = format!(
                "(SELECT DISTINCT contact_id FROM contact_alias WHERE value IN ('{one}', '{other}')) AS person"
            );
            assert_eq!(self.count(&both).await, 1, "{one} and {other} are one person");
        }
        assert_eq!(self.count("contact_merged").await, merged.len() as i64);
        let words = if self.host.database.starts_with("postgres") { "terms" } else { "words" };
        for (id, phone) in erased {
            for left in [
                format!("contact WHERE id = '{id}'"),
                format!("contact_alias WHERE value = '{phone}'"),
                format!("chat WHERE contact_id = '{id}'"),
                format!("message WHERE contact_id = '{id}'"),
                format!("message_search WHERE CAST({words} AS TEXT) LIKE '%{}%'", &phone[1..]),
                format!("event WHERE contact_id = '{id}'"),
            ] {
                assert_eq!(self.count(&left).await, 0, "{left}");
            }
            let told = format!("event WHERE kind = 'contact.erased' AND data LIKE '%{id}%'");
            assert_eq!(self.count(&told).await, 1, "{told}");
        }
        for id in deleted {
            for table in ["message", "chat", "job", "account_day", "usage_period"] {
                assert_eq!(
                    self.count(&format!("{table} WHERE account_id = '{id}'")).await,
                    0,
                    "{table}"
                );
            }
            assert_eq!(self.count(&format!("account WHERE id = '{id}'")).await, 0);
            let told = format!("event WHERE account_id = '{id}'");
            assert_eq!(
                (
                    self.count(&told).await,
                    self.count(&format!("{told} AND kind = 'account.deleted'")).await
                ),
                (1, 1)
            );
        }
        println!(
            "{} bulk sends, {} merges, {} erasures, {} deletions",
            bulk.len(),
            merged.len(),
            erased.len(),
            deleted.len()
        );
    }

    async fn count(&self, rows: &str) -> i64 {
        let found = self.query(&format!("SELECT COUNT(*) AS found FROM {rows}")).await.remove(0);
        found.try_get("found").expect("a number")
    }

    /// The texts of messages that the host reports as errors: in doubt, sent once more, in doubt again.
    pub async fn given_up(&self) -> Vec<String> {
        let rows = self
            .query("SELECT content FROM message WHERE direction = 'out' AND status = 'error'")
            .await;
        let text = |content: String| {
            serde_json::from_str::<Value>(&content).ok()?["text"].as_str().map(str::to_owned)
        };
        let texts: Vec<String> =
            rows.iter().filter_map(|row| text(row.try_get("content").ok()?)).collect();
        assert!(
            texts.len() * 50 <= self.accepted.len(),
            "{} of {} given up",
            texts.len(),
            self.accepted.len()
        );
        texts
    }

    async fn query(&self, sql: &str) -> Vec<sqlx::any::AnyRow> {
        sqlx::any::install_default_drivers();
        let mut conn = AnyConnection::connect(&self.host.database)
            .await
            .expect("its database can be looked at");
        let rows = conn.fetch_all(AssertSqlSafe(sql.to_owned())).await.expect(sql);
        conn.close().await.expect("closed");
        rows
    }
}
