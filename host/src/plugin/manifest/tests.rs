//! The manifest: what is refused and how it is named, filters, grants, and the way inside a component.

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::plugin::PluginError;

const REMINDER: &str = r#"
id = "reminder"
version = "0.1.0"
host = ">=0.1.0"
description = "Reminds people of what they ask for"
order = "relaxed"

[[events]]
on = "message"
types = ["text"]
text_prefix = "Remind"

[[events]]
on = "timer"

[permissions]
messaging = true
timers = true
contacts = "read"
hosts = ["api.example.com", "*.example.com", "http://127.0.0.1:9000"]

[config]
type = "object"
additionalProperties = false
[config.properties.greeting]
type = "string"
default = "Hello"

[secrets.api_key]
hosts = ["api.example.com"]
reveal = true

[[schedules]]
name = "daily"
cron = "0 9 * * *"
time_zone = "Europe/Berlin"

[limits]
memory_mb = 64
"#;

fn reminder() -> Manifest {
    Manifest::parse(REMINDER).expect("a valid manifest")
}

#[test]
fn a_manifest_survives_the_store() {
    let json = serde_json::to_string(&reminder()).expect("serialises");
    assert_eq!(serde_json::from_str::<Manifest>(&json).expect("reads back"), reminder());
}

#[test]
fn what_is_wrong_is_named() {
    let with = |line: &str| format!("id = \"x\"\nversion = \"1.0.0\"\n{line}");
    for (text, field, word) in [
        ("id = \"x\"".to_owned(), "plugin.toml", "version"),
        ("id = \"Ü\"\nversion = \"1.0.0\"".to_owned(), "id", "lower-case"),
        (with("colour = \"red\""), "plugin.toml", "colour"),
        (with("[permissions]\nreveal = [\"a\"]"), "permissions.reveal", "[secrets"),
        (with("[permissions]\nhosts = [\"*\"]"), "plugin.toml", "host"),
        (with("[[events]]\non = \"tea\""), "plugin.toml", "tea"),
        (with("[[events]]\non = \"message\"\ntext_regex = \"(\""), "plugin.toml", "text_regex"),
        (with("[[events]]\non = \"timer\"\ntext_prefix = \"a\""), "events[0]", "message"),
        (with("[config]\ntype = \"nonsense\""), "config", "JSON Schema"),
        (with("[[schedules]]\nname = \"a\"\ncron = \"often\""), "schedules[0].cron", "five"),
        (with("[[schedules]]\nname = \"a\"\ncron = \"0 9 * * *\""), "schedules", "timer"),
        (with("[[routes]]\npath = \"order\""), "routes[0].path", "/"),
    ] {
        let error = Manifest::parse(&text).expect_err(&text);
        assert_eq!(error.field, field, "{error}");
        assert!(error.problem.contains(word), "{error}");
    }
}

#[test]
fn filters_choose_by_kind_name_and_text() {
    let manifest = reminder();
    assert!(manifest.wants(On::Message, "text", "  REMIND me"));
    assert!(!manifest.wants(On::Message, "text", "please remind me"));
    assert!(!manifest.wants(On::Message, "image", "remind"));
    assert!(manifest.wants(On::Timer, "daily", ""));
    assert!(!manifest.wants(On::Status, "read", ""));
}

#[test]
fn a_wider_version_is_named_and_a_narrower_one_is_not() {
    let granted = reminder().asks();
    assert_eq!(granted.reveal, ["api_key"]);
    let mut wider = granted.clone();
    wider.contacts = Access::Write;
    wider.hosts.push("evil.test".to_owned().try_into().expect("a host"));
    let lacking = granted.covers(&wider).expect_err("wider");
    assert_eq!(lacking.len(), 2, "{lacking:?}");
    assert!(lacking[1].contains("evil.test"));
    assert_eq!(wider.covers(&granted), Ok(()));
}

#[test]
fn limits_stay_within_the_hosts_own() {
    let settings = Config::default().plugins;
    let mut manifest = reminder();
    assert_eq!(manifest.limits(&settings).memory, 64 << 20);
    assert_eq!(manifest.check_limits(&settings), Ok(()));
    manifest.limits.memory_mb = Some(usize::MAX);
    manifest.limits.cpu_ms = Some(u64::MAX);
    assert_eq!(manifest.limits(&settings).memory, settings.memory_max);
    let error = manifest.check_limits(&settings).expect_err("too much");
    assert_eq!(error.field, "limits.memory_mb");
}

#[test]
fn a_configuration_is_filled_and_checked() {
    let manifest = reminder();
    assert_eq!(manifest.configure(json!({})), Ok(json!({"greeting": "Hello"})));
    let errors = manifest.configure(json!({"greeting": 3, "colour": "red"})).expect_err("wrong");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(manifest.configure(json!("text")).is_err());
}

#[test]
fn the_manifest_travels_inside_the_component() {
    let bare = wat::parse_str("(component (component) (core module))").expect("wat");
    assert!(matches!(extract(&bare), Err(PluginError::NoManifest)));
    let first = embed(&bare, "id = \"old\"\nversion = \"1.0.0\"").expect("embeds");
    let second = embed(&first, REMINDER).expect("embeds again");
    assert_eq!(extract(&second).expect("found"), REMINDER);
    assert!(matches!(extract(&second[..second.len() - 3]), Err(PluginError::NotAComponent(_))));
    let module = wat::parse_str("(module)").expect("wat");
    let error = extract(&module).expect_err("a core module");
    assert!(error.to_string().contains("wasm32-wasip2"), "{error}");
}

#[test]
fn a_source_travels_beside_the_manifest_and_each_may_be_replaced() {
    let bare = wat::parse_str("(component (component) (core module))").expect("wat");
    let bot = |text: &str| Source { name: "bot.js".to_owned(), text: text.to_owned() };
    let first =
        embed_source(&embed(&bare, REMINDER).expect("embeds"), &bot("1\n2")).expect("embeds");
    assert_eq!(source(&first).expect("found"), Some(bot("1\n2")));
    assert_eq!(extract(&first).expect("found"), REMINDER);
    let second = embed_source(&first, &bot("3")).expect("embeds");
    let third = embed(&second, "id = \"new\"\nversion = \"1.0.0\"").expect("embeds");
    assert_eq!(source(&third).expect("found"), Some(bot("3")));
    assert!(extract(&third).expect("found").contains("new"));
    for plugin in [&first, &second, &third] {
        let end = end_of_code(plugin).expect("a component");
        assert_eq!(&plugin[..end], &bare[..], "the code is the same, byte for byte");
        assert_eq!(source_of_tail(&plugin[end..]).expect("found"), source(plugin).expect("found"));
    }
    assert_eq!(source(&embed(&bare, REMINDER).expect("embeds")).expect("read"), None);
}

#[test]
fn a_source_that_does_not_hold_is_refused() {
    let bare = wat::parse_str("(component)").expect("wat");
    for name in ["", "a/b.js", "a\nb", "\u{7}", &"a".repeat(201)] {
        let source = Source { name: name.to_owned(), text: String::new() };
        assert!(matches!(embed_source(&bare, &source), Err(PluginError::Source(_))), "{name:?}");
    }
    let large = Source { name: "bot.js".to_owned(), text: "x".repeat((1 << 20) + 1) };
    assert!(embed_source(&bare, &large).is_err());
}
