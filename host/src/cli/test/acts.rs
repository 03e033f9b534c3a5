//! What happens in a transcript: customers, the team, the network and the world outside act.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::json;

use super::scene::Scene;
use super::stubs::with_file;
use super::transcript::{Act, TeamAct, Webhook, What};
use crate::channel::Intake;
use crate::channel::sandbox::Incoming;
use crate::flow::{fire, signature};
use crate::model::{
    AccountState, Content, Inbound, InboundStatus, Interactive, Message, Reaction, Reply, Status,
};

/// Between two looks whether a webhook was answered, in real time.
const PACE: Duration = Duration::from_millis(5);

impl Scene {
    /// Do what a step says, and let happen all that follows from it now.
    pub(super) async fn act(&mut self, what: &What) -> anyhow::Result<()> {
        match what {
            What::Named | What::With(_) | What::Check(_) => return Ok(()),
            What::Config { key, value } => return self.set_config(key, value).await,
            What::Secret { name, value } => return self.set_secret(name, value).await,
            What::Withhold(names) => return self.withhold(names).await,
            What::Stub(stub) => {
                self.stubs.add(stub.clone());
                return Ok(());
            }
            _ => self.heard.begin(),
        }
        match what {
            What::Writes { who, act } => self.write(who, act).await?,
            What::Receipt { who, status, code, words } => {
                self.receipt(who, *status, code, words).await?
            }
            What::Wait(due) => return self.wait_until(due.from(self.now())).await,
            What::Webhook(webhook) => self.webhook(webhook).await?,
            What::Consent { who, opt_in } => self.consent(who, *opt_in).await?,
            What::Account { state, reason } => self.account_state(*state, reason).await?,
            What::Team(act) => self.team_act(act).await?,
            What::Fire(shot) => {
                let (house, shot) = (self.house(), shot.clone());
                fire::fire(house, &self.by(), &self.install, shot).await?;
            }
            _ => {}
        }
        self.settle().await
    }

    async fn write(&mut self, who: &str, act: &Act) -> anyhow::Result<()> {
        self.current = who.to_owned();
        let (content, reply_to) = match act {
            Act::Writes(content) => (content.clone(), String::new()),
            Act::Replies(text) => (Content::text(text), self.newest(who)?.provider_id.clone()),
            Act::Reacts(emoji) => {
                let message = self.newest(who)?;
                let reaction = Reaction { message_id: message.id.clone(), emoji: emoji.clone() };
                (Content::Reaction { reaction }, message.provider_id.clone())
            }
            Act::Chooses(title) => self.choice(who, title)?,
        };
        let person = self.people.get(who).with_context(|| format!("nobody is called {who:?}"))?;
        let incoming = Incoming {
            from: person.phone.clone(),
            aliases: Vec::new(),
            name: person.shown.clone(),
            content: with_file(content),
            reply_to,
            referral: None,
            provider_id: None,
        };
        self.house().channels.sandbox.incoming(&self.account, incoming).await?;
        Ok(())
    }

    /// The bot's newest message to a customer.
    fn newest(&self, who: &str) -> anyhow::Result<&Message> {
        let got = self.heard.got.get(who).into_iter().flatten();
        let mut sent =
            got.filter(|message| message.status != Status::Note && !message.provider_id.is_empty());
        sent.next_back().with_context(|| format!("the bot has said nothing to {who} yet"))
    }

    /// A tap on what was offered last, and the message that offered it.
    fn choice(&self, who: &str, title: &str) -> anyhow::Result<(Content, String)> {
        let got = self.heard.got.get(who).into_iter().flatten().rev();
        let mut offered = Vec::new();
        for message in got {
            let Content::Interactive { interactive } = &message.content else { continue };
            let buttons = interactive.buttons.iter().map(|button| (&button.id, &button.title));
            let rows = interactive.all_rows().map(|row| (&row.id, &row.title));
            let all: Vec<_> = buttons.chain(rows).collect();
            if let Some((id, title)) = all.iter().find(|(id, name)| *name == title || *id == title)
            {
                let reply = Reply { id: (*id).clone(), title: (*title).clone() };
                let interactive =
                    Box::new(Interactive { reply: Some(reply), ..Interactive::default() });
                return Ok((Content::Interactive { interactive }, message.provider_id.clone()));
            }
            offered.extend(all.into_iter().map(|(_, title)| format!("[{title}]")));
        }
        if offered.is_empty() {
            bail!("the bot has offered {who} nothing to choose");
        }
        bail!("the bot has not offered {who} {title:?}, but {}", offered.join(" "))
    }

