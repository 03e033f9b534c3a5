//! The manifest of a bare file: `plugin.toml` in comment lines at the top of it, and a default for
//! whatever that leaves out.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::plugin::PluginError;
use crate::plugin::manifest::{Manifest, ManifestError, On};

/// The line that begins it.
const TITLE: &str = "plugin.toml";

/// What a bot in one file may do where it asks for nothing itself.
const PERMISSIONS: &str = "\n[permissions]\nmessaging = true\nstate = true\ntimers = true\n\
                           contacts = \"read\"\nchats = \"read\"\n";

/// The comment at the top of a file.
pub(super) struct Head {
    /// The file's name.
    name: String,
    /// What stands before the comment's own words in the manifest: keys that it leaves out.
    before: String,
    /// The comment's words.
    words: String,
    /// The line of the file with its first word, from 1.
    line: usize,
    has_events: bool,
    has_permissions: bool,
}

impl Head {
    /// # Errors
    /// When the comment is no TOML.
    pub(super) fn read(name: &str, text: &str) -> Result<Self, PluginError> {
        let (line, words) = comment(text).unwrap_or((1, String::new()));
        let mut head = Self {
            name: name.to_owned(),
            before: String::new(),
            words,
            line,
            has_events: true,
            has_permissions: true,
        };
        let table: toml::Table =
            toml::from_str(&head.words).map_err(|error| head.unreadable(&error))?;
        if !table.contains_key("id") {
            let _ = writeln!(head.before, "id = \"{}\"", id_of(name));
        }
        if !table.contains_key("version") {
            // Each text has a version of its own.
            let hash = hex::encode(Sha256::digest(text));
            let _ = writeln!(head.before, "version = \"0.0.0+{}\"", &hash[..8]);
        }
        head.has_events = table.contains_key("events");
        head.has_permissions = table.contains_key("permissions");
        Ok(head)
    }

    /// The whole manifest, where these handlers are exported.
    ///
    /// # Errors
    /// What does not hold, with its line in the file.
    pub(super) fn manifest(&self, exported: &[On]) -> Result<String, PluginError> {
        let mut text = format!("{}{}", self.before, self.words);
        if !self.has_permissions {
            text.push_str(PERMISSIONS);
        }
        if !self.has_events {
            for on in exported {
                let _ = write!(text, "\n[[events]]\non = \"{}\"\n", on.as_str());
            }
        }
        if let Err(error) = toml::from_str::<Manifest>(&text) {
            return Err(self.unreadable(&error));
        }
        Manifest::parse(&text).map_err(|ManifestError { field, problem }| {
            self.wrong(self.line_of(&field), &format!("{field}: {problem}"))
        })?;
        Ok(text)
    }

    fn unreadable(&self, error: &toml::de::Error) -> PluginError {
        let text = format!("{}{}", self.before, self.words);
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..at].matches('\n').count();
        let own = line.saturating_sub(self.before.lines().count());
        self.wrong(self.line + own, error.message())
    }

    fn wrong(&self, line: usize, problem: &str) -> PluginError {
        let field = format!("{}:{line}", self.name);
        PluginError::Manifest(ManifestError { field, problem: problem.to_owned() })
    }

    /// The line of a key such as `schedules[0].cron`: each part of the path is looked for behind the
    /// one before. What is not there is the whole comment's matter.
    fn line_of(&self, field: &str) -> usize {
        let lines: Vec<&str> = self.words.lines().map(str::trim).collect();
        let mut at = 0;
        for part in field.split('.') {
            let (key, place) = part.split_once('[').unwrap_or((part, "0"));
            let place: usize = place.trim_end_matches(']').parse().unwrap_or(0);
            let is_it = |line: &str| {
                let bare = line.trim_start_matches('[');
                bare.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', ']', '.']))
            };
            let found = (at..lines.len()).filter(|line| is_it(lines[*line])).nth(place);
            at = found.unwrap_or(at);
        }
        self.line + at
    }
}

/// The words of the comment that begins with `// plugin.toml`, before anything but comments and blank
/// lines, and the line of the first.
fn comment(text: &str) -> Option<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    let (title, _) = lines
        .by_ref()
        .take_while(|(_, line)| line.trim().is_empty() || inside(line).is_some())
        .find(|(_, line)| inside(line).is_some_and(|words| words.trim() == TITLE))?;
    let mut words = String::new();
    for line in lines.map_while(|(_, line)| inside(line)) {
        words.push_str(line);
        words.push('\n');
    }
    Some((title + 2, words))
}

/// What stands behind `//`.
fn inside(line: &str) -> Option<&str> {
    let words = line.trim_start().strip_prefix("//")?;
    Some(words.strip_prefix(' ').unwrap_or(words))
}

/// A plugin's id, made of a file's name.
fn id_of(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id: String = stem.chars().map(letter).take(64).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { "bot".to_owned() } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Result<Manifest, String> {
        let head = Head::read("My Bot.js", text).map_err(|e| e.to_string())?;
        let text = head.manifest(&[On::Message, On::Timer]).map_err(|e| e.to_string())?;
        Ok(Manifest::parse(&text).expect("checked"))
    }

    #[test]
    fn a_file_without_a_comment_has_every_default() {
        let manifest = manifest("export function onMessage(event) {}\n").expect("holds");
        assert_eq!(manifest.id, "my-bot");
        assert!(manifest.version.to_string().starts_with("0.0.0+"), "{}", manifest.version);
        let on: Vec<On> = manifest.events.iter().map(|subscription| subscription.on).collect();
        assert_eq!(on, [On::Message, On::Timer]);
        let may = &manifest.permissions;
        assert!(may.messaging && may.state && may.timers && may.hosts.is_empty());
    }

    #[test]
    fn what_the_comment_says_takes_the_place_of_a_default() {
        let text = "#!/usr/bin/env -S switchboard dev\n";
        assert!(manifest(text).is_ok_and(|manifest| manifest.id == "my-bot"));
        let text = "// A bot.\n\n// plugin.toml\n// id = \"orders\"\n// version = \"1.2.0\"\n//\n\
                    // [permissions]\n// hosts = [\"api.example.com\"]\n// [[schedules]]\n\
                    // name = \"often\"\n// cron = \"*/5 * * * *\"\n\n// Words.\nlet a;\n";
        let manifest = manifest(text).expect("holds");
        assert_eq!(
            (manifest.id.as_str(), manifest.version.to_string()),
            ("orders", "1.2.0".into())
        );
        assert!(!manifest.permissions.messaging && manifest.permissions.hosts.len() == 1);
        assert_eq!(manifest.schedules[0].cron, "*/5 * * * *");
    }

    #[test]
    fn a_mistake_is_named_with_its_line_in_the_file() {
        for (text, place, word) in [
            ("// plugin.toml\n// id = \"a\"\n// colour = 1\n", "My Bot.js:3", "colour"),
            ("\n// plugin.toml\n// order = \"x\"\n", "My Bot.js:3", "relaxed"),
            ("// plugin.toml\n// id =\n", "My Bot.js:2", ""),
            ("// plugin.toml\n// id = \"Ü\"\n", "My Bot.js:2", "lower-case"),
            (
                "// plugin.toml\n// [[schedules]]\n// name = \"a\"\n// cron = \"often\"\n",
                "My Bot.js:4",
                "five",
            ),
        ] {
            let error = manifest(text).expect_err(text);
            assert!(error.contains(place) && error.contains(word), "{place} {word}: {error}");
        }
    }
}
