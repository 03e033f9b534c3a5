//! The conversation: what a customer types, what the bot answers, what it logs beside it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::command::{Command, HELP};
use super::screen::Screen;
use crate::channel::sandbox::Incoming;
use crate::cli::test::said::Said;
use crate::flow::House;
use crate::model::{Content, Direction, Interactive, Message, Reaction, Reply, Status};
use crate::store::message::Filter;
use crate::store::{contact, message, plugin_log};

/// Messages that are watched for their ticks.
const NEWEST: i64 = 100;
/// How long answers are waited for once nobody types any more.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Chat {
    pub house: Arc<House>,
    pub team: String,
    account: String,
    /// The install's id; empty until there is one.
    pub install: String,
    /// The bytes that run.
    pub running: Option<Vec<u8>>,
    screen: Screen,
    phone: String,
    name: String,
    shown: HashMap<String, Shown>,
    last_log: String,
    last_failure: String,
    /// What was offered to somebody last, for `/choose`.
    offers: HashMap<String, Message>,
    newest: HashMap<String, Message>,
}

/// A message on the screen.
struct Shown {
    status: Status,
    place: usize,
    /// The last line of it, without ticks.
    line: String,
}

impl Chat {
    pub fn new(house: Arc<House>, team: &str, account: &str) -> Self {
        Self {
            house,
            team: team.to_owned(),
            account: account.to_owned(),
            install: String::new(),
            running: None,
            screen: Screen::new(),
            phone: "+15550100001".to_owned(),
            name: String::new(),
            shown: HashMap::new(),
            last_log: String::new(),
            last_failure: String::new(),
            offers: HashMap::new(),
            newest: HashMap::new(),
        }
    }

    pub fn welcome(&mut self, url: &str, path: &Path) {
        let built = path.extension().is_some_and(|extension| extension == "wasm");
        let doing = if built { "Loading" } else { "Building" };
        self.screen.print(&format!(
            "{doing} {}. Then write as a customer here, or open {url}/sandbox.\n\
             /help says what else; Ctrl-C ends it.",
            path.display()
        ));
    }

    /// A version runs now.
    pub fn swapped(
        &mut self,
        plugin: &str,
        version: &str,
        again: bool,
        may: &[String],
        built_in: Duration,
        swapped_in: Duration,
    ) {
        let paint = self.screen.paint;
        let millis = |took: Duration| took.as_millis();
        let name = paint.bold(&format!("{plugin} {version}"));
        let line = if again {
            format!(
                "{} {name} swapped in: built in {} ms, live {} ms later",
                paint.green("✓"),
                millis(built_in),
                millis(swapped_in)
            )
        } else {
            let may =
                if may.is_empty() { "nothing beside listening".to_owned() } else { may.join("; ") };
            format!("{} {name} runs. It may: {may}", paint.green("✓"))
        };
        self.screen.print(&line);
    }

    /// A version does not run; the one before does.
    pub fn refuse(&mut self, what: &str, why: &str) {
        let runs = if self.running.is_some() {
            "the version before runs on"
        } else {
            "nothing runs yet; save a file to try again"
        };
        let head = self.screen.paint.red(&format!("✗ {what}; {runs}"));
        self.screen.print(&format!("{head}\n{why}"));
    }

    /// Do what a line says; false where it ends the conversation.
    pub async fn typed(&mut self, line: &str) -> Result<bool> {
        self.screen.typed();
        let content = match Command::parse(line) {
            Ok(Command::Quit) => return Ok(false),
            Ok(Command::Nothing) => return Ok(true),
            Ok(Command::Help) => {
                self.screen.print(HELP);
                return Ok(true);
            }
            Ok(Command::Status) => {
                self.tell_status();
                return Ok(true);
            }
            Ok(Command::As { phone, name }) => {
                (self.phone, self.name) = (phone, name);
                self.tell_status();
                return Ok(true);
            }
            Ok(Command::Say(text)) => Ok((Content::text(text), String::new())),
            Ok(Command::Send(content)) => Ok((*content, String::new())),
            Ok(Command::Choose(which)) => self.choice(&which),
            Ok(Command::React(emoji)) => self.reaction(emoji),
            Err(problem) => Err(problem),
        };
        match content {
            Ok((content, reply_to)) => self.write(content, reply_to).await?,
            Err(problem) => {
                self.screen.print(&problem);
            }
        }
        Ok(true)
    }

    async fn write(&mut self, content: Content, reply_to: String) -> Result<()> {
        if let Err(problem) = content.check() {
            self.screen.print(&problem.to_string());
            return Ok(());
        }
        let incoming = Incoming {
            from: self.phone.clone(),
            aliases: Vec::new(),
            name: self.name.clone(),
            content,
            reply_to,
            referral: None,
            provider_id: None,
        };
        if let Err(error) = self.house.channels.sandbox.incoming(&self.account, incoming).await {
            self.screen.print(&format!("not taken: {error:#}"));
        }
        Ok(())
    }

