//! What a recurring timer does when it comes due: the pure part of it.

use crate::model::{Millis, Missed};
use crate::plugin::cron::{self, CronError};

/// A run that is later than this was missed.
const GRACE: Millis = 60_000;

/// So many runs are made up for one after the other; those after them are left out.
pub const MOST: i64 = 100;

/// A recurring timer's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When the run was due that happens now; `None`: none happens.
    pub runs: Option<Millis>,
    pub next: Option<Millis>,
    /// How many runs in a row were made up for.
    pub caught: i64,
    /// More were missed than are made up for.
    pub cut: bool,
}

/// The turn of a timer that was due at `due`, with `caught` runs made up for before it.
///
/// # Errors
/// When the expression or its zone does not hold.
pub fn turn(
    missed: Missed,
    (expression, zone): (&str, &str),
    due: Millis,
    now: Millis,
    caught: i64,
) -> Result<Turn, CronError> {
    let next = |after| cron::next(expression, zone, after);
    let one = |runs, next| Turn { runs, next, caught: 0, cut: false };
    match missed {
        Missed::Once => Ok(one(Some(due), next(now)?)),
        Missed::Skip => {
            let recent = if now - due <= GRACE { Some(due) } else { next(now - GRACE - 1)? };
            Ok(one(recent.filter(|recent| *recent <= now), next(now)?))
        }
        Missed::All => match next(due)? {
            Some(late) if late <= now && caught + 1 < MOST => {
                Ok(Turn { runs: Some(due), next: Some(late), caught: caught + 1, cut: false })
            }
            Some(late) if late <= now => {
                Ok(Turn { runs: Some(due), next: next(now)?, caught: 0, cut: true })
            }
            next => Ok(one(Some(due), next)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        chrono::DateTime::parse_from_rfc3339(text).expect("a date").timestamp_millis()
    }

    /// All runs from one that is due, up to a moment, and the next after it.
    fn runs(
        missed: Missed,
        cron: (&str, &str),
        due: Millis,
        now: Millis,
    ) -> (Vec<Millis>, Millis, bool) {
        let (mut runs, mut due, mut caught) = (Vec::new(), due, 0);
        loop {
            let turn = turn(missed, cron, due, now, caught).expect("a cron");
            runs.extend(turn.runs);
            let next = turn.next.expect("a next one");
            if next > now {
                return (runs, next, turn.cut);
            }
            (due, caught) = (next, turn.caught);
        }
    }

    const DAILY: (&str, &str) = ("0 9 * * *", "Europe/Berlin");

    /// Down from Friday night to Monday noon, while summer time began on Sunday.
    #[test]
    fn runs_are_missed_by_the_clock_on_the_wall() {
        let (due, now) = (at("2026-03-28T09:00:00+01:00"), at("2026-03-30T12:00:00+02:00"));
        let next = at("2026-03-31T09:00:00+02:00");
        assert_eq!(runs(Missed::Once, DAILY, due, now), (vec![due], next, false));
        assert_eq!(runs(Missed::Skip, DAILY, due, now), (vec![], next, false));
        let all = vec![due, at("2026-03-29T09:00:00+02:00"), at("2026-03-30T09:00:00+02:00")];
        assert_eq!(runs(Missed::All, DAILY, due, now), (all, next, false));
    }

    /// Half past two is not there in spring, and there twice in autumn: never two runs on a day.
    #[test]
    fn the_hour_that_is_not_there_or_there_twice_runs_at_most_once() {
        let night = ("30 2 * * *", "Europe/Berlin");
        let (due, now) = (at("2026-03-28T02:30:00+01:00"), at("2026-03-31T00:00:00+02:00"));
        let (spring, _, _) = runs(Missed::All, night, due, now);
        assert_eq!(spring.first(), Some(&due));
        assert_eq!(spring.last(), Some(&at("2026-03-30T02:30:00+02:00")));
        let (due, now) = (at("2026-10-24T02:30:00+02:00"), at("2026-10-26T12:00:00+01:00"));
        let (autumn, next, _) = runs(Missed::All, night, due, now);
        assert_eq!(autumn.len(), 3, "{autumn:?}");
        assert_eq!(next, at("2026-10-27T02:30:00+01:00"));
    }

    #[test]
    fn what_is_a_little_late_was_not_missed() {
        let due = at("2026-01-05T09:00:00+01:00");
        for missed in [Missed::Once, Missed::Skip, Missed::All] {
            let (runs, _, _) = runs(missed, DAILY, due, due + 60_000);
            assert_eq!(runs, [due], "{missed}");
        }
        assert_eq!(runs(Missed::Skip, DAILY, due, due + 60_001).0, Vec::<Millis>::new());
        // Of many the one that is due just now.
        let (hourly, noon) = (("0 * * * *", ""), at("2026-01-05T12:00:00Z"));
        assert_eq!(runs(Missed::Skip, hourly, noon - 3 * 3_600_000, noon + 5).0, [noon]);
    }

    #[test]
    fn no_more_than_a_hundred_are_made_up_for() {
        let due = at("2026-01-05T12:00:00Z");
        let each = ("* * * * *", "");
        let (few, _, cut) = runs(Missed::All, each, due, due + 99 * 60_000);
        assert_eq!((few.len(), cut), (100, false));
        let (many, next, cut) = runs(Missed::All, each, due, due + 100 * 60_000);
        assert_eq!((many.len(), cut), (100, true));
        assert_eq!(next, due + 101 * 60_000);
    }
}
