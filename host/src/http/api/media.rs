//! Files: upload, download, describe, delete. They stream in both directions.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::flow::House;
use crate::flow::media::{self, NewMedia, Pieces};
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query, moment, short_text};
use crate::store::media::MediaRow;

/// A stored file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaFile {
    pub id: String,
    pub mime_type: String,
    pub filename: String,
    /// In bytes.
    pub size: i64,
    /// Hexadecimal.
    pub sha256: String,
    /// `upload`, `url` (fetched for a message) or `channel` (a customer sent it).
    pub origin: String,
    pub created_at: Option<String>,
}

fn view(row: MediaRow) -> MediaFile {
    MediaFile {
        id: row.id,
        mime_type: row.mime_type,
        filename: row.filename,
        size: row.size,
        sha256: row.hash,
        origin: row.origin,
        created_at: moment(row.created_at),
    }
}

/// What the upload of a body says beside it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MediaUpload {
    /// What the file is called.
    #[serde(default)]
    filename: String,
}

/// Upload a file
///
/// The bytes as the body with their `Content-Type`, or as the first file of a `multipart/form-data`
/// body. What its type does not allow is refused: 413 for its size, 415 where its bytes are of another
/// kind. A file that no message names is forgotten after `media.unused_days`.
#[utoipa::path(
    post,
    path = "/media",
    tag = "media",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(MediaUpload), responses((status = 201, description = "The stored file", body = MediaFile))
)]
pub async fn upload(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(named): Query<MediaUpload>,
    request: Request,
) -> Result<(StatusCode, axum::Json<MediaFile>), ApiError> {
    let mime_type = text_of(request.headers(), header::CONTENT_TYPE);
    let row = if mime_type.starts_with("multipart/form-data") {
        first_of(&house, &caller, named.filename, request).await?
    } else {
        let announced = text_of(request.headers(), header::CONTENT_LENGTH).parse::<u64>().ok();
        let new = new(&house, &caller, &mime_type, &named.filename, announced)?;
        let pieces = request.into_body().into_data_stream();
        let pieces = pieces.map(|piece| piece.map_err(anyhow::Error::from)).boxed();
        media::store(&house, new, pieces).await?
    };
    Ok((StatusCode::CREATED, axum::Json(view(row))))
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The first file of a form.
async fn first_of(
    house: &House,
    caller: &Caller,
    named: String,
    request: Request,
) -> Result<MediaRow, ApiError> {
    let broken = |error: &dyn std::fmt::Display| ApiError::invalid(format!("the form: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        let Some(filename) = field.file_name().map(str::to_owned) else { continue };
        let filename = if named.is_empty() { filename } else { named };
        let mime_type = field.content_type().unwrap_or_default().to_owned();
        let new = new(house, caller, &mime_type, &filename, None)?;
        // A form's part lends its bytes: they pass through a channel to whoever stores them.
        let (send, receive) = tokio::sync::mpsc::channel::<anyhow::Result<Bytes>>(4);
        let pieces: Pieces = stream::unfold(receive, async |mut receive| {
            let piece = receive.recv().await?;
            Some((piece, receive))
        })
        .boxed();
        let pour = async move {
            let mut field = field;
            loop {
                let piece = match field.chunk().await {
                    Ok(Some(piece)) => Ok(piece),
                    Ok(None) => return,
                    Err(error) => Err(error.into()),
                };
                let over = piece.is_err();
                if send.send(piece).await.is_err() || over {
                    return;
                }
            }
        };
        let (stored, ()) = futures_util::join!(media::store(house, new, pieces), pour);
        return Ok(stored?);
    }
    Err(ApiError::invalid("the form has no file: give a part with a filename"))
}

fn new(
    house: &House,
    caller: &Caller,
    mime_type: &str,
    filename: &str,
    announced: Option<u64>,
) -> Result<NewMedia, ApiError> {
    let mime_type = if mime_type.is_empty() { "application/octet-stream" } else { mime_type };
    let mime_type = short_text(mime_type, "Content-Type", 100)?;
    let limit = media::limit_for(&house.config.media, &mime_type);
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(media::MediaError::TooLarge(limit).into());
    }
    Ok(NewMedia {
        team_id: caller.team_id.clone(),
        mime_type,
        filename: short_text(filename, "filename", 240)?,
        origin: "upload",
        limit,
        used: false,
        department_id: caller.department_id.clone(),
    })
}

async fn own(house: &House, caller: &Caller, id: &str) -> Result<MediaRow, ApiError> {
    let found = media::describe(house, &caller.team_id, &caller.department_id, id).await?;
    found.ok_or_else(|| ApiError::not_found("file", id))
}

/// Describe a file
#[utoipa::path(
    get,
    path = "/media/{id}/about",
    tag = "media",
    responses((status = 200, description = "What is known of it", body = MediaFile))
)]
pub async fn describe(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<MediaFile>, ApiError> {
    Ok(axum::Json(view(own(&house, &caller, &id).await?)))
}

/// Download a file
///
/// Whole, or the one range of bytes that `Range` asks for.
#[utoipa::path(
    get,
    path = "/media/{id}",
    tag = "media",
    params(("Range" = Option<String>, Header, description = "`bytes=0-1023`, `bytes=1024-` or `bytes=-512`")),
    responses(
        (status = 200, description = "Its bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "Some of its bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 416, description = "It has no such bytes")
    )
)]
pub async fn download(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = own(&house, &caller, &id).await?;
    let size = u64::try_from(row.size).unwrap_or(0);
    let asked = text_of(&headers, header::RANGE);
    let range = match wanted(&asked, size) {
        Some(Ok(range)) => Some(range),
        Some(Err(())) => {
            let text = format!("the file has {size} bytes");
            let refused = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", text);
            let mut response = refused.into_response();
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
        None => None,
    };
    let (row, pieces) = media::open(&house, &caller.team_id, &row.id, range).await?;
    let mut response = Body::from_stream(pieces).into_response();
    let length = range.map_or(size, |(start, end)| end - start);
    if let Some((start, end)) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
    }
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::CONTENT_TYPE, &row.mime_type);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    // A file is what somebody sent: no browser runs it here.
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::CONTENT_DISPOSITION, "attachment");
    set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    Ok(response)
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The range that a header asks for, up to before its end; `None` where it asks for none that we
/// know, `Err` where the file has no such bytes.
fn wanted(header: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (start, end) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (start.trim(), end.trim()) {
        ("", last) => {
            let last: u64 = last.parse().ok()?;
            (size.saturating_sub(last), size)
        }
        (start, "") => (start.parse().ok()?, size),
        (start, end) => (start.parse().ok()?, end.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    Some(if range.0 < range.1 { Ok(range) } else { Err(()) })
}

/// Delete a file
///
/// Messages that name it keep its id; one that is still to be sent fails.
#[utoipa::path(
    delete,
    path = "/media/{id}",
    tag = "media",
    responses((status = 200, description = "The file as it was", body = MediaFile))
)]
pub async fn delete(
    State(house): State<Arc<House>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<MediaFile>, ApiError> {
    let row = own(&house, &caller, &id).await?;
    media::delete(&house, &caller.team_id, &id).await?;
    Ok(axum::Json(view(row)))
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn a_range_is_within_the_file_or_refused() {
        assert_eq!(wanted("bytes=0-9", 100), Some(Ok((0, 10))));
        assert_eq!(wanted("bytes=90-", 100), Some(Ok((90, 100))));
        assert_eq!(wanted("bytes=-5", 100), Some(Ok((95, 100))));
        assert_eq!(wanted("bytes=0-999", 100), Some(Ok((0, 100))));
        assert_eq!(wanted("bytes=100-", 100), Some(Err(())));
        assert_eq!(wanted("bytes=9-3", 100), Some(Err(())));
        for other in ["", "bytes=a-b", "bytes=0-1,5-6", "items=0-1"] {
            assert_eq!(wanted(other, 100), None, "{other}");
        }
    }
}
