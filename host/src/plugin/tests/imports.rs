//! What plugins may pass to the imports, and what they read back within a call.

use std::collections::BTreeMap;

use super::*;
use crate::egress::Egress;
use crate::model::OptIn;
use crate::model::trace::Span;
use crate::plugin::bindings::switchboard::plugin::types::Error;
use crate::plugin::bindings::switchboard::plugin::{
    chats, config, contacts, delivery, events, messaging, secrets, state, timers,
};
use crate::plugin::gate::Gate;
use crate::plugin::manifest::{Manifest, Source};
use crate::plugin::run::Run;

const MANIFEST: &str = r#"
id = "guest"
version = "0.1.0"
[permissions]
messaging = true
timers = true
state = true
events = true
contacts = "write"
chats = "write"
[secrets.open]
reveal = true
[secrets.closed]
"#;

/// A call under way, with everything granted but what `change` takes away.
fn run_with(house: House, change: impl FnOnce(&mut Grants)) -> Run {
    let settings = Arc::new(Config::default().plugins);
    let manifest = Manifest::parse(MANIFEST).expect("a manifest");
    let mut grants = manifest.asks();
    change(&mut grants);
    let limits = manifest.limits(&settings);
    let install = Arc::new(Install {
        id: "ins_1".to_owned(),
        team_id: "team_1".to_owned(),
        plugin: "guest".to_owned(),
        hash: String::new(),
        generation: 1,
        manifest: Arc::new(manifest),
        config: json!({}),
        grants,
        accounts: Vec::new(),
    });
    let call = message_call(Arc::clone(&install), Arc::new(house), 0);
    let egress = Arc::new(Egress::new(Vec::new()).expect("a client"));
    let gate =
        Gate::new(egress, Arc::clone(&settings), install, Arc::clone(&call.event), Span::default());
    let source = Source { name: "bot.js".to_owned(), text: "a\nb".to_owned() };
    Run::new(call, Some(Arc::new(source)), limits, settings, Clock::manual(NOON), Arc::new(gate))
}

fn run() -> Run {
    run_with(House::default(), |_| {})
}

fn code<T: std::fmt::Debug>(answer: wasmtime::Result<Result<T, Error>>) -> String {
    answer.expect("no trap").expect_err("refused").code
}

fn good<T>(answer: wasmtime::Result<Result<T, Error>>) -> T {
    answer.expect("no trap").expect("not refused")
}

#[test]
fn a_plugin_reads_the_source_that_it_carries() {
    let mut run = run();
    assert_eq!(config::Host::source(&mut run).expect("no trap"), "a\nb");
    run.source = None;
    assert_eq!(config::Host::source(&mut run).expect("no trap"), "");
}

#[tokio::test]
async fn a_list_shows_the_store_with_the_calls_own_writes_over_it() {
    let entry = |key: &str, expires_at| {
        (
            Scope::Chat("cht_1".to_owned()),
            StateEntry {
                key: key.to_owned(),
                value: format!("stored {key}"),
                version: 1,
                expires_at,
            },
        )
    };
    let house = House::default();
    let stored = [
        entry("a", None),
        entry("b", None),
        entry("c", Some(NOON)),
        entry("d", None),
        entry("other", None),
    ];
    house.state.lock().expect("a lock").extend(stored);
    let mut run = run_with(house, |_| {});
    let chat = || "chat".to_owned();
    good(state::Host::delete(&mut run, chat(), "b".to_owned()).await);
    good(state::Host::set(&mut run, chat(), "bb".to_owned(), "own".to_owned(), None).await);
    good(state::Host::set(&mut run, chat(), "e".to_owned(), "own".to_owned(), None).await);
    let mut seen = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = good(state::Host::list(&mut run, chat(), String::new(), after.clone(), 2).await);
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after.clone_from(&last.key);
        seen.extend(page.into_iter().map(|entry| (entry.key, entry.value)));
    }
    let keys: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "bb", "d", "e", "other"]);
    assert_eq!(seen["bb"], "own");
    let some = good(state::Host::list(&mut run, chat(), "o".to_owned(), String::new(), 9).await);
    assert_eq!(some.len(), 1);
    let read: Vec<_> = run.state.reads.iter().map(|read| read.key.as_str()).collect();
    assert_eq!(read, ["a", "b", "c", "d", "other"], "whatever it saw is checked at commit");
}

