//! The window of 24 hours: later than that after a customer's last message, only templates may be sent.

use super::{Case, Refused, refuse};
use crate::model::{Account, ChannelType, Chat, Content, Millis};

const DAY: Millis = 24 * 60 * 60 * 1000;

/// Whether the account's messages must keep the window.
pub fn applies(account: &Account) -> bool {
    let by_channel = match account.channel {
        ChannelType::Cloud | ChannelType::Dialog360 => true,
        ChannelType::Sandbox | ChannelType::Web => false,
    };
    account.settings.window.unwrap_or(by_channel)
}

/// Until when any message may be sent, this moment not included: 0 where the window is closed, and
/// [`Millis::MAX`] where there is none to keep.
pub fn until(account: &Account, chat: Option<&Chat>, now: Millis) -> Millis {
    if !applies(account) {
        return Millis::MAX;
    }
    let last = chat.map_or(0, |chat| chat.last_inbound_at);
    let until = last.saturating_add(DAY);
    if last > 0 && until > now { until } else { 0 }
}

/// What is due later is judged then: until it is due the customer may write.
pub(super) fn window(case: &Case<'_>) -> Result<(), Refused> {
    if matches!(case.content, Content::Template { .. }) || case.due_at > case.now {
        return Ok(());
    }
    if until(case.account, case.chat, case.now) > 0 {
        return Ok(());
    }
    let hint = "this customer has not written for 24 hours: only a template may be sent";
    Err(refuse("window_closed", hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AccountSettings;

    const NOW: Millis = 1_000 * DAY;

    fn account(channel: ChannelType, window: Option<bool>) -> Account {
        let settings = AccountSettings { window, ..AccountSettings::default() };
        Account { settings, ..Account::new("acc".to_owned(), "team", channel, 0) }
    }

    fn judged(account: &Account, last: Millis, due_at: Millis, content: &Content) -> bool {
        let chat = Chat { last_inbound_at: last, ..Chat::default() };
        let case = Case {
            account,
            chat: Some(&chat),
            contact: None,
            content,
            template: None,
            opt_out_notice: false,
            due_at,
            now: NOW,
        };
        window(&case).is_ok()
    }

    #[test]
    fn it_is_open_to_the_last_millisecond_and_no_longer() {
        let cloud = account(ChannelType::Cloud, None);
        let text = Content::text("hi");
        assert!(judged(&cloud, NOW - DAY + 1, NOW, &text));
        assert!(!judged(&cloud, NOW - DAY, NOW, &text));
        assert!(!judged(&cloud, 0, NOW, &text), "a customer who never wrote");
    }

    #[test]
    fn what_is_due_later_and_templates_are_not_judged() {
        let cloud = account(ChannelType::Cloud, None);
        assert!(judged(&cloud, 0, NOW + 1, &Content::text("hi")));
        assert!(judged(&cloud, 0, NOW, &Content::Template { template: Default::default() }));
    }

    #[test]
    fn the_accounts_own_setting_counts_before_its_channel() {
        let text = Content::text("hi");
        assert!(judged(&account(ChannelType::Sandbox, None), 0, NOW, &text));
        assert!(!judged(&account(ChannelType::Sandbox, Some(true)), 0, NOW, &text));
        assert!(judged(&account(ChannelType::Cloud, Some(false)), 0, NOW, &text));
    }
}
