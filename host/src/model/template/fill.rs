//! Putting values into a template: one walk checks them and writes what the customer reads, so that
//! what passes the check can always be shown.

use super::{
    ButtonIndex, ButtonKind, Component, HeaderFormat, Parameter, ParameterFormat, ParameterKind,
    Template, TemplateMessage, TemplateStatus, TemplateValues, ValuesOf,
};

/// The provider's bound for a body with its values, in characters; and for a header.
const MAX_BODY: usize = 1024;
const MAX_HEADER: usize = 60;
const MAX_LINK: usize = 2000;

/// Why a template cannot be sent so: our stable code, the provider's number, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("({number}) {problem}")]
pub struct TemplateFault {
    pub code: &'static str,
    pub number: u32,
    pub problem: String,
}

impl TemplateFault {
    fn new(code: &'static str, number: u32, problem: impl Into<String>) -> Self {
        Self { code, number, problem: problem.into() }
    }

    fn count(part: &str, wanted: usize, given: usize) -> Self {
        let problem = format!("the {part} takes {wanted} parameters, and {given} were given");
        Self::new("template_parameter_count", 132_000, problem)
    }

    /// There is none of that name and language that may be sent.
    pub fn not_found(name: &str, language: &str, why: &str) -> Self {
        let problem = format!("there is no approved template {name:?} in {language:?}{why}");
        Self::new("template_not_found", 132_001, problem)
    }

    fn too_long(part: &str, most: usize) -> Self {
        let problem = format!("the {part} with its values has more than {most} characters");
        Self::new("template_too_long", 132_005, problem)
    }

    fn policy(problem: impl Into<String>) -> Self {
        Self::new("template_policy", 132_007, problem)
    }

    fn format(problem: impl Into<String>) -> Self {
        Self::new("template_parameter_format", 132_012, problem)
    }
}

impl Template {
    /// Check that it may be sent with these values; gives what the customer reads.
    ///
    /// # Errors
    /// The first thing that the provider would refuse, with its number.
    pub fn fill(&self, message: &TemplateMessage) -> Result<String, TemplateFault> {
        self.check_status()?;
        let mut lines = Vec::new();
        let mut used = 0;
        for component in &self.components {
            match component {
                Component::Header { format, text, .. } => {
                    let values = of(message, ValuesOf::Header);
                    used += usize::from(values.is_some());
                    let given = values.map_or(&[][..], |values| &values.parameters);
                    if *format == HeaderFormat::Text {
                        lines.push(self.fill_text("header", text, given, MAX_HEADER)?);
                    } else {
                        check_media(*format, given)?;
                    }
                }
                Component::Body { text, .. } => {
                    let values = of(message, ValuesOf::Body);
                    used += usize::from(values.is_some());
                    let given = values.map_or(&[][..], |values| &values.parameters);
                    lines.push(self.fill_text("body", text, given, MAX_BODY)?);
                }
                Component::Footer { text } => lines.push(text.clone()),
                Component::Buttons { .. } => used += self.check_buttons(message)?,
            }
        }
        let given = message.components.iter().filter(|values| !values.parameters.is_empty());
        if given.count() > used {
            let problem =
                "there are values for a part that the template does not have, or twice for one";
            return Err(TemplateFault::new("template_parameter_count", 132_000, problem));
        }
        Ok(lines.join("\n"))
    }

    fn check_status(&self) -> Result<(), TemplateFault> {
        let why = |what: &str| match self.reason.as_str() {
            "" => format!("template {:?} is {what}", self.name),
            reason => format!("template {:?} is {what}: {reason}", self.name),
        };
        match self.status {
            TemplateStatus::Approved => Ok(()),
            TemplateStatus::Paused => {
                Err(TemplateFault::new("template_paused", 132_015, why("paused")))
            }
            TemplateStatus::Disabled => {
                Err(TemplateFault::new("template_disabled", 132_016, why("disabled")))
            }
            other => {
                let why = format!(": it is {other}");
                Err(TemplateFault::not_found(&self.name, &self.language, &why))
            }
        }
    }

