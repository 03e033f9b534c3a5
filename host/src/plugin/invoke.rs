//! Handing an event to a guest: which handler, with which record, and what it answered.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;

use super::bindings::exports::switchboard::plugin::{
    on_account, on_event, on_message, on_status, on_timer, on_webhook,
};
use super::bindings::switchboard::plugin::types;
use super::manifest::On;
use super::run::Run;
use super::script::Init;
use super::{Call, Input, Reply, incoming};
use crate::model::{Event, Message, Millis};

/// A compiled plugin, linked: what a call needs.
pub(super) struct Loaded {
    pub pre: InstancePre<Run>,
    handlers: Handlers,
    /// Where it is a component that is given its program.
    init: Option<Init>,
}

/// The handlers that a component exports; any subset will do.
struct Handlers {
    message: Option<on_message::GuestIndices>,
    status: Option<on_status::GuestIndices>,
    account: Option<on_account::GuestIndices>,
    timer: Option<on_timer::GuestIndices>,
    event: Option<on_event::GuestIndices>,
    webhook: Option<on_webhook::GuestIndices>,
    /// Webhooks in the standard way, for a plugin that has no handler of ours.
    incoming: Option<incoming_handler::GuestIndices>,
}

/// What an engine exports.
const ENGINE: &str = "switchboard:plugin/engine@0.1.0";

/// What a handler answered; the inner error is its own.
pub(super) type Answered = Result<Option<Reply>, String>;

impl Loaded {
    pub(super) fn new(pre: InstancePre<Run>) -> Self {
        let handlers = Handlers {
            message: on_message::GuestIndices::new(&pre).ok(),
            status: on_status::GuestIndices::new(&pre).ok(),
            account: on_account::GuestIndices::new(&pre).ok(),
            timer: on_timer::GuestIndices::new(&pre).ok(),
            event: on_event::GuestIndices::new(&pre).ok(),
            webhook: on_webhook::GuestIndices::new(&pre).ok(),
            incoming: incoming_handler::GuestIndices::new(&pre).ok(),
        };
        let init = Init::of(pre.component());
        Self { pre, handlers, init }
    }

    pub(super) fn handles(&self, on: On) -> bool {
        let Handlers { message, status, account, timer, event, webhook, incoming } = &self.handlers;
        match on {
            On::Message => message.is_some(),
            On::Status => status.is_some(),
            On::Account => account.is_some(),
            On::Timer => timer.is_some(),
            On::Event => event.is_some(),
            On::Webhook => webhook.is_some() || incoming.is_some(),
        }
    }

