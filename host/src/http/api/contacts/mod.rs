//! Contacts: make, list, look at, change, forget. A contact is named by id or by phone number; an id
//! from before a merge names who it is now.

mod exchange;
mod standing;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::messages::{MessageList, listed};
use crate::flow::people::csv::MAX_FIELDS;
use crate::flow::{House, people, record};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, phone_number, short_text};
use crate::model::{Alias, Contact, EventKind, Millis, OptIn};
use crate::store::contact::Change;
use crate::store::contact_list::{self, Filter};
use crate::store::message::Filter as Messages;
use crate::store::{Conn, chat, contact, team};

pub use exchange::*;
pub use standing::*;

/// A person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    pub id: String,
    /// E.164; null where no number is known.
    #[schema(required)]
    pub phone: Option<String>,
    pub name: String,
    #[schema(required)]
    pub profile_image: Option<String>,
    /// When it last wrote or was written to, on any account.
    #[schema(required)]
    pub last_message_at: Option<String>,
    /// The names of its tags.
    pub tags: Vec<String>,
    pub tag_values: BTreeMap<String, String>,
    /// The team's own fields.
    #[schema(value_type = HashMap<String, Value>)]
    pub fields: Map<String, Value>,
    pub opt_in: OptIn,
    pub blocked: bool,
    #[schema(required)]
    pub first_seen_at: Option<String>,
    #[schema(required)]
    pub last_seen_at: Option<String>,
    /// All names by which channels know it; only where one contact was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub aliases: Vec<Alias>,
}

#[derive(Serialize, ToSchema)]
pub struct ContactList {
    pub contacts: Vec<ContactView>,
    pub pagination: Pagination,
}

fn view(contact: Contact, last_message_at: Millis, aliases: Vec<Alias>) -> ContactView {
    let some = |text: String| (!text.is_empty()).then_some(text);
    ContactView {
        id: contact.id,
        phone: some(contact.phone),
        name: contact.name,
        profile_image: some(contact.profile_image),
        last_message_at: moment(last_message_at),
        tags: contact.tags.iter().map(|(tag, _)| tag.clone()).collect(),
        tag_values: contact.tags.into_iter().collect(),
        fields: contact.fields,
        opt_in: contact.opt_in,
        blocked: contact.blocked,
        first_seen_at: moment(contact.first_seen_at),
        last_seen_at: moment(contact.last_seen_at),
        aliases,
    }
}

async fn own(conn: &mut Conn, team_id: &str, key: &str) -> Result<Contact, ApiError> {
    let found = if key.starts_with('+') {
        contact::by_phone(conn, team_id, &phone_number(key, "contact")?).await?
    } else {
        contact::get(conn, team_id, key).await?
    };
    found.ok_or_else(|| ApiError::not_found("contact", key))
}

async fn shown(house: &House, caller: &Caller, key: &str) -> Result<ContactView, ApiError> {
    let mut conn = house.store.read().await?;
    let contact = own(&mut conn, &caller.team_id, key).await?;
    let last = last(&mut conn, caller, std::slice::from_ref(&contact.id)).await?;
    let aliases = contact::aliases(&mut conn, &contact.id).await?;
    let last = last.get(&contact.id).copied().unwrap_or(0);
    Ok(view(contact, last, aliases))
}

/// When each of these last wrote or was written to, as far as the caller sees.
async fn last(
    conn: &mut Conn,
    caller: &Caller,
    ids: &[String],
) -> Result<HashMap<String, Millis>, ApiError> {
    Ok(chat::last_message_at(conn, &caller.team_id, &caller.department_id, ids).await?)
}

/// Which contacts to list; all that are given must hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ContactQuery {
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
    /// With this tag.
    tag: Option<String>,
    /// With this value of the tag.
    tag_value: Option<String>,
    #[param(inline)]
    opt_in: Option<OptIn>,
    blocked: Option<bool>,
    /// How the name begins, in any case.
    name: Option<String>,
    /// How a number begins, with its plus.
    phone: Option<String>,
    /// With a chat that this person answers in; empty: one that nobody does.
    assigned: Option<String>,
    /// With a chat that has unread messages, or that has none.
    unread: Option<bool>,
    /// With a chat that is archived, or that is not.
    archived: Option<bool>,
}

