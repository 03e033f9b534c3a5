//! Where bytes are: a folder, whose files are on the disk before they count, or a bucket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures_util::stream::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, PutPayload, RetryConfig,
};

use super::Pieces;
use crate::config::{Config, S3};
use crate::egress::Egress;

/// The object store, and the client that fetches for it.
pub struct Depot {
    store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
    /// The bucket's address, where it is one.
    bucket: String,
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
            let bucket = String::new();
            return Ok(Self { store: Arc::new(store), folder: Some(folder), bucket, egress });
        }
        let url = &config.media.url;
        let bucket = bucket(url, &config.media.s3).build().context("media.url")?;
        let prefix = url::Url::parse(url).context("media.url")?.path().trim_matches('/').to_owned();
        let store: Arc<dyn ObjectStore> = if prefix.is_empty() {
            Arc::new(bucket)
        } else {
            Arc::new(PrefixStore::new(bucket, prefix))
        };
        Ok(Self { store, folder: None, bucket: url.clone(), egress })
    }

    /// Whether files can be kept: at start, rather than at the first one.
    ///
    /// # Errors
    /// One sentence that says what is wrong with the bucket.
    pub async fn check(&self) -> anyhow::Result<()> {
        if self.folder.is_some() {
            return Ok(());
        }
        let (place, url) = (Path::from("switchboard-check"), &self.bucket);
        let written = self.store.put(&place, PutPayload::from_static(b"can be written")).await;
        match written {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => {
                bail!("media.url: there is no bucket {url}: make it, or name another")
            }
            Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => bail!(
                "media.url: {url} may not be written to: check media.s3.access_key and secret_key (or AWS_*), and what they may do"
            ),
            Err(error) => {
                return Err(error).with_context(|| format!("media.url: {url} cannot be used"));
            }
        }
        Ok(self.store.delete(&place).await?)
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

    /// Some of a file's bytes, which it has; `None` where the file is gone.
    pub(super) async fn piece(
        &self,
        team_id: &str,
        id: &str,
        range: std::ops::Range<u64>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        match self.store.get_range(&key(team_id, id), range).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Delete a file's bytes; none is as well.
    pub(super) async fn delete(&self, team_id: &str, id: &str) -> anyhow::Result<()> {
        match self.store.delete(&key(team_id, id)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A bucket as the settings say, and where they say nothing, as the environment does. What fails for a
/// moment is tried again, not for minutes: callers have waits of their own.
fn bucket(url: &str, settings: &S3) -> AmazonS3Builder {
    let patience = Duration::from_secs(20);
    let retry = RetryConfig { max_retries: 4, retry_timeout: patience, ..RetryConfig::default() };
    let mut bucket = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
    let S3 { endpoint, region, access_key, secret_key } = settings;
    if !endpoint.is_empty() {
        bucket = bucket.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if !region.is_empty() {
        bucket = bucket.with_region(region);
    }
    if !access_key.is_empty() {
        bucket = bucket.with_access_key_id(access_key).with_secret_access_key(secret_key);
    }
    bucket
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
