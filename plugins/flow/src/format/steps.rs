//! Steps as they are written.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

#[cfg(test)]
use schemars::JsonSchema;

use super::Closed;

/// One step: exactly one of the keys reply, ask, buttons, list, if, switch, set, tag, untag, name, template, http, wait, loop, call, hand_over, note, emit, log, stop, opt_in and opt_out, and what belongs to it.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A name for it, in logs and for runs that wait here while the flow is upgraded.
    pub id: Option<String>,
    /// Send a text, or a file.
    pub reply: Option<Short<Reply>>,
    /// Ask, and wait for the answer.
    pub ask: Option<Short<Ask>>,
    /// Ask with one to three buttons.
    pub buttons: Option<Buttons>,
    /// Ask with a list of one to ten rows.
    pub list: Option<List>,
    /// An expression: go on with `then` where it holds, with `else` where not.
    pub r#if: Option<Expression>,
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub then: Option<Vec<Value>>,
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub r#else: Option<Vec<Value>>,
    /// An expression whose value chooses one of `cases`, or `default`.
    pub switch: Option<Expression>,
    #[cfg_attr(test, schemars(with = "Option<BTreeMap<String, Vec<Step>>>"))]
    pub cases: Option<BTreeMap<String, Vec<Value>>>,
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub default: Option<Vec<Value>>,
    /// Give variables values: `name`, or `chat.vars.name` and `contact.vars.name`, which stay after the run.
    pub set: Option<Map<String, Value>>,
    /// Tag the contact: a tag, several, or tags with values.
    pub tag: Option<Tags>,
    /// Take tags away.
    pub untag: Option<OneOrMore>,
    /// Name the contact.
    pub name: Option<String>,
    /// Send an approved template, which may be sent at any time.
    pub template: Option<Short<Template>>,
    /// Call an address, at once.
    pub http: Option<Http>,
    /// Wait for a time, or until a moment.
    pub wait: Option<Short<Wait>>,
    /// Do steps again and again, within a bound.
    pub r#loop: Option<Loop>,
    /// Do a sequence, then go on here.
    pub call: Option<String>,
    /// Let a person answer from here on; the text is the reason.
    pub hand_over: Option<String>,
    /// Leave a note for the team in the chat.
    pub note: Option<String>,
    /// Emit an event.
    pub emit: Option<Short<Emit>>,
    /// Write a line into the log.
    pub log: Option<String>,
    /// End the run: `true`, or a text that says why.
    pub stop: Option<Stop>,
    /// Note that the customer agrees to hear from us; the text is the reason.
    pub opt_in: Option<String>,
    /// Note that the customer wants to hear no more; the text is the reason.
    pub opt_out: Option<String>,
}

/// `true`, or a reason.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged, expecting = "true, or a text that says why")]
pub enum Stop {
    Plain(True),
    Because(String),
}

/// Nothing but `true`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(try_from = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("`true`, or a text that says why") }
    }
}

/// An expression, such as `vars.age >= 18`; or just true or false.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged, expecting = "an expression: a text, true or false")]
pub enum Expression {
    Plain(bool),
    Text(String),
}

impl Expression {
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(true) => "true",
            Self::Plain(false) => "false",
            Self::Text(text) => text,
        }
    }
}

/// One text, or several.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged, expecting = "a text, or a list of texts")]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn all(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::More(texts) => texts.clone(),
        }
    }
}

/// Tags without values, or with.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged, expecting = "a tag, a list of tags, or tags with their values")]
pub enum Tags {
    Names(OneOrMore),
    Values(BTreeMap<String, Value>),
}

/// Something that may be written as its text alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Short<T>(pub T);

impl<'de, T: DeserializeOwned + From<String>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self(text.into())),
            other => serde_json::from_value(other).map(Self).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
impl<T: JsonSchema> JsonSchema for Short<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}OrText", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let full = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, full] })
    }
}

/// What is sent: a text, or one file with a caption. Files by an https address or a stored file's id.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    pub text: String,
    pub image: Option<String>,
    pub video: Option<String>,
    pub document: Option<String>,
    pub audio: Option<String>,
    pub caption: String,
    /// Of a document.
    pub filename: String,
    /// Show "typing…" for a moment before.
    pub typing: bool,
    pub closed: Option<Closed>,
}

