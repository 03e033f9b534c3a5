//! The one way in for messages to send, whoever sends them: a plugin's call or the API.

use std::collections::{BTreeMap, HashMap};

use super::House;
use super::inbound::new_chat;
use super::rules::quota::Book;
use super::rules::{self, Case, Refused, refuse};
use super::{media, queueing, repeat, spin, templates};
pub use crate::model::is_phone;
use crate::model::{
    Account, Chat, Content, Direction, JobKind, Message, Recipient, SendOptions, Status, Trace,
};
use crate::store::job::Job;
use crate::store::message::{NewMessage, Options};
use crate::store::{Conn, account, chat, contact, job, message};

pub use super::queued::{Queuer, cancel, withdraw};
pub use super::signal::{read_signal, typing_signal};

/// A message to queue, with its number drawn.
#[derive(Clone, Debug)]
pub struct Draft {
    pub message_id: String,
    pub team_id: String,
    pub to: Recipient,
    pub content: Content,
    pub options: SendOptions,
    /// The caller's own id, against doubles.
    pub client_id: Option<String>,
    pub depth: i64,
    pub place: i64,
    pub opt_out_notice: bool,
    /// Write nothing where the account's quota is used up, and say so; otherwise it is written, and
    /// fails at the moment of sending.
    pub strict: bool,
    /// The bulk send that it is one of; empty where it is none.
    pub bulk: String,
    /// What was asked under the caller's own id; empty where none was given.
    pub request_hash: String,
    /// What it comes of.
    pub trace: Trace,
}

impl Draft {
    /// An empty note to nobody, to be filled in.
    pub fn new(message_id: String, team_id: &str) -> Self {
        Self {
            message_id,
            team_id: team_id.to_owned(),
            to: Recipient::Chat(String::new()),
            content: Content::Note { text: String::new() },
            options: SendOptions::default(),
            client_id: None,
            depth: 0,
            place: 0,
            opt_out_notice: false,
            strict: false,
            bulk: String::new(),
            request_hash: String::new(),
            trace: Trace::default(),
        }
    }
}

/// What became of a set of drafts.
#[derive(Debug, Default)]
pub struct Written {
    /// To be promoted.
    pub lanes: Vec<String>,
    /// Strict drafts that were not written, by their message's id.
    pub refused: HashMap<String, Refused>,
}

/// Write messages and the jobs that send them. In a transaction that drew the drafts' numbers.
pub async fn write(house: &House, conn: &mut Conn, drafts: Vec<Draft>) -> anyhow::Result<Written> {
    let mut written = Written::default();
    if drafts.is_empty() {
        return Ok(written);
    }
    let chats = chats_of(house, conn, &drafts).await?;
    let mut rows = Vec::with_capacity(drafts.len());
    for draft in drafts {
        match chats.get(&draft.to).filter(|chat| chat.team_id == draft.team_id) {
            Some(chat) => {
                let draft = templates::written(conn, draft, chat).await?;
                rows.push((draft.strict, row(house, draft, chat)));
            }
            // The call that named it was told; only a chat that went since can be missing here.
            None => tracing::warn!(message = draft.message_id, "a message to a chat that is gone"),
        }
    }
    let mut book = Book::open(house, conn, rows.iter().map(|(_, row)| row)).await?;
    rows.retain_mut(|(strict, row)| match book.admit(row, *strict) {
        Ok(()) => true,
        Err(refused) => {
            written.refused.insert(row.message.id.clone(), refused);
            false
        }
    });
    let mut rows: Vec<NewMessage> = rows.into_iter().map(|(_, row)| row).collect();
    let stored = message::insert(conn, &rows).await?;
    media::mark_used(house, conn, rows.iter().map(|row| &row.message)).await?;
    rows.retain(|row| stored.contains(&row.message.id));
    rows.iter().for_each(|row| house.spans.message(&row.message));
    written.lanes = book.close(conn, &rows).await?;
    let jobs: Vec<Job> = rows
        .iter()
        .filter(|row| row.message.status == Status::Pending)
        .map(|row| job_of(house, row))
        .collect();
    job::insert(conn, &jobs).await?;
    written.lanes.extend(jobs.into_iter().map(|job| job.lane));
    Ok(written)
}