/// What a call has read is kept until its end, so it counts like what it passes.
#[tokio::test]
async fn a_call_reads_no_more_than_the_host_will_hold_for_it() {
    let house = House::default();
    let large = (0..600).map(|n| StateEntry {
        key: format!("k{n:03}"),
        value: "v".repeat(64 << 10),
        version: 1,
        expires_at: None,
    });
    house.state.lock().expect("a lock").extend(large.map(|entry| (Scope::Plugin, entry)));
    let mut run = run_with(house, |_| {});
    let mut read = 0;
    for n in 0..600 {
        match state::Host::get(&mut run, "plugin".to_owned(), format!("k{n:03}")).await {
            Ok(answer) => read += answer.expect("allowed").expect("there").len(),
            Err(stopped) => {
                assert!(stopped.to_string().contains("pass less"), "{stopped}");
                break;
            }
        }
    }
    assert!(read < run.settings.host_call_bytes, "{read} bytes");
}

#[tokio::test]
async fn state_counts_compares_and_keeps_its_time_to_live() {
    let mut run = run();
    let (plugin, key) = (|| "plugin".to_owned(), || "n".to_owned());
    good(state::Host::set(&mut run, plugin(), key(), "5".to_owned(), Some(1000)).await);
    assert_eq!(good(state::Host::increment(&mut run, plugin(), key(), -7).await), -2);
    assert!(!good(
        state::Host::compare_and_set(&mut run, plugin(), key(), None, "9".to_owned()).await
    ));
    assert!(good(
        state::Host::compare_and_set(
            &mut run,
            plugin(),
            key(),
            Some("-2".to_owned()),
            "x".to_owned()
        )
        .await
    ));
    assert_eq!(code(state::Host::increment(&mut run, plugin(), key(), 1).await), "invalid");
    assert!(
        matches!(&run.effects[..], [Effect::SetState { value: Some(value), expires_at: Some(at), .. }]
        if value == "x" && *at == NOON + 1000),
        "one effect for one key: {:?}",
        run.effects
    );
    good(state::Host::set(&mut run, plugin(), key(), i64::MAX.to_string(), None).await);
    assert_eq!(code(state::Host::increment(&mut run, plugin(), key(), 1).await), "invalid");
    for (scope, key, value) in
        [("team", "k", "v"), ("plugin", "", "v"), ("plugin", "a\0b", "v"), ("plugin", "k", "\0")]
    {
        let refused =
            state::Host::set(&mut run, scope.to_owned(), key.to_owned(), value.to_owned(), None)
                .await;
        assert_eq!(code(refused), "invalid", "{scope} {key:?}");
    }
    let large = "v".repeat(run.settings.state_value + 1);
    assert_eq!(code(state::Host::set(&mut run, plugin(), key(), large, None).await), "invalid");
}

#[tokio::test]
async fn a_contact_shows_what_the_call_changed() {
    let mut run = run();
    let id = || "con_1".to_owned();
    good(contacts::Host::tag(&mut run, id(), "vip".to_owned(), "yes".to_owned()).await);
    good(contacts::Host::untag(&mut run, id(), "old".to_owned()).await);
    good(contacts::Host::set_name(&mut run, id(), "Ada".to_owned()).await);
    good(contacts::Host::opt_out(&mut run, id(), "asked".to_owned()).await);
    let entry = good(contacts::Host::get(&mut run, id()).await);
    assert_eq!(entry.tags, [("vip".to_owned(), "yes".to_owned())]);
    assert_eq!((entry.name.as_str(), entry.opt_in.as_str()), ("Ada", OptIn::Out.as_str()));
    assert_eq!(
        code(
            contacts::Host::tag(&mut run, "con_9".to_owned(), "a".to_owned(), String::new()).await
        ),
        "not-found"
    );
}

