//! Templates: write, look at, submit for review, delete.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::{House, templates};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Json, Page, Pagination, Path, Query, moment, short_text};
use crate::model::{Component, ParameterFormat, Template, TemplateCategory, TemplateStatus};
use crate::store::template::{self, Filter};

/// A template in one language.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateView {
    pub id: String,
    pub name: String,
    pub language: String,
    pub category: TemplateCategory,
    pub parameter_format: ParameterFormat,
    pub components: Vec<Component>,
    /// The placeholders of the body, in order.
    pub parameters: Vec<String>,
    pub status: TemplateStatus,
    /// Why it was rejected, paused or disabled.
    #[schema(required)]
    pub reason: Option<String>,
    /// Null: it belongs to the team.
    #[schema(required)]
    pub business_account: Option<String>,
    #[schema(required)]
    pub created_at: Option<String>,
    #[schema(required)]
    pub updated_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TemplateList {
    pub templates: Vec<TemplateView>,
    pub pagination: Pagination,
}

fn view(template: Template) -> TemplateView {
    let some = |text: String| (!text.is_empty()).then_some(text);
    TemplateView {
        parameters: template.parameters(),
        id: template.id,
        name: template.name,
        language: template.language,
        category: template.category,
        parameter_format: template.format,
        components: template.components,
        status: template.status,
        reason: some(template.reason),
        business_account: some(template.business_account_id),
        created_at: moment(template.created_at),
        updated_at: moment(template.updated_at),
    }
}

async fn own(house: &House, team_id: &str, id: &str) -> Result<Template, ApiError> {
    let found = template::get(&mut *house.store.read().await?, team_id, id).await?;
    found.ok_or_else(|| ApiError::not_found("template", id))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewTemplate {
    /// 1 to 512 of a-z, 0-9 and _.
    #[schema(example = "order_ready")]
    name: String,
    #[schema(example = "en_US")]
    language: String,
    category: TemplateCategory,
    /// `positional` where absent.
    parameter_format: Option<ParameterFormat>,
    /// One body; at most one header, footer and set of buttons.
    components: Vec<Component>,
    /// Absent: it belongs to the team.
    business_account: Option<String>,
    /// Hand it in for review at once.
    #[serde(default)]
    submit: bool,
}

/// Write a template
///
/// It is a draft until it is submitted. 409 `template_exists` where there is one of that name and
/// language.
#[utoipa::path(post, path = "/templates", tag = "templates",
    responses((status = 201, description = "The new template", body = TemplateView)))]
pub async fn create(
    State(house): State<Arc<House>>,
    caller: Caller,
    Json(new): Json<NewTemplate>,
) -> Result<(StatusCode, axum::Json<TemplateView>), ApiError> {
    let now = house.clock.now();
    let business = new.business_account.unwrap_or_default();
    let template = Template {
        id: house.clock.id("tpl"),
        team_id: caller.team_id.clone(),
        business_account_id: short_text(&business, "businessAccount", 100)?,
        name: new.name,
        language: new.language,
        category: new.category,
        format: new.parameter_format.unwrap_or(ParameterFormat::Positional),
        components: new.components,
        status: TemplateStatus::Draft,
        reason: String::new(),
        provider_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    template.check().map_err(ApiError::invalid)?;
    let mut tx = house.store.begin().await?;
    if !template::insert(&mut tx, &template).await? {
        let hint = format!("there is a template {:?} in {:?}", template.name, template.language);
        return Err(ApiError::conflict("template_exists", hint));
    }
    house.commit(tx).await?;
    if new.submit {
        templates::submit(&house, &template).await?;
    }
    let made = own(&house, &caller.team_id, &template.id).await?;
    Ok((StatusCode::CREATED, axum::Json(view(made))))
}

/// Which templates to list; all that are given must hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// `pagination.next` of the page before; absent: the first page.
    #[serde(default)]
    cursor: String,
    /// At most so many: 50 where absent, 200 at most.
    limit: Option<i64>,
    name: Option<String>,
    language: Option<String>,
    #[param(inline)]
    status: Option<TemplateStatus>,
    business_account: Option<String>,
}

/// List templates
#[utoipa::path(get, path = "/templates", tag = "templates",
    params(TemplateQuery), responses((status = 200, description = "A page of them", body = TemplateList)))]
pub async fn list(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<TemplateQuery>,
) -> Result<axum::Json<TemplateList>, ApiError> {
    let filter = Filter {
        name: query.name,
        language: query.language,
        status: query.status,
        business_account_id: query.business_account,
    };
    let page = Page::new(query.cursor, query.limit);
    let mut conn = house.store.read().await?;
    let mut found =
        template::list(&mut conn, &caller.team_id, &filter, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |template| template.id.clone());
    let templates = found.into_iter().map(view).collect();
    Ok(axum::Json(TemplateList { templates, pagination: Pagination { next } }))
}

/// Get a template
#[utoipa::path(get, path = "/templates/{id}", tag = "templates",
    responses((status = 200, description = "The template", body = TemplateView)))]
pub async fn get(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<TemplateView>, ApiError> {
    Ok(axum::Json(view(own(&house, &caller.team_id, &id).await?)))
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TemplateChange {
    category: Option<TemplateCategory>,
    parameter_format: Option<ParameterFormat>,
    /// All of them, in place of those before.
    components: Option<Vec<Component>>,
    /// Hand it in for review at once.
    #[serde(default)]
    submit: bool,
}

/// Change a template
///
/// A draft, or one that was rejected, which is a draft again then. Any other is refused as 409
/// `template_not_editable`. Name and language stay: messages name it by them.
#[utoipa::path(patch, path = "/templates/{id}", tag = "templates",
    responses((status = 200, description = "As it is now", body = TemplateView)))]
pub async fn change(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<TemplateChange>,
) -> Result<axum::Json<TemplateView>, ApiError> {
    let mut template = own(&house, &caller.team_id, &id).await?;
    template.category = change.category.unwrap_or(template.category);
    template.format = change.parameter_format.unwrap_or(template.format);
    template.components = change.components.unwrap_or(template.components);
    template.check().map_err(ApiError::invalid)?;
    templates::edit(&house, template, change.submit).await??;
    Ok(axum::Json(view(own(&house, &caller.team_id, &id).await?)))
}

/// Submit a template for review
///
/// A draft, or one that was rejected. `template.status` tells what comes of it.
#[utoipa::path(post, path = "/templates/{id}/submit", tag = "templates",
    responses((status = 202, description = "It is being reviewed", body = TemplateView)))]
pub async fn submit(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<TemplateView>), ApiError> {
    let template = own(&house, &caller.team_id, &id).await?;
    if !templates::submit(&house, &template).await? {
        let hint = format!("template {id:?} is {}: only a draft can be submitted", template.status);
        return Err(ApiError::conflict("template_not_draft", hint));
    }
    let template = own(&house, &caller.team_id, &id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view(template))))
}

/// Delete a template
///
/// Messages that name it and have not left end as errors.
#[utoipa::path(delete, path = "/templates/{id}", tag = "templates",
    responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = house.store.begin().await?;
    if !template::delete(&mut tx, &caller.team_id, &id).await? {
        return Err(ApiError::not_found("template", &id));
    }
    house.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
