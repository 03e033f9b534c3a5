//! What departments and business accounts have in common: a name, and accounts that belong to them.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, iso, short_text};
use crate::store::group::{self, Group as Stored, Kind};

pub type Made = Result<(StatusCode, axum::Json<Group>), ApiError>;
pub type Shown = Result<axum::Json<Group>, ApiError>;

/// A department (`dep_…`) or a business account (`biz_…`).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    #[schema(example = "dep_01k…")]
    id: String,
    name: String,
    #[schema(value_type = String)]
    created_at: Value,
}

impl From<Stored> for Group {
    fn from(group: Stored) -> Self {
        Self { id: group.id, name: group.name, created_at: iso(group.created_at) }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupName {
    /// 1 to 100 characters.
    name: String,
}

impl GroupName {
    fn checked(&self) -> Result<String, ApiError> {
        let name = short_text(&self.name, "name", 100)?;
        if name.is_empty() {
            return Err(ApiError::invalid("name: 1 to 100 characters"));
        }
        Ok(name)
    }
}

fn missing(kind: Kind, id: &str) -> ApiError {
    let what = match kind {
        Kind::Department => "department",
        Kind::BusinessAccount => "business account",
    };
    ApiError::not_found(what, id)
}

pub async fn create(house: &House, caller: &Caller, kind: Kind, new: &GroupName) -> Made {
    let prefix = match kind {
        Kind::Department => "dep",
        Kind::BusinessAccount => "biz",
    };
    let (id, created_at) = (house.clock.id(prefix), house.clock.now());
    let group = Stored { id, name: new.checked()?, created_at };
    let mut tx = house.store.begin().await?;
    group::insert(&mut tx, kind, &caller.team_id, &group).await?;
    house.commit(tx).await?;
    Ok((StatusCode::CREATED, axum::Json(group.into())))
}

pub async fn list(
    house: &House,
    caller: &Caller,
    kind: Kind,
    page: &Page,
) -> Result<(Vec<Group>, Pagination), ApiError> {
    let mut conn = house.store.read().await?;
    let team_id = &caller.team_id;
    let mut found = group::list(&mut conn, kind, team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |group| group.id.clone());
    Ok((found.into_iter().map(Into::into).collect(), Pagination { next }))
}

pub async fn get(house: &House, caller: &Caller, kind: Kind, id: &str) -> Shown {
    let mut conn = house.store.read().await?;
    let found = group::get(&mut conn, kind, &caller.team_id, id).await?;
    Ok(axum::Json(found.ok_or_else(|| missing(kind, id))?.into()))
}

pub async fn rename(
    house: &House,
    caller: &Caller,
    kind: Kind,
    id: &str,
    new: &GroupName,
) -> Shown {
    let name = new.checked()?;
    let mut tx = house.store.begin().await?;
    if !group::rename(&mut tx, kind, &caller.team_id, id, &name).await? {
        return Err(missing(kind, id));
    }
    house.commit(tx).await?;
    get(house, caller, kind, id).await
}

pub async fn delete(
    house: &House,
    caller: &Caller,
    kind: Kind,
    id: &str,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    if group::delete(&mut tx, kind, &caller.team_id, id).await? {
        house.commit(tx).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    if group::get(&mut tx, kind, &caller.team_id, id).await?.is_none() {
        return Err(missing(kind, id));
    }
    Err(ApiError::conflict("in_use", "accounts belong to it: take them out of it first"))
}