fn row(house: &House, draft: Draft, chat: &Chat) -> NewMessage {
    let now = house.clock.now();
    let is_note = matches!(draft.content, Content::Note { .. });
    let answered = match &draft.content {
        Content::Reaction { reaction } => reaction.message_id.clone(),
        _ => draft.options.reply_to.unwrap_or_default(),
    };
    let content = if draft.options.randomise {
        spin::chosen(draft.content, &draft.message_id)
    } else {
        draft.content
    };
    let message = Message {
        id: draft.message_id,
        team_id: draft.team_id,
        account_id: chat.account_id.clone(),
        chat_id: chat.id.clone(),
        contact_id: chat.contact_id.clone(),
        direction: Direction::Out,
        content,
        status: if is_note { Status::Note } else { Status::Pending },
        provider_id: String::new(),
        reply_to: answered,
        due_at: draft.options.due_at.unwrap_or(now),
        created_at: now,
        sent_at: None,
        error_code: String::new(),
        error_message: String::new(),
        possible_duplicate: false,
        depth: draft.depth,
        trace: draft.trace,
    };
    NewMessage {
        message,
        place: draft.place,
        client_id: draft.client_id,
        options: Options {
            typing: draft.options.typing,
            randomise: draft.options.randomise,
            bulk: draft.bulk,
            request_hash: draft.request_hash,
            ..Options::default()
        },
        cancel_if_replied: draft.options.cancel_if_replied,
        opt_out_notice: draft.opt_out_notice,
    }
}

/// A message takes its place in its chat when it becomes due: now, or by the timers stage.
fn job_of(house: &House, row: &NewMessage) -> Job {
    let message = &row.message;
    let is_due = message.due_at <= house.clock.now();
    Job {
        lane: format!("send/{}", message.chat_id),
        place: if is_due { row.place } else { 0 },
        account_id: message.account_id.clone(),
        subject_id: message.id.clone(),
        priority: if row.options.bulk.is_empty() { job::SINGLE } else { job::BULK },
        ..Job::new(house.clock.id("job"), &message.team_id, JobKind::Send, message.due_at)
    }
}

/// The chat of each recipient; those of phone numbers are made where there is none.
async fn chats_of(
    house: &House,
    conn: &mut Conn,
    drafts: &[Draft],
) -> anyhow::Result<HashMap<Recipient, Chat>> {
    let mut ids = Vec::new();
    let mut phones: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for draft in drafts {
        match &draft.to {
            Recipient::Chat(id) => ids.push(id.clone()),
            Recipient::Phone { account_id, phone } => {
                phones.insert((account_id, phone), &draft.team_id);
            }
        }
    }
    let found = chat::by_ids(conn, &ids).await?;
    let mut chats: HashMap<Recipient, Chat> =
        found.into_iter().map(|(id, chat)| (Recipient::Chat(id), chat)).collect();
    for ((account_id, phone), team_id) in phones {
        let Some(account) = account::get(conn, team_id, account_id).await? else { continue };
        let chat = chat_with(house, conn, &account, phone).await?;
        chats.insert(
            Recipient::Phone { account_id: account_id.to_owned(), phone: phone.to_owned() },
            chat,
        );
    }
    Ok(chats)
}

/// The chat that a recipient means, made where there is none; `None` where it or its account is gone.
pub async fn chat_of(
    house: &House,
    conn: &mut Conn,
    team_id: &str,
    to: &Recipient,
) -> anyhow::Result<Option<Chat>> {
    match to {
        Recipient::Chat(id) => Ok(chat::get(conn, team_id, id).await?),
        Recipient::Phone { account_id, phone } => {
            match account::get(conn, team_id, account_id).await? {
                Some(account) => Ok(Some(chat_with(house, conn, &account, phone).await?)),
                None => Ok(None),
            }
        }
    }
}

async fn chat_with(
    house: &House,
    conn: &mut Conn,
    account: &Account,
    phone: &str,
) -> anyhow::Result<Chat> {
    let wanted = contact::Wanted {
        team_id: account.team_id.clone(),
        phone: phone.to_owned(),
        name: String::new(),
        new_id: house.clock.id("con"),
        now: house.clock.now(),
    };
    let contacts = contact::ensure(conn, &[wanted]).await?;
    let contact = &contacts[&(account.team_id.clone(), phone.to_owned())];
    let chats = chat::ensure(conn, &[new_chat(house, account, &contact.id)]).await?;
    Ok(chats[&(account.id.clone(), contact.id.clone())].clone())
}

/// A message that the API is asked to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub team_id: String,
    /// Absent where the team has only one account.
    pub account_id: Option<String>,
    /// A chat's id, or a phone number in E.164.
    pub to: String,
    pub content: Content,
    pub options: SendOptions,
    /// The caller's own id: the same one twice on an account is the same message.
    pub client_id: Option<String>,
    /// Only accounts of this department may send it; empty: any.
    pub department_id: String,
    /// The `traceparent` of the request; empty where it had none.
    pub traceparent: String,
}

