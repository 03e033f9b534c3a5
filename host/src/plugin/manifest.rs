//! The manifest (`plugin.toml`): what a plugin is, what it receives, what it asks for.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grants {}
