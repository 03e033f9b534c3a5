//! From the exported functions to a plugin's own handlers.

use std::panic;

use crate::{Error, Result, log};

/// Run a handler: a panic's message goes to the log before the call ends as a trap, and an error
/// becomes the text that the host keeps.
#[doc(hidden)]
pub fn run<T>(handler: impl FnOnce() -> Result<T>) -> std::result::Result<T, String> {
    panic::set_hook(Box::new(|info| log::write("error", &info.to_string())));
    handler().map_err(|failure| match failure.downcast_ref::<Error>() {
        Some(refused) => format!("{}: {}", refused.code, refused.message),
        None => failure.to_string(),
    })
}

/// Export handlers: any of `message`, `status`, `account`, `timer`, `event` and `webhook`.
///
/// The first five take their event ([`Message`](crate::Message), [`Event`](crate::Event) or
/// [`Timer`](crate::Timer)) and answer [`Result<()>`](crate::Result); `webhook` takes a
/// [`Webhook`](crate::Webhook) and answers `Result<WebhookReply>`. Which events arrive is up to
/// `[[events]]` in `plugin.toml`.
///
/// ```
/// use switchboard_sdk::prelude::*;
///
/// switchboard_sdk::plugin!(message = on_message, timer = on_timer);
///
/// fn on_message(event: Message) -> Result<()> {
///     timers::chat().after("nudge", Duration::from_secs(3600), "")?;
///     Ok(())
/// }
///
/// fn on_timer(timer: Timer) -> Result<()> {
///     reply(&timer, "Are you still there?")?;
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! plugin {
    ($($kind:ident = $handler:path),+ $(,)?) => {
        const _: () = {
            #[doc(hidden)]
            pub struct Plugin;
            $($crate::__export_handler!($kind, Plugin, $handler);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_handler {
    (message, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(message, on_message, $plugin, $handler, $crate::Message, ());
    };
    (status, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(status, on_status, $plugin, $handler, $crate::Event, ());
    };
    (account, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(account, on_account, $plugin, $handler, $crate::Event, ());
    };
    (timer, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(timer, on_timer, $plugin, $handler, $crate::Timer, ());
    };
    (event, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(event, on_event, $plugin, $handler, $crate::Event, ());
    };
    (webhook, $plugin:ident, $handler:path) => {
        $crate::__export_handler!(webhook, on_webhook, $plugin, $handler, $crate::Webhook, $crate::WebhookReply);
    };
    ($world:ident, $interface:ident, $plugin:ident, $handler:path, $event:ty, $answer:ty) => {
        impl $crate::bindings::$world::exports::switchboard::plugin::$interface::Guest for $plugin {
            fn handle(event: $event) -> ::std::result::Result<$answer, ::std::string::String> {
                $crate::run(|| $handler(event))
            }
        }
        // Only a component has these symbols: the names would not link natively, where tests run.
        #[cfg(target_family = "wasm")]
        $crate::bindings::$world::export!($plugin with_types_in $crate::bindings::$world);
        #[cfg(not(target_family = "wasm"))]
        const _: fn($event) -> ::std::result::Result<$answer, ::std::string::String> =
            <$plugin as $crate::bindings::$world::exports::switchboard::plugin::$interface::Guest>::handle;
    };
    ($other:ident, $plugin:ident, $handler:path) => {
        compile_error!("a plugin handles message, status, account, timer, event or webhook");
    };
}
