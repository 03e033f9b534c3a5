//! A whole host in the test's process: its own folder, its own database, a clock that moves when told.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Executor, Row};
use switchboard::clock::Clock;
use switchboard::config::Config;
use switchboard::flow::House;
use switchboard::model::{Account, AccountState, ChannelType, Millis};
use switchboard::store;
use switchboard::store::credential::{self, Credential, Kind};
use switchboard::{App, Running};
use tempfile::TempDir;

use super::{Client, Database, On, PATIENCE, eventually, plugin};

/// Monday, 5 January 2026, 12:00 UTC: where every test's clock stands at first.
const NOON: Millis = 1_767_614_400_000;

/// A running host with one team, one open sandbox account and one API key.
pub struct Server {
    pub client: Client,
    pub clock: Clock,
    pub team: String,
    pub account: String,
    config: Config,
    running: Running,
    data: TempDir,
}

impl Server {
    /// With the settings of the tests.
    pub async fn start(on: On) -> Self {
        Self::with(on, |_| {}).await
    }

    /// With settings changed by the test.
    pub async fn with(on: On, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(on, Clock::manual(NOON), change).await
    }

    /// By another clock.
    pub async fn start_at(on: On, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.server.listen = "127.0.0.1:0".to_owned();
        config.database.url = Database::new(on).await.url;
        config.limits.requests_per_minute = 1_000_000;
        config.limits.messages_per_day = 0;
        let loopback = "127.0.0.0/8".parse().expect("a range");
        config.notify.allow = vec![loopback];
        config.plugins.http_allow = vec![loopback];
        change(&mut config);
        let running = App::start(config.clone(), clock.clone()).await.expect("the host starts");
        let (team, key) = new_team(&running.house, "first").await;
        let account = new_account(&running.house, &team, "+15550100").await;
        let client = Client::new(&format!("http://{}", running.addr), &key);
        Self { client, clock, team, account, config, running, data }
    }

    pub fn house(&self) -> &Arc<House> {
        &self.running.house
    }

    /// Stop it gracefully and start it again on the same folder and database.
    pub async fn restart(self) -> Self {
        self.restart_after(0).await
    }

    /// The same, with time that passes while it is stopped.
    pub async fn restart_after(self, millis: Millis) -> Self {
        let Self { client, clock, team, account, config, running, data } = self;
        running.stop().await;
        clock.advance(millis);
        // The folder is free when the last connection of the one before is gone.
        let start = async || {
            App::start(config.clone(), clock.clone())
                .await
                .inspect_err(|problem| println!("{problem:#}"))
                .ok()
        };
        let running = eventually("the host to start again", start).await;
        let client = Client::new(&format!("http://{}", running.addr), &client.key);
        Self { client, clock, team, account, config, running, data }
    }

