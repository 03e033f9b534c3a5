//! Lines for the people who look after this plugin. They stay even if the call fails.

/// Write a line; `level` is `debug`, `info`, `warn` or `error`. The macros are shorter.
pub fn write(level: &str, message: &str) {
    crate::bindings::base::switchboard::plugin::log::write(level, message);
}

/// A line for whoever looks for a fault: `debug!("{} rules", rules.len())`.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log::write("debug", &::std::format!($($message)+)) };
}

/// A line about something ordinary: `info!("greeted {}", event.contact)`.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log::write("info", &::std::format!($($message)+)) };
}

/// A line about something that should be looked at: `warn!("no rules are configured")`.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log::write("warn", &::std::format!($($message)+)) };
}

/// A line about something that went wrong: `error!("the shop answered {}", response.status)`.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log::write("error", &::std::format!($($message)+)) };
}
