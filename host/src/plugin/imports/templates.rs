//! `templates`: read them, and send one with the values of its body.

use super::super::bindings::switchboard::plugin::messaging::Options;
use super::super::bindings::switchboard::plugin::templates::{Entry, Host};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text};
use crate::model::{
    Content, Parameter, Template, TemplateLanguage, TemplateMessage, TemplateStatus,
    TemplateValues, ValuesOf,
};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

const MAX_LIST: u32 = 100;
const MAX_NAME: usize = 512;

impl Host for Run {
    async fn list(&mut self, status: String, after: String, limit: u32) -> Answer<Vec<Entry>> {
        answer(self.template_list(&status, &after, limit).await)
    }

    async fn get(&mut self, name: String, language: String) -> Answer<Entry> {
        answer(self.template_entry(&name, &language).await)
    }

    async fn send(
        &mut self,
        to: String,
        name: String,
        language: String,
        parameters: Vec<(String, String)>,
        options: Option<Options>,
    ) -> Answer<String> {
        answer(match message(name, language, parameters) {
            Ok(template) => self.send_content(to, Content::Template { template }, options).await,
            Err(refused) => Err(refused),
        })
    }
}

impl Run {
    fn enter_templates(&mut self, bytes: usize) -> Result<(), Halt> {
        self.enter(bytes)?;
        self.require("templates = true", |grants| grants.templates)
    }

    async fn template_list(
        &mut self,
        status: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, Halt> {
        self.enter_templates(status.len() + after.len())?;
        check_optional_text("the template to begin after", after, 128)?;
        let status: Option<TemplateStatus> = match status {
            "" => None,
            word => Some(word.parse().map_err(Halt::invalid)?),
        };
        let limit = limit.clamp(1, MAX_LIST).into();
        let (team_id, account_id) = (&self.call.install.team_id, &self.call.event.account_id);
        let found = self.call.host.templates(team_id, account_id, status, after, limit).await?;
        Ok(found.into_iter().map(entry).collect())
    }

    async fn template_entry(&mut self, name: &str, language: &str) -> Result<Entry, Halt> {
        self.enter_templates(name.len() + language.len())?;
        check_text("the name", name, MAX_NAME)?;
        check_text("the language", language, 16)?;
        let (team_id, account_id) = (&self.call.install.team_id, &self.call.event.account_id);
        let found = self.call.host.template(team_id, account_id, name, language).await?;
        let none =
            || Halt::refused("not-found", format!("there is no template {name:?} in {language:?}"));
        found.map(entry).ok_or_else(none)
    }
}

fn entry(template: Template) -> Entry {
    Entry {
        json: serde_json::to_string(&template).unwrap_or_default(),
        body: template.body().to_owned(),
        parameters: template.parameters(),
        id: template.id,
        name: template.name,
        language: template.language,
        category: template.category.as_str().to_owned(),
        status: template.status.as_str().to_owned(),
    }
}

/// The values of a body in the shape that messages have: numbered ones in their order.
fn message(
    name: String,
    language: String,
    mut given: Vec<(String, String)>,
) -> Result<TemplateMessage, Halt> {
    check_text("the name", &name, MAX_NAME)?;
    check_text("the language", &language, 16)?;
    if given.iter().all(|(name, _)| name.parse::<u32>().is_ok()) {
        given.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
        given.iter_mut().for_each(|(name, _)| name.clear());
    }
    let parameters: Vec<Parameter> = given
        .into_iter()
        .map(|(name, text)| Parameter::text((!name.is_empty()).then_some(name), text))
        .collect();
    let body = TemplateValues { kind: ValuesOf::Body, sub_type: None, index: None, parameters };
    Ok(TemplateMessage {
        name,
        language: TemplateLanguage { code: language, policy: None },
        components: if body.parameters.is_empty() { Vec::new() } else { vec![body] },
        namespace: None,
        text: None,
    })
}
