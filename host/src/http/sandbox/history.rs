//! What an account's pretend phone remembers from before its login.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Shared, account, phone_number};
use crate::model::{Content, Millis, Past};

/// The most that a phone is asked to make up.
const MOST: usize = 200_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    #[serde(default)]
    messages: Vec<Written>,
    /// So many more, made up.
    generate: Option<Generate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The customer.
    phone: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    from_me: bool,
    /// Unix milliseconds.
    at: Millis,
    text: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generate {
    messages: usize,
    chats: usize,
}

/// `PUT /sandbox/accounts/{account}/history` with `messages` (`phone`, `at`, `text`, `id`, and where
/// wanted `name`, `from_me`) or `generate` (`messages`, `chats`): what the next scan brings along.
pub(super) async fn set(
    State(house): State<Shared>,
    Path(account_id): Path<String>,
    body: Result<Json<History>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(history) = body.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    account(&house, &account_id).await?;
    let mut past = Vec::new();
    for written in history.messages {
        past.push(parse(written)?);
    }
    if let Some(generate) = history.generate {
        if generate.messages > MOST || !(1..=MOST).contains(&generate.chats) {
            return Err(Refusal::invalid("generate: at most 200000 messages, in 1 chat or more"));
        }
        past.extend((0..generate.messages).map(|number| made_up(&house, number, generate.chats)));
    }
    let count = past.len();
    house.sandbox().set_history(&account_id, past);
    Ok(Json(json!({ "messages": count })))
}

fn parse(written: Written) -> Result<Past, Refusal> {
    let content = Content::text(&written.text);
    content.check().map_err(|error| Refusal::invalid(error.to_string()))?;
    if written.id.is_empty() || written.id.len() > 256 || written.name.len() > 256 {
        return Err(Refusal::invalid("id: 1 to 256 bytes; name: at most 256"));
    }
    if !(0..=100_000_000_000_000).contains(&written.at) {
        return Err(Refusal::invalid("at: Unix milliseconds"));
    }
    Ok(Past {
        provider_id: written.id,
        phone: phone_number(&written.phone, "phone")?,
        name: written.name,
        from_me: written.from_me,
        at: written.at,
        content,
    })
}

/// A second apart, back from now; every other one is ours.
fn made_up(house: &Shared, number: usize, chats: usize) -> Past {
    let ago = i64::try_from(number).unwrap_or(0) * 1000;
    Past {
        provider_id: format!("past.{number}"),
        phone: format!("+1777{:07}", number % chats),
        name: String::new(),
        from_me: number % 2 == 1,
        at: house.clock().now() - ago - 1,
        content: Content::text(format!("message {number} from before")),
    }
}
