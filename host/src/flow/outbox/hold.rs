//! What may wait, waits: at quiet hours, and when a day's messages have left.
//!
//! A held message leaves its place in its chat, so that an answer can pass it; it comes back when the
//! time is over, in the order in which it stood.

use std::sync::{Mutex, PoisonError};

use chrono::{
    DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use crate::config::Limits;
use crate::model::{Account, Millis, QuietHours, minute_of_day};
use crate::store::account_day::{Sent, begin_of, day_of};
use crate::store::job::{BULK, Job};
use crate::store::message::Sendable;

/// Why a message waits, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub why: &'static str,
    pub until: Millis,
}

pub const QUIET_HOURS: &str = "quiet_hours";
pub const WARM_UP: &str = "warm_up";
pub const DAILY_LIMIT: &str = "daily_limit";

/// Who wrote within this time waits for an answer.
const CONVERSATION: Millis = 60 * 60 * 1000;

/// Whether the account's quiet hours hold a message: one of a bulk send, or one that was scheduled,
/// unless its customer wrote within the last hour.
pub fn quiet(account: &Account, sendable: &Sendable, job: &Job, now: Millis) -> Option<Hold> {
    let hours = account.settings.quiet_hours.as_ref()?;
    let message = &sendable.message;
    let is_scheduled = message.due_at > message.created_at;
    let is_answer =
        sendable.chat.last_inbound_at > 0 && now - sendable.chat.last_inbound_at <= CONVERSATION;
    if job.priority == BULK || (is_scheduled && !is_answer) {
        let until = quiet_until(hours, now)?;
        return Some(Hold { why: QUIET_HOURS, until });
    }
    None
}

/// When it is quiet now: the moment at which it no longer is.
pub fn quiet_until(hours: &QuietHours, now: Millis) -> Option<Millis> {
    let zone: Tz = hours.time_zone.parse().ok()?;
    let (from, to) = (minute_of_day(&hours.from)?, minute_of_day(&hours.to)?);
    let local = DateTime::<Utc>::from_timestamp_millis(now)?.with_timezone(&zone);
    let minute = local.hour() * 60 + local.minute();
    let quiet =
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to };
    if !quiet {
        return None;
    }
    let day = if minute < to {
        local.date_naive()
    } else {
        local.date_naive().checked_add_days(Days::new(1))?
    };
    let end = day.and_time(NaiveTime::from_hms_opt(to / 60, to % 60, 0)?);
    moment(zone, end, now)
}

/// A local time as a moment after `now`: of two the earlier, and where the clock jumps over it the
/// first one there is after it.
fn moment(zone: Tz, mut local: NaiveDateTime, now: Millis) -> Option<Millis> {
    for _ in 0..24 * 60 {
        let found = match zone.from_local_datetime(&local) {
            LocalResult::Single(one) => [Some(one), None],
            LocalResult::Ambiguous(first, second) => [Some(first), Some(second)],
            LocalResult::None => [None, None],
        };
        let after =
            found.into_iter().flatten().map(|at| at.timestamp_millis()).find(|at| *at > now);
        if after.is_some() {
            return after;
        }
        local = local.checked_add_signed(TimeDelta::minutes(1))?;
    }
    None
}

/// How many messages may still leave an account today, counted by its one sender.
pub struct Allowance {
    limits: Limits,
    sent: Mutex<Sent>,
}

impl Allowance {
    /// Of an account of which so many left today.
    pub fn new(limits: &Limits, sent: Sent) -> Self {
        Self { limits: limits.clone(), sent: Mutex::new(sent) }
    }

    /// One more leaves, or waits for the next day.
    pub fn take(&self, account: &Account, now: Millis) -> Result<(), Hold> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let today = day_of(now);
        if sent.day != today {
            *sent = Sent { day: today, count: 0, first_day: sent.first_day };
        }
        if let Some((most, why)) = most(&self.limits, account, &sent)
            && sent.count >= most
        {
            return Err(Hold { why, until: begin_of(today + 1) });
        }
        sent.count += 1;
        sent.first_day.get_or_insert(today);
        Ok(())
    }

    /// It did not leave after all.
    pub fn give_back(&self) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).count -= 1;
    }
}

