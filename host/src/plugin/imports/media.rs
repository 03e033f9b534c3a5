//! `media`: look at stored files, read them in pieces, keep new ones.

use std::collections::HashMap;

use super::super::bindings::switchboard::plugin::media::{Entry, Host};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text};
use super::super::{NewFile, Refusal};
use crate::model::{Effect, StoredFile};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

const MAX_ID: usize = 128;
const MAX_TYPE: usize = 100;
const MAX_NAME: usize = 240;

/// What a call knows of files.
#[derive(Default)]
pub(in super::super) struct Files {
    /// New ones, whose bytes are written.
    pub written: Vec<String>,
    /// Those that it looked at or kept.
    known: HashMap<String, StoredFile>,
    /// Bytes that it read and kept.
    bytes: u64,
}

impl Host for Run {
    async fn describe(&mut self, id: String) -> Answer<Entry> {
        answer(self.file_entry(&id).await)
    }

    async fn read(&mut self, id: String, offset: u64, length: u32) -> Answer<Vec<u8>> {
        answer(self.file_read(&id, offset, length).await)
    }

    async fn keep(
        &mut self,
        mime_type: String,
        filename: String,
        bytes: Vec<u8>,
    ) -> Answer<String> {
        answer(self.file_keep(mime_type, filename, bytes).await)
    }
}

impl Run {
    fn enter_media(&mut self, bytes: usize) -> Result<(), Halt> {
        self.enter(bytes)?;
        self.require("media = true", |grants| grants.media)
    }

    /// Count bytes of files against what one call may read and keep.
    fn count_file_bytes(&mut self, bytes: u64) -> Result<(), Halt> {
        let most = self.settings.media_bytes;
        if self.files.bytes.saturating_add(bytes) > most {
            let message = format!("one call may read and keep {most} bytes of files in all");
            return Err(Halt::refused("limit", message));
        }
        self.files.bytes += bytes;
        Ok(())
    }

    async fn file(&mut self, id: &str) -> Result<StoredFile, Halt> {
        check_text("the file's id", id, MAX_ID)?;
        if let Some(file) = self.files.known.get(id) {
            return Ok(file.clone());
        }
        let found = self.call.host.file(&self.call.install.team_id, id).await?;
        let file = found.ok_or_else(|| not_found(id))?;
        self.count(size_of::<StoredFile>() + file.filename.len() + id.len())?;
        self.files.known.insert(id.to_owned(), file.clone());
        Ok(file)
    }

    async fn file_entry(&mut self, id: &str) -> Result<Entry, Halt> {
        self.enter_media(id.len())?;
        Ok(entry(self.file(id).await?))
    }

    async fn file_read(&mut self, id: &str, offset: u64, length: u32) -> Result<Vec<u8>, Halt> {
        self.enter_media(id.len())?;
        let file = self.file(id).await?;
        let most = self.settings.media_read.min(self.bytes_per_call() as u64);
        let end = offset.saturating_add(most.min(length.into())).min(file.size);
        if offset >= end {
            return Ok(Vec::new());
        }
        self.count_file_bytes(end - offset)?;
        self.count(usize::try_from(end - offset).unwrap_or(usize::MAX))?;
        let team_id = &self.call.install.team_id;
        let bytes = self.call.host.file_bytes(team_id, id, offset..end).await?;
        bytes.ok_or_else(|| not_found(id))
    }

    async fn file_keep(
        &mut self,
        mime_type: String,
        filename: String,
        bytes: Vec<u8>,
    ) -> Result<String, Halt> {
        self.enter_media(mime_type.len() + filename.len() + bytes.len())?;
        check_text("the type", &mime_type, MAX_TYPE)?;
        check_optional_text("the filename", &filename, MAX_NAME)?;
        let (size, most) = (bytes.len() as u64, self.settings.media_file);
        if size > most {
            return Err(Halt::refused("limit", format!("a new file may have {most} bytes")));
        }
        self.count_file_bytes(size)?;
        let id = self.clock.id("med");
        let new = NewFile { id: id.clone(), mime_type, filename, bytes: bytes.into() };
        let written = self.call.host.write_file(&self.call.install.team_id, new).await?;
        let file = written.map_err(|Refusal { code, message }| Halt::refused(code, message))?;
        // Noted first: what is refused now is written already.
        self.files.written.push(id.clone());
        self.push(Effect::KeepFile(file.clone()))?;
        self.files.known.insert(id.clone(), file);
        Ok(id)
    }
}

fn not_found(id: &str) -> Halt {
    Halt::refused("not-found", format!("there is no stored file {id:?}"))
}

fn entry(file: StoredFile) -> Entry {
    Entry {
        json: serde_json::to_string(&file).unwrap_or_default(),
        id: file.id,
        mime_type: file.mime_type,
        size: file.size,
        filename: file.filename,
        sha256: file.sha256,
    }
}