#[tokio::test]
async fn reading_is_not_writing() {
    let mut run = run_with(House::default(), |grants| {
        grants.contacts = manifest::Access::Read;
        grants.chats = manifest::Access::Read;
    });
    good(contacts::Host::get(&mut run, "con_1".to_owned()).await);
    assert_eq!(
        code(contacts::Host::opt_out(&mut run, "con_1".to_owned(), String::new()).await),
        "denied"
    );
    assert_eq!(
        code(chats::Host::hand_over(&mut run, "cht_1".to_owned(), String::new()).await),
        "denied"
    );
    assert_eq!(run.effects, []);
}

#[tokio::test]
async fn a_chat_shows_who_answers_and_how_long_it_is_open() {
    let mut run = run();
    let chat = || "cht_1".to_owned();
    good(chats::Host::hand_over(&mut run, chat(), "asked".to_owned()).await);
    let entry = good(chats::Host::get(&mut run, chat()).await);
    assert_eq!(entry.assigned, "human");
    assert_eq!(entry.window_until, 1_795_435_200_000 + 86_400_000);
    good(chats::Host::hand_back(&mut run, chat()).await);
    assert_eq!(good(chats::Host::get(&mut run, chat()).await).assigned, "");
    assert_eq!(
        good(chats::Host::get(&mut run, "cht_2".to_owned()).await).window_until,
        0,
        "no message of the customer"
    );
}

/// A tag is an event, and may call the plugin that put it.
#[tokio::test]
async fn at_the_bound_of_depth_people_and_chats_are_not_changed() {
    let mut run = run();
    let mut call = run.call.as_ref().clone();
    let event = Event { depth: crate::model::MAX_DEPTH, ..call.event.as_ref().clone() };
    call.event = Arc::new(event);
    run.call = Arc::new(call);
    let contact = || "con_1".to_owned();
    let tagged = contacts::Host::tag(&mut run, contact(), "a".to_owned(), String::new()).await;
    assert_eq!(code(tagged), "denied");
    let handed = chats::Host::hand_over(&mut run, "cht_1".to_owned(), String::new()).await;
    assert_eq!(code(handed), "denied");
    good(contacts::Host::get(&mut run, contact()).await);
    assert_eq!(run.effects, []);
}

#[tokio::test]
async fn timers_are_listed_as_the_call_left_them() {
    let mut run = run();
    let (plugin, chat) = (|| "plugin".to_owned(), || "chat".to_owned());
    let text = |text: &str| text.to_owned();
    good(timers::Host::set_after(&mut run, plugin(), text("a"), 500, text("x")).await);
    good(timers::Host::set(&mut run, plugin(), text("a"), 77, text("y")).await);
    let (cron, zone) = (text("0 9 * * 1-5"), text("Europe/Berlin"));
    good(timers::Host::set_cron(&mut run, plugin(), text("b"), cron, zone, text("")).await);
    good(timers::Host::set_after(&mut run, chat(), text("c"), 1, text("")).await);
    good(timers::Host::cancel(&mut run, plugin(), text("never")).await);
    let listed = good(timers::Host::list(&mut run, plugin()).await);
    let listed: Vec<_> = listed
        .iter()
        .map(|timer| (timer.name.as_str(), timer.due_at, timer.payload.as_str()))
        .collect();
    assert_eq!(listed, [("a", 77, "y"), ("b", 1_795_507_200_000, "")]);
    for (cron, zone) in [("often", ""), ("0 9 * * *", "Mars"), ("0 0 30 2 *", "")] {
        let (wrong, zone) = (text(cron), text(zone));
        let set = timers::Host::set_cron(&mut run, plugin(), text("d"), wrong, zone, text(""));
        assert_eq!(code(set.await), "invalid", "{cron}");
    }
    for (scope, due_at) in [("contact", 1), ("plugin", u64::MAX)] {
        let set = timers::Host::set(&mut run, text(scope), text("d"), due_at, text(""));
        assert_eq!(code(set.await), "invalid", "{scope}");
    }
}