/// Queue a message. `Ok` means committed; the inner result says whether it was taken.
///
/// # Errors
/// When the database failed and nothing was written.
pub async fn queue(house: &House, request: Request) -> anyhow::Result<Result<Message, Refused>> {
    if let Err(problem) = request.content.check() {
        return Ok(Err(refuse("invalid_content", problem.to_string())));
    }
    let (account_id, draft) = match accept(house, &request).await? {
        Ok(Accepted::New { account_id, draft }) => (account_id, draft),
        Ok(Accepted::Known(message)) => return Ok(Ok(*message)),
        Err(refused) => return Ok(Err(refused)),
    };
    let (message_id, hash) = (draft.message_id.clone(), draft.request_hash.clone());
    let refused = house.sends.submit(*draft).await?;
    let mut conn = house.store.read().await?;
    let stored = match &request.client_id {
        // Another of the same id may have come first.
        Some(_) => match known(&mut conn, &request, &account_id, &hash).await? {
            Ok(known) => known,
            Err(refused) => return Ok(Err(refused)),
        },
        None => message::get(&mut conn, &request.team_id, &message_id).await?,
    };
    Ok(stored.ok_or_else(|| refused.unwrap_or_else(|| refuse("not_found", "the chat is gone"))))
}

enum Accepted {
    New {
        account_id: String,
        draft: Box<Draft>,
    },
    /// It was asked before, under the same id.
    Known(Box<Message>),
}

/// The message that was asked for before under the request's id.
async fn known(
    conn: &mut Conn,
    request: &Request,
    account_id: &str,
    hash: &str,
) -> anyhow::Result<Result<Option<Message>, Refused>> {
    let Some(client_id) = &request.client_id else { return Ok(Ok(None)) };
    let found = message::by_client_id(conn, &request.team_id, account_id, client_id).await?;
    let Some((message, before)) = found else { return Ok(Ok(None)) };
    Ok(repeat::check(client_id, &before, hash).map(|()| Some(message)))
}

/// What tells a request from another under the same id; empty where it has none.
fn hash_of(request: &Request, account: &Account) -> anyhow::Result<String> {
    let Request { to, content, options, client_id, .. } = request;
    match client_id {
        Some(_) => repeat::hash(&(&account.id, to, content, options)),
        None => Ok(String::new()),
    }
}

/// Check what can be known now; the send claim checks again.
async fn accept(house: &House, request: &Request) -> anyhow::Result<Result<Accepted, Refused>> {
    let team_id = &request.team_id;
    let mut conn = house.store.read().await?;
    let known = if request.to.starts_with('+') {
        None
    } else {
        chat::get(&mut conn, team_id, &request.to).await?
    };
    let wanted = known.as_ref().map(|chat| &chat.account_id).or(request.account_id.as_ref());
    let account = match wanted {
        Some(id) => account::get(&mut conn, team_id, id).await?,
        None => account::only(&mut conn, team_id, &request.department_id).await?,
    };
    let Some(account) = account.filter(|account| account.is_of(&request.department_id)) else {
        return Ok(Err(refuse("account_not_found", "name one of your accounts in `account`")));
    };
    let request_hash = hash_of(request, &account)?;
    match self::known(&mut conn, request, &account.id, &request_hash).await? {
        Ok(None) => {}
        Ok(Some(message)) => return Ok(Ok(Accepted::Known(Box::new(message)))),
        Err(refused) => return Ok(Err(refused)),
    }
    let (to, chat, contact) = match known {
        Some(chat) => {
            let contact = contact::get(&mut conn, team_id, &chat.contact_id).await?;
            (Recipient::Chat(chat.id.clone()), Some(chat), contact)
        }
        None if is_phone(&request.to) => {
            let contact = contact::by_phone(&mut conn, team_id, &request.to).await?;
            let chat = match &contact {
                Some(contact) => chat::between(&mut conn, &account.id, &contact.id).await?,
                None => None,
            };
            let to = Recipient::Phone { account_id: account.id.clone(), phone: request.to.clone() };
            (to, chat, contact)
        }
        None => {
            let hint = "`to` is a phone number such as +15550001111, or the id of a chat";
            return Ok(Err(refuse("invalid_phone_number", hint)));
        }
    };
    let now = house.clock.now();
    let template = templates::named(&mut conn, &account, &request.content).await?;
    let case = Case {
        account: &account,
        chat: chat.as_ref(),
        contact: contact.as_ref(),
        content: &request.content,
        template: template.as_ref(),
        opt_out_notice: false,
        due_at: request.options.due_at.unwrap_or(now),
        now,
    };
    if let Err(refused) = rules::check(&case) {
        return Ok(Err(refused));
    }
    if let Err(refused) = queueing::check(house, &mut conn, request, &case).await? {
        return Ok(Err(refused));
    }
    let draft = Draft {
        message_id: house.clock.id("msg"),
        team_id: team_id.clone(),
        to,
        content: request.content.clone(),
        options: request.options.clone(),
        client_id: request.client_id.clone(),
        depth: 0,
        place: 0,
        opt_out_notice: false,
        strict: true,
        bulk: String::new(),
        request_hash,
        trace: Trace::given(request.traceparent.clone()),
    };
    Ok(Ok(Accepted::New { account_id: account.id, draft: Box::new(draft) }))
}
