//! Writing a plugin, through the program itself: new, check, test, dev.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::desk::Desk;
use crate::support::{plugin_file, with_manifest};

/// The folders of this repository that hold a plugin in Rust with transcripts, and their packages.
fn shipped() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let folders = ["plugins", "examples", "tests/guests"];
    let entries =
        folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("a folder"));
    let plugin = |dir: PathBuf| {
        let cargo = std::fs::read_to_string(dir.join("Cargo.toml")).ok()?;
        let cargo: toml::Table = toml::from_str(&cargo).ok()?;
        let package = cargo.get("package")?.get("name")?.as_str()?.to_owned();
        dir.join("tests").is_dir().then_some((dir, package))
    };
    entries.filter_map(|entry| plugin(entry.expect("an entry").path())).collect()
}

#[test]
fn the_transcripts_of_all_plugins_hold() {
    let desk = Desk::new();
    let all = shipped();
    let named = |name: &str| all.iter().any(|(_, package)| package == name);
    for plugin in ["echo", "probe", "opt-out", "hand-over", "reminder", "away", "auto-reply"] {
        assert!(named(plugin), "{plugin} has no transcripts");
    }
    for (dir, package) in &all {
        let file = plugin_file(package);
        let (dir, file) = (dir.to_str().expect("a path"), file.to_str().expect("a path"));
        let told = desk.prints(&["test", dir, "--plugin", file]);
        assert!(told.contains(" 0 failed"), "{told}");
    }
}

#[test]
fn a_transcript_that_does_not_hold_says_where_and_what_came_instead() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("bot/tests")).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(desk.path(name), text).expect("written");
    let echo = plugin_file("echo");
    let test = ["test", "bot", "--plugin", echo.to_str().expect("a path")];
    assert!(desk.fails(&test).1.contains("tests/first.chat"));

    write("bot/tests/a.chat", "customer: hello\nbot: You said: good-bye\n");
    write("bot/tests/b.chat", "customer: hello\nbot: You said: hello\n");
    let (shown, error) = desk.fails(&test);
    for words in [
        "✗ tests/a.chat:2",
        "- bot: You said: good-bye",
        "+ bot: You said: hello",
        "✓ tests/b.chat",
        "1 passed, 1 failed",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(error.starts_with("error: 1 transcript does not hold"), "{error}");
    let (line, _) = desk.fails(&[&test[..], &["--json"]].concat());
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["passed"], &line["failed"]), (&1.into(), &1.into()));
    assert_eq!(line["transcripts"][0]["line"], 2);
    assert_eq!(line["transcripts"][0]["instead"], "bot: You said: hello");
    assert!(
        desk.prints(&["test", "bot", "b.chat", "--plugin", test[3]]).contains("1 passed, 0 failed")
    );

    // An answer too many, silence, and a line that says nothing.
    for (text, place, words) in [
        (
            "customer: hello\n\ncustomer: again\nbot: You said: again",
            "a.chat:1",
            "bot says nothing more",
        ),
        ("customer sends image\nbot: hm", "a.chat:2", "+ bot says nothing"),
        ("customer: hello\nbot: You said: hello\nbot waits", "a.chat:3", "the bot says"),
        ("customer: hello\nat 2020-01-01 00:00", "a.chat:1", "bot says nothing more"),
    ] {
        write("bot/tests/a.chat", text);
        let (shown, _) = desk.fails(&test);
        assert!(shown.contains(place) && shown.contains(words), "{text}: {shown}");
    }
    let probe = plugin_file("probe");
    write("bot/tests/a.chat", "customer: http https://api.example.com/x\n");
    let (shown, _) =
        desk.fails(&["test", "bot", "a.chat", "--plugin", probe.to_str().expect("a path")]);
    assert!(shown.contains("http GET https://api.example.com/x answers 200"), "{shown}");
    write("bot/tests/a.chat", "customer: fail\nbot: hm\n");
    let (shown, _) =
        desk.fails(&["test", "bot", "a.chat", "--plugin", probe.to_str().expect("a path")]);
    assert!(shown.contains("fault  exception: failed as asked"), "{shown}");
}

