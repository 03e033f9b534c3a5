//! Expressions and texts with `{{ … }}`: the language is minijinja's.

use jiff::Zoned;
use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value as Any, filters, functions, tests,
};
use serde_json::{Map, Value};

use crate::times::{self, Now};

/// What one text or expression may compute.
const FUEL: u64 = 50_000;

/// Works texts and expressions out, on these variables.
pub struct Values {
    env: Environment<'static>,
    variables: Any,
}

impl Values {
    pub fn new(variables: &Map<String, Value>, now: &Now) -> Self {
        let mut env = environment();
        add_times(&mut env, now);
        Self { env, variables: Any::from_serialize(variables) }
    }

    /// A text with its places filled in.
    ///
    /// # Errors
    /// What cannot be worked out, in words.
    pub fn text(&self, text: &str) -> Result<String, String> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        self.env.render_str(text, &self.variables).map_err(|error| words(&error))
    }

    /// A value with the places in its texts filled in; a text that is one place and nothing else takes
    /// the kind of what stands there.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn value(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => match one_place(text) {
                Some(expression) => self.expression(expression),
                None => self.text(text).map(Value::String),
            },
            Value::Array(items) => items
                .iter()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Value::Object(fields) => {
                let filled =
                    fields.iter().map(|(key, field)| Ok((key.clone(), self.value(field)?)));
                filled.collect::<Result<_, String>>().map(Value::Object)
            }
            plain => Ok(plain.clone()),
        }
    }

    /// What an expression gives.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn expression(&self, expression: &str) -> Result<Value, String> {
        let compiled =
            self.env.compile_expression(bare(expression)).map_err(|error| words(&error))?;
        let value = compiled.eval(&self.variables).map_err(|error| words(&error))?;
        if value.is_undefined() {
            return Ok(Value::Null);
        }
        serde_json::to_value(&value).map_err(|error| error.to_string())
    }

    /// Whether an expression holds: empty things, 0 and false do not.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn holds(&self, expression: &str) -> Result<bool, String> {
        let compiled =
            self.env.compile_expression(bare(expression)).map_err(|error| words(&error))?;
        compiled.eval(&self.variables).map(|value| value.is_true()).map_err(|error| words(&error))
    }
}

/// Whether a text can be read; nothing is worked out.
///
/// # Errors
/// What is not understood.
pub fn check_text(text: &str) -> Result<(), String> {
    if !is_template(text) {
        return Ok(());
    }
    environment().template_from_str(text).map(|_| ()).map_err(|error| words(&error))
}

/// The same for an expression.
///
/// # Errors
/// What is not understood.
pub fn check_expression(expression: &str) -> Result<(), String> {
    if bare(expression).is_empty() {
        return Err("an expression is missing, such as `vars.age >= 18`".to_owned());
    }
    environment().compile_expression(bare(expression)).map(|_| ()).map_err(|error| words(&error))
}

/// Whether a text or (with `whole`) an expression speaks of a variable.
pub fn mentions(text: &str, name: &str, whole: bool) -> bool {
    let has = |code: &str| {
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    };
    if whole {
        return has(text);
    }
    let inside = |open: &str, close: &str| {
        text.split(open).skip(1).any(|rest| has(rest.split(close).next().unwrap_or_default()))
    };
    inside("{{", "}}") || inside("{%", "%}")
}

/// Only what `README.md` names: every filter costs its place in every flow.
fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.add_filter("upper", filters::upper);
    env.add_filter("lower", filters::lower);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("trim", filters::trim);
    env.add_filter("replace", filters::replace);
    env.add_filter("split", filters::split);
    env.add_filter("join", filters::join);
    env.add_filter("default", filters::default);
    env.add_filter("length", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("round", filters::round);
    env.add_filter("abs", filters::abs);
    env.add_filter("int", filters::int);
    env.add_filter("float", filters::float);
    env.add_test("defined", tests::is_defined);
    env.add_test("number", tests::is_number);
    env.add_function("range", functions::range);
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(50);
    env
}

