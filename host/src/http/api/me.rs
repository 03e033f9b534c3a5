//! The caller itself: who it is and what it may do; a person's own password and sessions.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::identity::{password, people};
use crate::http::auth::{Caller, Who};
use crate::http::error::ApiError;
use crate::http::extract::Json;
use crate::model::{ApiScope, Role};
use crate::store::user::User;
use crate::store::{Conn, credential, session, team, user};

/// What kind of caller it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallerType {
    Key,
    App,
    User,
}

/// A caller.
#[derive(Serialize, ToSchema)]
pub struct Me {
    #[serde(rename = "type")]
    kind: CallerType,
    id: String,
    name: String,
    /// A person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The team that this key or token is for.
    team: OwnTeam,
    scopes: BTreeSet<ApiScope>,
    /// The department that it is narrowed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    /// A person's teams; name one as `team_id` to get a token for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    teams: Option<Vec<OwnTeam>>,
}

/// A team, and the role of a person in it.
#[derive(Serialize, ToSchema)]
pub struct OwnTeam {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    current: String,
    /// At least 10 characters.
    new: String,
}

/// Who you are, and what you may do
#[utoipa::path(get, path = "/me", tag = "me", responses((status = 200, description = "The caller", body = Me)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Result<axum::Json<Me>, ApiError> {
    let mut conn = house.store.read().await?;
    Ok(axum::Json(match caller.who.credential() {
        Some((kind, id)) => {
            let found = credential::get(&mut conn, kind, &caller.team_id, id).await?;
            let name = found.ok_or_else(ApiError::unauthorized)?.name;
            let team = team::get(&mut conn, &caller.team_id).await?;
            let team = team.ok_or_else(ApiError::unauthorized)?;
            let kind = match kind {
                credential::Kind::Key => CallerType::Key,
                credential::Kind::App => CallerType::App,
            };
            Me {
                kind,
                id: id.to_owned(),
                name,
                email: None,
                team: OwnTeam { id: team.id, name: team.name, role: None },
                scopes: (*caller.scopes).clone(),
                department: Some(caller.department_id).filter(|id| !id.is_empty()),
                teams: None,
            }
        }
        None => person(&mut conn, &caller).await?,
    }))
}

async fn person(conn: &mut Conn, caller: &Caller) -> Result<Me, ApiError> {
    let user = user::get(conn, caller.who.id()).await?.ok_or_else(ApiError::unauthorized)?;
    let own = |team: user::Belonging| OwnTeam {
        id: team.team_id,
        name: team.team_name,
        role: Some(team.role),
    };
    let teams = user::teams(conn, &user.id).await?;
    let present = teams.iter().find(|team| team.team_id == caller.team_id).cloned();
    Ok(Me {
        kind: CallerType::User,
        id: user.id,
        name: user.name,
        email: Some(user.email),
        team: own(present.ok_or_else(ApiError::unauthorized)?),
        scopes: (*caller.scopes).clone(),
        department: None,
        teams: Some(teams.into_iter().map(own).collect()),
    })
}

/// Change your password
///
/// All your other sessions end. For people only.
#[utoipa::path(post, path = "/me/password", tag = "me", responses((status = 204, description = "Changed")))]
pub async fn set_password(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let session_id = own_session(&caller)?;
    password::check(&change.new)?;
    let user = own_user(&house, &caller).await?;
    if change.current.len() > 1024 || !password::verify(&change.current, &user.password).await? {
        let message = "current: this is not your present password";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "wrong_password", message));
    }
    let kept = password::hash(&change.new).await?;
    let mut tx = house.store.begin().await?;
    people::set_password(&mut tx, &user.id, &kept, session_id).await?;
    house.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out everywhere
///
/// All your sessions end, this one too: their tokens open nothing any more. For people only.
#[utoipa::path(delete, path = "/me/sessions", tag = "me", responses((status = 204, description = "Logged out")))]
pub async fn log_out(
    State(house): State<Arc<House>>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    own_session(&caller)?;
    let mut tx = house.store.begin().await?;
    session::delete_of_user(&mut tx, caller.who.id(), "").await?;
    house.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own_session(caller: &Caller) -> Result<&str, ApiError> {
    match &caller.who {
        Who::User { session_id, .. } => Ok(session_id),
        Who::Key(_) | Who::App(_) => {
            let message = "a key or app has neither password nor session: log in as a person";
            Err(ApiError::conflict("not_a_user", message))
        }
    }
}

async fn own_user(house: &House, caller: &Caller) -> Result<User, ApiError> {
    let found = user::get(&mut *house.store.read().await?, caller.who.id()).await?;
    found.ok_or_else(ApiError::unauthorized)
}
