//! What a caller of the API may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::words;

words! {
    /// What a key, an app or a person's token may do. Every route of the API needs exactly one.
    ApiScope {
        AccountsRead = "accounts:read",
        AccountsWrite = "accounts:write",
        BillingRead = "billing:read",
        ChatsRead = "chats:read",
        ChatsWrite = "chats:write",
        ContactsRead = "contacts:read",
        ContactsWrite = "contacts:write",
        EndpointsRead = "endpoints:read",
        EndpointsWrite = "endpoints:write",
        EventsRead = "events:read",
        MessagesRead = "messages:read",
        MessagesSend = "messages:send",
        PluginsRead = "plugins:read",
        PluginsWrite = "plugins:write",
        /// The team itself: its people, keys and apps.
        TeamRead = "team:read",
        TeamWrite = "team:write",
        TemplatesRead = "templates:read",
        TemplatesWrite = "templates:write",
    }
}

words! {
    /// What a person is in a team.
    Role {
        /// May do everything; a team always has one.
        Owner = "owner",
        /// Everything but billing.
        Admin = "admin",
        /// Answers customers.
        Agent = "agent",
        /// Looks on.
        Viewer = "viewer",
    }
}

impl ApiScope {
    /// Every scope there is.
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.iter().copied().collect()
    }

    fn is_billing(self) -> bool {
        self.as_str().starts_with("billing:")
    }

    fn is_read(self) -> bool {
        self.as_str().ends_with(":read")
    }
}

impl Role {
    /// The scopes that this role stands for.
    pub fn scopes(self) -> BTreeSet<ApiScope> {
        ApiScope::ALL.iter().copied().filter(|scope| self.has(*scope)).collect()
    }

    fn has(self, scope: ApiScope) -> bool {
        use ApiScope::{ChatsWrite, ContactsWrite, MessagesSend};
        match self {
            Self::Owner => true,
            Self::Admin => !scope.is_billing(),
            Self::Agent => {
                Self::Viewer.has(scope)
                    || matches!(scope, ChatsWrite | ContactsWrite | MessagesSend)
            }
            Self::Viewer => scope.is_read() && !scope.is_billing(),
        }
    }
}

/// Scopes as they are kept: words with blanks between, or `*` for all, also those to come.
pub fn scopes_as_text(scopes: &BTreeSet<ApiScope>) -> String {
    if scopes.len() == ApiScope::ALL.len() {
        return "*".to_owned();
    }
    scope_words(scopes)
}

/// The words with blanks between, as tokens and OAuth's `scope` have them.
pub fn scope_words(scopes: &BTreeSet<ApiScope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// What [`scopes_as_text`] wrote; a scope that is no more is left out.
pub fn scopes_from_text(text: &str) -> BTreeSet<ApiScope> {
    if text == "*" {
        return ApiScope::all();
    }
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_the_one_below_it() {
        for (above, below) in
            [(Role::Owner, Role::Admin), (Role::Admin, Role::Agent), (Role::Agent, Role::Viewer)]
        {
            let (above, below) = (above.scopes(), below.scopes());
            assert!(above.is_superset(&below) && above.len() > below.len());
        }
        assert_eq!(Role::Owner.scopes(), ApiScope::all());
        assert!(!Role::Agent.scopes().contains(&ApiScope::TeamWrite));
    }

    #[test]
    fn scopes_survive_being_kept() {
        for role in Role::ALL {
            let scopes = role.scopes();
            assert_eq!(scopes_from_text(&scopes_as_text(&scopes)), scopes);
        }
        assert_eq!(scopes_as_text(&ApiScope::all()), "*");
        assert_eq!(scopes_from_text(&scopes_as_text(&BTreeSet::new())), BTreeSet::new());
    }
}