/// List contacts
#[utoipa::path(get, path = "/contacts", tag = "contacts",
    params(ContactQuery), responses((status = 200, description = "A page of them", body = ContactList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<ContactQuery>,
) -> Result<axum::Json<ContactList>, ApiError> {
    // A plus in a query that was not escaped is a blank.
    let phone = query.phone.map(|phone| phone.replace(' ', "+"));
    let filter = Filter {
        tag: query.tag,
        tag_value: query.tag_value,
        opt_in: query.opt_in,
        blocked: query.blocked,
        name: query.name,
        phone,
        assigned: query.assigned,
        unread: query.unread,
        archived: query.archived,
        department_id: caller.department_id.clone(),
    };
    let page = Page::new(query.cursor, query.limit);
    let mut conn = house.store.read().await?;
    let mut contacts =
        contact_list::list(&mut conn, &caller.team_id, &filter, page.cursor(), page.fetch())
            .await?;
    let next = page.cut(&mut contacts, |contact| contact.id.clone());
    let ids: Vec<String> = contacts.iter().map(|contact| contact.id.clone()).collect();
    let last = last(&mut conn, &caller, &ids).await?;
    let contacts = contacts.into_iter().map(|contact| {
        let last = last.get(&contact.id).copied().unwrap_or(0);
        view(contact, last, Vec::new())
    });
    Ok(axum::Json(ContactList { contacts: contacts.collect(), pagination: Pagination { next } }))
}

/// Get a contact
#[utoipa::path(get, path = "/contacts/{contact}", tag = "contacts",
    params(("contact" = String, Path, description = "Its id, or a phone number")),
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<axum::Json<ContactView>, ApiError> {
    Ok(axum::Json(shown(&house, &caller, &key).await?))
}

/// A contact's messages
///
/// On all accounts, newest first.
#[utoipa::path(get, path = "/contacts/{contact}/messages", tag = "contacts",
    params(Page), responses((status = 200, description = "A page of them", body = MessageList)))]
