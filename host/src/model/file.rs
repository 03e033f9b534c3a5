//! A stored file, as plugins and effects speak of it.

use serde::{Deserialize, Serialize};

/// What is known of a stored file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredFile {
    pub id: String,
    /// Without parameters, in lower case.
    pub mime_type: String,
    /// Empty where it has none.
    pub filename: String,
    /// In bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: String,
}
