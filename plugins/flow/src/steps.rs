//! What each kind of step does.

use serde_json::{Map, Value, json};

use crate::answer::{Question, Shape};
use crate::expr::Values;
use crate::format::{Closed, Http, Loop, Reply, Template, Wait};
use crate::machine::{Machine, Outcome, Then};
use crate::program::{Action, Next, Node};
use crate::run::{Rounds, Waits};
use crate::world::{Act, Outgoing, Request, World};

/// Rounds of a loop that does not say.
pub const ROUNDS: u32 = 20;

impl<W: World> Machine<'_, W> {
    pub(crate) fn step(&mut self, node: &Node) -> Outcome<Then> {
        let next = Then::Go(node.next);
        match &node.action {
            Action::Reply(reply) => self.reply(reply, node.next),
            Action::Ask(question, _) => self.ask(question, node.next),
            Action::If { condition, then, otherwise } => {
                let holds = self.values()?.holds(condition).map_err(|message| self.bad(message))?;
                Ok(Then::Go(if holds { *then } else { *otherwise }))
            }
            Action::Switch { on, cases, default } => {
                let value = self.values()?.expression(on).map_err(|message| self.bad(message))?;
                let case = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Ok(Then::Go(cases.get(&case).copied().unwrap_or(*default)))
            }
            Action::Set(fields) => self.set(fields).map(|()| next),
            Action::Loop { of, body } => self.round(of, *body, &node.id, node.next),
            Action::Call(name) => {
                self.too_deep()?;
                self.run.calls.push(node.id.clone());
                Ok(Then::Go(self.program.sequences.get(name).copied().unwrap_or(Next::Return)))
            }
            Action::Http(http, error) => self.http(http, *error, node.next).map(Then::Go),
            Action::Wait(wait) => self.pause(wait, node.next),
            Action::Stop(reason) => {
                if !reason.is_empty() {
                    let line = self.filled(reason)?;
                    self.act(Act::Log("info", line))?;
                }
                Ok(Then::End)
            }
            other => self.simple(other).map(|()| next),
        }
    }

    /// Steps that only have something done.
    fn simple(&mut self, action: &Action) -> Outcome<()> {
        match action {
            Action::Tag(tags) => {
                for (tag, value) in tags {
                    let (tag, value) = (self.filled(tag)?, self.worked_out(value)?);
                    self.act(Act::Tag(tag, as_text(&value)))?;
                }
            }
            Action::Untag(tags) => {
                for tag in tags {
                    let tag = self.filled(tag)?;
                    self.act(Act::Untag(tag))?;
                }
            }
            Action::Template(template) => self.template(template)?,
            Action::Emit(emit) => {
                let values = self.values()?;
                let name = values.text(&emit.name).map_err(|message| self.bad(message))?;
                let data = values.value(&Value::Object(emit.data.clone()));
                let Value::Object(data) = data.map_err(|message| self.bad(message))? else {
                    return Ok(());
                };
                self.act(Act::Emit(name, data))?;
            }
            Action::Name(text)
            | Action::HandOver(text)
            | Action::Note(text)
            | Action::Log(text)
            | Action::OptIn(text)
            | Action::OptOut(text) => {
                let text = self.filled(text)?;
                self.act(match action {
                    Action::Name(_) => Act::Name(text),
                    Action::HandOver(_) => Act::HandOver(text),
                    Action::Note(_) => Act::Note(text),
                    Action::OptIn(_) => Act::OptIn(text),
                    Action::OptOut(_) => Act::OptOut(text),
                    _ => Act::Log("info", text),
                })?;
            }
            _ => {}
        }
        self.forget();
        Ok(())
    }

    fn filled(&mut self, text: &str) -> Outcome<String> {
        self.values()?.text(text).map_err(|message| self.bad(message))
    }

    fn worked_out(&mut self, value: &Value) -> Outcome<Value> {
        self.values()?.value(value).map_err(|message| self.bad(message))
    }

    fn reply(&mut self, reply: &Reply, next: Next) -> Outcome<Then> {
        if let Some(closed) = reply.closed.as_ref()
            && self.is_closed(Some(closed))?
        {
            return self.instead(closed, next);
        }
        let values = self.values()?;
        let filled = |text: &str| values.text(text);
        let message = (|| {
            let caption = filled(&reply.caption)?;
            Ok(match reply {
                Reply { image: Some(media), .. } => Outgoing::Image(filled(media)?, caption),
                Reply { video: Some(media), .. } => Outgoing::Video(filled(media)?, caption),
                Reply { document: Some(media), filename, .. } => Outgoing::Document {
                    media: filled(media)?,
                    filename: filled(filename)?,
                    caption,
                },
                Reply { audio: Some(media), .. } => Outgoing::Audio(filled(media)?),
                Reply { text, .. } => Outgoing::Text(filled(text)?),
            })
        })();
        let message = message.map_err(|message| self.bad(message))?;
        self.send(message, reply.typing)?;
        Ok(Then::Go(next))
    }

    /// What is done while only templates may be sent.
    fn instead(&mut self, closed: &Closed, next: Next) -> Outcome<Then> {
        match closed {
            Closed::Skip => Ok(Then::Go(next)),
            Closed::Stop => Ok(Then::End),
            Closed::Template(template) => self.template(&template.0).map(|()| Then::Go(next)),
        }
    }

    fn template(&mut self, template: &Template) -> Outcome<()> {
        let values = self.values()?;
        let message = (|| {
            let given = match values.value(&template.values)? {
                Value::Array(items) => {
                    let numbered = items.iter().enumerate();
                    numbered
                        .map(|(index, value)| ((index + 1).to_string(), as_text(value)))
                        .collect()
                }
                Value::Object(fields) => {
                    fields.iter().map(|(name, value)| (name.clone(), as_text(value))).collect()
                }
                _ => Vec::new(),
            };
            let (name, language) = (values.text(&template.name)?, values.text(&template.language)?);
            Ok(Outgoing::Template { name, language, values: given })
        })();
        let message = message.map_err(|message| self.bad(message))?;
        self.send(message, false)
    }

    /// Put a question and stand still; where the window is closed a template may put it.
    fn ask(&mut self, question: &Question, next: Next) -> Outcome<Then> {
        match &question.closed {
            Some(closed) if self.is_closed(Some(closed))? => match closed {
                Closed::Template(template) => self.template(&template.0)?,
                other => return self.instead(other, next),
            },
            _ => self.put(question)?,
        }
        let until = match &question.handling.timeout {
            Some(timeout) => {
                let timeout = self.filled(timeout)?;
                Some(self.now.millis().saturating_add(self.duration(&timeout)?))
            }
            None => None,
        };
        self.wait(Waits::ForAnswer, until)?;
        Ok(Then::Wait)
    }

    pub(crate) fn put(&mut self, question: &Question) -> Outcome<()> {
        let values = self.values()?;
        let message = outgoing(question, &values).map_err(|message| self.bad(message))?;
        self.send(message, false)
    }

    /// All values are worked out before any is set.
    fn set(&mut self, fields: &Map<String, Value>) -> Outcome<()> {
        let values = self.values()?;
        let filled =
            values.value(&Value::Object(fields.clone())).map_err(|message| self.bad(message))?;
        let Value::Object(filled) = filled else { return Ok(()) };
        for scope in ["chat", "contact"] {
            let prefix = format!("{scope}.vars.");
            let theirs: Vec<_> = filled
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)))
                .collect();
            if theirs.is_empty() {
                continue;
            }
            let mut kept = self.world.kept(scope).map_err(|refusal| self.refused(refusal))?;
            for (name, value) in theirs {
                if value.is_null() {
                    kept.remove(name);
                } else {
                    kept.insert(name.to_owned(), value.clone());
                }
            }
            self.world.keep(scope, &kept).map_err(|refusal| self.refused(refusal))?;
        }
        let own = filled.into_iter().filter(|(key, _)| !key.contains(".vars."));
        self.run.vars.extend(own);
        self.forget();
        Ok(())
    }

    fn round(&mut self, of: &Loop, body: Next, id: &str, next: Next) -> Outcome<Then> {
        let mut rounds = match self.run.loops.remove(id) {
            Some(rounds) => rounds,
            None => Rounds { done: 0, items: self.items(of)? },
        };
        let more = rounds.done < of.most.unwrap_or(ROUNDS)
            && (of.each.is_none() || !rounds.items.is_empty());
        let holds = match &of.r#while {
            Some(condition) if more => {
                self.values()?.holds(condition.text()).map_err(|message| self.bad(message))?
            }
            _ => more,
        };
        if !holds {
            return Ok(Then::Go(next));
        }
        if of.each.is_some() {
            let item = rounds.items.remove(0);
            self.run.vars.insert(of.r#as.clone().unwrap_or_else(|| "item".to_owned()), item);
        }
        rounds.done += 1;
        self.run.loops.insert(id.to_owned(), rounds);
        Ok(Then::Go(body))
    }

    fn items(&mut self, of: &Loop) -> Outcome<Vec<Value>> {
        let Some(each) = &of.each else { return Ok(Vec::new()) };
        match self.values()?.expression(each).map_err(|message| self.bad(message))? {
            Value::Array(mut items) => {
                items.truncate(of.most.unwrap_or(ROUNDS) as usize);
                Ok(items)
            }
            Value::Null => Ok(Vec::new()),
            other => Err(self.bad(format!("`each` is no list: {other}"))),
        }
    }

    fn http(&mut self, http: &Http, error: Option<Next>, next: Next) -> Outcome<Next> {
        let request = self.request(http)?;
        let answered = self.world.http(request);
        let problem = match answered {
            Ok(response) => {
                let ok = (200..300).contains(&response.status);
                let body =
                    serde_json::from_str(&response.body).unwrap_or(Value::String(response.body));
                let status = response.status;
                if let Some(name) = &http.save {
                    let kept = json!({ "status": status, "ok": ok, "body": body });
                    self.run.vars.insert(name.clone(), kept);
                }
                if ok {
                    return Ok(next);
                }
                json!({ "code": "http", "status": status, "message": format!("the server answered {status}") })
            }
            Err(refusal) if refusal.code == "denied" => return Err(self.refused(refusal)),
            Err(refusal) => {
                json!({ "code": refusal.code, "status": 0, "message": refusal.message })
            }
        };
        let message = problem["message"].as_str().unwrap_or_default().to_owned();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        match error {
            Some(branch) => {
                self.act(Act::Log("warn", format!("step {}: {message}", self.at)))?;
                self.run.vars.insert("error".to_owned(), problem);
                Ok(branch)
            }
            None => Err(crate::machine::failure(&self.at, &code, message)),
        }
    }

    fn request(&mut self, http: &Http) -> Outcome<Request> {
        let mut variables = self.variables()?;
        let mut secrets = Map::new();
        for name in self.program.flow.secrets.keys() {
            let placeholder = self.world.secret(name).map_err(|refusal| self.refused(refusal))?;
            secrets.insert(name.clone(), Value::String(placeholder));
        }
        variables.insert("secrets".to_owned(), Value::Object(secrets));
        let values = Values::new(&variables, &self.now);
        let timeout = http.timeout.as_deref().map(|timeout| self.duration(timeout)).transpose()?;
        let request = (|| {
            let mut headers = std::collections::BTreeMap::new();
            for (name, value) in &http.headers {
                headers.insert(name.to_lowercase(), values.text(value)?);
            }
            let body = http.body.as_ref().map(|body| values.value(body)).transpose()?;
            let body = match body {
                Some(Value::String(text)) => text.into_bytes(),
                Some(json) => {
                    headers
                        .entry("content-type".to_owned())
                        .or_insert_with(|| "application/json".to_owned());
                    json.to_string().into_bytes()
                }
                None => Vec::new(),
            };
            let default = if http.body.is_some() { "POST" } else { "GET" };
            let method = http.method.as_deref().unwrap_or(default).to_uppercase();
            Ok(Request { method, url: values.text(&http.url)?, headers, body, timeout })
        })();
        request.map_err(|message| self.bad(message))
    }

    fn pause(&mut self, wait: &Wait, next: Next) -> Outcome<Then> {
        let until = match (&wait.until, &wait.r#for) {
            (Some(until), _) => {
                let text = self.filled(until)?;
                let moment = self.now.moment(&text);
                let moment = moment.ok_or_else(|| {
                    self.bad(format!("{text:?} is no moment, such as 2026-01-31 15:30"))
                })?;
                match &wait.before {
                    Some(before) => {
                        let before = self.filled(before)?;
                        let earlier = self.now.minus(&moment, &before);
                        earlier.ok_or_else(|| {
                            self.bad(format!("{before:?} is no duration, such as `2 hours`"))
                        })?
                    }
                    None => moment,
                }
            }
            (None, duration) => {
                let duration = self.filled(duration.as_deref().unwrap_or_default())?;
                let later = self.now.plus(&self.now.0, &duration);
                later.ok_or_else(|| {
                    self.bad(format!("{duration:?} is no duration, such as `2 hours`"))
                })?
            }
        };
        let until = until.timestamp().as_millisecond();
        if until <= self.now.millis() {
            return Ok(Then::Go(next));
        }
        self.wait(Waits::ForTime, Some(until))?;
        Ok(Then::Wait)
    }
}

fn outgoing(question: &Question, values: &Values) -> Result<Outgoing, String> {
    let text = values.text(&question.text)?;
    Ok(match &question.shape {
        Shape::Text(_) => Outgoing::Text(text),
        Shape::Buttons(options) => {
            let filled = options.iter().map(|it| Ok((it.id().to_owned(), values.text(&it.title)?)));
            Outgoing::Buttons(text, filled.collect::<Result<_, String>>()?)
        }
        Shape::List { button, rows } => {
            let filled = rows.iter().map(|it| {
                Ok((it.id().to_owned(), values.text(&it.title)?, values.text(&it.description)?))
            });
            Outgoing::List(text, values.text(button)?, filled.collect::<Result<_, String>>()?)
        }
    })
}

/// A value as people read it.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
