//! Files that plugins read and keep. A new one's bytes are written while the call runs, its row says
//! that it is ready when the call's effects commit; until then nobody sees it.

use futures_util::stream::{self, StreamExt};

use super::{MediaError, NewMedia, forget, kind, write};
use crate::flow::House;
use crate::model::StoredFile;
use crate::plugin::{NewFile, Refusal};
use crate::store::media::{self as rows, MediaRow};

/// Write the bytes of a plugin's new file, by the rules of uploads.
///
/// # Errors
/// When the database or the depot fails; what is wrong with the file is the inner result.
pub async fn write_new(
    house: &House,
    team_id: &str,
    file: NewFile,
) -> anyhow::Result<Result<StoredFile, Refusal>> {
    let mime_type = kind::plain(&file.mime_type);
    let new = NewMedia {
        team_id: team_id.to_owned(),
        limit: kind::limit_for(&house.config.media, &mime_type),
        mime_type,
        filename: file.filename,
        origin: rows::PLUGIN,
        used: false,
        department_id: String::new(),
    };
    let pieces = stream::iter([Ok(file.bytes)]);
    Ok(match write(house, file.id, new, pieces.boxed()).await {
        Ok(row) => Ok(stored(row)),
        Err(MediaError::Internal(error)) => return Err(error),
        Err(error @ MediaError::TooLarge(_)) => {
            Err(Refusal { code: "limit", message: format!("the file: {error}") })
        }
        Err(error) => Err(Refusal { code: "invalid", message: format!("the file: {error}") }),
    })
}

/// Forget those of these files that came to nothing: their call failed, or was run again. What stays
/// after a crash goes with the upkeep.
pub async fn discard(house: &House, team_id: &str, ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    let gone = async {
        let found = rows::unready(&mut *house.store.read().await?, team_id, ids).await?;
        forget(house, &found).await
    };
    if let Err(error) = gone.await {
        tracing::warn!(%error, "files of a plugin's call that failed are forgotten later");
    }
}

/// A row as plugins see it.
pub fn stored(row: MediaRow) -> StoredFile {
    StoredFile {
        size: u64::try_from(row.size).unwrap_or(0),
        id: row.id,
        mime_type: row.mime_type,
        filename: row.filename,
        sha256: row.hash,
    }
}
