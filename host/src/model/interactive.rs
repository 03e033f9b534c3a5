//! Buttons and lists that we offer, and the choices that customers make.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::content::{ContentError, at_most, refuse};

/// Buttons or a list that we offer, or the choice that a customer made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Interactive {
    /// A line above the text, at most 60 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// A line below the text, at most 60 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub footer: String,
    /// 1 to 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// The word on the button that opens the list.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub button: String,
    /// The rows of a list without sections, 1 to 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// The sections of a list, with 1 to 10 rows in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Button {
    pub id: String,
    /// At most 20 characters.
    pub title: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// At most 24 characters; needed where there are several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    /// At most 24 characters.
    pub title: String,
    /// At most 72 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// The button or row that a customer chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub id: String,
    pub title: String,
}

const FIELD: &str = "interactive";

impl Interactive {
    pub(super) fn check(&self) -> Result<(), ContentError> {
        if self.reply.is_some() {
            return Ok(());
        }
        if self.text.trim().is_empty() {
            return refuse(FIELD, "text is empty");
        }
        at_most(FIELD, "header", &self.header, 60)?;
        at_most(FIELD, "footer", &self.footer, 60)?;
        let sectioned: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        match (self.buttons.len(), self.rows.len(), sectioned) {
            (1..=3, 0, 0) if self.sections.is_empty() => self.check_buttons(),
            (0, 1..=10, 0) if self.sections.is_empty() => self.check_list(),
            (0, 0, 1..=10) => self.check_list(),
            _ => refuse(FIELD, "give 1 to 3 buttons, or 1 to 10 rows, in sections or without"),
        }
    }

    fn check_buttons(&self) -> Result<(), ContentError> {
        at_most(FIELD, "text", &self.text, 1024)?;
        for button in &self.buttons {
            check_choice("button", &button.id, 256, &button.title, 20)?;
        }
        distinct(self.buttons.iter().map(|button| button.id.as_str()))
    }

    fn check_list(&self) -> Result<(), ContentError> {
        at_most(FIELD, "text", &self.text, 4096)?;
        if self.button.trim().is_empty() {
            return refuse(FIELD, "a list needs the word on its button");
        }
        at_most(FIELD, "button", &self.button, 20)?;
        for section in &self.sections {
            at_most(FIELD, "a section's title", &section.title, 24)?;
            if section.rows.is_empty()
                || (self.sections.len() > 1 && section.title.trim().is_empty())
            {
                return refuse(FIELD, "a section has rows, and a title where there are several");
            }
        }
        for row in self.all_rows() {
            check_choice("row", &row.id, 200, &row.title, 24)?;
            at_most(FIELD, "a row's description", &row.description, 72)?;
        }
        distinct(self.all_rows().map(|row| row.id.as_str()))
    }

    /// The rows of a list, in sections or without.
    pub fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(self.sections.iter().flat_map(|section| &section.rows))
    }
}

fn check_choice(
    what: &str,
    id: &str,
    most_id: usize,
    title: &str,
    most: usize,
) -> Result<(), ContentError> {
    if id.is_empty() || title.trim().is_empty() {
        return refuse(FIELD, format!("a {what} needs an id and a title"));
    }
    at_most(FIELD, &format!("a {what}'s id"), id, most_id)?;
    at_most(FIELD, &format!("a {what}'s title"), title, most)
}

fn distinct<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), ContentError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return refuse(FIELD, format!("the id {id:?} is given twice"));
        }
    }
    Ok(())
}
