//! Files of messages: stored, opened, described, fetched. Their bytes stream; none is ever whole in
//! memory.
//!
//! A file is announced in a row before its first byte is kept, and is there for its team when the row
//! says that it is ready: what a crash leaves behind is known, and goes with the files nobody used.

mod data_url;
mod depot;
mod fetch;
mod kept;
mod kind;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use sha2::{Digest, Sha256};

pub use depot::Depot;
pub use fetch::{is_remote, prepare, refuse_early};
pub use kept::{discard, stored, write_new};
pub use kind::{fits, limit_for, types_of};

use super::House;
use crate::channel::SendError;
use crate::model::{Content, Message, Millis};
use crate::store::media::{self as rows, MediaRow};
use crate::store::{Conn, StoreError};

/// Bytes as they come.
pub type Pieces = BoxStream<'static, Result<Bytes, anyhow::Error>>;

/// A file to store.
#[derive(Clone, Debug)]
pub struct NewMedia {
    pub team_id: String,
    pub mime_type: String,
    pub filename: String,
    /// `upload`, `url`, `channel` or `plugin`.
    pub origin: &'static str,
    /// The most bytes that it may have.
    pub limit: u64,
    /// A message names it from the beginning.
    pub used: bool,
    /// The department whose key uploads it; empty for the whole team.
    pub department_id: String,
}

/// Why a file was not stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("it has no bytes")]
    Empty,
    #[error("{0}")]
    Type(String),
    /// An address that may not be fetched from.
    #[error("{0}")]
    Refused(String),
    /// The address does not answer with the file; `true`: it may yet.
    #[error("{0}")]
    Unreachable(String, bool),
    #[error("there is no stored file {0:?}")]
    NotFound(String),
    /// The sender went away in the middle.
    #[error("it broke off: {0}")]
    Broken(String),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<StoreError> for MediaError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl MediaError {
    /// The stable code of a refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "media_too_large",
            Self::Empty | Self::Broken(_) => "media_broken",
            Self::Type(_) => "media_type",
            Self::Refused(_) => "media_refused",
            Self::Unreachable(..) => "media_unreachable",
            Self::NotFound(_) => "media_not_found",
            Self::Internal(_) => "internal",
        }
    }

    /// The same as a channel would say it.
    pub fn into_send_error(self) -> SendError {
        let (code, message) = (self.code().to_owned(), self.to_string());
        match self {
            Self::Unreachable(_, true) | Self::Broken(_) | Self::Internal(_) => {
                SendError::Retry { code, message, after: None }
            }
            _ => SendError::Fail { code, message },
        }
    }
}

/// Store a file: stream its bytes into the depot, look at the first of them, hash them all, and only
/// then let it be seen.
///
/// # Errors
/// See [`MediaError`]; nothing of it is kept then.
pub async fn store(house: &House, new: NewMedia, pieces: Pieces) -> Result<MediaRow, MediaError> {
    let row = write(house, house.clock.id("med"), new, pieces).await?;
    let mut tx = house.store.begin().await?;
    rows::complete(&mut tx, &row).await?;
    house.commit(tx).await?;
    Ok(row)
}

/// Announce a file and write its bytes; it is not to be seen yet.
async fn write(
    house: &House,
    id: String,
    new: NewMedia,
    mut pieces: Pieces,
) -> Result<MediaRow, MediaError> {
    let now = house.clock.now();
    let mut row = MediaRow {
        id,
        team_id: new.team_id,
        mime_type: kind::plain(&new.mime_type),
        filename: new.filename,
        size: 0,
        hash: String::new(),
        origin: new.origin.to_owned(),
        created_at: now,
        used_at: if new.used { now } else { 0 },
        department_id: new.department_id,
    };
    let mut tx = house.store.begin().await?;
    rows::announce(&mut tx, &row).await?;
    tx.commit().await?;
    match pour(house, &mut row, &mut pieces, new.limit).await {
        Ok(()) => Ok(row),
        Err(error) => {
            forget(house, std::slice::from_ref(&row)).await?;
            Err(error)
        }
    }
}

async fn pour(
    house: &House,
    row: &mut MediaRow,
    pieces: &mut Pieces,
    limit: u64,
) -> Result<(), MediaError> {
    let mut upload = house.depot.begin(&row.team_id, &row.id).await?;
    let mut hash = Sha256::new();
    let mut first = Vec::new();
    let mut size = 0_u64;
    let result = loop {
        let piece = match pieces.next().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => break Err(MediaError::Broken(format!("{error:#}"))),
            None if size == 0 => break Err(MediaError::Empty),
            None => break kind::check_bytes(&row.mime_type, &first),
        };
        size += piece.len() as u64;
        if size > limit {
            break Err(MediaError::TooLarge(limit));
        }
        if first.len() < kind::LOOK {
            first.extend_from_slice(&piece[..piece.len().min(kind::LOOK - first.len())]);
        }
        hash.update(&piece);
        upload.write(piece).await?;
    };
    if let Err(error) = result {
        upload.abort().await;
        return Err(error);
    }
    upload.complete().await?;
    row.size = i64::try_from(size).unwrap_or(i64::MAX);
    row.hash = hex::encode(hash.finalize());
    Ok(())
}

