//! The people of a team: add or invite, give another role, remove.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::identity::people::{self, Newcomer};
use crate::flow::identity::{hold, password};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, short_text};
use crate::model::Role;
use crate::store::Conn;
use crate::store::user::{self, Member};

/// A person in your team.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: String,
    email: String,
    name: String,
    role: Role,
    /// They have not chosen a password yet.
    invited: bool,
    joined_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Users {
    users: Vec<User>,
    pagination: Pagination,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    #[schema(example = "ann@example.com")]
    email: String,
    #[serde(default)]
    #[schema(max_length = 100)]
    name: String,
    role: Role,
    /// Absent: they choose it themselves, by the invitation.
    password: Option<String>,
}

/// Somebody who was added.
#[derive(Serialize, ToSchema)]
pub struct AddedUser {
    #[serde(flatten)]
    user: User,
    /// Where they have no password yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
}

/// A page on this host where they choose a password. Shown once, good once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    #[schema(example = "/setup?token=…")]
    link: String,
    expires_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    role: Role,
}

fn view(member: Member) -> User {
    User {
        id: member.user.id,
        email: member.user.email,
        name: member.user.name,
        role: member.role,
        invited: member.user.password.is_empty(),
        joined_at: moment(member.joined_at),
    }
}

async fn member(conn: &mut Conn, caller: &Caller, id: &str) -> Result<Member, ApiError> {
    let found = user::membership(conn, &caller.team_id, id).await?;
    found.ok_or_else(|| ApiError::not_found("user", id))
}

/// List users
#[utoipa::path(get, path = "/users", tag = "users", params(Page), responses((status = 200, description = "By the order of their ids", body = Users)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<Users>, ApiError> {
    let mut conn = house.store.read().await?;
    let mut members =
        user::members(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut members, |member| member.user.id.clone());
    let users = members.into_iter().map(view).collect();
    Ok(axum::Json(Users { users, pagination: Pagination { next } }))
}

/// Get a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses((status = 200, description = "The user", body = User)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<User>, ApiError> {
    let member = member(&mut *house.store.read().await?, &caller, &id).await?;
    Ok(axum::Json(view(member)))
}

/// Add a user
///
/// With a password, or without one: then the answer has an invitation, which they choose one by. You
/// can give no role that has a scope you lack. An address that this host knows already is refused.
#[utoipa::path(post, path = "/users", tag = "users", responses((status = 201, description = "Added", body = AddedUser)))]
pub async fn add(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, axum::Json<AddedUser>), ApiError> {
    caller.may_grant(&new.role.scopes())?;
    let newcomer = Newcomer {
        email: people::address(&new.email)?,
        name: short_text(&new.name, "name", 100)?,
        role: new.role,
        password: match &new.password {
            Some(password) => password::hash(password).await?,
            None => String::new(),
        },
    };
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &caller.team_id).await?;
    let team_id = &caller.team_id;
    let member = people::add(&house, &mut tx, &mut numbers, team_id, newcomer).await?;
    let expires_at = house.clock.now() + house.config.identity.setup_link;
    let invitation = match new.password {
        Some(_) => None,
        None => {
            let token = people::new_link(&mut tx, &member.user.id, expires_at).await?;
            let link = format!("/setup?token={token}");
            Some(Invitation { link, expires_at: moment(expires_at) })
        }
    };
    house.commit(tx).await?;
    let added = AddedUser { user: view(member), invitation };
    Ok((StatusCode::CREATED, axum::Json(added)))
}

/// Change a user's role
///
/// Neither the role that they have nor the one that they get may have a scope that you lack, and a
/// team keeps an owner. Their tokens follow at once.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses((status = 200, description = "The user", body = User)))]
pub async fn change_role(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<RoleChange>,
) -> Result<axum::Json<User>, ApiError> {
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &caller.team_id).await?;
    let before = member(&mut tx, &caller, &id).await?;
    caller.may_grant(&before.role.scopes())?;
    caller.may_grant(&change.role.scopes())?;
    let (team_id, role) = (&caller.team_id, change.role);
    let member = people::change_role(&house, &mut tx, &mut numbers, team_id, &id, role).await?;
    house.commit(tx).await?;
    Ok(axum::Json(view(member)))
}

/// Remove a user from your team
///
/// Their tokens open nothing of this team any more. A team keeps an owner.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses((status = 204, description = "Removed")))]
pub async fn remove(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    let mut numbers = hold(&mut tx, &caller.team_id).await?;
    caller.may_grant(&member(&mut tx, &caller, &id).await?.role.scopes())?;
    people::remove(&house, &mut tx, &mut numbers, &caller.team_id, &id).await?;
    house.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
