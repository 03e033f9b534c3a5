//! Accounts: one number on one channel, and what its owner set for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountState, ChannelType, Millis, QuietHours, WarmUp};

/// One number on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub team_id: String,
    #[serde(rename = "type")]
    pub channel: ChannelType,
    /// For display only.
    pub nickname: String,
    /// E.164, with the plus; empty until the channel tells it.
    pub phone: String,
    pub state: AccountState,
    /// Why it is in that state, for people; empty where there is nothing to say.
    pub reason: String,
    pub settings: AccountSettings,
    pub created_at: Millis,
}

impl Account {
    /// An account that is closed, and has no number yet.
    pub fn new(id: String, team_id: &str, channel: ChannelType, now: Millis) -> Self {
        Self {
            id,
            team_id: team_id.to_owned(),
            channel,
            nickname: String::new(),
            phone: String::new(),
            state: AccountState::Close,
            reason: String::new(),
            settings: AccountSettings::default(),
            created_at: now,
        }
    }
}

/// What its owner set for an account; what is absent follows the host's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AccountSettings {
    /// Whether only templates may be sent later than 24 hours after the customer's last message;
    /// absent: as the channel has it (cloud and dialog360: yes; others: no).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<bool>,
    /// The least time between two messages, in milliseconds; absent: as the host is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Millis>,
    /// What chance adds to the gap at most, in milliseconds; absent: as the host is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Millis>,
    /// Messages under way at once (cloud and dialog360 only); absent: as the channel has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
}
