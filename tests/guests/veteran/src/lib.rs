//! A plugin built against the contract as it was first published (`wit/frozen/0.1.0`, never changed
//! again). It calls something of every interface, and replies what it got.

wit_bindgen::generate!({ world: "message-plugin", path: "../../../wit/frozen/0.1.0" });

use exports::switchboard::plugin::on_message::Guest;
use switchboard::plugin::messaging::{self, Button, Options};
use switchboard::plugin::types::{Error, Message};
use switchboard::plugin::{
    chats, config, contacts, delivery, events, http, log, media, secrets, state,
};
use switchboard::plugin::{templates, timers};

struct Veteran;

impl Guest for Veteran {
    fn handle(event: Message) -> Result<(), String> {
        answer(&event).map_err(|error| format!("{}: {}", error.code, error.message))
    }
}

export!(Veteran);

fn answer(event: &Message) -> Result<(), Error> {
    log::write("info", &format!("{} at attempt {}", event.kind, delivery::attempt()));
    let count = state::increment("chat", "count", 1)?;
    let kept = state::list("chat", "", "", 10)?;
    timers::set_after("chat", "later", 86_400_000, "")?;
    let timers = timers::list("chat")?;
    timers::cancel("chat", "later")?;
    contacts::tag(&event.contact, "seen", "yes")?;
    let contact = contacts::get(&event.contact)?;
    let chat = chats::get(&event.chat)?;
    let lines = chats::history(&event.chat, "", 10)?;
    let refused = [
        secrets::placeholder("none").err(),
        http::send(&http::Request {
            method: "GET".to_owned(),
            url: "https://example.com".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: Some(1000),
        })
        .err(),
        events::emit("veteran.called", "{}").err(),
        media::describe("med_none").err(),
        templates::list("", "", 1).err(),
    ];
    let refused: Vec<String> = refused.into_iter().flatten().map(|error| error.code).collect();
    let text = format!(
        "{} {count} {}={} {} {} {} {} {} {}",
        event.text,
        kept[0].key,
        kept[0].value,
        timers[0].name,
        contact.phone,
        chat.window_until > delivery::now(),
        lines[0].text,
        config::all(),
        refused.join(",")
    );
    let options = Options {
        due_at: None,
        reply_to: Some(event.message_id.clone()),
        typing: false,
        randomise: false,
        cancel_if_replied: false,
    };
    messaging::send_text(&event.chat, &text, Some(&options))?;
    let buttons = [Button { id: "yes".to_owned(), title: "Yes".to_owned() }];
    messaging::send_buttons(&event.chat, "Well?", &buttons, None)?;
    Ok(())
}
