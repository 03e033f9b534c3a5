//! Closed sets of words, each written the same way in the API, in JSON and in the database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An enum whose cases are words: `as_str`, `FromStr`, `Display` and serde agree.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$case_doc])* #[serde(rename = $word)] $case),+ }

        impl $name {
            /// Every case, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word),+ }
            }
        }

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

words! {
    /// What carries an account's messages.
    ChannelType { Sandbox = "sandbox", Cloud = "cloud", Dialog360 = "dialog360", Web = "web" }
}

words! {
    AccountState { Close = "close", Connecting = "connecting", Open = "open" }
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
