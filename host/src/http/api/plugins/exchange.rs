//! All that a plugin keeps, as a stream of lines, out and in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::data::PluginState;
use crate::flow::House;
use crate::flow::install::state::{self as edits, Edit};
use crate::flow::install::{self, InstallError};
use crate::http::api::contacts::ImportProblem;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Path, parse_moment};
use crate::model::Scope;
use crate::store::plugin::InstallRow;
use crate::store::state::{self, Filter};

/// Lines that are read, or written, at once.
const SET: usize = 256;
/// Lines that were left out, in the answer; beyond them they are counted.
const PROBLEMS: usize = 100;
const NDJSON: &str = "application/x-ndjson";

/// One line of a file.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    scope: String,
    #[serde(default)]
    subject: String,
    key: String,
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// Export what a plugin keeps
///
/// One JSON object a line: `scope`, `subject`, `key`, `value` and, where it has one, `expiresAt`; in order of the first
/// three. It can be imported again.
#[utoipa::path(get, path = "/plugins/{id}/state/export", tag = "plugins", responses((status = 200, description = "The file", content_type = "application/x-ndjson", body = String)))]
pub async fn export_state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    type Place = Option<(String, String, String)>;
    let install = install::find(&house, &caller.team_id, &key).await?;
    let begin: (Arc<House>, String, Option<Place>) = (house, install.id, Some(None));
    let parts = stream::try_unfold(begin, async |(house, id, place)| {
        let Some(after) = place else { return Ok(None) };
        let mut conn = house.store.read().await?;
        let most = i64::try_from(SET).unwrap_or(1);
        let (filter, now) = (Filter::default(), house.clock.now());
        let found = state::page(&mut conn, &id, &filter, after.as_ref(), now, most).await?;
        drop(conn);
        let next = found.last().filter(|_| found.len() == SET).map(|last| {
            let (scope, subject) = last.scope.parts();
            Some((scope.to_owned(), subject.to_owned(), last.entry.key.clone()))
        });
        let mut text = String::new();
        for placed in found {
            let PluginState { scope, subject, key, value, expires_at, .. } = placed.into();
            let line = Line { scope, subject, key, value, expires_at };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        Ok::<_, anyhow::Error>(Some((Bytes::from(text), (house, id, next))))
    });
    let headers = [
        (header::CONTENT_TYPE, NDJSON),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"state.ndjson\""),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// What an import wrote.
#[derive(Serialize, ToSchema)]
pub struct StateImported {
    written: u64,
    /// Lines that were left out.
    refused: u64,
    /// The first hundred of them.
    problems: Vec<ImportProblem>,
}

/// Import into what a plugin keeps
///
/// One JSON object a line, as the export writes them; what is there is written over, and other keys stay. Lines are
/// written 256 at a time, each set whole or not at all; one that does not fit is left out and told. The same file may be
/// imported again, after an upload that broke off too.
#[utoipa::path(post, path = "/plugins/{id}/state/import", tag = "plugins",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "What was written", body = StateImported)))]
pub async fn import_state(
    State(house): Shared,
    caller: Caller,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<StateImported>, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(NDJSON)) {
        let hint =
            "send the lines themselves as the body, with `Content-Type: application/x-ndjson`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, "unsupported_media_type", hint));
    }
    let install = install::find(&house, &caller.team_id, &key).await?;
    // Every byte of a value may be written with an escape of six.
    let longest = 6 * house.config.plugins.state_value + 4096;
    let mut import = Import::new(house, install, longest);
    let mut bytes = http_body_util::BodyDataStream::new(body);
    while let Some(part) = bytes.next().await {
        let part = part.map_err(|problem| {
            ApiError::invalid(format!("the upload broke off: {problem}; what came is written"))
        })?;
        import.take(&part).await?;
    }
    Ok(axum::Json(import.end().await?))
}

