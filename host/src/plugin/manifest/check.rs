//! What a manifest must hold beyond its shape.

use serde_json::Value;

use super::{Manifest, ManifestError, On};
use crate::plugin::cron;

impl Manifest {
    pub(super) fn check(&self) -> Result<(), ManifestError> {
        let refuse = |field: &str, problem: &str| Err(ManifestError::new(field, problem));
        if !is_slug(&self.id) {
            return refuse("id", "1 to 64 lower-case letters, digits or hyphens");
        }
        if self.description.chars().count() > 500 {
            return refuse("description", "at most 500 characters");
        }
        if !self.permissions.reveal.is_empty() {
            return refuse(
                "permissions.reveal",
                "write `reveal = true` under [secrets.<name>] instead",
            );
        }
        for (index, subscription) in self.events.iter().enumerate() {
            subscription.check(&format!("events[{index}]"))?;
        }
        if let Err(e) = jsonschema::validator_for(&Value::Object(self.config.clone())) {
            return refuse("config", &format!("is not a JSON Schema: {e}"));
        }
        if let Some(name) = self.secrets.keys().find(|name| !is_name(name)) {
            return refuse(
                &format!("secrets.{name}"),
                "name it with 1 to 64 letters, digits, `_` or `-`",
            );
        }
        self.check_schedules()?;
        self.check_routes()
    }

    fn check_schedules(&self) -> Result<(), ManifestError> {
        for (index, schedule) in self.schedules.iter().enumerate() {
            let field = |key: &str| format!("schedules[{index}].{key}");
            if !is_name(&schedule.name) {
                return Err(ManifestError::new(
                    field("name"),
                    "1 to 64 letters, digits, `_` or `-`",
                ));
            }
            if self.schedules[..index].iter().any(|earlier| earlier.name == schedule.name) {
                return Err(ManifestError::new(
                    field("name"),
                    "is the name of an earlier schedule",
                ));
            }
            cron::check(&schedule.cron, &schedule.time_zone)
                .map_err(|e| ManifestError::new(field(e.field), e.problem))?;
        }
        self.must_receive(On::Timer, !self.schedules.is_empty(), "schedules")
    }

    fn check_routes(&self) -> Result<(), ManifestError> {
        for (index, route) in self.routes.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
            let well_formed = route.path.starts_with('/')
                && route.path.len() <= 200
                && route.path.chars().all(plain);
            if !well_formed {
                let problem =
                    "begins with `/` and has letters, digits, `-`, `_`, `.`, `~`, at most 200";
                return Err(ManifestError::new(format!("routes[{index}].path"), problem));
            }
            if let Some(verify) = &route.verify {
                verify.check(&format!("routes[{index}].verify"), &self.secrets)?;
            }
        }
        self.must_receive(On::Webhook, !self.routes.is_empty(), "routes")
    }

    /// What a schedule or route brings must be among the events.
    fn must_receive(&self, on: On, needed: bool, field: &str) -> Result<(), ManifestError> {
        if !needed || self.receives(on) {
            return Ok(());
        }
        let problem = format!(
            "the plugin does not receive them: add `[[events]]` with `on = \"{}\"`",
            on.as_str()
        );
        Err(ManifestError::new(field, problem))
    }
}

fn is_slug(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
