//! Accounts: one number on one channel, and what its owner set for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountState, ChannelType, Health, Millis, Period, QuietHours, Removal, Tier, WarmUp};

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
    pub tier: Tier,
    /// Empty where it belongs to none; so is the next.
    pub department_id: String,
    pub business_account_id: String,
    /// When it was bought: its periods are the months from then on.
    pub subscribed_at: Millis,
    /// The end of the period that stands in the ledger; 0: it is not in the ledger yet.
    pub paid_until: Millis,
    /// 0: it is not archived.
    pub archived_at: Millis,
    /// 0: it is not deleted.
    pub deleted_at: Millis,
    /// What of its data is being removed now.
    pub removing: Removal,
    pub health: Health,
    /// How many messages its phone brought along.
    pub synced_messages: i64,
    /// When the phone had brought them all; 0: it did not yet.
    pub synced_at: Millis,
}

impl Account {
    /// As [`Account::paid_until`]: nothing renews it.
    pub const ENDED: Millis = Millis::MAX;

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
            tier: Tier::UnlimitedMsgNoChatHistory,
            department_id: String::new(),
            business_account_id: String::new(),
            subscribed_at: now,
            paid_until: 0,
            archived_at: 0,
            deleted_at: 0,
            removing: Removal::Nothing,
            health: Health::Ok,
            synced_messages: 0,
            synced_at: 0,
        }
    }

    /// Whether it belongs to a department; empty for any.
    pub fn is_of(&self, department_id: &str) -> bool {
        department_id.is_empty() || self.department_id == department_id
    }

    pub fn is_archived(&self) -> bool {
        self.archived_at > 0
    }

    /// The period of its subscription that holds a moment.
    pub fn period(&self, at: Millis) -> Period {
        Period::containing(self.subscribed_at, at)
    }

    /// Whether its conversations are counted: as its owner set it, or as its channel bills.
    pub fn counts_conversations(&self) -> bool {
        let bills = matches!(self.channel, ChannelType::Cloud | ChannelType::Dialog360);
        self.settings.conversations.unwrap_or(bills)
    }

    /// Who the free conversations belong to.
    pub fn billed_to(&self) -> &str {
        if self.business_account_id.is_empty() { &self.id } else { &self.business_account_id }
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
    /// Whether its conversations are counted and priced; absent: as the channel has it (cloud and
    /// dialog360: yes; others: no).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversations: Option<bool>,
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
