//! What a caller of the API may do.

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