    fn tell_status(&mut self) {
        let name = if self.name.is_empty() { String::new() } else { format!(" ({})", self.name) };
        let runs = if self.running.is_some() { "the plugin runs" } else { "no plugin runs" };
        self.screen.print(&format!("You write as {}{name}; {runs}.", self.phone));
    }

    fn choice(&self, which: &str) -> Result<(Content, String), String> {
        let offer = self.offers.get(&self.phone).ok_or("the bot has offered nothing to choose")?;
        let Content::Interactive { interactive } = &offer.content else {
            return Err("that was no offer".to_owned());
        };
        let buttons = interactive.buttons.iter().map(|button| (&button.id, &button.title));
        let all: Vec<_> =
            buttons.chain(interactive.all_rows().map(|row| (&row.id, &row.title))).collect();
        let number: Option<usize> = which.parse().ok();
        let by_number = number.and_then(|number| all.get(number.checked_sub(1)?));
        let named =
            |(id, title): &&(&String, &String)| title.eq_ignore_ascii_case(which) || *id == which;
        let Some((id, title)) = all.iter().find(named).or(by_number) else {
            let titles: Vec<String> = all.iter().map(|(_, title)| format!("[{title}]")).collect();
            return Err(format!("choose one of {}", titles.join(" ")));
        };
        let reply = Reply { id: (*id).clone(), title: (*title).clone() };
        let interactive = Box::new(Interactive { reply: Some(reply), ..Interactive::default() });
        Ok((Content::Interactive { interactive }, offer.provider_id.clone()))
    }

    fn reaction(&self, emoji: String) -> Result<(Content, String), String> {
        let message = self.newest.get(&self.phone).ok_or("the bot has said nothing yet")?;
        let reaction = Reaction { message_id: message.id.clone(), emoji };
        Ok((Content::Reaction { reaction }, message.provider_id.clone()))
    }

    /// Nobody types any more: let come what is under way.
    pub async fn finish(&mut self) -> Result<()> {
        self.house.come_to_rest(PATIENCE).await?;
        self.show_news().await
    }

    /// Show what is new: log lines and failures, then messages and their ticks.
    pub async fn show_news(&mut self) -> Result<()> {
        let mut conn = self.house.store.read().await?;
        let logs =
            plugin_log::logs(&mut conn, &self.team, &self.install, &self.last_log, NEWEST).await?;
        let failures = plugin_log::failures_after(
            &mut conn,
            &self.team,
            &self.install,
            &self.last_failure,
            NEWEST,
        )
        .await?;
        let filter = Filter { direction: Some(Direction::Out), ..Filter::default() };
        let mut messages = message::find(&mut conn, &self.team, &filter, "", NEWEST).await?;
        messages.reverse();
        let contacts: Vec<String> =
            messages.iter().map(|message| message.contact_id.clone()).collect();
        let contacts = contact::by_ids(&mut conn, &contacts).await?;
        drop(conn);
        for line in logs {
            let text = self.screen.paint.dim(&format!("log   {} {}", line.level, line.message));
            self.screen.print(&text);
            self.last_log = line.id;
        }
        for failure in failures {
            let text = format!(
                "✗ attempt {} failed ({}): {}",
                failure.attempt, failure.fault, failure.reason
            );
            let text = self.screen.paint.red(&text);
            self.screen.print(&text);
            self.last_failure = failure.id;
        }
        for message in messages {
            let to = contacts
                .get(&message.contact_id)
                .map(|contact| contact.phone.clone())
                .unwrap_or_default();
            self.show(message, to);
        }
        Ok(())
    }

    fn show(&mut self, message: Message, to: String) {
        if matches!(message.status, Status::Pending | Status::Cancelled) {
            return;
        }
        let paint = self.screen.paint;
        let ticks = ticks(&message);
        let marked =
            if message.status == Status::Read { paint.bold(&ticks) } else { paint.dim(&ticks) };
        match self.shown.get_mut(&message.id) {
            Some(shown) if shown.status == message.status => {}
            Some(shown) => {
                shown.status = message.status;
                let (place, line) = (shown.place, shown.line.clone());
                let width = line.chars().count() + ticks.chars().count() + 2;
                let news = format!("      {marked} {}", message.status);
                self.screen.mark(place, &format!("{line}  {marked}"), width, &news);
            }
            None => {
                let lines = Said::new(message.clone(), to.clone()).lines(&self.phone);
                let place = self.screen.print(&format!("{lines}  {marked}"));
                let line = lines.lines().last().unwrap_or_default().to_owned();
                self.shown
                    .insert(message.id.clone(), Shown { status: message.status, place, line });
                if matches!(&message.content, Content::Interactive { .. }) {
                    self.offers.insert(to.clone(), message.clone());
                }
                if message.status != Status::Note {
                    self.newest.insert(to, message);
                }
            }
        }
    }
}

fn ticks(message: &Message) -> String {
    match message.status {
        Status::Sent => "✓".to_owned(),
        Status::Delivered | Status::Read => "✓✓".to_owned(),
        Status::Error => format!("✗ {}", message.error_message),
        _ => String::new(),
    }
}
