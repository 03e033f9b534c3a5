//! Closed sets of words, each written the same way in the API, in JSON and in the database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// An enum whose cases are words: `as_str`, `FromStr`, `Display` and serde agree.
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$case_doc])* #[serde(rename = $word)] $case),+ }

        impl $name {
            /// Every case, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word),+ }
            }
        }

        // By hand: the derive does not see words that come out of a macro.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::model::words::schema(concat!($($doc),*), &[$($word),+])
            }
        }

        impl ToSchema for $name {}

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$case),)+
                    other => Err(format!("{other:?} is none of: {}", [$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use words;

/// The schema of a closed set of words.
pub(in crate::model) fn schema(told: &str, words: &[&str]) -> RefOr<Schema> {
    let told = Some(told.trim()).filter(|told| !told.is_empty());
    let schema = ObjectBuilder::new().schema_type(Type::String).description(told);
    schema.enum_values(Some(words.iter().copied())).into()
}

words! {
    /// What carries an account's messages.
    ChannelType { Sandbox = "sandbox", Cloud = "cloud", Dialog360 = "dialog360", Web = "web" }
}

words! {
    /// What becomes of the times of a recurring timer that passed while it could not run.
    Missed {
        /// One run stands for all of them.
        Once = "once",
        Skip = "skip",
        All = "all",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro derives no default")]
impl Default for Missed {
    fn default() -> Self {
        Self::Once
    }
}

words! {
    AccountState { Close = "close", Connecting = "connecting", Open = "open" }
}

words! {
    /// What an account may do, and what it costs.
    Tier {
        /// As many messages as it likes, and the phone's history.
        UnlimitedMsgChatHistory = "unlimited_msg_chat_history",
        /// As many messages as it likes.
        UnlimitedMsgNoChatHistory = "unlimited_msg_no_chat_history",
        /// So many messages a month.
        LimitedMsgNoChatHistory = "limited_msg_no_chat_history",
    }
}

words! {
    /// Whether an open account is heard from.
    Health { Ok = "ok", Degraded = "degraded" }
}

words! {
    /// What of an account's data is being removed.
    Removal {
        Nothing = "",
        /// What came with the phone's history.
        Synced = "synced",
        /// All messages and chats but notes.
        Archive = "archive",
        All = "all",
    }
}

words! {
    /// What a row of the ledger says.
    LedgerKind {
        Purchase = "purchase", Renewal = "renewal", TierChange = "tier_change", Archive = "archive",
        Delete = "delete", Reset = "reset",
    }
}

words! {
    /// Who opened a conversation.
    Origin {
        BusinessInitiated = "business_initiated",
        UserInitiated = "user_initiated",
        /// By a click on an advertisement.
        ReferralConversion = "referral_conversion",
    }
}

words! {
    /// What a conversation costs.
    Pricing { Paid = "paid", FreeTier = "free_tier", FreeEntryPoint = "free_entry_point" }
}

words! {
    Direction { In = "in", Out = "out" }
}

words! {
    /// Where a message stands. It moves forward only; see [`Status::rank`].
    Status {
        Pending = "pending", Sent = "sent", Error = "error", Delivered = "delivered", Read = "read",
        Cancelled = "cancelled", Note = "note",
    }
}

impl Status {
    /// `pending < sent < error < delivered < read`. A late "delivered" outranks an error, because
    /// the customer has it; nothing follows a cancelled message or a note.
    pub fn rank(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Sent => 1,
            Self::Error => 2,
            Self::Delivered => 3,
            Self::Read => 4,
            Self::Cancelled | Self::Note => 9,
        }
    }
}

words! {
    /// Whether a contact agreed to hear from the team.
    OptIn { Unknown = "unknown", In = "in", Out = "out" }
}

words! {
    /// What a job is for.
    JobKind {
        /// An event on its way to plugins.
        Event = "event",
        /// A message, or a sign such as "typing", on its way to its channel.
        Send = "send",
        /// An event on its way to a customer's endpoint.
        Notify = "notify",
        /// A status that matched no message yet.
        Status = "status",
        /// Slow work on people: merges, imports, erasures, reviews of templates.
        People = "people",
        /// Data of an account that is being removed.
        Account = "account",
        /// A range of events on its way to an endpoint once more.
        Resend = "resend",
        /// The next messages of a bulk send.
        Bulk = "bulk",
    }
}

words! {
    /// How events are written for an endpoint.
    PayloadFormat { Native = "native" }
}

words! {
    /// How far a range of events that is sent again has come.
    ResendState {
        Running = "running",
        /// Every event of it is queued.
        Done = "done",
        /// The endpoint was disabled meanwhile.
        Stopped = "stopped",
    }
}

words! {
    InstallState {
        Active = "active",
        /// Too many faults in a row: its events wait.
        Suspended = "suspended",
        Removed = "removed",
    }
}

words! {
    /// Why a plugin call failed, for people and for metrics.
    FaultClass {
        /// The handler answered an error, or trapped.
        Exception = "exception",
        /// It wanted more memory than its limit.
        Memory = "memory",
        /// It computed longer than its limit.
        Cpu = "cpu",
        /// It took longer than its limit, waiting included.
        WallClock = "wall-clock",
        /// It made more effects, logs or calls than its limit.
        Limit = "limit",
        /// It rejected the event itself.
        Rejected = "rejected",
        /// The host could not run it: its artefact is missing or does not load.
        Host = "host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_back_as_itself_and_an_unknown_one_names_the_choices() {
        assert_eq!("read".parse::<Status>(), Ok(Status::Read));
        let refusal = "seen".parse::<Status>().expect_err("not a status");
        assert!(refusal.contains("delivered"), "{refusal}");
    }
}
