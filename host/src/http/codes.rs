//! The stable codes of refusals and of messages that fail: the one list, which docs/errors.md shows.

/// A code of the API, with what it means and what to do about it.
#[derive(Debug)]
pub struct Code {
    pub code: &'static str,
    /// The HTTP status that it comes with; 0 for a message's error, which is no answer.
    pub status: u16,
    pub meaning: &'static str,
    pub remedy: &'static str,
}

const fn code(
    code: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
) -> Code {
    Code { code, status, meaning, remedy }
}

/// Every code of a refusal, sorted.
#[rustfmt::skip]
pub const CODES: &[Code] = &[
    code("account_archived", 409, "The account is archived", "Unarchive it, which buys it anew, or use another"),
    code("account_closed", 409, "The account is not connected", "Open it and scan its code, or send at a later time"),
    code("account_not_found", 400, "`account` names none of the team's accounts, or is needed and missing", "Name one of your accounts"),
    code("account_removing", 409, "Data of the account is still being removed", "Try again in a moment"),
    code("bad_manifest", 400, "A plugin's manifest does not hold", "Correct what the message names in `plugin.toml`"),
    code("bad_range", 416, "The file has no such bytes", "Ask for a range within its size"),
    code("bad_source", 400, "The script or flow that a plugin carries does not hold", "Correct the line that the message names"),
    code("blocked", 409, "The contact is blocked", "Unblock it first"),
    code("bulk_over", 409, "The bulk send is done or cancelled", "Begin another"),
    code("channel_unavailable", 409, "This host runs no accounts of that type", "Use another type, or another host"),
    code("compile_timeout", 400, "A plugin takes too long to compile", "Make it smaller"),
    code("consent_required", 409, "A plugin's version asks for more than was granted", "Read `details`, and agree with `grant=all`"),
    code("contact_exists", 409, "The team has a contact with this number", "Change that one by PATCH"),
    code("cursor_expired", 410, "The events after this cursor are no longer kept", "Go on from `oldestCursor`"),
    code("daily_limit", 429, "As many messages as may leave one number on a day have left it", "Wait as long as `Retry-After` says, or schedule it for tomorrow"),
    code("department_only", 403, "The key sees one department, and this is the whole team's", "Use a key of the whole team"),
    code("does_not_start", 400, "A plugin fails before its first event", "Run it in a test; the message has its words"),
    code("email_taken", 409, "Somebody on this host has this e-mail address already", "Use another, or have the operator add them to your team"),
    code("endpoint_disabled", 409, "Nothing is sent to this endpoint", "Enable it first"),
    code("forbidden_import", 400, "A plugin imports what no plugin may", "Build it with the SDK"),
    code("host_version", 400, "A plugin is made for another version of the host", "Build it for this one"),
    code("idempotency_mismatch", 409, "The `idempotencyId` was used for another request", "Send that one again unchanged, or take a new id"),
    code("in_use", 409, "Accounts belong to the department or business account", "Take them out of it first"),
    code("internal", 500, "A failure of the host's own", "Try again; the log has the detail under the answer's `X-Request-Id`"),
    code("invalid_client", 401, "There is no app with this id and secret", "Check both, or make a new app"),
    code("invalid_config", 400, "A plugin's configuration does not fit its schema", "Read `details`"),
    code("invalid_content", 400, "A message's content does not hold", "Correct what the message names"),
    code("invalid_csv", 400, "The file's first line names no columns that are known, or the upload broke off", "Name the columns as the message says"),
    code("invalid_grant", 400, "The password, the refresh token or the team does not hold", "Log in again"),
    code("invalid_phone_number", 400, "It is no phone number with its country", "Write it like `+15550100123`"),
    code("invalid_request", 400, "The body, the path or the query does not fit", "Correct the field that the message names"),
    code("invalid_scope", 400, "`scope` names none that there is or that you have", "Leave it out, or name scopes of yours"),
    code("invalid_signature", 401, "A webhook of a plugin is not signed by its sender", "Sign the body with the secret that was set"),
    code("key_in_use", 409, "A key cannot end itself", "Use another key"),
    code("last_owner", 409, "The team would have no owner", "Make somebody else an owner first"),
    code("media_broken", 400, "The file has no bytes, or broke off", "Send it again, whole"),
    code("media_not_found", 404, "There is no such stored file", "Upload it first"),
    code("media_refused", 400, "The file's address is private, or none", "Give a public address, or upload the file"),
    code("media_too_large", 413, "The file is larger than its type of message may carry", "Make it smaller, or send it as a document"),
    code("media_type", 415, "The file is not of a type that fits", "Read the message: it names those that do"),
    code("media_unreachable", 400, "The file's address does not answer with the file", "Check the address"),
    code("method_not_allowed", 405, "The route takes other methods", "Look it up in the API's description"),
    code("missing_export", 400, "A plugin subscribes to events that it does not handle", "Export the handler, or drop the subscription"),
    code("missing_scope", 403, "The key or token may not do that", "Use one with the scope that the message names"),
    code("no_manifest", 400, "A plugin's file carries no manifest", "Make it with `switchboard build`"),
    code("not_a_component", 400, "The file is no WebAssembly component", "Build it for `wasm32-wasip2`"),
    code("not_a_user", 409, "A key or an app has no password and no session", "Log in as a person"),
    code("not_archived", 409, "The account is not archived", "Nothing"),
    code("not_failed", 409, "Only a message that failed is sent once more", "Nothing, or send a new one"),
    code("not_found", 404, "There is no such thing, or it belongs to another team", "Check the id"),
    code("not_incoming", 409, "Only what a customer wrote can be marked as read", "Name another message"),
    code("not_pending", 409, "The message was sent, or is being sent now", "Nothing: it is too late"),
    code("opted_out", 409, "The contact does not want messages", "Wait until they opt in again"),
    code("plugin_failed", 502, "A plugin failed to answer a webhook", "Look at its log"),
    code("plugin_host", 500, "The host could not run a plugin", "Look at the host's log"),
    code("plugin_not_found", 500, "A plugin's file is missing from the store", "Upload it again"),
    code("plugin_storage", 500, "A plugin's file could not be kept or read", "Look at the host's log"),
    code("plugin_timeout", 504, "A plugin took too long to answer a webhook", "Look at its log"),
    code("plugin_too_large", 400, "A plugin's file is larger than this host takes", "Make it smaller"),
    code("quota", 409, "The account has used up what its tier allows", "Change the tier, or wait for the reset"),
    code("rate_limited", 429, "Too many requests with this key", "Wait as long as `Retry-After` says"),
    code("replayed", 409, "The dead letter was replayed before", "Nothing"),
    code("reply_not_found", 400, "The message that it answers is not of this chat", "Name one of the same chat"),
    code("resend_running", 409, "A range of events is being sent again to this endpoint already", "Wait until it is done"),
    code("same_contact", 409, "Both names are one contact already", "Nothing"),
    code("same_tier", 400, "The account has that tier already", "Nothing"),
    code("schedule_in_past", 400, "`scheduleAt` has passed", "Give a moment to come, or leave it out"),
    code("schedule_too_far", 400, "`scheduleAt` is too far ahead", "Give an earlier moment"),
    code("secret_not_set", 503, "The secret by which a plugin's webhooks are checked is not set", "Set the secret that the message names"),
    code("setup_done", 409, "The host has an owner already", "Log in, or ask the owner"),
    code("state_full", 409, "A plugin would keep more keys or bytes than it may", "Delete keys, or raise `plugins.state_keys` and `plugins.state_bytes`"),
    code("still_pending", 409, "The message is still to be sent", "Cancel it first"),
    code("template_disabled", 409, "The template was disabled by its reviewer (132016)", "Use another template"),
    code("template_exists", 409, "There is a template of that name and language", "Choose another name, or delete that one"),
    code("template_not_draft", 409, "The template was submitted already", "Wait for `template.status`"),
    code("template_not_editable", 409, "Only a template that is a draft or was rejected can be changed", "Wait for `template.status`, or write another"),
    code("template_not_found", 404, "There is no approved template of that name and language (132001)", "Write and submit it, or use another"),
    code("template_parameter_count", 400, "The template takes another number of values (132000)", "Give one for each placeholder"),
    code("template_parameter_format", 400, "The template takes values of another type (132012)", "Look at its components"),
    code("template_paused", 409, "The template was paused by its reviewer (132015)", "Wait, or use another template"),
    code("template_policy", 400, "A value has line breaks, tabs or many blanks (132007)", "Leave them out"),
    code("template_too_long", 400, "The template with its values is too long (132005)", "Give shorter values"),
    code("too_large", 413, "The body is larger than this host takes", "Send less at once"),
    code("too_many_endpoints", 409, "The team has as many endpoints as it may have", "Delete one"),
    code("unauthorized", 401, "No valid key or token was given", "Send `Authorization: Bearer …` with a key or token"),
    code("unsupported_grant_type", 400, "`grant_type` is none that this host knows", "Use `password`, `refresh_token` or `client_credentials`"),
    code("unsupported_media_type", 415, "The body is not said to be JSON", "Send `Content-Type: application/json`"),
    code("window_closed", 409, "The customer's last message is more than 24 hours ago", "Send a template"),
    code("wit_mismatch", 400, "A plugin's interface is not the host's", "Build it with this host's SDK"),
    code("wit_version", 400, "A plugin is made for another version of the interface", "Build it with this host's SDK"),
    code("wrong_password", 400, "`current` is not your present password", "Give the present one"),
];

