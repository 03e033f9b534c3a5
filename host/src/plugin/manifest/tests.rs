//! The manifest: what is refused and how it is named, filters, grants, and the way inside a component.

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::model::ChannelType;
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
        (with("[[events]]\non = \"timer\"\nfirst = true"), "events[0]", "message"),
        (with("[[events]]\non = \"webhook\"\nchannels = [\"cloud\"]"), "events[0]", "channels"),
        (with("[[events]]\non = \"message\"\nchannels = [\"fax\"]"), "plugin.toml", "fax"),
        (with("[[events]]\non = \"message\"\nchat = \"group\""), "plugin.toml", "group"),
        (
            with("[[schedules]]\nname = \"a\"\ncron = \"0 9 * * *\"\nmissed = \"never\""),
            "plugin.toml",
            "never",
        ),
    ] {
        let error = Manifest::parse(&text).expect_err(&text);
        assert_eq!(error.field, field, "{error}");
        assert!(error.problem.contains(word), "{error}");
    }
}

#[test]
fn filters_choose_by_kind_name_and_text() {
    let manifest = reminder();
    let seen = |name, text| Seen { name, text, ..Seen::default() };
    assert!(manifest.wants(On::Message, &seen("text", "  REMIND me")));
    assert!(!manifest.wants(On::Message, &seen("text", "please remind me")));
    assert!(!manifest.wants(On::Message, &seen("image", "remind")));
    assert!(manifest.wants(On::Timer, &seen("daily", "")));
    assert!(!manifest.wants(On::Status, &seen("read", "")));
}

#[test]
fn filters_choose_by_first_message_and_channel() {
    let with = |line: &str| {
        let head = "id = \"x\"\nversion = \"1.0.0\"\n[[events]]\non = \"message\"\n";
        Manifest::parse(&format!("{head}{line}")).expect(line)
    };
    let wants = |line: &str, first, channel| {
        with(line).wants(On::Message, &Seen { name: "text", text: "hi", first, channel })
    };
    assert!(wants("first = true", true, None) && !wants("first = true", false, None));
    assert!(wants("first = false", false, None) && !wants("first = false", true, None));
    let cloud = "channels = [\"cloud\", \"dialog360\"]";
    assert!(wants(cloud, false, Some(ChannelType::Cloud)));
    assert!(!wants(cloud, false, Some(ChannelType::Sandbox)) && !wants(cloud, false, None));
    assert!(wants("chat = \"direct\"", false, None));
    assert!(with(cloud).asks_for_channels() && !with("").asks_for_channels());
}

#[test]
fn a_route_says_how_its_calls_are_signed() {
    let with = |lines: &str| {
        let text = format!(
            "id = \"x\"\nversion = \"1.0.0\"\n[[events]]\non = \"webhook\"\n[secrets.key]\n\
             [[routes]]\npath = \"/a\"\n[routes.verify]\nsecret = \"key\"\n{lines}"
        );
        Manifest::parse(&text)
    };
    let own = "style = \"hmac-sha256\"\nheader = \"X-Sig\"";
    for fits in [
        own.to_owned(),
        format!("{own}\nencoding = \"base64\"\nprefix = \"sha256=\""),
        "style = \"github\"".to_owned(),
        "style = \"stripe\"\ntolerance = 60".to_owned(),
        "style = \"shopify\"".to_owned(),
        "style = \"standard-webhooks\"".to_owned(),
    ] {
        let manifest = with(&fits).expect(&fits);
        let json = serde_json::to_string(&manifest).expect("serialises");
        assert_eq!(serde_json::from_str::<Manifest>(&json).expect("reads back"), manifest);
    }
    for (lines, field, word) in [
        ("style = \"hmac-sha256\"", "routes[0].verify.header", "header"),
        ("style = \"github\"\nheader = \"X-Sig\"", "routes[0].verify.header", "hmac-sha256"),
        ("style = \"github\"\ntolerance = 60", "routes[0].verify.tolerance", "stripe"),
        ("style = \"stripe\"\ntolerance = 0", "routes[0].verify.tolerance", "seconds"),
        ("style = \"paypal\"", "plugin.toml", "paypal"),
        ("style = \"github\"\nsalt = \"a\"", "plugin.toml", "salt"),
    ] {
        let error = with(lines).expect_err(lines);
        assert_eq!(error.field, field, "{error}");
        assert!(error.problem.contains(word), "{error}");
    }
    let unnamed = "id = \"x\"\nversion = \"1.0.0\"\n[[events]]\non = \"webhook\"\n[[routes]]\n\
                   path = \"/a\"\nverify = { style = \"github\", secret = \"key\" }";
    let error = Manifest::parse(unnamed).expect_err("no such secret");
    assert_eq!(error.field, "routes[0].verify.secret");
    assert!(error.problem.contains("[secrets.key]"), "{error}");
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