#[tokio::test]
async fn nobody_speaks_for_the_house() {
    let mut run = run();
    good(events::Host::emit(&mut run, "order.placed".to_owned(), "{\"n\":1}".to_owned()));
    for (name, json) in [
        ("message.received", "{}"),
        ("contact.opted_out", "{}"),
        ("Order.Placed", "{}"),
        ("order..placed", "{}"),
        ("", "{}"),
        ("order.placed", "[]"),
        ("order.placed", "{"),
        ("order.placed", "{\"a\":\"\\u0000\"}"),
    ] {
        assert_eq!(
            code(events::Host::emit(&mut run, name.to_owned(), json.to_owned())),
            "invalid",
            "{name} {json}"
        );
    }
    assert_eq!(run.effects.len(), 1);
}

#[tokio::test]
async fn messages_are_checked_before_they_are_taken() {
    let mut run = run();
    let chat = || "cht_1".to_owned();
    good(
        messaging::Host::send(&mut run, chat(), r#"{"type":"text","text":"hi"}"#.to_owned(), None)
            .await,
    );
    good(messaging::Host::react(&mut run, "msg_1".to_owned(), "👍".to_owned()).await);
    let cards =
        format!(r#"{{"type":"contacts","contacts":[{{"name":"{}"}}]}}"#, "a".repeat(70_000));
    for json in [
        "{",
        r#"{"type":"song"}"#,
        r#"{"type":"text","text":" "}"#,
        r#"{"type":"text","text":"\u0000"}"#,
        &cards,
    ] {
        assert_eq!(
            code(messaging::Host::send(&mut run, chat(), json.to_owned(), None).await),
            "invalid"
        );
    }
    let far = messaging::Options {
        due_at: Some(u64::MAX),
        reply_to: None,
        typing: false,
        randomise: false,
        cancel_if_replied: false,
    };
    assert_eq!(
        code(messaging::Host::send_text(&mut run, chat(), "hi".to_owned(), Some(far)).await),
        "invalid"
    );
    assert_eq!(
        code(messaging::Host::react(&mut run, "msg_9".to_owned(), "👍".to_owned()).await),
        "not-found"
    );
    assert_eq!(run.effects.len(), 2);
}

#[tokio::test]
async fn a_plugin_cancels_messages_that_it_may_see_and_nothing_else() {
    let mut run = run();
    let event = run.call.event.id.clone();
    for id in ["msg_of_others", "timer/ins_2/plugin//daily", &event] {
        let refused = messaging::Host::cancel(&mut run, id.to_owned()).await;
        assert_eq!(code(refused), "not-found", "{id}");
    }
    let text = ("cht_1".to_owned(), "hi".to_owned());
    let sent = good(messaging::Host::send_text(&mut run, text.0, text.1, None).await);
    good(messaging::Host::cancel(&mut run, sent).await);
    assert_eq!(run.effects.len(), 2);
}

#[tokio::test]
async fn a_secret_is_seen_only_where_that_was_asked_for_and_agreed() {
    let secrets_of = || {
        let house = House::default();
        let both = ["open", "closed"].map(|name| (name.to_owned(), format!("value of {name}")));
        house.secrets.lock().expect("a lock").extend(both);
        house
    };
    let mut run = run_with(secrets_of(), |_| {});
    assert_eq!(good(secrets::Host::reveal(&mut run, "open".to_owned()).await), "value of open");
    assert_eq!(code(secrets::Host::reveal(&mut run, "closed".to_owned()).await), "denied");
    assert_eq!(code(secrets::Host::placeholder(&mut run, "unknown".to_owned()).await), "denied");
    let placeholder = good(secrets::Host::placeholder(&mut run, "closed".to_owned()).await);
    assert!(!placeholder.contains("value"));
    assert_eq!(good(secrets::Host::placeholder(&mut run, "closed".to_owned()).await), placeholder);
    let mut not_agreed = run_with(secrets_of(), |grants| grants.reveal.clear());
    assert_eq!(code(secrets::Host::reveal(&mut not_agreed, "open".to_owned()).await), "denied");
    let mut other = run_with(secrets_of(), |_| {});
    assert_ne!(
        good(secrets::Host::placeholder(&mut other, "closed".to_owned()).await),
        placeholder
    );
}

#[tokio::test]
async fn time_is_the_clocks() {
    let mut run = run();
    assert_eq!(delivery::Host::now(&mut run).expect("no trap"), 1_795_435_200_000);
}