#[test]
fn a_transcript_plays_several_plugins_in_the_order_of_the_chain() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("bot/tests")).expect("a folder");
    let file = |name: &str| plugin_file(name).display().to_string();
    let (keeper, second, probe) = (file("opt-out"), file("second"), file("probe"));
    let play = |text: String| {
        std::fs::write(desk.path("bot/tests/a.chat"), text).expect("written");
        desk.run(&["test", "bot", "--plugin", &probe])
    };
    let talk = "customer: stop\nbot: You will not hear from us again. Write START to change your mind.\n\
                customer: start\nbot: Welcome back! Write STOP at any time to hear no more from us.\n\
                customer: echo hi\n";
    let (well, shown, error) = play(format!(
        "with {keeper}\nwith .\nwith {second}\n\n{talk}bot: hi\nbot: second: echo hi\n"
    ));
    assert!(well, "{shown}{error}");
    // The one that is tested comes last where no line says otherwise.
    let (well, shown, error) =
        play(format!("with {keeper}\nwith {second}\n\n{talk}bot: second: echo hi\nbot: hi\n"));
    assert!(well, "{shown}{error}");
    let (well, shown, _) = play("with nowhere.wasm\ncustomer: echo hi\nbot: hi\n".to_owned());
    assert!(!well && shown.contains("with nowhere.wasm"), "{shown}");
    // What another one does wrong is told, with its name.
    std::fs::write(
        desk.path("bot/tests/a.chat"),
        format!("with {probe}\ncustomer: fail\nbot: second: fail\n"),
    )
    .expect("written");
    let (shown, _) = desk.fails(&["test", "bot", "--plugin", &second]);
    assert!(shown.contains("fault  exception: probe: failed as asked"), "{shown}");
}

#[test]
fn a_transcript_signs_webhooks_and_fires_by_hand() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("bot/tests")).expect("a folder");
    let old = "[[routes]]\npath = \"/queued\"";
    let route = |path: &str, style: &str| {
        format!(
            "[[routes]]\npath = \"/{path}\"\nmode = \"sync\"\nverify = {{ style = \"{style}\", secret = \"hook\" }}\n\n"
        )
    };
    let routes = route("github", "github") + &route("standard", "standard-webhooks");
    let schedule = "[secrets.hook]\n\n[[schedules]]\nname = \"daily\"\ncron = \"0 9 * * *\"\npayload = \"tea\"\n\n";
    let wasm = with_manifest("probe", old, &format!("{schedule}{routes}{old}"));
    std::fs::write(desk.path("probe.wasm"), wasm).expect("written");
    let text = "webhook POST /github hello\n  X-Hub-Signature-256: sha256=00\nreply 503 matches: .*hook.*\n\
                secret hook = whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n\
                webhook POST /github hello\n  X-Hub-Signature-256: sha256=00\nreply 401 matches: .*invalid_signature.*\n\
                webhook POST /github hello\nreply 200: POST /github call 1: hello\n\
                webhook POST /standard +15550100001=hi\nreply 200 matches: .*call 2.*\nbot: hi\n\
                fire schedule daily\nlogs timer daily tea\n\
                fire timer nudge now\nlogs timer nudge now\n\
                fire event order.placed {\"id\": 7}\nlogs event order.placed\nemits order.placed {\"id\": 7}\n";
    std::fs::write(desk.path("bot/tests/a.chat"), text).expect("written");
    desk.prints(&["test", "bot", "--plugin", "probe.wasm"]);
}

/// A command with what it needs to reach a service, and what is fired.
fn fired<'a>(command: &[&'a str], service: &[&'a str], shot: &[&'a str]) -> Vec<&'a str> {
    [command, service, shot].concat()
}