/// Every code of ours that a message with the status `error` may have; a channel's own stand beside
/// them as the channel writes them.
#[rustfmt::skip]
pub const MESSAGE_CODES: &[Code] = &[
    code("account_archived", 0, "The account was archived when a plugin sent from it", "Unarchive it, or send from another"),
    code("account_not_open", 0, "The account was not connected, and the attempts are over", "Connect it, and send again"),
    code("blocked", 0, "The contact was blocked while the message waited", "Unblock it, and send again"),
    code("in_doubt", 0, "Nobody knows whether it reached the customer", "Ask the customer before you send it again"),
    code("media_broken", 0, "The file has no bytes, or broke off", "Send it again, whole"),
    code("media_not_found", 0, "There is no such stored file", "Upload it first"),
    code("media_refused", 0, "The file's address is private, or none", "Give a public address, or upload the file"),
    code("media_too_large", 0, "The file is larger than its type of message may carry", "Make it smaller, or send it as a document"),
    code("media_type", 0, "The file is not of a type that fits", "Read the message: it names those that do"),
    code("media_unreachable", 0, "The file's address does not answer with the file", "Check the address"),
    code("no_answer", 0, "The channel did not answer, and the attempts are over", "Send it again"),
    code("opted_out", 0, "The contact opted out while the message waited", "Wait until they opt in again"),
    code("quota", 0, "The account had used up what its tier allows", "Change the tier, or wait for the next period"),
    code("template_disabled", 0, "The template was disabled by its reviewer (132016)", "Use another template"),
    code("template_not_found", 0, "There is no approved template of that name and language (132001)", "Write and submit it, or use another"),
    code("template_parameter_count", 0, "The template takes another number of values (132000)", "Give one for each placeholder"),
    code("template_parameter_format", 0, "The template takes values of another type (132012)", "Look at its components"),
    code("template_paused", 0, "The template was paused by its reviewer (132015)", "Wait, or use another template"),
    code("template_policy", 0, "A value has line breaks, tabs or many blanks (132007)", "Leave them out"),
    code("template_too_long", 0, "The template with its values is too long (132005)", "Give shorter values"),
    code("window_closed", 0, "The customer's last message was more than 24 hours ago when it was due", "Send a template"),
];

/// Whether a refusal may have this code.
pub fn is_listed(code: &str) -> bool {
    CODES.iter().any(|listed| listed.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/errors.md");

    fn row(code: &Code) -> String {
        let Code { code, status, meaning, remedy } = code;
        let status = if *status == 0 { String::new() } else { format!(" {status} |") };
        format!("| `{code}` |{status} {meaning} | {remedy} |")
    }

    #[test]
    fn the_page_lists_every_code_and_no_other() {
        let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
        let listed: Vec<String> = CODES.iter().chain(MESSAGE_CODES).map(row).collect();
        assert_eq!(rows, listed, "docs/errors.md differs from this list");
    }

    #[test]
    fn codes_are_words_in_order_and_each_is_there_once() {
        for list in [CODES, MESSAGE_CODES] {
            assert!(list.windows(2).all(|pair| pair[0].code < pair[1].code), "sorted, each once");
            let word = |code: &Code| code.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(list.iter().all(word), "snake_case");
        }
    }
}
