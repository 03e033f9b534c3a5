//! What a template must keep to be submitted.

use super::fill::placeholders;
use super::{ButtonKind, Component, Example, HeaderFormat, ParameterFormat, Template};

impl Template {
    /// Check what every provider would refuse.
    ///
    /// # Errors
    /// The field, and what it should be.
    pub fn check(&self) -> Result<(), String> {
        let name_fits = (1..=512).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !name_fits {
            return Err("name: 1 to 512 of a-z, 0-9 and _".to_owned());
        }
        let language_fits = (2..=10).contains(&self.language.len())
            && self.language.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
        if !language_fits {
            return Err("language: give a code such as \"en\" or \"en_US\"".to_owned());
        }
        for kind in ["header", "body", "footer", "buttons"] {
            let count = self.components.iter().filter(|it| kind_of(it) == kind).count();
            if count > 1 || (count == 0 && kind == "body") {
                return Err(format!("components: give one body, and at most one {kind}"));
            }
        }
        self.components.iter().try_for_each(|component| self.check_component(component))
    }

    fn check_component(&self, component: &Component) -> Result<(), String> {
        match component {
            Component::Header { format: HeaderFormat::Text, text, example } => {
                bounded("header", text, 60)?;
                let names = self.check_names("header", text)?;
                if names.len() > 1 {
                    return Err("header: at most one placeholder".to_owned());
                }
                examples("header", &names, &self.given(&example.header_text, example, true))
            }
            Component::Header { text, .. } if !text.is_empty() => {
                Err("header: only a header of the format text has a text".to_owned())
            }
            Component::Header { .. } => Ok(()),
            Component::Body { text, example } => {
                bounded("body", text, 1024)?;
                let names = self.check_names("body", text)?;
                let first = example.body_text.first().cloned().unwrap_or_default();
                examples("body", &names, &self.given(&first, example, false))
            }
            Component::Footer { text } => {
                bounded("footer", text, 60)?;
                if placeholders(text).is_empty() {
                    Ok(())
                } else {
                    Err("footer: has no placeholders".to_owned())
                }
            }
            Component::Buttons { buttons } => {
                if !(1..=10).contains(&buttons.len()) {
                    return Err("buttons: give 1 to 10".to_owned());
                }
                for button in buttons {
                    bounded("buttons", &button.text, 25)?;
                    let complete = match button.kind {
                        ButtonKind::Url => button.url.as_ref().is_some_and(|url| {
                            (url.starts_with("https://") || url.starts_with("http://"))
                                && url.len() <= 2000
                        }),
                        ButtonKind::PhoneNumber => button.phone_number.is_some(),
                        ButtonKind::QuickReply | ButtonKind::CopyCode => true,
                    };
                    if !complete {
                        return Err("buttons: a url needs its address, a phone_number its number"
                            .to_owned());
                    }
                }
                Ok(())
            }
        }
    }

    /// The names that have example values.
    fn given(&self, positional: &[String], example: &Example, header: bool) -> Vec<String> {
        let named = if header {
            &example.header_text_named_params
        } else {
            &example.body_text_named_params
        };
        match self.format {
            ParameterFormat::Positional => {
                (1..=positional.len()).map(|number| number.to_string()).collect()
            }
            ParameterFormat::Named => named.iter().map(|it| it.param_name.clone()).collect(),
        }
    }

    fn check_names(&self, part: &str, text: &str) -> Result<Vec<String>, String> {
        let names = placeholders(text);
        let numbered = |name: &String| name.bytes().all(|b| b.is_ascii_digit());
        let fits = match self.format {
            ParameterFormat::Positional => {
                let mut sorted: Vec<usize> =
                    names.iter().filter_map(|name| name.parse().ok()).collect();
                sorted.sort_unstable();
                sorted == (1..=names.len()).collect::<Vec<_>>()
            }
            ParameterFormat::Named => !names.iter().any(numbered),
        };
        if fits {
            return Ok(names);
        }
        let how = match self.format {
            ParameterFormat::Positional => "{{1}}, {{2}} and so on, without a gap",
            ParameterFormat::Named => "{{first_name}}: a-z, 0-9 and _, not a number",
        };
        Err(format!("{part}: write placeholders as {how}"))
    }
}

fn kind_of(component: &Component) -> &'static str {
    match component {
        Component::Header { .. } => "header",
        Component::Body { .. } => "body",
        Component::Footer { .. } => "footer",
        Component::Buttons { .. } => "buttons",
    }
}

fn bounded(part: &str, text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() || text.contains('\0') || text.chars().count() > most {
        return Err(format!("{part}: 1 to {most} characters"));
    }
    Ok(())
}

fn examples(part: &str, names: &[String], given: &[String]) -> Result<(), String> {
    if names.iter().all(|name| given.contains(name)) {
        return Ok(());
    }
    Err(format!("{part}: give `example` values for {}", names.join(", ")))
}
