//! A host for tests: what it holds is set by hand.

use std::sync::Mutex;

use super::*;

/// Everything that a plugin may read.
#[derive(Default)]
pub struct House {
    pub state: Mutex<Vec<(Scope, StateEntry)>>,
    pub secrets: Mutex<Vec<(String, String)>>,
    /// Reads hang for ever.
    pub hangs: bool,
    /// Reads panic.
    pub panics: bool,
}

#[async_trait]
impl Host for House {
    async fn state(&self, _: &str, scope: &Scope, key: &str) -> anyhow::Result<Option<StateEntry>> {
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

    async fn contact(&self, _: &str, _: &str) -> anyhow::Result<Option<Contact>> {
        Ok(None)
    }

    async fn chat(&self, team_id: &str, chat_id: &str) -> anyhow::Result<Option<Chat>> {
        Ok((chat_id == "cht_2").then(|| Chat {
            id: chat_id.to_owned(),
            team_id: team_id.to_owned(),
            account_id: "acc_2".to_owned(),
            contact_id: "con_2".to_owned(),
            unread: 0,
            assigned: String::new(),
            last_message_at: NOON,
            last_inbound_at: 0,
        }))
    }

    async fn message(&self, _: &str, _: &str) -> anyhow::Result<Option<Message>> {
        Ok(None)
    }

    async fn history(&self, _: &str, _: &str, _: &str, _: i64) -> anyhow::Result<Vec<Message>> {
        Ok(Vec::new())
    }

    async fn secret(&self, _: &str, name: &str) -> anyhow::Result<Option<String>> {
        let secrets = self.secrets.lock().expect("a lock");
        Ok(secrets.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
    }
}
