//! The settings of files: where they are kept, and what may be sent as what.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::Millis;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    pub url: String,
    pub s3: S3,
    pub fetch_timeout: Millis,
    pub allow: Vec<IpNet>,
    pub unused_days: i64,
    pub types: MediaTypes,
}

/// How the bucket is reached; what is empty comes from `AWS_*` in the environment.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MediaTypes {
    pub image: MediaType,
    pub audio: MediaType,
    pub video: MediaType,
    pub document: MediaType,
    pub sticker: MediaType,
}

/// What may be sent as one type of message.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MediaType {
    /// In bytes.
    pub max: u64,
    /// MIME types, or `*` for any.
    pub types: Vec<String>,
}
