//! What a flow needs of the world around it. The host is one; the tests have another.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Something that a step wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Send {
        message: Outgoing,
        typing: bool,
    },
    Note(String),
    Tag(String, String),
    Untag(String),
    Name(String),
    OptIn(String),
    OptOut(String),
    HandOver(String),
    Emit(String, Map<String, Value>),
    /// Come back at this time (in Unix milliseconds) with this payload; one at a time.
    Wake(i64, String),
    /// Do not come back.
    Sleep,
    Log(&'static str, String),
}

/// A message to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    Text(String),
    Image(String, String),
    Video(String, String),
    Document {
        media: String,
        filename: String,
        caption: String,
    },
    Audio(String),
    /// Ids and titles.
    Buttons(String, Vec<(String, String)>),
    /// A text, the words that open the list, and ids, titles and descriptions.
    List(String, String, Vec<(String, String, String)>),
    Template {
        name: String,
        language: String,
        values: Vec<(String, String)>,
    },
}

/// One outgoing request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub timeout: Option<i64>,
}

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// Why something cannot be.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

/// The chat that a run is with, and all that may be done there.
pub trait World {
    /// Unix milliseconds.
    fn now(&self) -> i64;
    /// What the installer set.
    fn config(&self) -> Value;
    fn act(&mut self, act: Act) -> Result<(), Refusal>;
    /// `{id, name, phone, opt_in, tags}`
    fn contact(&mut self) -> Result<Value, Refusal>;
    /// `{id, account, assigned, window_until}`
    fn chat(&mut self) -> Result<Value, Refusal>;
    /// The lasting variables of the scope `chat` or `contact`.
    fn kept(&mut self, scope: &str) -> Result<Map<String, Value>, Refusal>;
    fn keep(&mut self, scope: &str, vars: &Map<String, Value>) -> Result<(), Refusal>;
    /// A word that the host replaces by the secret on the way out.
    fn secret(&mut self, name: &str) -> Result<String, Refusal>;
    fn http(&mut self, request: Request) -> Result<Response, Refusal>;
}
