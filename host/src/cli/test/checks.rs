//! What must be so in a transcript, and what came instead.

use serde_json::Value;

use super::moment::{Due, spoken};
use super::said;
use super::scene::Scene;
use super::transcript::{Check, Expected, Words};
use crate::model::{OptIn, Scope};
use crate::store::{state, timer};

/// Why a step does not hold.
#[derive(Debug)]
pub enum Wrong {
    /// Lines that were wanted, and those that would have fitted.
    Differs { wanted: String, instead: String },
    /// A sentence.
    Says(String),
}

impl<E: Into<anyhow::Error>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Says(format!("{:#}", error.into()))
    }
}

type Held = Result<(), Wrong>;

fn differs(wanted: impl Into<String>, instead: impl Into<String>) -> Held {
    Err(Wrong::Differs { wanted: wanted.into(), instead: instead.into() })
}

impl Scene {
    pub(super) async fn check(&mut self, check: &Check) -> Held {
        match check {
            Check::Says(expected) => self.says(expected),
            Check::Silence => match self.unsaid() {
                Some(lines) => differs("bot says nothing", lines),
                None => Ok(()),
            },
            Check::Reply { status, body } => self.reply(*status, body.as_ref()),
            Check::State { scope, key, value } => self.state(scope, key, value.as_deref()).await,
            Check::Tag { tag, value, there } => self.tag(tag, value.as_deref(), *there).await,
            Check::HandedOver(wanted) => self.handed_over(*wanted).await,
            Check::OptedIn(wanted) => self.opted_in(*wanted).await,
            Check::Emits { name, data } => self.emits(name, data.as_ref()),
            Check::Timer { name, due } => self.timer(name, *due).await,
            Check::NoTimer(name) => self.no_timer(name).await,
            Check::Called { method, url, body } => self.called(method, url, body.as_deref()),
            Check::Logs(words) => self.logs(words),
            Check::Fails(reason) => self.fails(reason),
        }
    }

    /// What nobody has asked after when the next thing happens.
    pub(super) fn left_over(&self) -> Held {
        if let Some(call) = self.heard.called.iter().find(|call| !call.answered) {
            let (method, url) = (&call.method, &call.url);
            return Err(Wrong::Says(format!(
                "the plugin called {method} {url}, and nothing answers: add a line above such as\n  http {method} {url} answers 200 {{}}"
            )));
        }
        if let Some(fault) = self.heard.faults.front() {
            return Err(Wrong::Says(format!(
                "the plugin failed ({}): {}\nif that is as it should be, add a line: fails with {}",
                fault.class,
                fault.reason,
                fault.reason.lines().next().unwrap_or_default()
            )));
        }
        match self.unsaid() {
            Some(lines) => differs("bot says nothing more", lines),
            None => Ok(()),
        }
    }

    /// What the bot said that no line has spoken of.
    fn unsaid(&self) -> Option<String> {
        let lines: Vec<String> =
            self.heard.queue.iter().map(|said| said.lines(&self.current)).collect();
        Some(lines.join("\n")).filter(|lines| !lines.is_empty())
    }

    fn says(&mut self, expected: &Expected) -> Held {
        let to = expected.to.clone().unwrap_or_else(|| self.current.clone());
        let next = self.heard.queue.iter().position(|said| said.to == to);
        let Some(next) = next else {
            let instead = self.unsaid().unwrap_or_else(|| "bot says nothing".to_owned());
            return differs(said::wanted(expected), instead);
        };
        if !self.heard.queue[next].fits(expected) {
            // Written as the expectation is: the name beside the point is no difference.
            let current = if expected.to.is_none() { to.as_str() } else { "" };
            return differs(said::wanted(expected), self.heard.queue[next].lines(current));
        }
        self.heard.queue.remove(next);
        if let Some(to) = &expected.to {
            self.current.clone_from(to);
        }
        Ok(())
    }

    fn reply(&self, status: u16, body: Option<&Words>) -> Held {
        let Some((was, text)) = &self.heard.reply else {
            return differs(format!("reply {status}"), "no webhook was answered");
        };
        let fits = body.is_none_or(|body| body.fit(text) || same_json(body, text));
        if *was == status && fits {
            return Ok(());
        }
        let wanted = match body {
            Some(Words::Exact(body)) => format!("reply {status}: {body}"),
            Some(Words::Pattern(_)) => format!("reply {status} of the pattern"),
            None => format!("reply {status}"),
        };
        let instead =
            if text.is_empty() { format!("reply {was}") } else { format!("reply {was}: {text}") };
        differs(wanted, instead)
    }

