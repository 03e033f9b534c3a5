//! API apps: programs with an id and a secret (shown once), which get tokens or call by HTTP Basic.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::{end, narrowed, wanted};
use crate::flow::House;
use crate::flow::identity::{credentials, new_secret};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment};
use crate::model::ApiScope;
use crate::store::credential::{self, Credential, Kind};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewApp {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do; absent: all that you may.
    scopes: Option<BTreeSet<ApiScope>>,
    /// When it ends; absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The department that it is narrowed to: it sees what belongs to its accounts, and never the team
    /// itself. Absent: none.
    department: Option<String>,
}

/// An app as it is listed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct App {
    id: String,
    name: String,
    scopes: BTreeSet<ApiScope>,
    #[schema(required)]
    department: Option<String>,
    created_at: Option<String>,
    /// Null: never.
    #[schema(required)]
    expires_at: Option<String>,
    /// To the minute; null: never.
    #[schema(required)]
    last_used_at: Option<String>,
}

/// A new app; this answer is the only place where its secret is ever seen.
#[derive(Serialize, ToSchema)]
pub struct ShownApp {
    secret: String,
    #[serde(flatten)]
    of: App,
}

#[derive(Serialize, ToSchema)]
pub struct Apps {
    apps: Vec<App>,
    pagination: Pagination,
}

fn view(app: Credential) -> App {
    App {
        id: app.id,
        name: app.name,
        scopes: app.scopes,
        department: Some(app.department_id).filter(|id| !id.is_empty()),
        created_at: moment(app.created_at),
        expires_at: moment(app.expires_at),
        last_used_at: moment(app.last_used_at),
    }
}

/// Make an app
///
/// It can have no scope that you lack. Its id and secret go into HTTP Basic on any call, or into
/// `POST /oauth2/token` with `client_credentials`. The answer is the only place where the secret is
/// ever seen.
#[utoipa::path(post, path = "/apps", tag = "apps", responses((status = 201, description = "Made; shown this once", body = ShownApp)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewApp>,
) -> Result<(StatusCode, axum::Json<ShownApp>), ApiError> {
    if new.name.trim().is_empty() {
        return Err(ApiError::invalid("name: give the app one"));
    }
    let (id, secret) = (house.clock.id("app"), new_secret());
    let made = wanted(&house, &caller, id, &new.name, new.scopes, new.expires_at.as_deref())?;
    let made = narrowed(&house, made, new.department).await?;
    credentials::keep(&house, Kind::App, &made, &secret).await?;
    Ok((StatusCode::CREATED, axum::Json(ShownApp { secret, of: view(made) })))
}

/// List apps
#[utoipa::path(get, path = "/apps", tag = "apps", params(Page), responses((status = 200, description = "Oldest first", body = Apps)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<Apps>, ApiError> {
    let mut conn = house.store.read().await?;
    let team = &caller.team_id;
    let mut apps =
        credential::list(&mut conn, Kind::App, team, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut apps, |app| app.id.clone());
    let apps = apps.into_iter().map(view).collect();
    Ok(axum::Json(Apps { apps, pagination: Pagination { next } }))
}

/// Get an app
#[utoipa::path(get, path = "/apps/{id}", tag = "apps", params(("id" = String, Path)), responses((status = 200, description = "The app", body = App)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<App>, ApiError> {
    let mut conn = house.store.read().await?;
    let found = credential::get(&mut conn, Kind::App, &caller.team_id, &id).await?;
    Ok(axum::Json(view(found.ok_or_else(|| ApiError::not_found("app", &id))?)))
}

/// End an app
///
/// Its secret and its tokens open nothing any more. Not the app that asks.
#[utoipa::path(delete, path = "/apps/{id}", tag = "apps", params(("id" = String, Path)), responses((status = 204, description = "Ended")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    end(&house, &caller, Kind::App, &id).await
}
