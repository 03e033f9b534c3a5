//! Business accounts: numbers that share templates and free conversations.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::groups::{self, Group, GroupName, Made, Shown};
use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query};
use crate::store::group::Kind::BusinessAccount;

/// Make a business account.
#[utoipa::path(post, path = "/business-accounts", tag = "accounts", operation_id = "create_business_account", responses((status = 201, description = "Made", body = Group)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<GroupName>,
) -> Made {
    groups::create(&house, &caller, BusinessAccount, &new).await
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessAccountList {
    business_accounts: Vec<Group>,
    pagination: Pagination,
}

/// List business accounts, oldest first.
#[utoipa::path(get, path = "/business-accounts", tag = "accounts", operation_id = "list_business_accounts", params(Page), responses((status = 200, description = "A page of them", body = BusinessAccountList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<BusinessAccountList>, ApiError> {
    let (business_accounts, pagination) =
        groups::list(&house, &caller, BusinessAccount, &page).await?;
    Ok(axum::Json(BusinessAccountList { business_accounts, pagination }))
}

/// Look at a business account.
#[utoipa::path(get, path = "/business-accounts/{id}", tag = "accounts", operation_id = "get_business_account", responses((status = 200, description = "It", body = Group)))]
pub async fn get(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Shown {
    groups::get(&house, &caller, BusinessAccount, &id).await
}

/// Rename a business account.
#[utoipa::path(patch, path = "/business-accounts/{id}", tag = "accounts", operation_id = "rename_business_account", responses((status = 200, description = "As it is now", body = Group)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<GroupName>,
) -> Shown {
    groups::rename(&house, &caller, BusinessAccount, &id, &new).await
}

/// Remove a business account that no account belongs to.
#[utoipa::path(delete, path = "/business-accounts/{id}", tag = "accounts", operation_id = "delete_business_account", responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    groups::delete(&house, &caller, BusinessAccount, &id).await
}
