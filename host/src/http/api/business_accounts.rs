//! Business accounts: numbers that share templates and free conversations.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, iso, short_text};
use crate::store::group::{self, Group, Kind};

type Answer<T> = Result<axum::Json<T>, ApiError>;

/// Numbers that share templates and a month's free conversations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessAccount {
    #[schema(example = "biz_01k…")]
    id: String,
    name: String,
    #[schema(value_type = String)]
    created_at: Value,
}

impl From<Group> for BusinessAccount {
    fn from(group: Group) -> Self {
        Self { id: group.id, name: group.name, created_at: iso(group.created_at) }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessAccountName {
    /// 1 to 100 characters.
    name: String,
}

impl BusinessAccountName {
    fn checked(&self) -> Result<String, ApiError> {
        let name = short_text(&self.name, "name", 100)?;
        if name.is_empty() {
            return Err(ApiError::invalid("name: 1 to 100 characters"));
        }
        Ok(name)
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("business account", id)
}

/// Make a business account.
#[utoipa::path(post, path = "/business-accounts", tag = "accounts", operation_id = "create_business_account", responses((status = 201, description = "Made", body = BusinessAccount)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<BusinessAccountName>,
) -> Result<(StatusCode, axum::Json<BusinessAccount>), ApiError> {
    let (id, created_at) = (house.clock.id("biz"), house.clock.now());
    let group = Group { id, name: new.checked()?, created_at };
    let mut tx = house.store.begin().await?;
    group::insert(&mut tx, Kind::BusinessAccount, &caller.team_id, &group).await?;
    house.commit(tx).await?;
    Ok((StatusCode::CREATED, axum::Json(group.into())))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessAccountList {
    business_accounts: Vec<BusinessAccount>,
    pagination: Pagination,
}

/// List business account, oldest first.
#[utoipa::path(get, path = "/business-accounts", tag = "accounts", operation_id = "list_business_accounts", params(Page), responses((status = 200, description = "A page of them", body = BusinessAccountList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer<BusinessAccountList> {
    let mut conn = house.store.read().await?;
    let (team_id, after) = (&caller.team_id, page.cursor());
    let mut found =
        group::list(&mut conn, Kind::BusinessAccount, team_id, after, page.fetch()).await?;
    let next = page.cut(&mut found, |group| group.id.clone());
    let business_accounts = found.into_iter().map(Into::into).collect();
    Ok(axum::Json(BusinessAccountList { business_accounts, pagination: Pagination { next } }))
}

/// Look at a business account.
#[utoipa::path(get, path = "/business-accounts/{id}", tag = "accounts", operation_id = "get_business_account", responses((status = 200, description = "It", body = BusinessAccount)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<BusinessAccount> {
    let mut conn = house.store.read().await?;
    let found = group::get(&mut conn, Kind::BusinessAccount, &caller.team_id, &id).await?;
    Ok(axum::Json(found.ok_or_else(|| missing(&id))?.into()))
}

/// Rename a business account.
#[utoipa::path(patch, path = "/business-accounts/{id}", tag = "accounts", operation_id = "rename_business_account", responses((status = 200, description = "As it is now", body = BusinessAccount)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<BusinessAccountName>,
) -> Answer<BusinessAccount> {
    let name = new.checked()?;
    let mut tx = house.store.begin().await?;
    if !group::rename(&mut tx, Kind::BusinessAccount, &caller.team_id, &id, &name).await? {
        return Err(missing(&id));
    }
    house.commit(tx).await?;
    get(State(house), caller, Path(id)).await
}

/// Remove a business account that no account belongs to.
#[utoipa::path(delete, path = "/business-accounts/{id}", tag = "accounts", operation_id = "delete_business_account", responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    if group::delete(&mut tx, Kind::BusinessAccount, &caller.team_id, &id).await? {
        house.commit(tx).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    if group::get(&mut tx, Kind::BusinessAccount, &caller.team_id, &id).await?.is_none() {
        return Err(missing(&id));
    }
    Err(ApiError::conflict("in_use", "accounts belong to it: take them out of it first"))
}
