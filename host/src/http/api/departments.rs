//! Departments: parts of a team that accounts, and so their chats, belong to.

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

/// A part of a team. A chat belongs to its account's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Department {
    #[schema(example = "dep_01k…")]
    id: String,
    name: String,
    #[schema(value_type = String)]
    created_at: Value,
}

impl From<Group> for Department {
    fn from(group: Group) -> Self {
        Self { id: group.id, name: group.name, created_at: iso(group.created_at) }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DepartmentName {
    /// 1 to 100 characters.
    name: String,
}

impl DepartmentName {
    fn checked(&self) -> Result<String, ApiError> {
        let name = short_text(&self.name, "name", 100)?;
        if name.is_empty() {
            return Err(ApiError::invalid("name: 1 to 100 characters"));
        }
        Ok(name)
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found("department", id)
}

/// Make a department.
#[utoipa::path(post, path = "/departments", tag = "accounts", operation_id = "create_department", responses((status = 201, description = "Made", body = Department)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<DepartmentName>,
) -> Result<(StatusCode, axum::Json<Department>), ApiError> {
    let (id, created_at) = (house.clock.id("dep"), house.clock.now());
    let group = Group { id, name: new.checked()?, created_at };
    let mut tx = house.store.begin().await?;
    group::insert(&mut tx, Kind::Department, &caller.team_id, &group).await?;
    house.commit(tx).await?;
    Ok((StatusCode::CREATED, axum::Json(group.into())))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartmentList {
    departments: Vec<Department>,
    pagination: Pagination,
}

/// List department, oldest first.
#[utoipa::path(get, path = "/departments", tag = "accounts", operation_id = "list_departments", params(Page), responses((status = 200, description = "A page of them", body = DepartmentList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer<DepartmentList> {
    let mut conn = house.store.read().await?;
    let (team_id, after) = (&caller.team_id, page.cursor());
    let mut found = group::list(&mut conn, Kind::Department, team_id, after, page.fetch()).await?;
    let next = page.cut(&mut found, |group| group.id.clone());
    let departments = found.into_iter().map(Into::into).collect();
    Ok(axum::Json(DepartmentList { departments, pagination: Pagination { next } }))
}

/// Look at a department.
#[utoipa::path(get, path = "/departments/{id}", tag = "accounts", operation_id = "get_department", responses((status = 200, description = "It", body = Department)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Department> {
    let mut conn = house.store.read().await?;
    let found = group::get(&mut conn, Kind::Department, &caller.team_id, &id).await?;
    Ok(axum::Json(found.ok_or_else(|| missing(&id))?.into()))
}

/// Rename a department.
#[utoipa::path(patch, path = "/departments/{id}", tag = "accounts", operation_id = "rename_department", responses((status = 200, description = "As it is now", body = Department)))]
pub async fn rename(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<DepartmentName>,
) -> Answer<Department> {
    let name = new.checked()?;
    let mut tx = house.store.begin().await?;
    if !group::rename(&mut tx, Kind::Department, &caller.team_id, &id, &name).await? {
        return Err(missing(&id));
    }
    house.commit(tx).await?;
    get(State(house), caller, Path(id)).await
}

/// Remove a department that no account belongs to.
#[utoipa::path(delete, path = "/departments/{id}", tag = "accounts", operation_id = "delete_department", responses((status = 204, description = "Removed")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    if group::delete(&mut tx, Kind::Department, &caller.team_id, &id).await? {
        house.commit(tx).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    if group::get(&mut tx, Kind::Department, &caller.team_id, &id).await?.is_none() {
        return Err(missing(&id));
    }
    Err(ApiError::conflict("in_use", "accounts belong to it: take them out of it first"))
}
