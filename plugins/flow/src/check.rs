//! What a person may have got wrong in a flow beyond its shape: found when it is built, all at once.

use regex_lite::Regex;
use serde_json::Value;

use crate::answer::{Question, Shape};
use crate::expr;
use crate::format::{OneOrMore, Trigger};
use crate::program::{Action, Node, Program};
use crate::times;
use crate::yaml::{Document, Problem};

/// Everything that is wrong, in order of lines.
pub fn problems(document: &Document, program: &Program) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    found.head(program);
    for (index, trigger) in program.triggers.iter().enumerate() {
        found.trigger(program, trigger, &format!("triggers[{index}]"));
    }
    found.texts(&document.root, "");
    for node in &program.nodes {
        found.node(program, node);
    }
    let mut problems = found.0;
    for problem in &mut problems {
        problem.line = document.line(&problem.path);
    }
    problems.sort_by_key(|problem| problem.line);
    problems
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Problem::at(path, message));
    }

    fn need(&mut self, holds: bool, path: &str, message: &str) {
        if !holds {
            self.add(path, message);
        }
    }

    fn head(&mut self, program: &Program) {
        let flow = &program.flow;
        let id = &flow.flow;
        let slug = (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        self.need(slug, "flow", "1 to 64 lower-case letters, digits or hyphens");
        let numbers: Vec<&str> = flow.version.split('.').collect();
        let version =
            numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u64>().is_ok());
        self.need(version, "version", "three numbers, such as 1.2.0");
        if let Err(message) = times::zone(&flow.time_zone) {
            self.add("time_zone", message);
        }
        self.need(
            !program.triggers.is_empty(),
            "triggers",
            "a flow needs a trigger, such as `- keyword: hello`",
        );
        let begun = |trigger: &Trigger| trigger.begin.is_some();
        let idle = flow.steps.is_empty() && !program.triggers.iter().all(begun);
        self.need(!idle, "steps", "there are none");
        for (name, schema) in &flow.settings {
            let path = format!("settings.{name}");
            self.need(
                schema.is_object(),
                &path,
                "a setting is described, such as `{ type: string, default: Hi }`",
            );
        }
        let words = flow
            .cancel
            .as_ref()
            .is_none_or(|cancel| cancel.words.iter().any(|word| !word.trim().is_empty()));
        self.need(words, "cancel.words", "name at least one word");
    }

    fn trigger(&mut self, program: &Program, trigger: &Trigger, path: &str) {
        let kinds = [
            trigger.message.is_some(),
            trigger.keyword.is_some(),
            trigger.status.is_some(),
            trigger.account.is_some(),
            trigger.event.is_some(),
            trigger.schedule.is_some(),
            trigger.webhook.is_some(),
        ];
        if kinds.into_iter().filter(|there| *there).count() != 1 {
            return self.add(path, "a trigger is one of message, keyword, status, account, event, schedule and webhook");
        }
        let chatless = trigger.schedule.is_some() || trigger.webhook.is_some();
        if chatless && trigger.chat.is_none() {
            self.add(path, "say whom the run is with: `chat:` with a phone number or a chat's id");
        }
        let of_chat =
            trigger.message.is_some() || trigger.keyword.is_some() || trigger.status.is_some();
        self.need(
            !of_chat || trigger.chat.is_none(),
            &format!("{path}.chat"),
            "this trigger has a chat of its own",
        );
        if let Some(name) = &trigger.begin {
            self.need(
                program.sequences.contains_key(name),
                &format!("{path}.begin"),
                "there is no such sequence",
            );
        }
        if let Some(filter) = &trigger.message {
            if let Some(regex) = &filter.regex {
                self.regex(regex, &format!("{path}.message.regex"));
            }
            let words = filter.text.is_some()
                || filter.prefix.is_some()
                || filter.regex.is_some()
                || filter.first;
            let endless = program.flow.restart && !words;
            self.need(!endless, path, "with `restart: true` every answer would begin anew: let the trigger look for words");
        }
        if let Some(webhook) = &trigger.webhook {
            self.need(
                webhook.path.starts_with('/'),
                &format!("{path}.webhook.path"),
                "begins with `/`",
            );
        }
        let empty = |words: &Option<OneOrMore>| {
            words
                .as_ref()
                .is_some_and(|words| words.all().iter().all(|word| word.trim().is_empty()))
        };
        self.need(!empty(&trigger.keyword), path, "name at least one word");
    }

    /// Every text with places, and every expression.
    fn texts(&mut self, value: &Value, path: &str) {
        const CODE: [&str; 6] = ["if", "while", "check", "when", "switch", "each"];
        let below =
            |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::String(text) => {
                if let Err(message) = expr::check_text(text) {
                    self.add(path, message);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.texts(item, &format!("{path}[{index}]"));
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    match field {
                        Value::String(text)
                            if CODE.contains(&key.as_str()) && !path.ends_with(".set") =>
                        {
                            if let Err(message) = expr::check_expression(text) {
                                self.add(&below(key), message);
                            }
                        }
                        _ if path.is_empty() && key == "settings" => {}
                        other => self.texts(other, &below(key)),
                    }
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, program: &Program, node: &Node) {
        let path = node.path.as_str();
        self.need(
            !node.id.is_empty() && node.id.len() <= 200,
            &format!("{path}.id"),
            "1 to 200 bytes",
        );
        match &node.action {
            Action::Ask(question, _) => self.question(question, path),
            Action::Reply(reply) => {
                let files = [&reply.image, &reply.video, &reply.document, &reply.audio];
                let files = files.into_iter().flatten().count();
                let one = if reply.text.is_empty() { files == 1 } else { files == 0 };
                self.need(one, &format!("{path}.reply"), "one thing is sent: `text`, or one of image, video, document and audio (with `caption`)");
            }
            Action::Set(fields) => {
                let fits = |key: &String| {
                    let name = key
                        .strip_prefix("chat.vars.")
                        .or_else(|| key.strip_prefix("contact.vars."))
                        .unwrap_or(key);
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                };
                if let Some(key) = fields.keys().find(|key| !fits(key)) {
                    self.add(&format!("{path}.set"), format!("{key:?} is no variable: `name`, `chat.vars.name` or `contact.vars.name`"));
                }
            }
            Action::Wait(wait) => {
                let one = wait.r#for.is_some() != wait.until.is_some();
                self.need(
                    one,
                    &format!("{path}.wait"),
                    "either a time, such as `2 hours`, or `until` a moment",
                );
                self.need(
                    wait.before.is_none() || wait.until.is_some(),
                    &format!("{path}.wait.before"),
                    "belongs to `until`",
                );
                for (key, duration) in [("for", &wait.r#for), ("before", &wait.before)] {
                    self.duration(duration.as_deref(), &format!("{path}.wait.{key}"));
                }
            }
            Action::Loop { of, .. } => {
                let path = format!("{path}.loop");
                self.need(
                    of.each.is_some() || of.r#while.is_some(),
                    &path,
                    "`each` with a list, or `while` with an expression",
                );
                let bound = of.most.unwrap_or(1);
                self.need((1..=1000).contains(&bound), &format!("{path}.most"), "1 to 1000");
                self.need(!of.r#do.is_empty(), &format!("{path}.do"), "there are no steps");
            }
            Action::Call(name) => {
                self.need(
                    program.sequences.contains_key(name),
                    &format!("{path}.call"),
                    "there is no such sequence",
                );
            }
            Action::Http(http, _) => {
                let path = format!("{path}.http");
                let web = http.url.starts_with("https://")
                    || http.url.starts_with("http://")
                    || http.url.starts_with("{{");
                self.need(web, &format!("{path}.url"), "begins with https://");
                self.duration(http.timeout.as_deref(), &format!("{path}.timeout"));
            }
            Action::Emit(emit) => self.need(
                !emit.name.is_empty(),
                &format!("{path}.emit"),
                "name the event, such as order.placed",
            ),
            Action::Template(template) => self.need(
                !template.name.is_empty(),
                &format!("{path}.template"),
                "name the template",
            ),
            _ => {}
        }
    }

    fn question(&mut self, question: &Question, path: &str) {
        let path = format!("{path}.{}", question.word());
        self.need(!question.text.trim().is_empty(), &path, "a question needs its `text`");
        if let Some(regex) = &question.regex {
            self.regex(regex, &format!("{path}.regex"));
        }
        let tries = question.handling.tries.unwrap_or(1);
        self.need((1..=20).contains(&tries), &format!("{path}.tries"), "1 to 20");
        self.duration(question.handling.timeout.as_deref(), &format!("{path}.timeout"));
        let branch = question.handling.on_timeout.is_none() || question.handling.timeout.is_some();
        self.need(branch, &format!("{path}.on_timeout"), "belongs to `timeout`");
        let (options, most) = match &question.shape {
            Shape::Text(_) => return,
            Shape::Buttons(options) => (options, 3),
            Shape::List { rows, .. } => (rows, 10),
        };
        if !(1..=most).contains(&options.len()) {
            self.add(&format!("{path}.options"), format!("1 to {most}"));
        }
        let longest = if most == 3 { 20 } else { 24 };
        for (index, option) in options.iter().enumerate() {
            let place = format!("{path}.options[{index}]");
            let plain = option.title.contains("{{")
                || (1..=longest).contains(&option.title.chars().count());
            if !plain {
                self.add(&place, format!("a title has 1 to {longest} characters"));
            }
            self.need(
                !option.id().contains("{{"),
                &place,
                "an option whose title is worked out needs an `id` that is not",
            );
            let twice = options[..index].iter().any(|earlier| earlier.id() == option.id());
            self.need(!twice, &place, "is there twice");
        }
    }

    fn regex(&mut self, regex: &str, path: &str) {
        if let Err(error) = Regex::new(regex) {
            self.add(path, format!("is no regular expression: {error}"));
        }
    }

    fn duration(&mut self, duration: Option<&str>, path: &str) {
        let Some(text) = duration.filter(|text| !text.contains("{{")) else { return };
        if times::duration(text).is_none() {
            self.add(
                path,
                format!("{text:?} is no duration, such as `90 seconds` or `2 days 4 hours`"),
            );
        }
    }
}
