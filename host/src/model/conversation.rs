//! Conversations, the unit that the official channels charge for: 24 hours with one customer, fixed
//! from the message that opens them, never extended.

use super::{Millis, Origin, Pricing};

const DAY: Millis = 24 * 60 * 60 * 1000;

/// What a message opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub origin: Origin,
    pub opened_at: Millis,
    pub expires_at: Millis,
}

/// The conversation that a message at `at` opens; `None` within one that runs until `open_until`
/// (0: there was none). `by_customer` says who wrote, and whether a free entry point brought them.
pub fn opening(open_until: Millis, by_customer: Option<bool>, at: Millis) -> Option<Opening> {
    if at < open_until {
        return None;
    }
    let origin = match by_customer {
        None => Origin::BusinessInitiated,
        Some(false) => Origin::UserInitiated,
        Some(true) => Origin::ReferralConversion,
    };
    Some(Opening { origin, opened_at: at, expires_at: at + DAY })
}

/// What one costs that opens after `counted` others of its month. Free entry points use up nothing.
pub fn pricing(origin: Origin, counted: i64, free: i64) -> Pricing {
    match origin {
        Origin::ReferralConversion => Pricing::FreeEntryPoint,
        _ if counted < free => Pricing::FreeTier,
        _ => Pricing::Paid,
    }
}

/// A conversation as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    pub id: String,
    pub team_id: String,
    pub billed_to: String,
    pub account_id: String,
    pub contact_id: String,
    pub opening: Opening,
    pub month: String,
    pub pricing: Pricing,
}

/// How many conversations there were, by who opened them and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub free_tier: i64,
    pub free_entry_point: i64,
    pub business_initiated: i64,
    pub business_initiated_paid: i64,
    /// Those of free entry points too: the customer opened them.
    pub user_initiated: i64,
    pub user_initiated_paid: i64,
}

impl Tally {
    /// Count so many more of one sort.
    pub fn add(&mut self, origin: Origin, pricing: Pricing, count: i64) {
        let (all, paid) = match origin {
            Origin::BusinessInitiated => {
                (&mut self.business_initiated, &mut self.business_initiated_paid)
            }
            Origin::UserInitiated | Origin::ReferralConversion => {
                (&mut self.user_initiated, &mut self.user_initiated_paid)
            }
        };
        *all += count;
        match pricing {
            Pricing::Paid => *paid += count,
            Pricing::FreeTier => self.free_tier += count,
            Pricing::FreeEntryPoint => self.free_entry_point += count,
        }
    }

    pub fn quantity(&self) -> i64 {
        self.business_initiated + self.user_initiated
    }

    pub fn paid(&self) -> i64 {
        self.business_initiated_paid + self.user_initiated_paid
    }

    pub fn free(&self) -> i64 {
        self.free_tier + self.free_entry_point
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_is_fixed_from_its_opening() {
        let first = opening(0, Some(false), 1_000).expect("opens");
        assert_eq!((first.origin, first.expires_at), (Origin::UserInitiated, 1_000 + DAY));
        assert_eq!(opening(first.expires_at, None, first.expires_at - 1), None, "within it");
        let next = opening(first.expires_at, None, first.expires_at).expect("opens");
        assert_eq!(next.origin, Origin::BusinessInitiated);
    }

    proptest! {
        /// Whatever is written, windows never overlap, each message lies in one, and no message but
        /// its first moves a window.
        #[test]
        fn windows_never_overlap(mut acts in prop::collection::vec((0..10 * DAY, 0..3_u8), 1..60)) {
            acts.sort_unstable();
            let mut windows: Vec<Opening> = Vec::new();
            for (at, who) in acts {
                let open_until = windows.last().map_or(0, |window| window.expires_at);
                let by_customer = [None, Some(false), Some(true)][usize::from(who)];
                windows.extend(opening(open_until, by_customer, at));
                let last = windows.last().expect("one is open");
                prop_assert!(last.opened_at <= at && at < last.expires_at);
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].expires_at <= pair[1].opened_at);
                prop_assert_eq!(pair[0].expires_at - pair[0].opened_at, DAY);
            }
        }

        /// So many are free and no more, whoever opens them, and free entry points use up none.
        #[test]
        fn the_free_ones_are_counted(origins in prop::collection::vec(0..3_usize, 0..80), free in 0..20_i64) {
            let (mut tally, mut counted) = (Tally::default(), 0);
            for index in &origins {
                let origin = Origin::ALL[*index];
                let price = pricing(origin, counted, free);
                counted += i64::from(price != Pricing::FreeEntryPoint);
                tally.add(origin, price, 1);
            }
            prop_assert_eq!(tally.quantity(), origins.len() as i64);
            prop_assert_eq!(tally.paid() + tally.free(), tally.quantity());
            prop_assert_eq!(tally.free_tier, counted.min(free));
            prop_assert_eq!(tally.free_entry_point, origins.len() as i64 - counted);
        }
    }
}