#[test]
fn an_event_is_fired_from_the_terminal() {
    let desk = Desk::new();
    let mut demo = desk.program(&["demo", "--port", "0", "--json"]);
    let mut child = demo.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its line");
    let ready: Value = serde_json::from_str(&line).expect("JSON");
    let text = |name: &str| ready[name].as_str().expect("a text");
    let service = ["--url", text("url"), "--key", text("api_key")];
    let probe = plugin_file("probe").display().to_string();
    desk.prints(&[&["deploy", &probe, "--grant-all"], &service[..]].concat());
    let told = desk.prints(&fired(&["fire"], &service, &["probe", "timer", "nudge", "now"]));
    assert!(told.starts_with("evt_"), "{told}");
    let call = ["probe", "--wait", "webhook", "/sync", "hello", "--header", "X-A: b"];
    let shown = desk.prints(&fired(&["plugin", "fire"], &service, &call));
    for words in
        ["fired by hand", "reply 200\tPOST /sync call 1: hello", "done: set_state 1", "done\tevt_"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let event = ["probe", "--json", "--wait=60", "event", "order.placed", "{\"id\": 7}"];
    let outcome: Value =
        serde_json::from_str(&desk.prints(&fired(&["fire"], &service, &event))).expect("JSON");
    assert_eq!((&outcome["state"], &outcome["type"]), (&"done".into(), &"order.placed".into()));
    assert!(
        desk.fails(&fired(&["fire"], &service, &["probe", "schedule", "daily"]))
            .1
            .contains("no schedules")
    );
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert!(child.wait().expect("gone").success());
}

#[test]
fn a_plugin_is_looked_at_as_an_upload_would() {
    let desk = Desk::new();
    let reminder = plugin_file("reminder");
    let shown = desk.prints(&["check", reminder.to_str().expect("a path")]);
    for words in ["reminder 0.1.0", "set timers", "timers", "on-message", "it can be installed"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Another manifest: one event that nothing handles, and a permission that it lacks.
    let manifest = "id = \"reminder\"\nversion = \"0.1.0\"\n[[events]]\non = \"message\"\n[[events]]\non = \"status\"\n[[events]]\non = \"webhook\"\n[permissions]\nmessaging = true\nstate = true\nchats = \"read\"\n";
    let bytes = std::fs::read(&reminder).expect("a plugin");
    let bytes = switchboard::plugin::manifest::embed(&bytes, manifest).expect("embedded");
    std::fs::write(desk.path("worse.wasm"), bytes).expect("written");
    let (line, error) = desk.fails(&["check", "worse.wasm", "--json"]);
    assert!(error.contains("worse.wasm would be refused: 2 things to fix"), "{error}");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["problems"][0]["code"], "missing_export");
    assert!(line["problems"][1]["message"].as_str().expect("a reason").contains("on-webhook"));
    let warnings = line["warnings"].to_string();
    assert!(warnings.contains("`timers = true`") && warnings.contains("`chats = "), "{warnings}");
    std::fs::write(desk.path("none.wasm"), b"none").expect("written");
    let (shown, _) = desk.fails(&["check", "none.wasm"]);
    assert!(shown.contains("not a WebAssembly component"), "{shown}");
}

#[test]
fn what_is_deployed_runs_on_the_service_once_its_wishes_are_agreed_to() {
    let desk = Desk::new();
    let mut demo = desk.program(&["demo", "--port", "0", "--json"]);
    let mut child = demo.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its line");
    let ready: Value = serde_json::from_str(&line).expect("JSON");
    let text = |name: &str| ready[name].as_str().expect("a text");
    let service = ["--url", text("url"), "--key", text("api_key")];
    let echo = plugin_file("echo");
    let deploy = [&["deploy", echo.to_str().expect("a path")], &service[..]].concat();
    assert!(desk.fails(&deploy).1.contains("consent_required"));
    let deployed = desk.prints(&[&deploy[..], &["--grant-all", "--json"]].concat());
    let deployed: Value = serde_json::from_str(&deployed).expect("JSON");
    assert_eq!((&deployed["plugin"], &deployed["state"]), (&"echo".into(), &"active".into()));
    assert!(desk.prints(&[&["plugin", "list"], &service[..]].concat()).contains("echo"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert!(child.wait().expect("gone").success());
}

#[test]
fn from_a_new_project_to_a_bot_that_is_changed_while_it_runs() {
    let desk = Desk::new();
    desk.prints(&["new", "lead-bot"]);
    assert!(desk.fails(&["new", "lead-bot"]).1.contains("is there already"));
    assert!(desk.prints(&["test", "lead-bot"]).contains("lead-bot: 1 passed, 0 failed"));
    assert!(desk.prints(&["check", "lead-bot"]).contains("it can be installed"));

    let mut dev = desk.dev("lead-bot");
    assert!(dev.shows("/sandbox").contains("http://127.0.0.1:"));
    dev.shows("lead-bot 0.1.0 runs. It may: send messages");
    dev.types("hello");
    dev.shows("bot: You said: hello");
    assert!(dev.shows("[Remind me]").contains('✓'));
    dev.types("/choose 1");
    dev.shows("bot: I will, in ten minutes.");
    desk.change("lead-bot/src/lib.rs", "You said", "You wrote");
    dev.shows("swapped in");
    dev.types("/as +15550123 Ann");
    dev.shows("You write as +15550123 (Ann)");
    dev.types("good evening");
    dev.shows("You wrote: good evening");
    desk.change("lead-bot/src/lib.rs", "fn on_message", "fn on_mistake");
    dev.shows("it does not build; the version before runs on");
    dev.types("still there?");
    dev.shows("You wrote: still there?");
    desk.change("lead-bot/src/lib.rs", "fn on_mistake", "fn on_message");
    desk.change("lead-bot/plugin.toml", "0.1.0\"\nhost", "0.2.0\"\nhost");
    dev.shows("lead-bot 0.2.0 swapped in");
    dev.interrupt();
    let left: Vec<_> = std::fs::read_dir(desk.path("tmp")).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
