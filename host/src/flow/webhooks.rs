//! Calls of plugins' addresses: who may call, and that a delivery is stored once.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::reads::Reads;
use super::signature::{self, Unsigned};
use super::{House, install, record};
use crate::model::{Event, EventKind, JobKind, Trace, trace};
use crate::plugin::Host;
use crate::plugin::manifest::Verify;
use crate::store::job::Job;
use crate::store::plugin::InstallRow;
use crate::store::{event, job, team};

/// One call, read whole.
pub struct Delivery {
    pub install: InstallRow,
    pub method: String,
    /// Below the install's address, with the query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The sender's id for it, or one of ours.
    pub id: String,
}

/// Why a call of a route that is verified wakes nobody.
#[derive(Debug)]
pub enum Refusal {
    Unsigned(Unsigned),
    /// The installer has not set the secret of this name, or it cannot be a key.
    NoSecret(String),
}

/// Check that a call is its sender's. What is refused is counted and leaves no other trace: whoever
/// knows the address can bring about as many as they like.
pub async fn check(
    house: &Arc<House>,
    install_id: &str,
    verify: &Verify,
    headers: &HeaderMap,
    body: &[u8],
) -> anyhow::Result<Result<(), Refusal>> {
    let refusal = if signature::is_claimed(verify, headers) {
        let secret = Reads::new(house.clone()).secret(install_id, &verify.secret).await?;
        let secret = secret.filter(|secret| signature::fits(verify.style, secret));
        let Some(secret) = secret else {
            count(install_id, "no_secret");
            return Ok(Err(Refusal::NoSecret(verify.secret.clone())));
        };
        match signature::verify(verify, &secret, headers, body, house.clock.now()) {
            Ok(()) => return Ok(Ok(())),
            Err(unsigned) => unsigned,
        }
    } else {
        Unsigned::Missing
    };
    count(install_id, refusal.as_str());
    Ok(Err(Refusal::Unsigned(refusal)))
}

fn count(install_id: &str, reason: &'static str) {
    metrics::counter!(
        "switchboard_webhooks_refused_total",
        "install" => install_id.to_owned(), "reason" => reason
    )
    .increment(1);
}

/// Store a delivery with its one job, unless it is stored already; gives its event's id.
///
/// # Errors
/// When it cannot be stored; the sender has to come again.
pub async fn accept(house: &House, delivery: &Delivery) -> anyhow::Result<String> {
    let install = &delivery.install;
    // Made of the delivery: the same one twice is the same event.
    let digest = Sha256::digest(format!("{}/{}", install.id, delivery.id));
    let event_id = format!("evt_{}", &hex::encode(digest)[..32]);
    let account_id = install::only_account(&mut *house.store.read().await?, install).await?;
    let event = Event { id: event_id.clone(), ..event_of(house, delivery, account_id) };
    let mut tx = house.store.begin().await?;
    // The event's cursor and the place of its job.
    let wanted = BTreeMap::from([(install.team_id.clone(), 2)]);
    let mut numbers = team::draw(&mut tx, &wanted).await?;
    if event::get(&mut tx, &install.team_id, &event_id).await?.is_some() {
        return Ok(event_id);
    }
    let job = Job {
        place: numbers.next(&install.team_id),
        target_id: install.id.clone(),
        ..record::carrying(house, &event, JobKind::Event)
    };
    record::events(house, &mut tx, &mut numbers, vec![event]).await?;
    job::insert(&mut tx, &[job]).await?;
    house.commit(tx).await?;
    Ok(event_id)
}

/// The event of a delivery, without a cursor.
pub fn event_of(house: &House, delivery: &Delivery, account_id: String) -> Event {
    Event {
        id: house.clock.id("evt"),
        team_id: delivery.install.team_id.clone(),
        cursor: 0,
        kind: EventKind::WEBHOOK_RECEIVED.to_owned(),
        account_id,
        chat_id: String::new(),
        contact_id: String::new(),
        message_id: String::new(),
        at: house.clock.now(),
        depth: 0,
        data: json!({
            "install": delivery.install.id,
            "delivery_id": delivery.id,
            "method": delivery.method,
            "path": delivery.path,
            "headers": delivery.headers,
            "body_base64": STANDARD.encode(&delivery.body),
        }),
        trace: Trace::given(traceparent(&delivery.headers)),
    }
}

/// The trace that a sender says its call is part of; empty where it says none.
fn traceparent(headers: &[(String, String)]) -> String {
    let given = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
    given.and_then(|(_, value)| trace::accepted(value)).unwrap_or_default()
}