    fn fill_text(
        &self,
        part: &str,
        text: &str,
        given: &[Parameter],
        most: usize,
    ) -> Result<String, TemplateFault> {
        let names = placeholders(text);
        if names.len() != given.len() {
            return Err(TemplateFault::count(part, names.len(), given.len()));
        }
        let mut values = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let parameter = match self.format {
                ParameterFormat::Positional => name
                    .parse::<usize>()
                    .ok()
                    .and_then(|number| given.get(number.checked_sub(1)?))
                    .or_else(|| given.get(index)),
                ParameterFormat::Named => {
                    given.iter().find(|given| given.parameter_name.as_ref() == Some(name))
                }
            };
            let Some(parameter) = parameter else {
                let problem = format!(
                    "the {part} has a placeholder {name:?} without a value: give `parameter_name`"
                );
                return Err(TemplateFault::format(problem));
            };
            values.push((name.as_str(), value(part, parameter)?));
        }
        let filled = replace(text, |name| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        });
        if filled.chars().count() > most {
            return Err(TemplateFault::too_long(part, most));
        }
        Ok(filled)
    }

    /// The values of buttons; gives how many parts of the message they were.
    fn check_buttons(&self, message: &TemplateMessage) -> Result<usize, TemplateFault> {
        let buttons = self.components.iter().find_map(|component| match component {
            Component::Buttons { buttons } => Some(buttons.as_slice()),
            _ => None,
        });
        let mut used = 0;
        for (index, button) in buttons.unwrap_or_default().iter().enumerate() {
            let mut given = message.components.iter().filter(|values| {
                values.kind == ValuesOf::Button && is_index(values.index.as_ref(), index)
            });
            let values = given.next();
            used += usize::from(values.is_some());
            let given = values.map_or(&[][..], |values| &values.parameters);
            let url = button.url.as_deref().unwrap_or_default();
            let wanted = match button.kind {
                ButtonKind::Url => placeholders(url).len(),
                ButtonKind::CopyCode => 1,
                // What a quick answer sends back may be given, and need not be.
                ButtonKind::QuickReply => given.len().min(1),
                ButtonKind::PhoneNumber => 0,
            };
            let part = format!("button {index}");
            if given.len() != wanted {
                return Err(TemplateFault::count(&part, wanted, given.len()));
            }
            for parameter in given {
                if button_value(button.kind, parameter).is_none_or(|text| text.len() > MAX_LINK) {
                    let problem =
                        format!("{part} takes another type of parameter, or a shorter one");
                    return Err(TemplateFault::format(problem));
                }
            }
        }
        Ok(used)
    }
}

/// The values for one part that is there once.
fn of(message: &TemplateMessage, part: ValuesOf) -> Option<&TemplateValues> {
    message.components.iter().find(|values| values.kind == part)
}

fn is_index(given: Option<&ButtonIndex>, index: usize) -> bool {
    match given {
        None => index == 0,
        Some(ButtonIndex::Number(number)) => usize::try_from(*number) == Ok(index),
        Some(ButtonIndex::Text(text)) => text.trim().parse() == Ok(index),
    }
}

fn button_value(kind: ButtonKind, parameter: &Parameter) -> Option<&str> {
    match (kind, parameter.kind) {
        (ButtonKind::Url, ParameterKind::Text) => parameter.text.as_deref(),
        (ButtonKind::QuickReply, ParameterKind::Payload) => parameter.payload.as_deref(),
        (ButtonKind::CopyCode, ParameterKind::CouponCode) => parameter.coupon_code.as_deref(),
        _ => None,
    }
}

/// The words of a parameter of a text.
fn value<'a>(part: &str, parameter: &'a Parameter) -> Result<&'a str, TemplateFault> {
    let text = match parameter.kind {
        ParameterKind::Text => parameter.text.as_deref(),
        ParameterKind::DateTime => {
            parameter.date_time.as_ref().map(|it| it.fallback_value.as_str())
        }
        ParameterKind::Currency => parameter.currency.as_ref().map(|it| it.fallback_value.as_str()),
        _ => None,
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        let problem = format!("the {part} takes texts, dates and amounts, each with its words");
        return Err(TemplateFault::format(problem));
    };
    if text.contains(['\n', '\t', '\r']) || text.contains("     ") {
        let problem = format!(
            "a value of the {part} has a line break, a tab or more than four blanks in a row"
        );
        return Err(TemplateFault::policy(problem));
    }
    Ok(text)
}

fn check_media(format: HeaderFormat, given: &[Parameter]) -> Result<(), TemplateFault> {
    let [parameter] = given else { return Err(TemplateFault::count("header", 1, given.len())) };
    let fits = match (format, parameter.kind) {
        (HeaderFormat::Image, ParameterKind::Image) => parameter.image.is_some(),
        (HeaderFormat::Video, ParameterKind::Video) => parameter.video.is_some(),
        (HeaderFormat::Document, ParameterKind::Document) => parameter.document.is_some(),
        (HeaderFormat::Location, ParameterKind::Location) => parameter.location.is_some(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(TemplateFault::format("the header takes another type of file")) }
}

/// The names of the placeholders in a text, each once, in order.
pub(super) fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    replace(text, |name| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        None
    });
    names
}

