//! A file that a message names by an address: fetched once, behind the guard, before the message leaves.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use url::Url;

use super::{MediaError, NewMedia, data_url, kind, store};
use crate::config::Outbox;
use crate::egress::{EgressError, Opened};
use crate::flow::House;
use crate::flow::outbox::{Left, judge};
use crate::model::Message;
use crate::store::media::MediaRow;
use crate::store::message as messages;

/// Redirects followed, each checked like the first address.
const HOPS: usize = 5;

impl MediaError {
    /// What it comes to in the outbox.
    pub fn left(self, settings: &Outbox) -> Left {
        judge(settings, self.into_send_error(), true)
    }
}

/// Whether a message's file is yet to be fetched from its address.
pub fn is_remote(message: &Message) -> bool {
    let named = message.content.media().filter(|media| media.id.is_none());
    named.and_then(|media| media.url.as_ref()).is_some_and(|url| !url.starts_with("data:"))
}

/// Have a message's file at hand, and fitting, before it leaves. What was fetched is named in the
/// message from then on: it is not fetched twice.
///
/// # Errors
/// When the database fails; what is wrong with the file is the inner result.
pub async fn prepare(
    house: &House,
    message: &mut Message,
) -> anyhow::Result<Result<(), MediaError>> {
    let kind = message.content.kind();
    let Some(media) = message.content.media_mut() else { return Ok(Ok(())) };
    let row = match (&media.id, &media.url) {
        (Some(id), _) => match super::describe(house, &message.team_id, "", id).await? {
            Some(row) => row,
            None => return Ok(Err(MediaError::NotFound(id.clone()))),
        },
        (None, Some(url)) => {
            let fetched =
                fetch(house, &message.team_id, kind, media.filename.as_deref(), url).await;
            match fetched {
                Ok(row) => row,
                Err(MediaError::Internal(error)) => return Err(error),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        (None, None) => return Ok(Ok(())),
    };
    if let Err(problem) = kind::fits(&house.config.media, kind, &row.mime_type, size(&row)) {
        return Ok(Err(problem));
    }
    if media.id.is_none() {
        media.id = Some(row.id.clone());
        media.mime_type = Some(row.mime_type.clone());
        media.url = media.url.take().filter(|url| !url.starts_with("data:"));
        let mut tx = house.store.begin().await?;
        messages::set_content(&mut tx, message).await?;
        house.commit(tx).await?;
    }
    Ok(Ok(()))
}

fn size(row: &MediaRow) -> u64 {
    u64::try_from(row.size).unwrap_or(u64::MAX)
}

async fn fetch(
    house: &House,
    team_id: &str,
    kind: &str,
    filename: Option<&str>,
    url: &str,
) -> Result<MediaRow, MediaError> {
    if url.starts_with("data:") {
        return store_data(house, team_id, kind, filename, url, "url").await;
    }
    let patience = u64::try_from(house.config.media.fetch_timeout).unwrap_or(0);
    let fetching = fetch_from(house, team_id, kind, filename, url);
    match tokio::time::timeout(Duration::from_millis(patience), fetching).await {
        Ok(fetched) => fetched,
        Err(_) => Err(MediaError::Unreachable(format!("no whole file within {patience} ms"), true)),
    }
}

async fn fetch_from(
    house: &House,
    team_id: &str,
    kind: &str,
    filename: Option<&str>,
    url: &str,
) -> Result<MediaRow, MediaError> {
    let mut url = parse(url)?;
    for _ in 0..=HOPS {
        let answer = house.depot.egress.open(url.clone()).await.map_err(plain)?;
        match answer.status() {
            200 => return keep(house, team_id, kind, filename, answer).await,
            301 | 302 | 303 | 307 | 308 => {
                let next = url.join(answer.header("location")).ok();
                url = next.filter(|next| matches!(next.scheme(), "http" | "https")).ok_or_else(
                    || MediaError::Unreachable("it redirects to no address".to_owned(), false),
                )?;
            }
            status => {
                let passes = status >= 500 || status == 429 || status == 408;
                return Err(MediaError::Unreachable(
                    format!("the address answers {status}"),
                    passes,
                ));
            }
        }
    }
    Err(MediaError::Unreachable(format!("it redirects more than {HOPS} times"), false))
}

fn parse(url: &str) -> Result<Url, MediaError> {
    Url::parse(url).map_err(|problem| MediaError::Refused(format!("no address: {problem}")))
}

fn plain(error: EgressError) -> MediaError {
    match error {
        EgressError::Private(_) => MediaError::Refused(error.to_string()),
        other => MediaError::Unreachable(other.to_string(), true),
    }
}

async fn keep(
    house: &House,
    team_id: &str,
    kind: &str,
    filename: Option<&str>,
    answer: Opened,
) -> Result<MediaRow, MediaError> {
    let mime_type = kind::plain(answer.header("content-type"));
    kind::fits(&house.config.media, kind, &mime_type, answer.length().unwrap_or(0))?;
    let pieces = stream::try_unfold(answer, async |mut answer| {
        let piece = answer.chunk().await?;
        Ok::<_, anyhow::Error>(piece.map(|piece| (piece, answer)))
    });
    let new = new(house, team_id, kind, filename, mime_type, "url");
    store(house, new, pieces.boxed()).await
}

/// Store a file that stands in the place of its address.
pub async fn store_data(
    house: &House,
    team_id: &str,
    kind: &str,
    filename: Option<&str>,
    url: &str,
    origin: &'static str,
) -> Result<MediaRow, MediaError> {
    let parsed = data_url::parse(url);
    let (mime_type, bytes) =
        parsed.ok_or_else(|| MediaError::Type("give data as data:<type>;base64,…".to_owned()))?;
    kind::fits(&house.config.media, kind, &mime_type, bytes.len() as u64)?;
    let new = new(house, team_id, kind, filename, mime_type, origin);
    store(house, new, stream::iter([Ok(Bytes::from(bytes))]).boxed()).await
}

fn new(
    house: &House,
    team_id: &str,
    kind: &str,
    filename: Option<&str>,
    mime_type: String,
    origin: &'static str,
) -> NewMedia {
    NewMedia {
        team_id: team_id.to_owned(),
        mime_type,
        filename: filename.unwrap_or_default().to_owned(),
        origin,
        limit: kind::types_of(&house.config.media, kind).map_or(0, |setting| setting.max),
        used: true,
        department_id: String::new(),
    }
}

/// Whether an address can be told to be refused before anything is fetched.
pub fn refuse_early(house: &House, url: &str) -> Result<(), MediaError> {
    if url.starts_with("data:") {
        return Ok(());
    }
    house.depot.egress.check(&parse(url)?).map_err(plain)
}
