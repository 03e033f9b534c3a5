//! `state`: the key-value store of the install, read through the call's own writes.

use super::super::bindings::switchboard::plugin::state::{Entry, Host};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text};
use super::super::state::Live;
use crate::model::{Millis, Scope};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

const MAX_KEY: usize = 256;
const MAX_LIST: u32 = 100;

impl Host for Run {
    async fn get(&mut self, scope: String, key: String) -> Answer<Option<String>> {
        answer(self.read(&scope, &key).await.map(|live| live.map(|(value, _)| value)))
    }

    async fn set(
        &mut self,
        scope: String,
        key: String,
        value: String,
        ttl_ms: Option<u64>,
    ) -> Answer<()> {
        let expires_at = ttl_ms.map(|ttl| {
            let ttl = Millis::try_from(ttl).unwrap_or(Millis::MAX);
            self.clock.now().saturating_add(ttl)
        });
        answer(self.write(&scope, key, Some((value, expires_at))).await)
    }

    async fn delete(&mut self, scope: String, key: String) -> Answer<()> {
        answer(self.write(&scope, key, None).await)
    }

    async fn list(
        &mut self,
        scope: String,
        prefix: String,
        after: String,
        limit: u32,
    ) -> Answer<Vec<Entry>> {
        answer(self.read_many(&scope, &prefix, &after, limit).await)
    }

    async fn increment(&mut self, scope: String, key: String, delta: i64) -> Answer<i64> {
        answer(self.add(&scope, key, delta).await)
    }

    async fn compare_and_set(
        &mut self,
        scope: String,
        key: String,
        expected: Option<String>,
        value: String,
    ) -> Answer<bool> {
        answer(self.swap(&scope, key, expected, value).await)
    }
}

impl Run {
    fn enter_state(&mut self, scope: &str, bytes: usize) -> Result<Scope, Halt> {
        self.enter(bytes)?;
        self.require("state = true", |grants| grants.state)?;
        self.scope(scope)
    }

    async fn read(&mut self, scope: &str, key: &str) -> Result<Option<Live>, Halt> {
        let scope = self.enter_state(scope, key.len())?;
        check_text("the key", key, MAX_KEY)?;
        self.state_get(&scope, key).await
    }

    async fn write(&mut self, scope: &str, key: String, value: Option<Live>) -> Result<(), Halt> {
        let size = value.as_ref().map_or(0, |(value, _)| value.len());
        let scope = self.enter_state(scope, key.len() + size)?;
        check_text("the key", &key, MAX_KEY)?;
        if let Some((value, _)) = &value {
            check_optional_text("the value", value, self.settings.state_value)?;
        }
        self.state_set(scope, key, value).await
    }

    async fn read_many(
        &mut self,
        scope: &str,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, Halt> {
        let scope = self.enter_state(scope, prefix.len() + after.len())?;
        check_optional_text("the prefix", prefix, MAX_KEY)?;
        check_optional_text("the key to begin after", after, MAX_KEY)?;
        let limit = limit.clamp(1, MAX_LIST) as usize;
        let found = self.state_list(&scope, prefix, after, limit).await?;
        Ok(found.into_iter().map(|(key, value)| Entry { key, value }).collect())
    }

    async fn add(&mut self, scope: &str, key: String, delta: i64) -> Result<i64, Halt> {
        let current = self.read(scope, &key).await?;
        let (number, expires_at) = match current {
            None => (0, None),
            Some((value, expires_at)) => {
                let number = value.parse::<i64>();
                (
                    number.map_err(|_| Halt::invalid(format!("{key:?} holds no whole number")))?,
                    expires_at,
                )
            }
        };
        let sum = number
            .checked_add(delta)
            .ok_or_else(|| Halt::invalid(format!("{key:?} would overflow")))?;
        self.write(scope, key, Some((sum.to_string(), expires_at))).await?;
        Ok(sum)
    }

    async fn swap(
        &mut self,
        scope: &str,
        key: String,
        expected: Option<String>,
        value: String,
    ) -> Result<bool, Halt> {
        let current = self.read(scope, &key).await?;
        let (present, expires_at) =
            current.map_or((None, None), |(value, expires_at)| (Some(value), expires_at));
        if present != expected {
            return Ok(false);
        }
        self.write(scope, key, Some((value, expires_at))).await?;
        Ok(true)
    }
}