/// Put something in the place of each placeholder; `None` leaves it as it is.
fn replace<'a>(text: &str, mut with: impl FnMut(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let inner = from[2..].split_once("}}").map(|(inner, _)| inner);
        match inner.filter(|inner| is_name(inner.trim())) {
            Some(inner) => {
                let whole = &from[..inner.len() + 4];
                filled.push_str(with(inner.trim()).unwrap_or(whole));
                rest = &from[whole.len()..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Example, ParameterFormat, TemplateCategory, TemplateLanguage};
    use super::*;

    fn template(format: ParameterFormat, body: &str) -> Template {
        Template {
            id: "tpl".to_owned(),
            team_id: "team".to_owned(),
            business_account_id: String::new(),
            name: "order_ready".to_owned(),
            language: "en".to_owned(),
            category: TemplateCategory::Utility,
            format,
            components: vec![Component::Body {
                text: body.to_owned(),
                example: Example::default(),
            }],
            status: TemplateStatus::Approved,
            reason: String::new(),
            provider_id: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }

    fn message(parameters: Vec<Parameter>) -> TemplateMessage {
        TemplateMessage {
            name: "order_ready".to_owned(),
            language: TemplateLanguage { code: "en".to_owned(), policy: None },
            components: vec![TemplateValues {
                kind: ValuesOf::Body,
                sub_type: None,
                index: None,
                parameters,
            }],
            ..TemplateMessage::default()
        }
    }

    fn texts(values: &[&str]) -> Vec<Parameter> {
        values.iter().map(|value| Parameter::text(None, *value)).collect()
    }

    fn number(filled: Result<String, TemplateFault>) -> u32 {
        filled.expect_err("a fault").number
    }

    #[test]
    fn values_stand_where_their_placeholders_stood() {
        let numbered = template(ParameterFormat::Positional, "{{2}} for {{1}}, {{ 2 }}! {{x");
        let filled = numbered.fill(&message(texts(&["Ann", "Soup"])));
        assert_eq!(filled, Ok("Soup for Ann, Soup! {{x".to_owned()));
        let named = template(ParameterFormat::Named, "Hi {{first_name}}");
        let name = Parameter::text(Some("first_name".to_owned()), "{{1}}");
        assert_eq!(named.fill(&message(vec![name])), Ok("Hi {{1}}".to_owned()));
    }

    #[test]
    fn each_fault_has_the_providers_number() {
        let mut it = template(ParameterFormat::Positional, "Hi {{1}}");
        assert_eq!(number(it.fill(&message(Vec::new()))), 132_000);
        assert_eq!(number(it.fill(&message(texts(&["a", "b"])))), 132_000);
        assert_eq!(number(it.fill(&message(texts(&[&"x".repeat(1022)])))), 132_005);
        assert_eq!(number(it.fill(&message(texts(&["a\nb"])))), 132_007);
        let picture = Parameter { kind: ParameterKind::Image, ..Parameter::text(None, "x") };
        assert_eq!(number(it.fill(&message(vec![picture]))), 132_012);
        let unnamed = template(ParameterFormat::Named, "Hi {{name}}");
        assert_eq!(number(unnamed.fill(&message(texts(&["a"])))), 132_012);
        for (status, expected) in [
            (TemplateStatus::Draft, 132_001),
            (TemplateStatus::Pending, 132_001),
            (TemplateStatus::Rejected, 132_001),
            (TemplateStatus::Paused, 132_015),
            (TemplateStatus::Disabled, 132_016),
        ] {
            it.status = status;
            assert_eq!(number(it.fill(&message(texts(&["a"])))), expected, "{status}");
        }
    }

    proptest! {
        #[test]
        fn filling_never_panics_and_agrees_with_the_count(
            pieces in prop::collection::vec("\\PC{0,6}|\\{\\{[1-4]\\}\\}|\\{\\{[a-c]\\}\\}|\\{\\{|\\}\\}", 0..8),
            values in prop::collection::vec("[ -~é]{1,8}", 0..6),
            named in any::<bool>(),
        ) {
            let format =
                if named { ParameterFormat::Named } else { ParameterFormat::Positional };
            let template = template(format, &pieces.concat());
            let names = template.parameters();
            let parameters: Vec<Parameter> = values
                .iter()
                .enumerate()
                .map(|(index, value)| Parameter::text(names.get(index).cloned(), value.clone()))
                .collect();
            match template.fill(&message(parameters)) {
                Ok(filled) => {
                    prop_assert_eq!(values.len(), names.len());
                    if names.is_empty() {
                        prop_assert_eq!(filled, template.body());
                    }
                }
                Err(fault) => prop_assert_eq!(fault.number == 132_000, values.len() != names.len()),
            }
        }
    }
}
