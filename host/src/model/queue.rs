//! How an account's messages leave: pace, quiet hours, warm-up.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountSettings, ChannelType};

/// Hours in which nothing leaves that could wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QuietHours {
    /// `HH:MM`, from which on it is quiet.
    #[schema(example = "21:00")]
    pub from: String,
    /// `HH:MM`, from which on it is not; before `from`: of the next day.
    #[schema(example = "08:00")]
    pub to: String,
    /// An IANA name.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
}

/// A cap on the messages of a day that grows: for a number that is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WarmUp {
    /// The cap of the first day.
    pub start: u32,
    /// What each day adds; give this or `factor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// By what each day multiplies; give this or `step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// It grows no further than this, and from then on there is none.
    pub cap: u32,
}

/// A minute of the day, from `HH:MM`.
pub fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl WarmUp {
    /// The cap on the day that is so many after the first; `None`: it is over.
    pub fn cap_on(&self, days: i64) -> Option<i64> {
        let days = days.max(0);
        let grown = match (self.step, self.factor) {
            (Some(step), _) => {
                i64::from(self.start).saturating_add(i64::from(step).saturating_mul(days))
            }
            (None, Some(factor)) => {
                let days = i32::try_from(days).unwrap_or(i32::MAX);
                let grown = f64::from(self.start) * factor.powi(days);
                // A cap of more than 2^32 is none.
                if grown >= f64::from(self.cap) { i64::from(self.cap) } else { grown as i64 }
            }
            (None, None) => i64::from(self.start),
        };
        (grown < i64::from(self.cap)).then_some(grown)
    }
}

impl AccountSettings {
    /// Check what concerns the queue; the error names the field and says what it should be.
    ///
    /// # Errors
    /// One sentence for people.
    pub fn check_queue(&self, channel: ChannelType) -> Result<(), String> {
        let long = |name: &str, millis: Option<i64>| match millis {
            Some(millis) if !(0..=3_600_000).contains(&millis) => {
                Err(format!("{name}: 0 to 3600000 milliseconds"))
            }
            _ => Ok(()),
        };
        long("gap", self.gap)?;
        long("jitter", self.jitter)?;
        let many = matches!(channel, ChannelType::Cloud | ChannelType::Dialog360);
        match self.in_flight {
            Some(0) => return Err("inFlight: at least 1".to_owned()),
            Some(2..) if !many => {
                return Err(format!("inFlight: a {channel} account sends one message at a time"));
            }
            Some(1001..) => return Err("inFlight: at most 1000".to_owned()),
            _ => {}
        }
        if let Some(quiet) = &self.quiet_hours {
            quiet.check()?;
        }
        self.warm_up.as_ref().map_or(Ok(()), WarmUp::check)
    }
}

impl QuietHours {
    fn check(&self) -> Result<(), String> {
        let hours = (minute_of_day(&self.from), minute_of_day(&self.to));
        match hours {
            (Some(from), Some(to)) if from != to => {}
            _ => return Err("quietHours: from and to are HH:MM, and differ".to_owned()),
        }
        let zone = self.time_zone.parse::<chrono_tz::Tz>();
        zone.map(|_| ()).map_err(|_| {
            "quietHours.timeZone: give an IANA name such as \"Europe/Berlin\"".to_owned()
        })
    }
}

impl WarmUp {
    fn check(&self) -> Result<(), String> {
        if self.start == 0 || self.cap < self.start {
            return Err("warmUp: start is at least 1, and cap at least start".to_owned());
        }
        match (self.step, self.factor) {
            (Some(1..), None) => Ok(()),
            (None, Some(factor)) if factor > 1.0 && factor <= 10.0 => Ok(()),
            _ => {
                Err("warmUp: give a step of at least 1, or a factor above 1 and up to 10"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_grows_to_its_cap_and_ends() {
        let steps = WarmUp { start: 10, step: Some(5), factor: None, cap: 22 };
        assert_eq!([0, 1, 2, 3].map(|day| steps.cap_on(day)), [Some(10), Some(15), Some(20), None]);
        let doubles = WarmUp { start: 10, step: None, factor: Some(2.0), cap: 50 };
        assert_eq!(
            [0, 1, 2, 3].map(|day| doubles.cap_on(day)),
            [Some(10), Some(20), Some(40), None]
        );
        assert_eq!(doubles.cap_on(i64::MAX), None);
    }

    #[test]
    fn one_at_a_time_stays_so_where_the_channel_is_so() {
        let settings = AccountSettings { in_flight: Some(2), ..AccountSettings::default() };
        assert!(settings.check_queue(ChannelType::Sandbox).is_err());
        assert!(settings.check_queue(ChannelType::Web).is_err());
        assert_eq!(settings.check_queue(ChannelType::Cloud), Ok(()));
    }
}