fn add_times(env: &mut Environment<'static>, now: &Now) {
    let clock = now.clone();
    env.add_filter("time", move |moment: String, format: Option<String>| {
        let moment = known(&clock, &moment)?;
        let format = format.unwrap_or_else(|| "%Y-%m-%d %H:%M".to_owned());
        jiff::fmt::strtime::format(&format, &moment).map_err(|error| refuse(error.to_string()))
    });
    let clock = now.clone();
    env.add_filter("plus", move |moment: String, duration: String| {
        let moved = clock.plus(&known(&clock, &moment)?, &duration);
        moved.map(|it| times::written(&it)).ok_or_else(|| no_duration(&duration))
    });
    let clock = now.clone();
    env.add_filter("minus", move |moment: String, duration: String| {
        let moved = clock.minus(&known(&clock, &moment)?, &duration);
        moved.map(|it| times::written(&it)).ok_or_else(|| no_duration(&duration))
    });
    let clock = now.clone();
    env.add_filter("seconds", move |moment: String| {
        known(&clock, &moment).map(|moment| moment.timestamp().as_second())
    });
    env.add_filter("json", |value: Any| {
        serde_json::to_string(&value).map_err(|error| refuse(error.to_string()))
    });
}

fn known(now: &Now, text: &str) -> Result<Zoned, Error> {
    now.moment(text)
        .ok_or_else(|| refuse(format!("{text:?} is no moment, such as 2026-01-31 15:30")))
}

fn no_duration(text: &str) -> Error {
    refuse(format!("{text:?} is no duration, such as `2 hours`"))
}

fn refuse(words: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, words)
}

fn words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// An expression may be written with its braces too.
fn bare(expression: &str) -> &str {
    one_place(expression).unwrap_or(expression).trim()
}

/// The expression of a text that is `{{ … }}` and nothing else.
fn one_place(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inside.contains("{{") && !inside.contains("}}")).then_some(inside)
}

#[cfg(test)]
mod checks {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        let Value::Object(variables) = json!({
            "vars": { "name": "Ann", "age": 20, "items": [1, 2] }, "now": "2026-01-05T13:00:00+01:00"
        }) else {
            panic!("an object")
        };
        Values::new(&variables, &Now::new(1_767_614_400_000, "Europe/Berlin").expect("a time"))
    }

    #[test]
    fn texts_are_filled_in_and_values_keep_their_kind() {
        let values = values();
        assert_eq!(
            values.text("Hi {{ vars.name }}, {{ vars.gone.too }}!"),
            Ok("Hi Ann, !".to_owned())
        );
        assert_eq!(
            values.text("{{ vars.name | upper }} {% if vars.age > 18 %}ok{% endif %}"),
            Ok("ANN ok".to_owned())
        );
        let given = json!({ "a": "{{ vars.age + 1 }}", "b": ["{{ vars.items }}", "n{{ vars.age }}"], "c": 1, "d": "{{ vars.no }}" });
        assert_eq!(
            values.value(&given),
            Ok(json!({ "a": 21, "b": [[1, 2], "n20"], "c": 1, "d": null }))
        );
        assert_eq!(
            values.text("{{ now | plus('1 day') | time('%A %d.%m. %H:%M') }}"),
            Ok("Tuesday 06.01. 13:00".to_owned())
        );
        assert_eq!(
            values.expression("('2026-01-05 14:00' | seconds) - (now | seconds)"),
            Ok(json!(3600))
        );
        assert_eq!(values.text("{{ vars | json }}").expect("JSON").len(), 37);
    }

    #[test]
    fn expressions_hold_or_not_and_may_have_braces() {
        let values = values();
        for (expression, holds) in [
            ("vars.age >= 18", true),
            ("{{ vars.age < 18 }}", false),
            ("vars.none", false),
            ("vars.name in ['Ann', 'Bob'] and not vars.none.more", true),
            ("true", true),
        ] {
            assert_eq!(values.holds(expression), Ok(holds), "{expression}");
        }
        assert!(
            values.holds("vars.name * vars.name").is_err() && values.holds("vars.age >").is_err()
        );
    }

    #[test]
    fn what_is_not_understood_is_found_before_it_runs() {
        assert!(check_text("Hi {{ name").is_err() && check_text("{% if x %}").is_err());
        assert!(check_expression("a >").is_err() && check_expression(" ").is_err());
        assert_eq!((check_text("plain"), check_expression("a.b == 'c'")), (Ok(()), Ok(())));
    }

    #[test]
    fn no_text_computes_for_ever() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(values().text(loops).is_err());
        let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(values().expression(&deep).is_err());
    }

    #[test]
    fn what_a_text_speaks_of_is_seen() {
        assert!(mentions("Hi {{ contact.name }}", "contact", false));
        assert!(!mentions("your contact is {{ vars.contact_name }}", "contact", false));
        assert!(mentions("contact.opt_in == 'out'", "contact", true));
    }
}
