//! Timers that a call sets: in its own chat, for the install as a whole, or in another chat.

use crate::flow::House;
use crate::flow::send;
use crate::flow::timers;
use crate::model::{Event, Millis, Missed, Recipient, Scope, TimerSpec};
use crate::store::Conn;
use crate::store::timer::Timer;

/// A timer of this event's chat, or of the install.
pub async fn set(
    house: &House,
    conn: &mut Conn,
    event: &Event,
    install_id: &str,
    spec: &TimerSpec,
) -> anyhow::Result<()> {
    let of_chat = matches!(spec.scope, Scope::Chat(_));
    let keep = |id: &str| if of_chat { id.to_owned() } else { String::new() };
    let timer = Timer {
        install_id: install_id.to_owned(),
        team_id: event.team_id.clone(),
        spec: spec.clone(),
        revision: timers::new_revision(),
        account_id: keep(&event.account_id),
        chat_id: keep(&event.chat_id),
        contact_id: keep(&event.contact_id),
        depth: event.depth,
        missed: Missed::default(),
    };
    timers::arm(conn, house, &timer).await
}

/// A one-shot timer of another chat.
pub struct Elsewhere<'a> {
    pub to: &'a Recipient,
    pub name: &'a str,
    pub due_at: Millis,
    pub payload: &'a str,
}

/// Set it; where its chat is gone by now there is nothing to set.
pub async fn set_in(
    house: &House,
    conn: &mut Conn,
    event: &Event,
    install_id: &str,
    timer: Elsewhere<'_>,
) -> anyhow::Result<()> {
    let Some(chat) = send::chat_of(house, conn, &event.team_id, timer.to).await? else {
        return Ok(());
    };
    let timer = Timer {
        install_id: install_id.to_owned(),
        team_id: event.team_id.clone(),
        spec: TimerSpec {
            scope: Scope::Chat(chat.id.clone()),
            name: timer.name.to_owned(),
            due_at: timer.due_at,
            cron: String::new(),
            time_zone: String::new(),
            payload: timer.payload.to_owned(),
        },
        revision: timers::new_revision(),
        account_id: chat.account_id,
        chat_id: chat.id,
        contact_id: chat.contact_id,
        depth: event.depth,
        missed: Missed::default(),
    };
    timers::arm(conn, house, &timer).await
}