    /// Another machine on the same database, by the same clock.
    pub async fn another_node(&self) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        // Nodes share the key that seals secrets, and the folder of the plugins' files.
        let plugins = self.data.path().join("plugins");
        std::os::unix::fs::symlink(plugins, data.path().join("plugins")).expect("a link");
        std::fs::copy(self.data.path().join("key"), data.path().join("key")).expect("the key");
        let config = Config { data: data.path().to_owned(), ..self.config.clone() };
        let running = App::start(config.clone(), self.clock.clone()).await.expect("a second node");
        let client = Client::new(&format!("http://{}", running.addr), &self.client.key);
        let (clock, team, account) = (self.clock.clone(), self.team.clone(), self.account.clone());
        Self { client, clock, team, account, config, running, data }
    }

    /// Another team on this server, with an account and a key of its own.
    pub async fn another_team(&self) -> (Client, String) {
        let (team, key) = new_team(self.house(), "second").await;
        let account = new_account(self.house(), &team, "+15550200").await;
        (self.client.with_key(&key), account)
    }

    /// Install a built plugin with all that it asks; gives the install's id.
    pub async fn install(&self, name: &str) -> String {
        self.install_bytes(plugin(name)).await
    }

    pub async fn install_bytes(&self, wasm: Vec<u8>) -> String {
        let headers = [("content-type", "application/wasm")];
        let install =
            self.client.post_bytes("/api/v1/plugins?grant=all", wasm, &headers).await.ok();
        install["id"].as_str().expect("an id").to_owned()
    }

    /// A customer writes a text, and all that follows from it now is done.
    pub async fn says(&self, from: &str, text: &str) {
        self.client.incoming(&self.account, from, text).await;
        self.drain().await;
    }

    /// The texts that reached this customer, oldest first.
    pub async fn heard(&self, phone: &str) -> Vec<String> {
        let all = self.client.outgoing(&self.account).await;
        let theirs = all.iter().filter(|record| record["to"] == phone);
        theirs
            .map(|record| record["content"]["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// How the pretend network behaves from now on; what is left out takes its default.
    pub async fn behave(&self, behaviour: Value) {
        let path = format!("/sandbox/accounts/{}/behaviour", self.account);
        self.client.put(&path, behaviour).await.ok();
    }

    /// Let the next sends come out so, in this order (`fail`, `retry`, `doubt-after-delivery`, …).
    pub async fn plan(&self, outcomes: &[&str]) {
        let plan: Vec<Value> =
            outcomes.iter().map(|outcome| json!({ "outcome": outcome })).collect();
        self.behave(json!({ "plan": plan })).await;
    }

    /// Wait until nothing is due: no job by the clock's present time, no receipt that the pretend
    /// network owes by then.
    pub async fn drain(&self) {
        let rested = self.house().come_to_rest(PATIENCE).await.expect("a database");
        if !rested {
            panic!(
                "the house does not come to rest at {}:\n{}",
                self.clock.now(),
                self.job_rows().await
            );
        }
    }

    /// The jobs as they stand, for people.
    async fn job_rows(&self) -> String {
        let mut conn = self.house().store.read().await.expect("a connection");
        let rows = conn.fetch_all("SELECT * FROM job ORDER BY place, id").await.expect("rows");
        let number = |row: &AnyRow, name: &str| row.get::<i64, _>(name);
        let text = |row: &AnyRow, name: &str| row.get::<String, _>(name);
        let show = |row: &AnyRow| {
            let numbers = ["place", "head", "due_at", "attempts", "lease", "lease_until", "step"];
            let numbers: Vec<String> =
                numbers.iter().map(|name| format!("{name}={}", number(row, name))).collect();
            let texts = ["kind", "id", "lane", "subject_id", "stage", "payload"]
                .map(|name| text(row, name))
                .join(" ");
            format!("{texts} {}", numbers.join(" "))
        };
        rows.iter().map(show).collect::<Vec<_>>().join("\n")
    }

    /// Buy an open account of a tier; gives its id.
    pub async fn buy(&self, phone: &str, tier: &str) -> String {
        let body = json!({ "type": "sandbox", "phone": phone, "tier": tier });
        let account = self.client.post("/api/v1/accounts", body).await.ok();
        account["id"].as_str().expect("an id").to_owned()
    }

    /// How many rows of a table speak of an account.
    pub async fn rows(&self, table: &str, account: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS found FROM {table} WHERE account_id = '{account}'");
        let mut conn = self.house().store.read().await.expect("a connection");
        let row = conn.fetch_one(sqlx::AssertSqlSafe(sql)).await.expect("a row");
        row.get("found")
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS found FROM {table}");
        let mut conn = self.house().store.read().await.expect("a connection");
        let row = conn.fetch_one(sqlx::AssertSqlSafe(sql)).await.expect("a row");
        row.get("found")
    }

    /// The team's events of one kind, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<Value> {
        let all = self.client.get("/api/v1/events?limit=200").await.ok();
        let all = all["events"].as_array().expect("a list").clone();
        all.into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Move the clock on, and let happen what is due then.
    pub async fn advance(&self, millis: Millis) {
        self.clock.advance(millis);
        self.drain().await;
    }

    /// How many jobs are due by now.
    pub async fn due_jobs(&self) -> i64 {
        let mut conn = self.house().store.read().await.expect("a connection");
        store::job::due(&mut conn, self.clock.now()).await.expect("a number")
    }

    /// How many jobs there are at all, due or not.
    pub async fn jobs(&self) -> i64 {
        let mut conn = self.house().store.read().await.expect("a connection");
        store::job::count(&mut conn).await.expect("a number")
    }

    /// The end of most tests: everything is done, nothing is left over, and the host stops.
    pub async fn finish(self) {
        self.drain().await;
        // The receipts of what was sent last.
        self.advance(10_000).await;
        assert_eq!(self.jobs().await, 0, "jobs are left over");
        self.stop().await;
    }

    /// Stop the host, whatever is left; gives its data folder.
    pub async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.data
    }
}

/// A team and a key for it.
async fn new_team(house: &House, name: &str) -> (String, String) {
    let (team, key) = (house.clock.id("team"), house.clock.id("sk"));
    let hash = hex::encode(Sha256::digest(key.as_bytes()));
    let mut tx = house.store.begin().await.expect("a transaction");
    store::team::insert(&mut tx, &team, name, house.clock.now()).await.expect("a team");
    let credential = Credential::new(house.clock.id("key"), &team, "tests", house.clock.now());
    let kept = credential::insert(&mut tx, Kind::Key, &credential, &hash).await;
    kept.expect("a key");
    house.commit(tx).await.expect("committed");
    (team, key)
}

/// An open sandbox account.
async fn new_account(house: &House, team: &str, phone: &str) -> String {
    let account = Account {
        nickname: "Shop".to_owned(),
        phone: phone.to_owned(),
        state: AccountState::Open,
        ..Account::new(house.clock.id("acc"), team, ChannelType::Sandbox, house.clock.now())
    };
    let mut tx = house.store.begin().await.expect("a transaction");
    store::account::insert(&mut tx, &account).await.expect("an account");
    house.commit(tx).await.expect("committed");
    account.id
}