pub async fn messages(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<MessageList>, ApiError> {
    let mut conn = house.store.read().await?;
    let contact = own(&mut conn, &caller.team_id, &key).await?;
    let filter = Messages { contact: contact.id, ..Messages::default() };
    listed(&mut conn, &caller, filter, &page).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewContact {
    /// E.164; spaces and dashes are forgiven.
    #[schema(example = "+15550100123")]
    phone: String,
    #[serde(default)]
    name: String,
    /// Tags and their values, which may be empty.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    #[schema(value_type = HashMap<String, Value>)]
    fields: Map<String, Value>,
    #[serde(default)]
    profile_image: String,
}

/// Make a contact
///
/// 409 `contact_exists` where the team has one with this number.
#[utoipa::path(post, path = "/contacts", tag = "contacts",
    responses((status = 201, description = "The new contact", body = ContactView)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewContact>,
) -> Result<(StatusCode, axum::Json<ContactView>), ApiError> {
    let phone = phone_number(&new.phone, "phone")?;
    let name = short_text(&new.name, "name", 200)?;
    check_fields(&new.fields)?;
    let profile_image = image(&new.profile_image)?;
    if new.tags.len() > 100 {
        return Err(ApiError::invalid("tags: at most 100"));
    }
    let id = house.clock.id("con");
    let mut tags = Vec::new();
    for (tag, value) in &new.tags {
        tags.push((id.clone(), tag_name(tag)?, short_text(value, "tags", 1000)?));
    }
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    if contact::by_phone(&mut tx, &caller.team_id, &phone).await?.is_some() {
        let hint = format!("there is a contact with {phone}: change it by PATCH");
        return Err(ApiError::conflict("contact_exists", hint));
    }
    let made = Contact {
        name,
        fields: new.fields,
        profile_image,
        ..Contact::new(id.clone(), &caller.team_id, &phone, house.clock.now())
    };
    contact::insert(&mut tx, std::slice::from_ref(&made)).await?;
    contact::add_aliases(&mut tx, &[(caller.team_id.as_str(), Alias::phone(&phone), &id)]).await?;
    contact::set_tags(&mut tx, &tags).await?;
    let data = serde_json::json!({ "created": true, "phone": phone, "name": made.name });
    let told = people::event(&house, &caller.team_id, EventKind::CONTACT_UPDATED, &id, data);
    record::events(&house, &mut tx, &mut numbers, vec![told]).await?;
    house.commit(tx).await?;
    Ok((StatusCode::CREATED, axum::Json(shown(&house, &caller, &id).await?)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContactChange {
    name: Option<String>,
    /// Fields to set; those that are null are taken away, and others stay.
    #[schema(value_type = Option<HashMap<String, Value>>)]
    fields: Option<Map<String, Value>>,
    /// An address of a picture; empty: none.
    profile_image: Option<String>,
}

/// Change a contact
///
/// What is absent stays as it is.
#[utoipa::path(patch, path = "/contacts/{contact}", tag = "contacts",
    responses((status = 200, description = "The contact", body = ContactView)))]
pub async fn change(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
    Json(wanted): Json<ContactChange>,
) -> Result<axum::Json<ContactView>, ApiError> {
    let name = wanted.name.map(|name| short_text(&name, "name", 200)).transpose()?;
    let profile_image = wanted.profile_image.map(|address| image(&address)).transpose()?;
    let mut tx = house.store.begin().await?;
    let mut numbers = team::draw(&mut tx, &BTreeMap::from([(caller.team_id.clone(), 1)])).await?;
    let contact = own(&mut tx, &caller.team_id, &key).await?;
    let fields = match wanted.fields {
        Some(given) => {
            let mut fields = contact.fields.clone();
            fields.extend(given);
            fields.retain(|_, value| !value.is_null());
            check_fields(&fields)?;
            Some(fields)
        }
        None => None,
    };
    let change = Change { name, fields, profile_image, blocked: None };
    contact::change(&mut tx, &caller.team_id, &contact.id, &change).await?;
    let mut data = Map::new();
    let told = [("name", change.name), ("profile_image", change.profile_image)];
    data.extend(told.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into()))));
    data.extend(change.fields.map(|fields| ("fields".to_owned(), fields.into())));
    if !data.is_empty() {
        let kind = EventKind::CONTACT_UPDATED;
        let told = people::event(&house, &caller.team_id, kind, &contact.id, data.into());
        record::events(&house, &mut tx, &mut numbers, vec![told]).await?;
    }
    house.commit(tx).await?;
    Ok(axum::Json(shown(&house, &caller, &contact.id).await?))
}

/// A contact that is being forgotten.
#[derive(Serialize, ToSchema)]
pub struct Forgotten {
    /// Its id, which the event `contact.erased` will name.
    pub forgetting: String,
}

/// Forget a contact
///
/// It is unknown at once, and what waits to be sent to it is cancelled. Its messages, chats, events,
/// timers and data of plugins are deleted in the background: `contact.erased` tells when that is done.
#[utoipa::path(delete, path = "/contacts/{contact}", tag = "contacts",
    responses((status = 202, description = "It is being forgotten", body = Forgotten)))]
pub async fn erase(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<(StatusCode, axum::Json<Forgotten>), ApiError> {
    let contact = own(&mut *house.store.read().await?, &caller.team_id, &key).await?;
    if people::erase(&house, &caller.team_id, &contact.id).await? {
        Ok((StatusCode::ACCEPTED, axum::Json(Forgotten { forgetting: contact.id })))
    } else {
        Err(ApiError::not_found("contact", &key))
    }
}

fn check_fields(fields: &Map<String, Value>) -> Result<(), ApiError> {
    let size = serde_json::to_string(fields).map_or(usize::MAX, |json| json.len());
    if size > MAX_FIELDS {
        return Err(ApiError::invalid(format!("fields: at most {MAX_FIELDS} bytes as JSON")));
    }
    Ok(())
}

fn image(address: &str) -> Result<String, ApiError> {
    let address = short_text(address, "profileImage", 2000)?;
    if address.is_empty() || address.starts_with("https://") || address.starts_with("http://") {
        return Ok(address);
    }
    Err(ApiError::invalid("profileImage: give an http or https address"))
}

fn tag_name(tag: &str) -> Result<String, ApiError> {
    let tag = short_text(tag, "tag", 100)?;
    if tag.is_empty() { Err(ApiError::invalid("tag: is empty")) } else { Ok(tag) }
}
