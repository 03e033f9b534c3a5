//! A plugin for the end-to-end tests: the first word of a text says what it does, the rest how.
//!
//! | text | does |
//! |---|---|
//! | `echo X` | replies X |
//! | `count` | adds one to a number of the chat and one of the plugin, replies `chat N plugin N` |
//! | `get SCOPE KEY`, `set SCOPE KEY VALUE` | replies the value, or `none` |
//! | `send PHONE X`, `later MS X`, `cancel-if-replied MS X` | sends X there, or to the chat later |
//! | `partial`, `partial-fail` | sends, sets state and a timer, then traps or fails |
//! | `needs-mending` | an error, until `set plugin mended yes` |
//! | `fail`, `fail-twice`, `retry N`, `reject` | an error; one for two attempts; asks for N ms; gives up |
//! | `timer MS NAME [PAYLOAD]`, `cron EXPR`, `timers`, `cancel-timer NAME` | timers of the chat |
//! | `tag K V`, `opt-out`, `opt-in`, `handover`, `handback` | the contact and the chat |
//! | `templates`, `template NAME LANGUAGE [VALUE,…]` | lists those that are approved; sends one |
//! | `template-body NAME LANGUAGE` | the body of the one that a message would send |
//! | `describe ID`, `read ID OFFSET LENGTH`, `read-on ID TIMES` | a stored file |
//! | `keep BYTES`, `stamp CAPTION` (with a picture), `keep-…` | a new file; one that is sent back; fails with one |
//! | `window` | whether the chat's window is open |
//! | `emit NAME [JSON]`, `stop`, `config`, `secret NAME`, `reveal NAME`, `http URL` | the rest |
//! | `line LEVEL X` | logs X |
//! | `trap`, `loop`, `memory`, `stack`, `stack-memory`, `sleep`, `flood-effects`, `flood-calls`, `flood-logs` | harm |
//!
//! Other texts are ignored. A refusal by the host is replied as `CODE: MESSAGE`.

mod files;
mod harm;

use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(
    message = on_message,
    status = on_status,
    account = on_account,
    timer = on_timer,
    event = on_event,
    webhook = on_webhook,
);

fn on_message(event: Message) -> Result<()> {
    let (word, rest) = split(&event.text);
    match word {
        "fail" => Err("failed as asked")?,
        "fail-twice" if event.attempt <= 2 => Err(format!("failed at attempt {}", event.attempt))?,
        "needs-mending" if state::plugin().get_text("mended")?.is_none() => Err("not mended yet")?,
        "retry" if event.attempt == 1 => delivery::retry_after(millis(rest)?),
        "reject" => delivery::reject("rejected as asked"),
        "stop" => {
            reply(&event, "stopped")?;
            delivery::stop();
        }
        "partial" | "partial-fail" => {
            reply(&event, "this must never arrive")?;
            state::chat().set_text("partial", "left behind")?;
            timers::chat().after("partial", Duration::ZERO, "left behind")?;
            info!("about to break off");
            assert!(word != "partial", "trapped as asked");
            Err("failed as asked")?;
        }
        _ if harm::does(word, &event) => {}
        _ => match answer(&event, word, rest) {
            Ok(None) => {}
            Ok(Some(text)) => drop(reply(&event, text)?),
            Err(refusal) => drop(reply(&event, format!("{}: {}", refusal.code, refusal.message))?),
        },
    }
    Ok(())
}

