//! A host for tests: what it holds is set by hand.

use std::sync::Mutex;

use super::*;

/// Everything that a plugin may read.
#[derive(Default)]
pub struct House {
    pub state: Mutex<Vec<(Scope, StateEntry)>>,
    pub secrets: Mutex<Vec<(String, String)>>,
    /// The names of the threads on which state was read.
    pub threads: Mutex<Vec<Option<String>>>,
    /// Reads hang for ever.
    pub hangs: bool,
    /// Reads panic.
    pub panics: bool,
}

#[async_trait]
impl Host for House {
    async fn state(&self, _: &str, scope: &Scope, key: &str) -> anyhow::Result<Option<StateEntry>> {
        self.threads.lock().expect("a lock").push(std::thread::current().name().map(str::to_owned));
        assert!(!self.panics, "a fault of the host");
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let state = self.state.lock().expect("a lock");
        Ok(state
            .iter()
            .find(|(s, entry)| s == scope && entry.key == key)
            .map(|(_, entry)| entry.clone()))
    }

    async fn state_list(
        &self,
        _: &str,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<StateEntry>> {
        let state = self.state.lock().expect("a lock");
        let mut found: Vec<_> =
            state.iter().filter(|(s, _)| s == scope).map(|(_, entry)| entry.clone()).collect();
        found.retain(|entry| entry.key.starts_with(prefix) && entry.key.as_str() > after);
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found.truncate(usize::try_from(limit)?);
        Ok(found)
    }

    async fn timers(&self, _: &str, _: &Scope) -> anyhow::Result<Vec<TimerSpec>> {
        Ok(Vec::new())
    }

    async fn contact(&self, team_id: &str, contact_id: &str) -> anyhow::Result<Option<Contact>> {
        Ok((contact_id == "con_1").then(|| Contact {
            name: "A customer".to_owned(),
            tags: vec![("old".to_owned(), String::new())],
            ..Contact::new(contact_id.to_owned(), team_id, "+15550001", NOON)
        }))
    }

    async fn chat(&self, team_id: &str, chat_id: &str) -> anyhow::Result<Option<Chat>> {
        Ok(["cht_1", "cht_2"].contains(&chat_id).then(|| Chat {
            id: chat_id.to_owned(),
            team_id: team_id.to_owned(),
            account_id: chat_id.replace("cht", "acc"),
            contact_id: chat_id.replace("cht", "con"),
            last_message_at: NOON,
            last_inbound_at: if chat_id == "cht_1" { NOON } else { 0 },
            ..Chat::default()
        }))
    }

    async fn message(&self, _: &str, _: &str) -> anyhow::Result<Option<Message>> {
        Ok(None)
    }

    async fn history(&self, _: &str, _: &str, _: &str, _: i64) -> anyhow::Result<Vec<Message>> {
        Ok(Vec::new())
    }

    async fn window_until(&self, chat: &Chat) -> anyhow::Result<Millis> {
        Ok(if chat.last_inbound_at > 0 { chat.last_inbound_at + 86_400_000 } else { 0 })
    }

    async fn templates(
        &self,
        _: &str,
        _: &str,
        _: Option<TemplateStatus>,
        _: &str,
        _: i64,
    ) -> anyhow::Result<Vec<Template>> {
        Ok(Vec::new())
    }

    async fn template(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: &str,
    ) -> anyhow::Result<Option<Template>> {
        Ok(None)
    }

    async fn file(&self, _: &str, _: &str) -> anyhow::Result<Option<StoredFile>> {
        Ok(None)
    }

    async fn file_bytes(
        &self,
        _: &str,
        _: &str,
        _: std::ops::Range<u64>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn write_file(&self, _: &str, _: NewFile) -> anyhow::Result<Result<StoredFile, Refusal>> {
        Ok(Err(Refusal { code: "unavailable", message: "nothing is kept here".to_owned() }))
    }

    async fn secret(&self, _: &str, name: &str) -> anyhow::Result<Option<String>> {
        let secrets = self.secrets.lock().expect("a lock");
        Ok(secrets.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
    }
}