/// What is known of a team's file; of one department's where one is named.
pub async fn describe(
    house: &House,
    team_id: &str,
    department_id: &str,
    id: &str,
) -> Result<Option<MediaRow>, StoreError> {
    let mut conn = house.store.read().await?;
    let Some(row) = rows::get(&mut conn, team_id, id).await? else { return Ok(None) };
    let seen = department_id.is_empty() || rows::is_of(&mut conn, &row, department_id).await?;
    Ok(seen.then_some(row))
}

/// A team's file and its bytes from `start` up to before `end` (`None`: to the last).
///
/// # Errors
/// [`MediaError::NotFound`], or when the depot fails.
pub async fn open(
    house: &House,
    team_id: &str,
    id: &str,
    range: Option<(u64, u64)>,
) -> Result<(MediaRow, Pieces), MediaError> {
    let found = describe(house, team_id, "", id).await?;
    let row = found.ok_or_else(|| MediaError::NotFound(id.to_owned()))?;
    let pieces = house.depot.read(&row.team_id, &row.id, range).await?;
    Ok((row, pieces))
}

/// Bytes of a team's file from one place up to before another; `None` where it is gone.
///
/// # Errors
/// When the depot fails.
pub async fn piece(
    house: &House,
    team_id: &str,
    id: &str,
    range: std::ops::Range<u64>,
) -> anyhow::Result<Option<Vec<u8>>> {
    house.depot.piece(team_id, id, range).await
}

/// Forget a team's file; false where there is none.
///
/// # Errors
/// When the database or the depot fails.
pub async fn delete(house: &House, team_id: &str, id: &str) -> Result<bool, MediaError> {
    let Some(row) = describe(house, team_id, "", id).await? else { return Ok(false) };
    forget(house, std::slice::from_ref(&row)).await?;
    Ok(true)
}

/// Forget all that a team has stored.
///
/// # Errors
/// When the database or the depot fails.
pub async fn remove_all(house: &House, team_id: &str) -> anyhow::Result<()> {
    loop {
        let rows = rows::of_team(&mut *house.store.read().await?, team_id, 100).await?;
        if rows.is_empty() {
            return Ok(());
        }
        forget(house, &rows).await?;
    }
}

/// The bytes first: a row without bytes is known and tried again, bytes without a row are lost.
async fn forget(house: &House, media: &[MediaRow]) -> Result<(), MediaError> {
    for row in media {
        house.depot.delete(&row.team_id, &row.id).await?;
    }
    let ids: Vec<String> = media.iter().map(|row| row.id.clone()).collect();
    let mut tx = house.store.begin().await?;
    rows::delete(&mut tx, &ids).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Before any file was stored: what a sweep with this finds are the files of messages that are gone.
pub const DOOMED: Millis = 1;

/// No call of a plugin takes so long, its settlement included.
const CALL: Millis = 60 * 60 * 1000;

/// Forget what was stored before `old` and never used, the files of messages that are gone, and what
/// plugins began to keep in calls that came to nothing.
///
/// # Errors
/// When the database or the depot fails.
pub async fn sweep(house: &House, old: Millis) -> anyhow::Result<()> {
    let abandoned = house.clock.now() - CALL;
    loop {
        let unused = rows::unused(&mut *house.store.read().await?, old, abandoned, 100).await?;
        if unused.is_empty() {
            return Ok(());
        }
        forget(house, &unused).await?;
    }
}

/// These messages name files: they are in use from now on.
///
/// # Errors
/// When the database fails.
pub async fn mark_used<'a>(
    house: &House,
    conn: &mut Conn,
    messages: impl Iterator<Item = &'a Message>,
) -> anyhow::Result<()> {
    let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for message in messages {
        if let Some(id) = message.content.media().and_then(|media| media.id.clone()) {
            named.entry(&message.team_id).or_default().push(id);
        }
    }
    for (team_id, ids) in named {
        rows::touch(conn, team_id, &ids, house.clock.now()).await?;
    }
    Ok(())
}

/// A file that a customer sent as it is, in the message itself: keep it, and name it by its id.
///
/// # Errors
/// When the database or the depot fails; a file that does not fit stays out, and its message is kept.
pub async fn take_in(house: &House, team_id: &str, content: &mut Content) -> anyhow::Result<()> {
    let kind = content.kind();
    let Some(media) = content.media_mut() else { return Ok(()) };
    let Some(url) = media.url.as_deref().filter(|url| url.starts_with("data:")) else {
        return Ok(());
    };
    match fetch::store_data(house, team_id, kind, media.filename.as_deref(), url, "channel").await {
        Ok(row) => {
            media.mime_type = Some(row.mime_type);
            media.id = Some(row.id);
        }
        Err(MediaError::Internal(error)) => return Err(error),
        Err(error) => tracing::warn!(%error, "a customer's file is left out"),
    }
    media.url = None;
    Ok(())
}