/// An import under way: what has come of the present line and set.
struct Import {
    house: Arc<House>,
    install: InstallRow,
    longest: usize,
    line: Vec<u8>,
    /// The present line is too long to be read.
    overlong: bool,
    number: i64,
    set: Vec<Edit>,
    /// Scopes that were looked for, with what was found.
    scopes: BTreeMap<(String, String), Result<Scope, String>>,
    done: StateImported,
}

impl Import {
    fn new(house: Arc<House>, install: InstallRow, longest: usize) -> Self {
        let done = StateImported { written: 0, refused: 0, problems: Vec::new() };
        let (line, set, scopes) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { house, install, longest, line, overlong: false, number: 0, set, scopes, done }
    }

    async fn take(&mut self, part: &[u8]) -> Result<(), ApiError> {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.overlong |= self.line.len() + text.len() > self.longest;
            if !self.overlong {
                self.line.extend_from_slice(text);
            }
            if ended {
                self.end_line().await?;
            }
        }
        Ok(())
    }

    async fn end(mut self) -> Result<StateImported, ApiError> {
        if !self.line.is_empty() || self.overlong {
            self.end_line().await?;
        }
        self.write().await?;
        Ok(self.done)
    }

    async fn end_line(&mut self) -> Result<(), ApiError> {
        self.number += 1;
        let (line, overlong) = (std::mem::take(&mut self.line), std::mem::take(&mut self.overlong));
        if line.trim_ascii().is_empty() && !overlong {
            return Ok(());
        }
        let edit = if overlong {
            Err(format!("longer than {} bytes", self.longest))
        } else {
            self.edit(&line).await?
        };
        match edit {
            Ok(edit) => self.set.push(edit),
            Err(problem) => {
                self.done.refused += 1;
                if self.done.problems.len() < PROBLEMS {
                    self.done.problems.push(ImportProblem { line: self.number, problem });
                }
            }
        }
        if self.set.len() == SET {
            self.write().await?;
        }
        Ok(())
    }

    async fn edit(&mut self, line: &[u8]) -> Result<Result<Edit, String>, ApiError> {
        let line: Line = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(problem) => return Ok(Err(problem.to_string())),
        };
        if let Err(problem) = edits::check(&self.house, &line.key, Some(&line.value)) {
            return Ok(Err(problem));
        }
        let expires_at = line.expires_at.as_deref().map(|at| parse_moment(at, "expiresAt"));
        let Ok(expires_at) = expires_at.transpose() else {
            return Ok(Err("expiresAt: give a moment with its zone".to_owned()));
        };
        let scope = self.scope(line.scope, line.subject).await?;
        let edit = |scope| Edit { scope, key: line.key, value: Some(line.value), expires_at };
        Ok(scope.map(edit))
    }

    async fn scope(
        &mut self,
        word: String,
        subject: String,
    ) -> Result<Result<Scope, String>, ApiError> {
        let place = (word, subject);
        if let Some(known) = self.scopes.get(&place) {
            return Ok(known.clone());
        }
        let mut conn = self.house.store.read().await?;
        let found = edits::scope(&mut conn, &self.install.team_id, &place.0, &place.1).await;
        let found = match found {
            Ok(scope) => Ok(scope),
            Err(InstallError::Internal(error)) => return Err(error.into()),
            Err(problem) => Err(problem.to_string()),
        };
        // In an exported file those of one subject stand together.
        if self.scopes.len() >= SET {
            self.scopes.clear();
        }
        self.scopes.insert(place, found.clone());
        Ok(found)
    }

    async fn write(&mut self) -> Result<(), ApiError> {
        let set = std::mem::take(&mut self.set);
        if set.is_empty() {
            return Ok(());
        }
        match edits::write(&self.house, &self.install, &set).await {
            Ok(()) => self.done.written += set.len() as u64,
            Err(full @ InstallError::Full(..)) => {
                let message = format!("{full}; {} lines were written", self.done.written);
                return Err(ApiError::conflict("state_full", message));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