    async fn state(&self, word: &str, key: &str, wanted: Option<&str>) -> Held {
        let now = self.now();
        let found = match self.scope(word).await? {
            Some(scope) => {
                let mut conn = self.house().store.read().await?;
                state::get(&mut conn, &self.install, &scope, key, now).await?
            }
            None => None,
        };
        let found = found.map(|entry| entry.value);
        let same = match (wanted, &found) {
            (Some(wanted), Some(found)) => {
                wanted == found || read(wanted).is_some_and(|json| read(found) == Some(json))
            }
            (None, None) => true,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let line = |value: Option<&str>| match value {
            Some(value) => format!("state {word} {key} = {value}"),
            None => format!("no state {word} {key}"),
        };
        differs(line(wanted), line(found.as_deref()))
    }

    /// A scope by its word, of the customer who acted last; `None` while they are a stranger.
    async fn scope(&self, word: &str) -> anyhow::Result<Option<Scope>> {
        Ok(match word {
            "plugin" => Some(Scope::Plugin),
            "account" => Some(Scope::Account(self.account.clone())),
            word => self.chat_of(&self.current).await?.map(|(contact, chat)| match word {
                "chat" => Scope::Chat(chat.id),
                _ => Scope::Contact(contact.id),
            }),
        })
    }

    async fn tag(&self, tag: &str, value: Option<&str>, there: bool) -> Held {
        let contact = self.chat_of(&self.current).await?.map(|(contact, _)| contact);
        let tags = contact.map(|contact| contact.tags).unwrap_or_default();
        let found = tags.iter().find(|(name, _)| name == tag);
        let holds =
            found.is_some_and(|(_, found)| value.is_none_or(|value| value == found)) == there;
        if holds {
            return Ok(());
        }
        let line = |tag: &str, value: &str| {
            if value.is_empty() { format!("tag {tag}") } else { format!("tag {tag} = {value}") }
        };
        let wanted =
            if there { line(tag, value.unwrap_or_default()) } else { format!("no tag {tag}") };
        let instead: Vec<String> = tags.iter().map(|(tag, value)| line(tag, value)).collect();
        differs(wanted, if instead.is_empty() { "no tags".to_owned() } else { instead.join("\n") })
    }

    async fn handed_over(&self, wanted: bool) -> Held {
        let assigned =
            self.chat_of(&self.current).await?.map(|(_, chat)| chat.assigned).unwrap_or_default();
        let is = !matches!(assigned.as_str(), "" | "bot");
        let line = |over| if over { "handed over" } else { "not handed over" };
        if is == wanted { Ok(()) } else { differs(line(wanted), line(is)) }
    }

    async fn opted_in(&self, wanted: bool) -> Held {
        let contact = self.chat_of(&self.current).await?.map(|(contact, _)| contact);
        let is = contact.map_or(OptIn::Unknown, |contact| contact.opt_in);
        let (wanted, word) = if wanted { (OptIn::In, "in") } else { (OptIn::Out, "out") };
        if is == wanted {
            return Ok(());
        }
        differs(
            format!("opted {word}"),
            if is == OptIn::Unknown {
                "opted neither in nor out".to_owned()
            } else {
                format!("opted {is}")
            },
        )
    }

    fn emits(&self, name: &str, data: Option<&Value>) -> Held {
        let own = self.heard.emitted.iter().filter(|event| event.kind == name);
        let all: Vec<&Value> = own.map(|event| &event.data).collect();
        if all.iter().any(|is| data.is_none_or(|wanted| holds(is, wanted))) {
            return Ok(());
        }
        let wanted = format!("emits {name} {}", data.map(Value::to_string).unwrap_or_default());
        let instead: Vec<String> = all.iter().map(|data| format!("emits {name} {data}")).collect();
        let instead = if instead.is_empty() {
            format!("no event {name} since the last line that does something")
        } else {
            instead.join("\n")
        };
        differs(wanted.trim_end(), instead)
    }

    /// The timers that speak of the customer who acted last, and those of the plugin that its manifest
    /// does not have.
    async fn timers(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let mut scopes = vec![Scope::Plugin, Scope::Account(self.account.clone())];
        if let Some((contact, chat)) = self.chat_of(&self.current).await? {
            scopes.extend([Scope::Chat(chat.id), Scope::Contact(contact.id)]);
        }
        let mut conn = self.house().store.read().await?;
        let mut all = Vec::new();
        for scope in scopes {
            all.extend(timer::list(&mut conn, &self.install, &scope).await?);
        }
        let scheduled =
            |name: &str| self.manifest.schedules.iter().any(|schedule| schedule.name == name);
        let own = all.into_iter().map(|timer| (timer.spec.name, timer.spec.due_at));
        Ok(own.filter(|(name, _)| !scheduled(name)).collect())
    }

    async fn timer(&self, name: &str, due: Option<Due>) -> Held {
        let timers = self.timers().await?;
        let due = due.map(|due| due.from(self.now()));
        if timers.iter().any(|(is, at)| is == name && due.is_none_or(|due| due == *at)) {
            return Ok(());
        }
        let wanted = match due {
            Some(due) => format!("timer {name} at {}", spoken(due)),
            None => format!("timer {name}"),
        };
        differs(wanted, timer_lines(&timers))
    }

    async fn no_timer(&self, name: &str) -> Held {
        let mut timers = self.timers().await?;
        timers.retain(|(is, _)| name.is_empty() || is == name);
        if timers.is_empty() {
            return Ok(());
        }
        differs(
            if name.is_empty() { "no timers".to_owned() } else { format!("no timer {name}") },
            timer_lines(&timers),
        )
    }

    fn called(&self, method: &str, url: &regex::Regex, body: Option<&str>) -> Held {
        let fits = |call: &&super::stubs::Called| {
            let same = body.is_none_or(|body| {
                body == call.body || read(body).is_some_and(|json| read(&call.body) == Some(json))
            });
            call.method == method && url.is_match(&call.url) && same
        };
        if self.heard.called.iter().any(|call| fits(&call)) {
            return Ok(());
        }
        let plain = url
            .as_str()
            .trim_start_matches('^')
            .trim_end_matches('$')
            .replace(".*", "*")
            .replace('\\', "");
        let wanted = format!("called {method} {plain} {}", body.unwrap_or_default());
        let lines = self.heard.called.iter().map(|call| {
            format!("called {} {} {}", call.method, call.url, call.body).trim_end().to_owned()
        });
        let lines: Vec<String> = lines.collect();
        differs(
            wanted.trim_end(),
            if lines.is_empty() { "no call".to_owned() } else { lines.join("\n") },
        )
    }

    fn logs(&self, words: &Words) -> Held {
        let Words::Exact(wanted) = words else { return Ok(()) };
        if self.heard.logs.iter().any(|line| line.message.contains(wanted)) {
            return Ok(());
        }
        let lines: Vec<String> =
            self.heard.logs.iter().map(|line| format!("logs {}", line.message)).collect();
        differs(
            format!("logs {wanted}"),
            if lines.is_empty() { "no log line".to_owned() } else { lines.join("\n") },
        )
    }

    fn fails(&mut self, reason: &str) -> Held {
        match self.heard.faults.pop_front() {
            Some(fault) if fault.reason.contains(reason) || fault.class == reason => Ok(()),
            Some(fault) => {
                differs(format!("fails with {reason}"), format!("fails with {}", fault.reason))
            }
            None => differs(format!("fails with {reason}"), "the plugin did not fail"),
        }
    }
}

fn timer_lines(timers: &[(String, i64)]) -> String {
    let lines: Vec<String> =
        timers.iter().map(|(name, at)| format!("timer {name} at {}", spoken(*at))).collect();
    if lines.is_empty() { "no timers".to_owned() } else { lines.join("\n") }
}

fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn same_json(wanted: &Words, text: &str) -> bool {
    match wanted {
        Words::Exact(wanted) => read(wanted).is_some_and(|json| read(text) == Some(json)),
        Words::Pattern(_) => false,
    }
}

/// Whether a value has all that is wanted; it may have more.
fn holds(is: &Value, wanted: &Value) -> bool {
    match (is, wanted) {
        (Value::Object(is), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| is.get(key).is_some_and(|is| holds(is, wanted)))
        }
        _ => is == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_than_is_wanted_may_be_there_but_nothing_else() {
        let is = json!({ "id": 7, "items": { "a": 1, "b": [1, 2] } });
        assert!(holds(&is, &json!({ "items": { "b": [1, 2] } })));
        assert!(
            !holds(&is, &json!({ "items": { "b": [1] } })) && !holds(&is, &json!({ "name": null }))
        );
    }
}
