//! Templates: what a business may say outside the window of 24 hours, once it was approved; and how a
//! message names one. The shapes are those of the WhatsApp Cloud API.

mod define;
mod fill;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::words;
use super::{Location, Media, Millis};

pub use fill::TemplateFault;

words! {
    /// Where a template stands. Only an approved one may be sent.
    TemplateStatus {
        Draft = "draft", Pending = "pending", Approved = "approved", Rejected = "rejected",
        Paused = "paused", Disabled = "disabled",
    }
}

words! {
    TemplateCategory {
        Authentication = "authentication", Marketing = "marketing", Utility = "utility",
    }
}

words! {
    /// How placeholders are written: `{{1}}` or `{{first_name}}`.
    ParameterFormat { Positional = "positional", Named = "named" }
}

/// A template of a team (or of one of its business accounts), in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    pub id: String,
    pub team_id: String,
    /// Empty: it belongs to the team.
    pub business_account_id: String,
    pub name: String,
    pub language: String,
    pub category: TemplateCategory,
    pub format: ParameterFormat,
    pub components: Vec<Component>,
    pub status: TemplateStatus,
    /// Why it was rejected, paused or disabled.
    pub reason: String,
    /// Its id where it is reviewed; empty until it was submitted.
    pub provider_id: String,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = TemplateComponent)]
pub enum Component {
    #[serde(alias = "HEADER")]
    Header {
        #[serde(default)]
        format: HeaderFormat,
        /// Of a header that is a text; it may hold one placeholder.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        #[serde(default, skip_serializing_if = "Example::is_empty")]
        example: Example,
    },
    #[serde(alias = "BODY")]
    Body {
        text: String,
        #[serde(default, skip_serializing_if = "Example::is_empty")]
        example: Example,
    },
    #[serde(alias = "FOOTER")]
    Footer { text: String },
    #[serde(alias = "BUTTONS")]
    Buttons { buttons: Vec<TemplateButton> },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeaderFormat {
    #[default]
    #[serde(alias = "TEXT")]
    Text,
    #[serde(alias = "IMAGE")]
    Image,
    #[serde(alias = "VIDEO")]
    Video,
    #[serde(alias = "DOCUMENT")]
    Document,
    #[serde(alias = "LOCATION")]
    Location,
}

/// Values for the placeholders, for those who review a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = TemplateExample)]
pub struct Example {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header_text: Vec<String>,
    /// Addresses of files, for a header that is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header_handle: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header_text_named_params: Vec<NamedExample>,
    /// One list of values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body_text: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body_text_named_params: Vec<NamedExample>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedExample {
    pub param_name: String,
    pub example: String,
}

impl Example {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateButton {
    #[serde(rename = "type")]
    pub kind: ButtonKind,
    #[serde(default)]
    pub text: String,
    /// Of a link; it may end in `{{1}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    #[serde(alias = "QUICK_REPLY")]
    QuickReply,
    #[serde(alias = "URL")]
    Url,
    #[serde(alias = "PHONE_NUMBER")]
    PhoneNumber,
    #[serde(alias = "COPY_CODE")]
    CopyCode,
}

/// A template as a message names it, with the values of its placeholders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateMessage {
    pub name: String,
    pub language: TemplateLanguage,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TemplateValues>,
    /// Of older APIs; it means nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What the customer reads: the host writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub text: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateLanguage {
    #[schema(example = "en_US")]
    pub code: String,
    /// `deterministic`, the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// The values for one part of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateValues {
    #[serde(rename = "type")]
    pub kind: ValuesOf,
    /// Of a button: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<String>,
    /// Of a button: which, from 0; a number, or one as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<ButtonIndex>,
    #[serde(default)]
    pub parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ButtonIndex {
    Number(u32),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValuesOf {
    #[serde(alias = "HEADER")]
    Header,
    #[serde(alias = "BODY")]
    Body,
    #[serde(alias = "FOOTER")]
    Footer,
    #[serde(alias = "BUTTON")]
    Button,
}

/// The value of one placeholder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplateParameter)]
pub struct Parameter {
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// Of a named placeholder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_time: Option<Localised>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Localised>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Media>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Media>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Media>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Of a button for a quick answer: what it sends back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon_code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    Text,
    DateTime,
    Currency,
    Image,
    Video,
    Document,
    Location,
    Payload,
    CouponCode,
}

/// A date or an amount: the words to show, and what else the provider takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Localised {
    pub fallback_value: String,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

impl Parameter {
    /// A placeholder's value that is a text.
    pub fn text(name: Option<String>, text: impl Into<String>) -> Self {
        Self {
            kind: ParameterKind::Text,
            parameter_name: name,
            text: Some(text.into()),
            date_time: None,
            currency: None,
            image: None,
            video: None,
            document: None,
            location: None,
            payload: None,
            coupon_code: None,
        }
    }
}

impl Template {
    /// The text of the body, as it was written.
    pub fn body(&self) -> &str {
        let body = self.components.iter().find_map(|component| match component {
            Component::Body { text, .. } => Some(text.as_str()),
            _ => None,
        });
        body.unwrap_or_default()
    }

    /// The placeholders of the body, in order.
    pub fn parameters(&self) -> Vec<String> {
        fill::placeholders(self.body())
    }
}