/// The most that may leave an account on a day, and why no more.
pub fn most(limits: &Limits, account: &Account, sent: &Sent) -> Option<(i64, &'static str)> {
    let limit =
        (limits.messages_per_day > 0).then(|| (i64::from(limits.messages_per_day), DAILY_LIMIT));
    let days = sent.day - sent.first_day.unwrap_or(sent.day);
    let warm_up = account.settings.warm_up.as_ref().and_then(|warm_up| warm_up.cap_on(days));
    let warm_up = warm_up.map(|cap| (cap, WARM_UP));
    limit.into_iter().chain(warm_up).min_by_key(|(most, _)| *most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(from: &str, to: &str, zone: &str) -> QuietHours {
        QuietHours { from: from.to_owned(), to: to.to_owned(), time_zone: zone.to_owned() }
    }

    fn at(text: &str) -> Millis {
        DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis()
    }

    #[test]
    fn a_night_ends_in_the_morning_of_its_zone() {
        let night = hours("21:00", "08:00", "Europe/Berlin");
        assert_eq!(
            quiet_until(&night, at("2026-01-05T22:00:00+01:00")),
            Some(at("2026-01-06T08:00:00+01:00"))
        );
        assert_eq!(
            quiet_until(&night, at("2026-01-06T07:59:59+01:00")),
            Some(at("2026-01-06T08:00:00+01:00"))
        );
        assert_eq!(quiet_until(&night, at("2026-01-06T08:00:00+01:00")), None);
        assert_eq!(quiet_until(&night, at("2026-01-06T20:59:59+01:00")), None);
        let noon = hours("12:00", "13:00", "America/New_York");
        assert_eq!(
            quiet_until(&noon, at("2026-07-01T12:30:00-04:00")),
            Some(at("2026-07-01T13:00:00-04:00"))
        );
    }

    #[test]
    fn the_nights_on_which_the_clock_is_changed_are_shorter_and_longer() {
        let night = hours("21:00", "08:00", "Europe/Berlin");
        // Forward on 29 March 2026, back on 25 October 2026.
        assert_eq!(
            quiet_until(&night, at("2026-03-28T22:00:00+01:00")),
            Some(at("2026-03-29T08:00:00+02:00"))
        );
        assert_eq!(
            quiet_until(&night, at("2026-10-24T22:00:00+02:00")),
            Some(at("2026-10-25T08:00:00+01:00"))
        );
        // An end that does not exist that night is the first moment after it.
        let odd = hours("21:00", "02:30", "Europe/Berlin");
        assert_eq!(
            quiet_until(&odd, at("2026-03-29T01:00:00+01:00")),
            Some(at("2026-03-29T03:00:00+02:00"))
        );
        // One that comes twice ends it twice.
        let end = quiet_until(&odd, at("2026-10-25T01:00:00+02:00"));
        assert_eq!(end, Some(at("2026-10-25T02:30:00+02:00")));
        assert_eq!(
            quiet_until(&odd, at("2026-10-25T02:10:00+01:00")),
            Some(at("2026-10-25T02:30:00+01:00"))
        );
    }

    proptest! {
        #[test]
        fn quiet_always_ends_within_a_day_or_so(from in 0..1440_u32, to in 0..1440_u32, now in 1_700_000_000_000..1_900_000_000_000_i64) {
            prop_assume!(from != to);
            let text = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
            for zone in ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"] {
                if let Some(end) = quiet_until(&hours(&text(from), &text(to), zone), now) {
                    prop_assert!(end > now && end - now <= 26 * 60 * 60 * 1000, "{zone} {from} {to} {now} {end}");
                }
            }
        }
    }
}