/// Do what has an answer; `None` where there is none.
fn answer(event: &Message, word: &str, rest: &str) -> Result<Option<String>, Error> {
    let (first, last) = split(rest);
    let text = match word {
        "echo" => rest.to_owned(),
        "needs-mending" => "mended".to_owned(),
        "fail-twice" | "retry" => format!("done at attempt {}", event.attempt),
        "count" => {
            let chat = state::chat().increment("count", 1)?;
            let plugin = state::plugin().increment("count", 1)?;
            format!("chat {chat} plugin {plugin}")
        }
        "get" => scope(first).get_text(last)?.unwrap_or_else(|| "none".to_owned()),
        "set" => {
            let (key, value) = split(last);
            scope(first).set_text(key, value)?;
            return Ok(None);
        }
        "send" => return send(first, last).map(|_| None),
        "later" => return send_after(event, millis(first)?, last).map(|_| None),
        "cancel-if-replied" => {
            return text_later(event, millis(first)?, last).map(|_| None);
        }
        "timer" => {
            let (name, payload) = split(last);
            return timers::chat().after(name, millis(first)?, payload).map(|()| None);
        }
        "cron" => return timers::chat().cron("cron", rest, "", "tick").map(|()| None),
        "cancel-timer" => return timers::chat().cancel(first).map(|()| None),
        "timers" => {
            let names: Vec<String> =
                timers::chat().list()?.into_iter().map(|timer| timer.name).collect();
            format!("timers {}", names.join(","))
        }
        "tag" => return contacts::tag(&event.contact, first, last).map(|()| None),
        "opt-out" => return contacts::opt_out(&event.contact, "asked by a test").map(|()| None),
        "opt-in" => return contacts::opt_in(&event.contact, "asked by a test").map(|()| None),
        "templates" => {
            let approved = templates::list("approved", "", 100)?;
            let names: Vec<String> = approved
                .into_iter()
                .map(|it| format!("{} {} {}", it.name, it.language, it.parameters.join("+")))
                .collect();
            format!("templates {}", names.join(","))
        }
        "template" => {
            let (language, values) = split(last);
            let values = values.split(',').filter(|value| !value.is_empty());
            return templates::template(first, language).values(values).send(event).map(|_| None);
        }
        "template-body" => templates::get(first, last)?.body,
        "window" => {
            let until = chats::get(event)?.window_until;
            (if until > delivery::now() { "open" } else { "closed" }).to_owned()
        }
        "handover" => return chats::hand_over(event, "asked by a test").map(|()| None),
        "handback" => return chats::hand_back(event).map(|()| None),
        "emit" => {
            let json = if last.is_empty() { "{}" } else { last };
            let data: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
            return events::emit(first, &data).map(|_| None);
        }
        "line" => {
            match first {
                "debug" => debug!("{last}"),
                "warn" => warn!("{last}"),
                "error" => error!("{last}"),
                _ => info!("{last}"),
            }
            return Ok(None);
        }
        "config" => config::<serde_json::Value>()?.to_string(),
        "secret" => secrets::placeholder(first)?,
        "reveal" => secrets::reveal(first)?,
        "http" => {
            let response = http::get(first).send()?;
            format!("{} {}", response.status, response.text())
        }
        _ => return files::does(event, word, rest).transpose(),
    };
    Ok(Some(text))
}

fn on_status(event: Event) -> Result<()> {
    info!("status {}", event.kind);
    Ok(())
}

fn on_account(event: Event) -> Result<()> {
    info!("account {}", event.kind);
    Ok(())
}

fn on_timer(timer: Timer) -> Result<()> {
    info!("timer {} {}", timer.name, timer.payload);
    if !timer.chat.is_empty() {
        reply(&timer, format!("timer {} {}", timer.name, timer.payload))?;
    }
    Ok(())
}

fn on_event(event: Event) -> Result<()> {
    info!("event {}", event.kind);
    if !event.chat.is_empty() {
        reply(&event, format!("event {}", event.kind))?;
    }
    Ok(())
}

/// A body `PHONE=TEXT` is sent; the answer counts the calls so far and gives the body back.
fn on_webhook(request: Webhook) -> Result<WebhookReply> {
    let body = request.text();
    if body == "fail" {
        Err("failed as asked")?;
    }
    if let Some((phone, text)) = body.split_once('=') {
        send(phone.trim(), text.trim())?;
    }
    let calls = state::plugin().increment("webhooks", 1)?;
    Ok(WebhookReply::text(200, format!("{} {} call {calls}: {body}", request.method, request.path)))
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn millis(text: &str) -> Result<Duration, Error> {
    text.parse().map(Duration::from_millis).map_err(|_| Error {
        code: "invalid".to_owned(),
        message: format!("{text:?} is not a number of milliseconds"),
        retry_after_ms: None,
    })
}

fn scope(word: &str) -> state::State {
    match word {
        "plugin" => state::plugin(),
        "account" => state::account(),
        "contact" => state::contact(),
        _ => state::chat(),
    }
}

fn text_later(event: &Message, after: Duration, words: &str) -> Result<String, Error> {
    text(words).after(after).cancel_if_replied().send(event)
}
