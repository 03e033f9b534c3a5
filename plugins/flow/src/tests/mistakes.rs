//! What a person is told who got a flow wrong, and what a right one asks for.

use super::*;

#[test]
fn what_is_wrong_is_told_all_at_once_with_lines() {
    refused(
        "flow: Bad Name
version: 1.0
triggers:
  - keyword: go
  - webhook: { path: order }
steps:
  - ask: { text: Hi, expect: email, timeout: soon }
  - if: 'vars.a >'
    then: [{ reply: 'Hi {{ name' }]
  - buttons: { text: Pick, options: [a, b, c, d] }
  - call: nowhere
  - wait: { before: 1 hour }
",
        &["line 2: version: is a text, such as 1.2.0 (three numbers)"],
    );
    refused(
        "flow: bad
version: 1.0.0
time_zone: Mars/Base
triggers:
  - keyword: go
  - webhook: { path: order }
steps:
  - ask: { text: Hi, expect: email, timeout: soon }
  - if: 'vars.a >'
    then: [{ reply: 'Hi {{ name' }]
  - buttons: { text: Pick, options: [a, b, c, d] }
  - call: nowhere
  - wait: { before: 1 hour }
",
        &[
            "line 3: time_zone: \"Mars/Base\" is no IANA time zone",
            "line 6: triggers[1]: say whom",
            "line 6: triggers[1].webhook.path: begins with",
            "line 8: steps[0].ask.timeout: \"soon\" is no duration",
            "line 9: steps[1].if:",
            "line 10: steps[1].then[0].reply:",
            "line 11: steps[2].buttons.options: 1 to 3",
            "line 12: steps[3].call: there is no such sequence",
            "line 13: steps[4].wait: either",
        ],
    );
    for (text, words) in [
        ("- a\n", "a flow begins with"),
        (
            "flow: a\ntriggers: [{ keyword: x }]\nsteps:\n  - reply: Hi\n    replly: Ho\n",
            "line 5: steps[0].replly: unknown field `replly`",
        ),
        (
            "flow: a\ntriggers: [{ keyword: x }]\nsteps:\n  - ask:\n      text: Hi\n      expct: email\n",
            "line 6: steps[0].ask.expct: unknown field `expct`",
        ),
        (
            "flow: a\ntriggers: [{ keyword: x }]\nsteps:\n  - reply: Hi\n    ask: Ho\n",
            "line 4: steps[0]: a step does one thing",
        ),
        (
            "flow: a\ntriggers: [{ keyword: x }]\nsteps:\n  - reply: Hi\n    then: []\n",
            "belong to `if`",
        ),
        (
            "flow: a\ntriggers: [{ keyword: x, status: read }]\nsteps: [{ reply: Hi }]\n",
            "a trigger is one of",
        ),
        (
            "flow: a\ntriggers: [{ keyword: x }]\nsteps: [{ id: b, reply: Hi }, { id: b, reply: Ho }]\n",
            "two steps have the id",
        ),
        (
            "flow: a\nrestart: true\ntriggers: [{ message: {} }]\nsteps: [{ ask: Hi }]\n",
            "every answer would begin anew",
        ),
        ("flow: a\ntriggers: [{ keyword: x }]\nsteps: [{ stop: false }]\n", "true, or a text"),
    ] {
        refused(text, &[words]);
    }
}

#[test]
fn the_manifest_asks_for_what_the_steps_need() {
    let plain = manifest_of(
        "flow: hi\ntriggers: [{ message: { prefix: hi, types: [text] } }]\nsteps: [{ reply: Hi }]",
    )
    .expect("holds");
    let plain: toml::Table = plain.parse().expect("TOML");
    assert_eq!(plain["permissions"], toml::toml! { messaging = true }.into());
    assert_eq!(plain["events"][0]["text_prefix"].as_str(), Some("hi"));
    let all = manifest_of(
        "flow: all
version: 1.2.3
time_zone: Europe/Berlin
settings: { greeting: { type: string, default: \"Hi \\\"you\\\"\\n\" } }
secrets: { key: { description: The key, hosts: [api.example.com] } }
triggers:
  - keyword: go
  - status: [delivered, read]
  - event: order.placed
  - schedule: { cron: '0 9 * * *', missed: skip }
    chat: '+15550001'
  - webhook: { path: /order, verify: { style: github, secret: key } }
    chat: '{{ webhook.json.phone }}'
steps:
  - ask: Well?
  - http: { url: 'https://api.example.com/x' }
  - http: { url: 'http://10.0.0.7:9000/x?y' }
  - hand_over: because
  - emit: order.done
  - untag: x
  - reply: { text: Hi, closed: { template: news } }
",
    )
    .expect("holds");
    let all: toml::Table = all.parse().unwrap_or_else(|error| panic!("{error}: {all}"));
    let expected: toml::Value = toml::toml! {
        messaging = true
        timers = true
        state = true
        templates = true
        events = true
        contacts = "write"
        chats = "write"
        hosts = ["api.example.com", "http://10.0.0.7:9000"]
    }
    .into();
    assert_eq!(all["permissions"], expected);
    assert_eq!(all["schedules"][0]["time_zone"].as_str(), Some("Europe/Berlin"));
    assert_eq!(all["schedules"][0]["missed"].as_str(), Some("skip"));
    let verify: toml::Value = toml::toml! { style = "github" secret = "key" }.into();
    assert_eq!(
        (all["routes"][0]["path"].as_str(), &all["routes"][0]["verify"]),
        (Some("/order"), &verify)
    );
    assert_eq!(all["config"]["properties"]["greeting"]["default"].as_str(), Some("Hi \"you\"\n"));
    assert_eq!(all["events"].as_array().map(Vec::len), Some(5), "{}", all["events"]);
}