/// A question, and what is done with its answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Ask {
    pub text: String,
    /// The variable that the answer is kept in.
    pub save: Option<String>,
    /// What an answer must be.
    pub expect: Expect,
    /// A regular expression for the whole answer.
    pub regex: Option<String>,
    /// The answers that there are, whatever their case and punctuation; one is kept as it is written here.
    pub choices: Vec<String>,
    /// An expression that must hold for `answer`, such as `answer > 0`.
    pub check: Option<String>,
    #[serde(flatten)]
    pub handling: Handling,
    pub closed: Option<Closed>,
}

/// What an answer must be. Dates and times are understood as 2026-01-31, 31.1.2026, 31/1/2026 and 15:30, and kept as 2026-01-31, 15:30 and 2026-01-31T15:30:00+01:00.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    #[default]
    Text,
    Number,
    Email,
    Phone,
    Date,
    Time,
    /// A date with a time.
    Moment,
    /// A picture, document, voice message or film; its id is kept.
    File,
    Any,
}

/// What happens when no good answer comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(default)]
pub struct Handling {
    /// Said after a wrong answer; the question again where it is absent.
    pub wrong: Option<String>,
    /// How many answers may be given; 3 where it is absent.
    pub tries: Option<u32>,
    /// After the last wrong one, then on with the next step. Without it the run ends.
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub failed: Option<Vec<Value>>,
    /// How long to wait, such as `1 hour`; for ever where it is absent.
    pub timeout: Option<String>,
    /// After that time, then on with the next step. Without it the run ends.
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub on_timeout: Option<Vec<Value>>,
}

/// A question with buttons.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Buttons {
    pub text: String,
    /// One to three: titles, or with an id of their own, which is what is kept.
    pub options: Vec<Short<Choice>>,
    /// The variable that the chosen id is kept in.
    pub save: Option<String>,
    #[serde(flatten)]
    pub handling: Handling,
    pub closed: Option<Closed>,
}

/// A question with a list.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct List {
    pub text: String,
    /// The words that open the list.
    pub button: String,
    /// One to ten.
    pub options: Vec<Short<Choice>>,
    /// The variable that the chosen id is kept in.
    pub save: Option<String>,
    #[serde(flatten)]
    pub handling: Handling,
    pub closed: Option<Closed>,
}

/// A button or row.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The title where it is absent.
    pub id: Option<String>,
    pub title: String,
    /// Of a row.
    #[serde(default)]
    pub description: String,
}

/// An approved template with its values.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub name: String,
    /// Such as en_US.
    #[serde(default = "english")]
    pub language: String,
    /// Texts for `{{1}}`, `{{2}}` and so on; or by the names of the placeholders.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Value>"))]
    pub values: Value,
}

fn english() -> String {
    "en".to_owned()
}

/// One request. What is answered is kept as `{status, ok, body}`, the body as JSON where it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// GET where it is absent, and POST with a body.
    pub method: Option<String>,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    /// Sent as JSON; a text as it is.
    pub body: Option<Value>,
    /// The variable that the answer is kept in.
    pub save: Option<String>,
    /// Such as `5 seconds`.
    pub timeout: Option<String>,
    /// Where no answer comes, or its status is not 2xx; `vars.error` says why. Then on with the next step. Without it the event is tried again.
    #[cfg_attr(test, schemars(with = "Option<Vec<Step>>"))]
    pub on_error: Option<Vec<Value>>,
}

/// A pause, which a restart does not end.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Wait {
    /// Such as `2 days 4 hours`.
    pub r#for: Option<String>,
    /// A moment: `2026-01-31 15:30`, one of RFC 3339, or a time of day, which is the next.
    pub until: Option<String>,
    /// So long before that moment. One that is past ends the pause at once.
    pub before: Option<String>,
}

/// Steps done for each item of a list, or while something holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Loop {
    /// An expression that gives a list.
    pub each: Option<String>,
    /// The variable of the item; `item` where it is absent.
    pub r#as: Option<String>,
    /// An expression that must hold before every round.
    pub r#while: Option<Expression>,
    /// At most so many rounds.
    pub most: Option<u32>,
    #[cfg_attr(test, schemars(with = "Vec<Step>"))]
    pub r#do: Vec<Value>,
}

/// An event of the flow's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Emit {
    /// Lower-case words joined by dots.
    pub name: String,
    pub data: Map<String, Value>,
}

macro_rules! short {
    ($($of:ident . $field:ident),+) => {
        $(impl From<String> for $of {
            fn from(text: String) -> Self {
                Self { $field: text.into(), ..Self::default() }
            }
        })+
    };
}

short!(Reply.text, Ask.text, Wait.r#for, Emit.name, Choice.title);

impl From<String> for Template {
    fn from(name: String) -> Self {
        Self { name, language: english(), values: Value::Null }
    }
}
