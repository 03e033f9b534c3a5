//! Templates must exist, be approved, and get the values that they ask for.

use super::{Case, Refused, refuse};
use crate::model::{Content, TemplateFault};

pub(super) fn template(case: &Case<'_>) -> Result<(), Refused> {
    let Content::Template { template: message } = case.content else { return Ok(()) };
    let filled = match case.template {
        Some(template) => template.fill(message).map(drop),
        None => Err(TemplateFault::not_found(&message.name, &message.language.code, "")),
    };
    filled.map_err(|fault| refuse(fault.code, fault.to_string()))
}
