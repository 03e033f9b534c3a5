//! What wit-bindgen makes of `wit/`: the imports once, and one small world per kind of event.

/// The imports that every plugin may call, and the records.
pub mod base {
    wit_bindgen::generate!({ world: "base", path: "../../../wit" });
}

/// A world whose imports are those of [`base`], with the macro that exports its handler.
macro_rules! world {
    ($(#[$doc:meta])* $module:ident, $world:tt) => {
        $(#[$doc])*
        pub mod $module {
            wit_bindgen::generate!({
                world: $world,
                path: "../../../wit",
                pub_export_macro: true,
                with: {
                    "switchboard:plugin/types@0.1.0": crate::bindings::base::switchboard::plugin::types,
                    "switchboard:plugin/messaging@0.1.0": crate::bindings::base::switchboard::plugin::messaging,
                    "switchboard:plugin/timers@0.1.0": crate::bindings::base::switchboard::plugin::timers,
                    "switchboard:plugin/state@0.1.0": crate::bindings::base::switchboard::plugin::state,
                    "switchboard:plugin/http@0.1.0": crate::bindings::base::switchboard::plugin::http,
                    "switchboard:plugin/config@0.1.0": crate::bindings::base::switchboard::plugin::config,
                    "switchboard:plugin/secrets@0.1.0": crate::bindings::base::switchboard::plugin::secrets,
                    "switchboard:plugin/contacts@0.1.0": crate::bindings::base::switchboard::plugin::contacts,
                    "switchboard:plugin/chats@0.1.0": crate::bindings::base::switchboard::plugin::chats,
                    "switchboard:plugin/templates@0.1.0": crate::bindings::base::switchboard::plugin::templates,
                    "switchboard:plugin/media@0.1.0": crate::bindings::base::switchboard::plugin::media,
                    "switchboard:plugin/events@0.1.0": crate::bindings::base::switchboard::plugin::events,
                    "switchboard:plugin/log@0.1.0": crate::bindings::base::switchboard::plugin::log,
                    "switchboard:plugin/delivery@0.1.0": crate::bindings::base::switchboard::plugin::delivery,
                },
            });
        }
    };
}

world!(message, "message-plugin");
world!(status, "status-plugin");
world!(account, "account-plugin");
world!(timer, "timer-plugin");
world!(event, "event-plugin");
world!(webhook, "webhook-plugin");