    /// Make an instance and look at its handlers: whether they have the contract's types shows only
    /// there.
    ///
    /// # Errors
    /// A trap while it starts, or a type that differs.
    pub(super) async fn start(&self, store: &mut Store<Run>) -> wasmtime::Result<Answered> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        if let Err(words) = self.begin(store, &instance).await? {
            return Ok(Err(words));
        }
        let Handlers { message, status, account, timer, event, webhook, incoming } = &self.handlers;
        message.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        status.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        account.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        timer.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        event.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        webhook.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        incoming.as_ref().map(|indices| indices.load(&mut *store, &instance)).transpose()?;
        Ok(Ok(None))
    }

    /// Give an instance its program, where its component takes one.
    async fn begin(
        &self,
        store: &mut Store<Run>,
        instance: &Instance,
    ) -> wasmtime::Result<Answered> {
        match &self.init {
            Some(init) => init.begin(store, instance).await,
            None => Ok(Ok(None)),
        }
    }

    /// Make an instance of an engine, and ask it for the manifest of a text. The reply has the status
    /// 200 and the manifest, or 400 and what is wrong.
    ///
    /// # Errors
    /// A trap, or a component that is no engine.
    pub(super) async fn describe(
        &self,
        store: &mut Store<Run>,
        text: &str,
    ) -> wasmtime::Result<Reply> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let interface = instance.get_export_index(&mut *store, None, ENGINE);
        let function = interface
            .and_then(|found| instance.get_export_index(&mut *store, Some(&found), "manifest"))
            .ok_or_else(|| wasmtime::format_err!("it exports no {ENGINE}"))?;
        let function =
            instance.get_typed_func::<(&str,), (Result<String, String>,)>(&mut *store, function)?;
        let (answer,) = function.call_async(&mut *store, (text,)).await?;
        let (status, words) = match answer {
            Ok(manifest) => (200, manifest),
            Err(problems) => (400, problems),
        };
        Ok(Reply { status, headers: Vec::new(), body: words.into_bytes() })
    }

    /// Make an instance in this store and hand it the event that the store carries.
    ///
    /// # Errors
    /// A trap, or a handler that is not there.
    pub(super) async fn invoke(&self, store: &mut Store<Run>) -> wasmtime::Result<Answered> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        if let Err(words) = self.begin(store, &instance).await? {
            return Ok(Err(words));
        }
        let call = Arc::clone(&store.data().call);
        let missing = || {
            wasmtime::format_err!(
                "the plugin has no handler for {:?} events",
                call.input.on().as_str()
            )
        };
        let handlers = &self.handlers;
        let done = |answer: Result<(), String>| answer.map(|()| None);
        match &call.input {
            Input::Message(message) => {
                let guest =
                    handlers.message.as_ref().ok_or_else(missing)?.load(&mut *store, &instance)?;
                Ok(done(guest.call_handle(store, &message_record(&call, message)).await?))
            }
            Input::Status => {
                let guest =
                    handlers.status.as_ref().ok_or_else(missing)?.load(&mut *store, &instance)?;
                Ok(done(
                    guest
                        .call_handle(store, &event_record(&call, status_word(&call.event)))
                        .await?,
                ))
            }
            Input::Account => {
                let guest =
                    handlers.account.as_ref().ok_or_else(missing)?.load(&mut *store, &instance)?;
                Ok(done(guest.call_handle(store, &event_record(&call, &call.event.kind)).await?))
            }
            Input::Event => {
                let guest =
                    handlers.event.as_ref().ok_or_else(missing)?.load(&mut *store, &instance)?;
                Ok(done(guest.call_handle(store, &event_record(&call, &call.event.kind)).await?))
            }
            Input::Timer { name, payload } => {
                let guest =
                    handlers.timer.as_ref().ok_or_else(missing)?.load(&mut *store, &instance)?;
                Ok(done(guest.call_handle(store, &timer_record(&call, name, payload)).await?))
            }
            Input::Webhook { method, path, headers, body } => {
                let Some(ours) = &handlers.webhook else {
                    let standard = handlers.incoming.as_ref().ok_or_else(missing)?;
                    let guest = standard.load(&mut *store, &instance)?;
                    let request = incoming::request(method, path, headers, body)?;
                    return incoming::call(&guest, store, request).await;
                };
                let guest = ours.load(&mut *store, &instance)?;
                let request = types::Webhook {
                    id: call.event.id.clone(),
                    time: unsigned(call.event.at),
                    method: method.clone(),
                    path: path.clone(),
                    headers: headers.clone(),
                    body: body.clone(),
                    attempt: call.attempt,
                };
                let answer = guest.call_handle(store, &request).await?;
                Ok(answer.map(|reply| {
                    Some(Reply { status: reply.status, headers: reply.headers, body: reply.body })
                }))
            }
        }
    }
}

impl Input {
    /// The handler that this input is for.
    pub fn on(&self) -> On {
        match self {
            Self::Message(_) => On::Message,
            Self::Status => On::Status,
            Self::Account => On::Account,
            Self::Timer { .. } => On::Timer,
            Self::Event => On::Event,
            Self::Webhook { .. } => On::Webhook,
        }
    }
}

fn message_record(call: &Call, message: &Message) -> types::Message {
    let event = call.event.as_ref();
    types::Message {
        id: event.id.clone(),
        message_id: message.id.clone(),
        account: message.account_id.clone(),
        chat: message.chat_id.clone(),
        contact: message.contact_id.clone(),
        time: unsigned(message.due_at),
        kind: message.content.kind().to_owned(),
        text: message.content.as_text().to_owned(),
        attempt: call.attempt,
        json: event_json(event, Some(message)),
    }
}

fn event_record(call: &Call, kind: &str) -> types::Event {
    let event = call.event.as_ref();
    types::Event {
        id: event.id.clone(),
        account: event.account_id.clone(),
        chat: event.chat_id.clone(),
        contact: event.contact_id.clone(),
        time: unsigned(event.at),
        kind: kind.to_owned(),
        attempt: call.attempt,
        json: event_json(event, None),
    }
}

fn timer_record(call: &Call, name: &str, payload: &str) -> types::Timer {
    let event = call.event.as_ref();
    types::Timer {
        id: event.id.clone(),
        account: event.account_id.clone(),
        chat: event.chat_id.clone(),
        contact: event.contact_id.clone(),
        time: unsigned(event.at),
        name: name.to_owned(),
        payload: payload.to_owned(),
        attempt: call.attempt,
        json: event_json(event, None),
    }
}

/// The event as the API shows it, with the message that it is about.
fn event_json(event: &Event, message: Option<&Message>) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        event: &'a Event,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a Message>,
    }
    serde_json::to_string(&Shown { event, message }).unwrap_or_default()
}

/// `data.status` of a status event.
fn status_word(event: &Event) -> &str {
    event.data.get("status").and_then(Value::as_str).unwrap_or(&event.kind)
}

fn unsigned(time: Millis) -> u64 {
    u64::try_from(time).unwrap_or(0)
}
