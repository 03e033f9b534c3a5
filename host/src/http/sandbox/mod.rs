//! The sandbox over HTTP: customers that write, what they got, how the network behaves, and a phone
//! in the browser. It has no login of its own: it is for development, tests and the demo.

mod accounts;
mod history;
mod incoming;
mod page;
mod refusal;
mod stream;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{get, post, put};
use tokio::sync::watch;

use crate::channel::sandbox::Sandbox;
use crate::clock::Clock;
use crate::model::{Account, Message, TemplateStatus};
use refusal::Refusal;

/// What the pretend phones need of the house around them.
#[async_trait]
pub trait House: Send + Sync + 'static {
    fn clock(&self) -> &Clock;

    fn sandbox(&self) -> &Arc<Sandbox>;

    /// Changes after every commit that may have touched a message or an account.
    fn commits(&self) -> watch::Receiver<u64>;

    /// The sandbox accounts of all teams, oldest first.
    async fn accounts(&self) -> anyhow::Result<Vec<Account>>;

    /// One account by its id, of whatever channel.
    async fn account(&self, account_id: &str) -> anyhow::Result<Option<Account>>;

    /// The newest `limit` messages between an account and the customer of this number (E.164),
    /// oldest first; those that wait to be sent included.
    async fn chat_page(
        &self,
        account_id: &str,
        phone: &str,
        limit: i64,
    ) -> anyhow::Result<Vec<Message>>;

    /// What the reviewer says of a template; false where none of that id was submitted.
    async fn decide_template(
        &self,
        template_id: &str,
        status: TemplateStatus,
        reason: &str,
    ) -> anyhow::Result<bool>;
}

type Shared = Arc<dyn House>;

/// Everything below `/sandbox`.
pub fn routes<S: Clone + Send + Sync + 'static>(house: Arc<dyn House>) -> Router<S> {
    Router::new()
        .route("/sandbox", get(page::phone))
        .route("/sandbox/page/{file}", get(page::file))
        .route("/sandbox/accounts", get(accounts::list))
        .route("/sandbox/accounts/{account}/incoming", post(incoming::write))
        .route("/sandbox/accounts/{account}/outgoing", get(accounts::outgoing))
        .route(
            "/sandbox/accounts/{account}/behaviour",
            get(accounts::behaviour).put(accounts::set_behaviour),
        )
        .route("/sandbox/accounts/{account}/open", post(accounts::open))
        .route("/sandbox/accounts/{account}/close", post(accounts::close))
        .route("/sandbox/accounts/{account}/qr", get(accounts::qr))
        .route("/sandbox/accounts/{account}/qr.svg", get(accounts::qr_svg))
        .route("/sandbox/accounts/{account}/scan", post(accounts::scan))
        .route("/sandbox/accounts/{account}/history", put(history::set))
        .route("/sandbox/accounts/{account}/chats/{phone}/stream", get(stream::chat))
        .route("/sandbox/templates/{template}", put(templates::decide))
        .with_state(house)
}

/// The sandbox account of this id.
async fn account(house: &Shared, account_id: &str) -> Result<Account, Refusal> {
    let account = house.account(account_id).await?;
    account
        .filter(|account| account.channel == crate::model::ChannelType::Sandbox)
        .ok_or_else(|| Refusal::not_found(format!("there is no sandbox account {account_id:?}")))
}

/// A phone number in E.164; spaces, dashes and brackets are forgiven.
fn phone_number(written: &str, field: &str) -> Result<String, Refusal> {
    let phone: String = written.chars().filter(|c| !" -()./".contains(*c)).collect();
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let valid = (6..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    if valid {
        return Ok(phone);
    }
    Err(Refusal::invalid(format!("{field}: give a phone number such as \"+15550100123\"")))
}
