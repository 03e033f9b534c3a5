//! Departments: parts of a team that accounts, and so their chats, belong to.

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
use crate::store::group::Kind::Department;

/// Make a department.
#[utoipa::path(post, path = "/departments", tag = "accounts", operation_id = "create_department", responses((status = 201, description = "Made", body = Group)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<GroupName>,
) -> Made {
    groups::create(&house, &caller, Department, &new).await
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentList {
    departments: Vec<Group>,
    pagination: Pagination,
}

/// List departments, oldest first.
#[utoipa::path(get, path = "/departments", tag = "accounts", operation_id = "list_departments", params(Page), responses((status = 200, description = "A page of them", body = DepartmentList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<DepartmentList>, ApiError> {
    let (departments, pagination) = groups::list(&house, &caller, Department, &page).await?;
    Ok(axum::Json(DepartmentList { departments, pagination }))
}

/// Look at a department.
#[utoipa::path(get, path = "/departments/{id}", tag = "accounts", operation_id = "get_department", responses((status = 200, description = "It", body = Group)))]
pub async fn get(State(house): State<Arc<House>>, caller: Caller, Path(id): Path<String>) -> Shown {
    groups::get(&house, &caller, Department, &id).await
}

/// Rename a department.
#[utoipa::path(patch, path = "/departments/{id}", tag = "accounts", operation_id = "rename_department", responses((status = 200, description = "As it is now", body = Group)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<GroupName>,
) -> Shown {
    groups::rename(&house, &caller, Department, &id, &new).await
}

/// Remove a department that no account belongs to.
#[utoipa::path(delete, path = "/departments/{id}", tag = "accounts", operation_id = "delete_department", responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    groups::delete(&house, &caller, Department, &id).await
}