    async fn receipt(
        &mut self,
        who: &str,
        status: Status,
        code: &str,
        words: &str,
    ) -> anyhow::Result<()> {
        let message = self.newest(who)?;
        let receipt = InboundStatus {
            account_id: self.account.clone(),
            message_id: message.id.clone(),
            provider_id: message.provider_id.clone(),
            status,
            at: self.now(),
            error_code: code.to_owned(),
            error_message: words.to_owned(),
        };
        self.current = who.to_owned();
        self.door.receive(vec![Inbound::Status(receipt)]).await
    }

    async fn consent(&mut self, who: &str, opt_in: bool) -> anyhow::Result<()> {
        self.current = who.to_owned();
        let (contact, _) = self.known_chat(who).await?;
        let turn = if opt_in { "opt-in" } else { "opt-out" };
        self.api
            .post(
                &format!("contacts/{contact}/{turn}"),
                json!({ "reason": "the transcript says so" }),
            )
            .await?;
        Ok(())
    }

    async fn account_state(&self, state: AccountState, reason: &str) -> anyhow::Result<()> {
        self.door.account_changed(&self.account, state, reason, None).await
    }

    async fn team_act(&mut self, act: &TeamAct) -> anyhow::Result<()> {
        let who = self.current.clone();
        let (_, chat) = self.known_chat(&who).await?;
        let assignment = format!("chats/{chat}/assignment");
        match act {
            TeamAct::TakesOver => {
                self.api.call(Method::PUT, &assignment, Some(json!({ "to": "colleague" }))).await?;
            }
            TeamAct::HandsBack => {
                self.api.delete(&assignment).await?;
            }
            TeamAct::Writes(text) => {
                let sent = self
                    .api
                    .post("messages", json!({ "to": chat, "type": "text", "text": text }))
                    .await?;
                self.heard.known.insert(sent["id"].as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(())
    }

    /// The ids of a customer's contact and chat.
    async fn known_chat(&self, who: &str) -> anyhow::Result<(String, String)> {
        let found = self.chat_of(who).await?;
        let (contact, chat) = found.with_context(|| format!("{who} has not written yet"))?;
        Ok((contact.id, chat.id))
    }

    /// The signature of a call, where its route wants one, the transcript knows the secret, and does not
    /// give another signature itself.
    fn signed(&self, webhook: &Webhook) -> Vec<(String, String)> {
        let path = webhook.path.split('?').next().unwrap_or_default();
        let route = self.manifest.routes.iter().find(|route| route.path == path);
        let Some(verify) = route.and_then(|route| route.verify.as_ref()) else { return Vec::new() };
        let given =
            |name: &str| webhook.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let Some(secret) = self.secrets.get(&verify.secret) else { return Vec::new() };
        if given(signature::header(verify)) {
            return Vec::new();
        }
        let named = webhook.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case("webhook-id"));
        let id = named.map_or_else(|| self.house().clock.id("msg"), |(_, id)| id.clone());
        let mut headers = signature::sign(verify, secret, &id, webhook.body.as_bytes(), self.now());
        headers.retain(|(name, _)| !given(name));
        headers
    }

    /// Call an address of the plugin. A caller who waits for a reply that a failure put off goes away.
    async fn webhook(&mut self, webhook: &Webhook) -> anyhow::Result<()> {
        let method = Method::from_bytes(webhook.method.as_bytes())?;
        let url = format!("{}/x/{}{}", self.running.url(), self.install, webhook.path);
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut request = client.request(method, url).body(webhook.body.clone());
        for (name, value) in webhook.headers.iter().chain(&self.signed(webhook)) {
            request = request.header(name, value);
        }
        let mut asked = tokio::spawn(async move {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        });
        loop {
            tokio::select! {
                answer = &mut asked => {
                    self.heard.reply = Some(answer??);
                    return Ok(());
                }
                () = tokio::time::sleep(PACE) => {}
            }
            if self.house().is_at_rest().await? {
                self.listen().await?;
                if !self.heard.faults.is_empty() && !asked.is_finished() {
                    asked.abort();
                    return Ok(());
                }
            }
        }
    }
}
