//! The sandbox's own record on disk: every call before it is answered, every receipt once it is taken.
//!
//! One JSON object a line. A line goes to the operating system in one append, so it survives the
//! death of the process; nothing waits for the disk, since power cuts are not what it is for.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{Content, Millis, Status};

use super::behaviour::{Outcome, Receipts};

/// One call of `send`, as it came and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place among all calls of this journal, from 1.
    pub seq: i64,
    pub at: Millis,
    pub account_id: String,
    /// The caller's id.
    pub message_id: String,
    /// The network's id; empty where it did not take the message.
    pub provider_id: String,
    pub to: String,
    pub content: Content,
    pub reply_to: String,
    /// The caller said so.
    pub possible_duplicate: bool,
    /// The network had this id already and delivered nothing new.
    pub duplicate: bool,
    pub outcome: Outcome,
    /// The channel's code and words where something failed; else empty.
    pub error_code: String,
    pub error_message: String,
    /// Which receipts follow.
    pub receipts: Receipts,
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(super) enum Line {
    Call(Box<Record>),
    /// A receipt that the host has stored: it is owed no longer.
    Receipt {
        at: Millis,
        account_id: String,
        provider_id: String,
        status: Status,
    },
}

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The last line is incomplete, so the next one begins with a line break.
    torn: bool,
}

impl Journal {
    /// Open or create the file for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let torn = file.seek(SeekFrom::End(0))? > 0 && {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            last != *b"\n"
        };
        Ok(Self { path: path.to_owned(), file, torn })
    }

    /// Append the lines in one write. On an error none of them counts.
    pub fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(lines.len() * 512 + 1);
        if self.torn {
            bytes.push(b'\n');
        }
        for line in lines {
            serde_json::to_writer(&mut bytes, line)?;
            bytes.push(b'\n');
        }
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.torn = false;
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Make every later write fail.
    #[cfg(test)]
    pub fn refuse_writes(&mut self) {
        self.file = File::open(&self.path).expect("it was opened before");
    }
}

/// Call `each` with every whole line of a journal, oldest first; what cannot be read is passed over.
pub(super) fn read(path: &Path, mut each: impl FnMut(Line)) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        match serde_json::from_slice(&bytes) {
            Ok(line) => each(line),
            Err(_) if bytes.trim_ascii().is_empty() => {}
            Err(error) => {
                let path = path.display();
                tracing::warn!(%error, %path, "passed over a line of the sandbox's journal");
            }
        }
        bytes.clear();
    }
    Ok(())
}
