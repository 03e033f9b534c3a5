//! What tiers allow and cost, and what conversations cost.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::model::{Bracket, Tier};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    pub currency: String,
    pub decimals: u32,
    pub default_tier: Tier,
    pub usage_low: i64,
    pub tiers: Tiers,
    pub conversations: Conversations,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    pub unlimited_msg_chat_history: Terms,
    pub unlimited_msg_no_chat_history: Terms,
    pub limited_msg_no_chat_history: Terms,
}

/// What a tier allows and costs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub messages: i64,
    pub history: i64,
    pub prices: Vec<Bracket>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Conversations {
    pub free: i64,
    pub business_initiated: i64,
    pub user_initiated: i64,
}

impl Billing {
    pub fn terms(&self, tier: Tier) -> &Terms {
        match tier {
            Tier::UnlimitedMsgChatHistory => &self.tiers.unlimited_msg_chat_history,
            Tier::UnlimitedMsgNoChatHistory => &self.tiers.unlimited_msg_no_chat_history,
            Tier::LimitedMsgNoChatHistory => &self.tiers.limited_msg_no_chat_history,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |key, problem: &str| Err(ConfigError::Invalid { key, problem: problem.to_owned() });
        if !(1..=100).contains(&self.usage_low) {
            return refuse("billing.usage_low", "a share in per cent, 1 to 100");
        }
        if self.decimals > 4 || self.currency.is_empty() {
            return refuse(
                "billing.currency",
                "a name such as USD, with at most 4 billing.decimals",
            );
        }
        for terms in Tier::ALL.iter().map(|tier| self.terms(*tier)) {
            let ordered = terms.prices.windows(2).all(|pair| pair[0].from < pair[1].from);
            let begins = terms.prices.first().is_some_and(|first| first.from == 1);
            let sound =
                terms.prices.iter().all(|bracket| (0..=1_000_000_000).contains(&bracket.price));
            if !(ordered && begins && sound) || terms.messages < 0 || terms.history < 0 {
                return refuse(
                    "billing.tiers",
                    "prices begin at account 1 and go up by `from`; no number is negative",
                );
            }
        }
        let terms = &self.conversations;
        if [terms.free, terms.business_initiated, terms.user_initiated].iter().any(|n| *n < 0) {
            return refuse("billing.conversations", "no number is negative");
        }
        Ok(())
    }
}
