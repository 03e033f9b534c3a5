//! A send in doubt is treated as one: it may have arrived, and nobody can say.
//!
//! It holds its chat, and only that, for the doubt window; a status that carries our id settles it.
//! After the window the setting `on_doubt` decides, and a second doubt is never sent a third time.

use std::str::FromStr;

use crate::config::OnDoubt;

/// What is committed of a send on a channel that cannot deduplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing has left.
    Fresh,
    /// Bytes may have left.
    Sending,
    /// The doubt window runs, or has run.
    Doubt,
    /// Bytes of the resend may have left.
    Resending,
    /// The resend is in doubt too.
    DoubtAgain,
}

/// What the sender does with a claimed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Send,
    /// Send again, marked as a possible duplicate.
    Resend,
    /// Begin to wait for a status.
    Wait,
    GiveUp,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "",
            Self::Sending => "sending",
            Self::Doubt => "doubt",
            Self::Resending => "resending",
            Self::DoubtAgain => "doubt-again",
        }
    }

    /// What a claim of a job in this stage means. Found `Sending`, its sender went away in the
    /// middle; found in doubt, the window has passed without a status.
    pub fn next(self, deduplicates: bool, on_doubt: OnDoubt) -> Next {
        match self {
            _ if deduplicates => Next::Send,
            Self::Fresh => Next::Send,
            Self::Sending | Self::Resending => Next::Wait,
            Self::Doubt if on_doubt == OnDoubt::ResendOnce => Next::Resend,
            Self::Doubt | Self::DoubtAgain => Next::GiveUp,
        }
    }

    /// The stage to commit before the bytes leave.
    pub fn begun(self) -> Self {
        if self == Self::Fresh { Self::Sending } else { Self::Resending }
    }

    /// The stage of waiting for a status.
    pub fn doubtful(self) -> Self {
        match self {
            Self::Fresh | Self::Sending => Self::Doubt,
            Self::Doubt | Self::Resending | Self::DoubtAgain => Self::DoubtAgain,
        }
    }
}

impl FromStr for Stage {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        [Self::Fresh, Self::Sending, Self::Doubt, Self::Resending, Self::DoubtAgain]
            .into_iter()
            .find(|stage| stage.as_str() == word)
            .ok_or_else(|| anyhow::anyhow!("{word:?} is no stage of a send"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_at_most_twice_whatever_happens() {
        let mut stage = Stage::Fresh;
        let mut sends = 0;
        for _ in 0..20 {
            match stage.next(false, OnDoubt::ResendOnce) {
                Next::Send | Next::Resend => {
                    sends += 1;
                    stage = stage.begun();
                }
                Next::Wait => stage = stage.doubtful(),
                Next::GiveUp => break,
            }
        }
        assert_eq!(sends, 2);
    }

    #[test]
    fn with_fail_a_doubtful_message_is_never_sent_again() {
        assert_eq!(Stage::Sending.next(false, OnDoubt::Fail), Next::Wait);
        assert_eq!(Stage::Doubt.next(false, OnDoubt::Fail), Next::GiveUp);
    }

    #[test]
    fn every_stage_reads_back() {
        for stage in
            [Stage::Fresh, Stage::Sending, Stage::Doubt, Stage::Resending, Stage::DoubtAgain]
        {
            assert_eq!(stage.as_str().parse::<Stage>().expect("a stage"), stage);
        }
    }
}
