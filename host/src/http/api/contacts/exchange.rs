//! Contacts by the file: import with progress, export as a stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::people::csv;
use crate::flow::people::import::{ImportError, upload};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, Path, Query, moment};
use crate::store::contact_list::{self, Filter};
use crate::store::import::{self, Import, ImportState};

/// Contacts that an export reads at once.
const SET: i64 = 500;
/// Lines that were left out, in one answer.
const PROBLEMS: i64 = 200;

/// An import and how far it has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportView {
    pub id: String,
    pub state: ImportState,
    /// Lines with a contact.
    pub total: i64,
    /// Those that were read.
    pub processed: i64,
    pub added: i64,
    pub updated: i64,
    /// Those that were left out.
    pub refused: i64,
    #[schema(required)]
    pub created_at: Option<String>,
    #[schema(required)]
    pub updated_at: Option<String>,
}

/// A line that was left out.
#[derive(Serialize, ToSchema)]
pub struct ImportProblem {
    /// Its number in the file, from 1.
    pub line: i64,
    pub problem: String,
}

#[derive(Serialize, ToSchema)]
pub struct ImportList {
    pub imports: Vec<ImportView>,
    pub pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub struct ImportProblems {
    pub problems: Vec<ImportProblem>,
    pub pagination: Pagination,
}

fn view(import: &Import) -> ImportView {
    ImportView {
        id: import.id.clone(),
        state: import.state,
        total: import.total,
        processed: import.added + import.updated + import.refused,
        added: import.added,
        updated: import.updated,
        refused: import.refused,
        created_at: moment(import.created_at),
        updated_at: moment(import.updated_at),
    }
}

/// Import contacts
///
/// CSV in UTF-8 with commas. The first line names the columns: `phone`, `name`, `tags`
/// (`vip;city=Berlin`), `optIn`, `fields` (a JSON object) and `fields.<name>`. A contact is known by
/// its number: one that is there is changed, and what a line leaves empty stays. A line that does not
/// fit is left out and told; the others go on, also after a restart.
#[utoipa::path(post, path = "/contacts/import", tag = "contacts",
    request_body(content = String, content_type = "text/csv"),
    responses((status = 202, description = "The whole file is stored", body = ImportView)))]
pub async fn import(
    State(house): State<Arc<House>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, axum::Json<ImportView>), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/csv")) {
        let hint = "send the file itself as the body, with `Content-Type: text/csv`";
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            hint,
        ));
    }
    let bytes = Box::pin(http_body_util::BodyDataStream::new(body));
    let import = upload(&house, &caller.team_id, bytes).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view(&import))))
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Invalid(problem) if problem.contains("length limit") => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the file is larger than this host takes: send it in parts",
            ),
            ImportError::Invalid(problem) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_csv", problem)
            }
            ImportError::Internal(error) => error.into(),
        }
    }
}

/// List imports
#[utoipa::path(get, path = "/imports", tag = "contacts",
    params(Page), responses((status = 200, description = "A page of them, oldest first", body = ImportList)))]
pub async fn imports(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<axum::Json<ImportList>, ApiError> {
    let mut conn = house.store.read().await?;
    let mut found = import::list(&mut conn, &caller.team_id, page.cursor(), page.fetch()).await?;
    let next = page.cut(&mut found, |import| import.id.clone());
    let imports = found.iter().map(view).collect();
    Ok(axum::Json(ImportList { imports, pagination: Pagination { next } }))
}

/// How far an import has come
#[utoipa::path(get, path = "/imports/{id}", tag = "contacts",
    responses((status = 200, description = "The import", body = ImportView)))]
pub async fn progress(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<ImportView>, ApiError> {
    let found = import::get(&mut *house.store.read().await?, &caller.team_id, &id).await?;
    let import = found.ok_or_else(|| ApiError::not_found("import", &id))?;
    Ok(axum::Json(view(&import)))
}

/// The lines that an import left out
#[utoipa::path(get, path = "/imports/{id}/problems", tag = "contacts",
    params(Page), responses((status = 200, description = "A page of them, in order of line", body = ImportProblems)))]
pub async fn problems(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<axum::Json<ImportProblems>, ApiError> {
    let after = match page.cursor() {
        "" => 0,
        line => line.parse().map_err(|_| ApiError::invalid("cursor: is none of this list"))?,
    };
    let mut conn = house.store.read().await?;
    if import::get(&mut conn, &caller.team_id, &id).await?.is_none() {
        return Err(ApiError::not_found("import", &id));
    }
    let mut found = import::problems(&mut conn, &id, after, page.fetch().min(PROBLEMS + 1)).await?;
    let next = page.cut(&mut found, |(line, _)| line.to_string());
    let problems =
        found.into_iter().map(|(line, problem)| ImportProblem { line, problem }).collect();
    Ok(axum::Json(ImportProblems { problems, pagination: Pagination { next } }))
}

/// Export all contacts
///
/// CSV in UTF-8, as it can be imported again. No cell is one that a spreadsheet would run: those that
/// begin with `=`, `+`, `-` or `@` have a quote before it, but for phone numbers.
#[utoipa::path(get, path = "/contacts/export", tag = "contacts",
    responses((status = 200, description = "The file", content_type = "text/csv", body = String)))]
pub async fn export(State(house): State<Arc<House>>, caller: Caller) -> Response {
    /// Where the export goes on.
    struct Place {
        house: Arc<House>,
        team_id: String,
        after: Option<String>,
        first: bool,
    }
    let begin = Place { house, team_id: caller.team_id, after: Some(String::new()), first: true };
    let parts = stream::try_unfold(begin, async |mut place: Place| {
        let Some(after) = place.after.take() else { return Ok(None) };
        let mut conn = place.house.store.read().await.map_err(anyhow::Error::from)?;
        let filter = Filter::default();
        let found = contact_list::list(&mut conn, &place.team_id, &filter, &after, SET).await;
        drop(conn);
        let found = found.map_err(anyhow::Error::from)?;
        if i64::try_from(found.len()).is_ok_and(|count| count == SET) {
            place.after = found.last().map(|contact| contact.id.clone());
        }
        let lines = Bytes::from(csv::lines(&found, place.first));
        place.first = false;
        Ok::<_, anyhow::Error>(Some((lines, place)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"contacts.csv\""),
    ];
    (headers, Body::from_stream(parts)).into_response()
}
