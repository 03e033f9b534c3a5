//! When a failed notice is tried again.

use std::time::UNIX_EPOCH;

use http::{HeaderMap, header};

use crate::model::Millis;

/// Nobody may ask for a longer wait: a day.
const MOST: Millis = 86_400_000;

/// The wait before the next attempt: as scheduled give or take a tenth (`chance` is 0 to 1), or as
/// long as the endpoint asks, up to a day.
pub(super) fn pause(scheduled: Millis, asked: Option<Millis>, chance: f64) -> Millis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a wait, give or take"
    )]
    let jittered = (scheduled as f64 * (0.9 + chance * 0.2)) as Millis;
    asked.map_or(jittered, |asked| jittered.max(asked.min(MOST)))
}

/// The wait that `Retry-After` asks for, in seconds or until a date.
pub(super) fn asked(headers: &HeaderMap, now: Millis) -> Option<Millis> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1000)?,
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
            Millis::try_from(date.as_millis()).ok()? - now
        }
    };
    (wait > 0).then_some(wait)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_the_scheduled_one_or_the_one_asked_for() {
        assert_eq!(pause(10_000, None, 0.0), 9_000);
        assert_eq!(pause(10_000, None, 1.0), 11_000);
        assert_eq!(pause(10_000, Some(60_000), 0.5), 60_000);
        assert_eq!(
            pause(10_000, Some(1_000), 0.5),
            10_000,
            "asking for less than the schedule changes nothing"
        );
        assert_eq!(pause(0, Some(i64::MAX), 0.5), MOST);
    }

    #[test]
    fn an_endpoint_asks_in_seconds_or_by_a_date() {
        let asked = |text: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
            asked(&headers, 1_767_614_400_000)
        };
        assert_eq!(asked("120"), Some(120_000));
        assert_eq!(asked("Mon, 05 Jan 2026 12:02:00 GMT"), Some(120_000));
        for nothing in ["Mon, 05 Jan 2026 11:00:00 GMT", "-5", "0", "soon", "99999999999999999999"]
        {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
    }
}
