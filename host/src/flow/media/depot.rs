//! Where bytes are: a folder, whose files are on the disk before they count, or a bucket.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, GetOptions, GetRange, MultipartUpload, ObjectStore, PutPayload};

use super::Pieces;
use crate::config::Config;
use crate::egress::Egress;

/// The object store, and the client that fetches for it.
pub struct Depot {
    store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
    pub egress: Egress,
}

/// Bytes of one part; S3 takes no smaller ones but for the last.
const PART: usize = 5 << 20;

impl Depot {
    /// By the settings `media.*`.
    ///
    /// # Errors
    /// When the folder cannot be made, or the bucket's settings do not hold.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let egress = Egress::new(config.media.allow.clone())?;
        if config.media.url.is_empty() {
            let folder = config.data.join("media");
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let store = LocalFileSystem::new_with_prefix(&folder)?.with_automatic_cleanup(false);
            return Ok(Self { store: Arc::new(store), folder: Some(folder), egress });
        }
        let url = &config.media.url;
        let bucket = AmazonS3Builder::from_env().with_url(url).build().context("media.url")?;
        let prefix = url::Url::parse(url).context("media.url")?.path().trim_matches('/').to_owned();
        let store: Arc<dyn ObjectStore> = if prefix.is_empty() {
            Arc::new(bucket)
        } else {
            Arc::new(PrefixStore::new(bucket, prefix))
        };
        Ok(Self { store, folder: None, egress })
    }

    /// Begin to write a file's bytes.
    pub(super) async fn begin(&self, team_id: &str, id: &str) -> anyhow::Result<Upload> {
        let upload = self.store.put_multipart(&key(team_id, id)).await?;
        let file = self.folder.as_ref().map(|folder| folder.join(team_id).join(id));
        Ok(Upload { upload, waiting: Vec::new(), file })
    }

    /// A file's bytes, all or from one place up to before another.
    pub(super) async fn read(
        &self,
        team_id: &str,
        id: &str,
        range: Option<(u64, u64)>,
    ) -> anyhow::Result<Pieces> {
        let range = range.map(|(start, end)| GetRange::Bounded(start..end));
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.store.get_opts(&key(team_id, id), options).await?;
        Ok(found.into_stream().map(|piece| piece.map_err(anyhow::Error::from)).boxed())
    }

    /// Delete a file's bytes; none is as well.
    pub(super) async fn delete(&self, team_id: &str, id: &str) -> anyhow::Result<()> {
        match self.store.delete(&key(team_id, id)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn key(team_id: &str, id: &str) -> Path {
    Path::from_iter([team_id, id])
}

/// A file that is being written; dropped, nothing of it is left.
pub(super) struct Upload {
    upload: Box<dyn MultipartUpload>,
    waiting: Vec<u8>,
    file: Option<PathBuf>,
}

impl Upload {
    pub async fn write(&mut self, piece: Bytes) -> anyhow::Result<()> {
        self.waiting.extend_from_slice(&piece);
        if self.waiting.len() >= PART {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let part = std::mem::take(&mut self.waiting);
        self.upload.put_part(PutPayload::from(part)).await?;
        Ok(())
    }

    /// Write the rest; when this returns the bytes outlast a power cut.
    pub async fn complete(mut self) -> anyhow::Result<()> {
        if !self.waiting.is_empty() {
            self.flush().await?;
        }
        self.upload.complete().await?;
        let Some(file) = self.file else { return Ok(()) };
        let synced = tokio::task::spawn_blocking(move || {
            std::fs::File::open(&file)?.sync_all()?;
            match file.parent() {
                Some(folder) => std::fs::File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        });
        Ok(synced.await??)
    }

    pub async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::debug!(%error, "an upload that was given up left something behind");
        }
    }
}
