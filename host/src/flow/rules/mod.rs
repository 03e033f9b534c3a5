//! What a message must keep to be sent: asked when it is queued, and again at the moment of sending.
//!
//! Each rule is a function of what is known of a message. A rule that counts (quotas) is no such
//! function and writes rows of its own.

pub mod quota;
mod template;
pub mod window;

use crate::model::{Account, AccountState, Chat, Contact, Content, Millis, OptIn, Template};

/// Why a message may not be sent: a stable code, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

/// Refuse, with a code and what to do.
pub fn refuse(code: &'static str, message: impl Into<String>) -> Refused {
    Refused { code, message: message.into() }
}

/// All that the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub account: &'a Account,
    /// Absent: this message begins the chat.
    pub chat: Option<&'a Chat>,
    /// Absent: nobody has met this customer yet.
    pub contact: Option<&'a Contact>,
    pub content: &'a Content,
    /// What the team's template of that name says, where the content is one.
    pub template: Option<&'a Template>,
    /// It tells the contact that it was opted out, and may leave all the same.
    pub opt_out_notice: bool,
    pub due_at: Millis,
    pub now: Millis,
}

/// The first rule that the message breaks.
pub fn check(case: &Case<'_>) -> Result<(), Refused> {
    if matches!(case.content, Content::Note { .. }) {
        // A note never leaves.
        return Ok(());
    }
    account(case.account, case.due_at, case.now)?;
    blocked(case)?;
    consent(case)?;
    window::window(case)?;
    template::template(case)
}

fn blocked(case: &Case<'_>) -> Result<(), Refused> {
    if case.contact.is_some_and(|contact| contact.blocked) {
        return Err(refuse("blocked", "this contact is blocked: unblock it first"));
    }
    Ok(())
}

/// An account sends what is due then.
pub fn account(account: &Account, due_at: Millis, now: Millis) -> Result<(), Refused> {
    if account.is_archived() {
        return Err(archived());
    }
    if account.state == AccountState::Close && due_at <= now {
        let hint = "this account is closed: open it and scan its QR code, or send at a later time";
        return Err(refuse("account_closed", hint));
    }
    Ok(())
}

fn archived() -> Refused {
    let hint = "this account is archived: unarchive it, which buys it anew, or send from another";
    refuse("account_archived", hint)
}

fn consent(case: &Case<'_>) -> Result<(), Refused> {
    let out = case.contact.is_some_and(|contact| contact.opt_in == OptIn::Out);
    if out && !case.opt_out_notice {
        return Err(refuse("opted_out", "this contact has opted out of messages"));
    }
    Ok(())
}
