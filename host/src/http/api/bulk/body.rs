//! What a bulk send is asked to be, checked recipient by recipient.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::flow::bulk as work;
use crate::flow::{House, queueing};
use crate::http::api::messages::{Moment, moment_field};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::phone_number;
use crate::model::{Content, Millis, SendOptions};
use crate::store::{account, bulk, chat};

const MAX_VALUE: usize = 1000;
const MAX_VARIABLES: usize = 50;

/// One content for many recipients.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewBulkSend {
    /// The account to send from; needed where the team has several.
    account: Option<String>,
    /// As in `POST /messages`; `{{name}}` in any of its texts stands for a recipient's variable.
    content: Content,
    recipients: Vec<NewBulkRecipient>,
    /// Messages a minute, 1 to 60000; absent: `limits.bulk_pace`.
    pace: Option<u32>,
    /// When to begin.
    #[serde(default, deserialize_with = "moment_field")]
    #[schema(value_type = Option<Moment>)]
    schedule_at: Option<Millis>,
    #[serde(default)]
    with_typing: bool,
    /// Choose one wording of each `{Hi|Hello}`, and vary the spacing a little.
    #[serde(default, alias = "randomize")]
    randomize_message: bool,
    #[serde(default)]
    cancel_if_replied: bool,
    /// Your own id, 1 to 200 characters: the same request under it again is the same bulk send.
    pub idempotency_id: Option<String>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBulkRecipient {
    /// A phone number, or the id of a chat of the account.
    to: String,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// What to begin: everything that can be known of it now is checked.
pub async fn checked(
    house: &House,
    caller: &Caller,
    new: NewBulkSend,
    request_hash: String,
) -> Result<(bulk::Bulk, Vec<bulk::Recipient>), ApiError> {
    let (team_id, department_id) = (&caller.team_id, &caller.department_id);
    let limits = &house.config.limits;
    let most = limits.bulk_recipients;
    if new.recipients.is_empty() || new.recipients.len() > most {
        return Err(ApiError::invalid(format!("recipients: 1 to {most}")));
    }
    let pace = new.pace.unwrap_or(limits.bulk_pace);
    if !(1..=60_000).contains(&pace) {
        return Err(ApiError::invalid("pace: 1 to 60000 messages a minute"));
    }
    if matches!(new.content, Content::Note { .. } | Content::Reaction { .. }) {
        return Err(ApiError::invalid("content: a bulk send is neither a note nor a reaction"));
    }
    queueing::schedule(house, new.schedule_at)?;
    queueing::file(house, team_id, department_id, &new.content).await??;
    let account_id = account_of(house, caller, new.account).await?;
    let template = serde_json::to_value(&new.content).map_err(anyhow::Error::from)?;
    let recipients = recipients_of(house, team_id, &account_id, &template, new.recipients).await?;
    let options = SendOptions {
        due_at: None,
        reply_to: None,
        typing: new.with_typing,
        randomise: new.randomize_message,
        cancel_if_replied: new.cancel_if_replied,
    };
    let now = house.clock.now();
    let bulk = bulk::Bulk {
        id: house.clock.id("bulk"),
        team_id: team_id.clone(),
        account_id,
        client_id: new.idempotency_id,
        content: template.to_string(),
        options: serde_json::to_string(&options).map_err(anyhow::Error::from)?,
        pace: i64::from(pace),
        state: work::RUNNING.to_owned(),
        total: i64::try_from(recipients.len()).unwrap_or(i64::MAX),
        next_index: 0,
        revision: 1,
        due_at: new.schedule_at.unwrap_or(now).max(now),
        created_at: now,
        request_hash,
    };
    Ok((bulk, recipients))
}

async fn account_of(
    house: &House,
    caller: &Caller,
    named: Option<String>,
) -> Result<String, ApiError> {
    let mut conn = house.store.read().await?;
    let found = match named {
        Some(id) => account::get(&mut conn, &caller.team_id, &id).await?,
        None => account::only(&mut conn, &caller.team_id, &caller.department_id).await?,
    };
    let found = found.filter(|account| caller.sees(account));
    found.map(|account| account.id).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "account_not_found",
            "name one of your accounts in `account`",
        )
    })
}

/// Each recipient, with a number or a chat that is known, and a content that would be taken.
async fn recipients_of(
    house: &House,
    team_id: &str,
    account_id: &str,
    template: &Value,
    new: Vec<NewBulkRecipient>,
) -> Result<Vec<bulk::Recipient>, ApiError> {
    let mut asked = Vec::new();
    work::asked(template, &mut asked);
    let mut seen = BTreeSet::new();
    let mut recipients = Vec::with_capacity(new.len());
    for (number, one) in new.into_iter().enumerate() {
        let here = format!("recipients[{number}]");
        let recipient = if one.to.starts_with('+') {
            phone_number(&one.to, &format!("{here}.to"))?
        } else {
            one.to
        };
        if !seen.insert(recipient.clone()) {
            return Err(ApiError::invalid(format!("{here}.to: {recipient:?} is named twice")));
        }
        check_variables(&here, &asked, &one.variables)?;
        let content = work::filled(template, &one.variables);
        let content: Content = serde_json::from_value(content)
            .map_err(|error| ApiError::invalid(format!("{here}: {error}")))?;
        content.check().map_err(|error| ApiError::invalid(format!("{here}: {error}")))?;
        recipients.push(bulk::Recipient {
            number: i64::try_from(number).unwrap_or(i64::MAX),
            recipient,
            variables: serde_json::to_string(&one.variables).map_err(anyhow::Error::from)?,
            message_id: String::new(),
        });
    }
    let chats: Vec<String> = seen.into_iter().filter(|to| !to.starts_with('+')).collect();
    let known = chat::by_ids(&mut *house.store.read().await?, &chats).await?;
    let is_ours = |id: &&String| {
        known.get(*id).is_some_and(|chat| chat.team_id == team_id && chat.account_id == account_id)
    };
    if let Some(unknown) = chats.iter().find(|id| !is_ours(id)) {
        let text = format!("recipients: {unknown:?} is no phone number, nor a chat of the account");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_phone_number", text));
    }
    Ok(recipients)
}

fn check_variables(
    here: &str,
    asked: &[String],
    variables: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    if let Some(missing) = asked.iter().find(|name| !variables.contains_key(*name)) {
        return Err(ApiError::invalid(format!("{here}.variables: {missing:?} is missing")));
    }
    let long = variables.iter().any(|(name, value)| {
        name.chars().count() > MAX_VALUE
            || value.chars().count() > MAX_VALUE
            || value.contains('\0')
    });
    if long || variables.len() > MAX_VARIABLES {
        return Err(ApiError::invalid(format!(
            "{here}.variables: at most {MAX_VARIABLES}, each of at most {MAX_VALUE} characters without NUL"
        )));
    }
    Ok(())
}
