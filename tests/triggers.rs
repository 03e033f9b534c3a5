//! What wakes a plugin: filters, schedules that were missed.

use serde_json::{Value, json};

use crate::support::{Server, with_manifest};

/// The probe with another filter on messages.
fn filtered(lines: &str) -> Vec<u8> {
    let old = "[[events]]\non = \"message\"\n";
    with_manifest("probe", old, &format!("{old}{lines}\n"))
}

/// The probe with a schedule.
fn scheduled(lines: &str) -> Vec<u8> {
    let old = "[[routes]]\npath = \"/queued\"";
    let schedule = format!("[[schedules]]\nname = \"daily\"\npayload = \"tea\"\n{lines}\n\n{old}");
    with_manifest("probe", old, &schedule)
}

/// When the timers were due that the plugin saw, as times of day in UTC.
async fn runs(server: &Server) -> Vec<String> {
    let events = server.events("timer.fired").await;
    let at = |event: &Value| {
        let at = event["timestamp"].as_str().expect("a time");
        at[5..16].to_owned()
    };
    events.iter().map(at).collect()
}

/// What a plugin logged.
async fn logs(server: &Server, install: &str) -> Vec<String> {
    let logs = server.client.get(&format!("/api/v1/plugins/{install}/logs?limit=1000")).await.ok();
    let logs = logs["logs"].as_array().expect("a list").clone();
    logs.iter().map(|line| line["message"].as_str().expect("a text").to_owned()).collect()
}

const HOUR: i64 = 3_600_000;

both! {
    /// Once a contact and account; what comes twice from the network is one message.
    async fn the_first_message_ever_is_told_from_all_others(on: On) {
        let server = Server::start(on).await;
        server.install_bytes(filtered("first = true")).await;
        for text in ["echo one", "echo two"] {
            server.says("+15550101", text).await;
            server.says("+15550102", text).await;
        }
        // Of several that come at once it is one.
        for text in ["echo a", "echo b"] {
            server.client.incoming(&server.account, "+15550103", text).await;
        }
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["one"]);
        assert_eq!(server.heard("+15550102").await, ["one"]);
        assert_eq!(server.heard("+15550103").await, ["a"]);
        let server = server.restart().await;
        server.says("+15550101", "echo three").await;
        assert_eq!(server.heard("+15550101").await, ["one"]);
        // To another account of the team it is the first again.
        let other = server.buy("+15550177", "unlimited_msg_chat_history").await;
        server.client.incoming(&other, "+15550101", "echo four").await;
        server.drain().await;
        let there = server.client.outgoing(&other).await;
        assert_eq!(there.len(), 1, "{there:?}");
        server.stop().await;
    }

    /// We wrote first: their first answer is their first message.
    async fn what_we_sent_before_does_not_count(on: On) {
        let server = Server::start(on).await;
        let body = json!({ "account": server.account, "to": "+15550101", "type": "text", "text": "hello" });
        server.client.post("/api/v1/messages", body).await.ok();
        server.drain().await;
        server.install_bytes(filtered("first = true")).await;
        server.says("+15550101", "echo yes").await;
        server.says("+15550101", "echo again").await;
        assert_eq!(server.heard("+15550101").await, ["hello", "yes"]);
        server.finish().await;
    }

    /// Two contacts turn out to be one person: what either wrote counts, before they are merged and after.
    async fn a_person_of_two_names_writes_for_the_first_time_once(on: On) {
        let server = Server::start(on).await;
        // We wrote to the one name, which is the older contact; they write by the other.
        let body = json!({ "account": server.account, "to": "+15550102", "type": "text", "text": "hello" });
        server.client.post("/api/v1/messages", body).await.ok();
        server.advance(1_000).await;
        server.install_bytes(filtered("first = true")).await;
        server.says("+15550101", "echo one").await;
        let aliases = json!([{ "kind": "phone", "value": "+15550102" }]);
        let body = json!({ "from": "+15550101", "aliases": aliases, "type": "text", "text": "echo two" });
        server.client.post(&format!("/sandbox/accounts/{}/incoming", server.account), body).await.ok();
        server.drain().await;
        for _ in 0..2 {
            server.advance(30_000).await;
        }
        assert_eq!(server.events("contact.merged").await.len(), 1);
        server.says("+15550102", "echo three").await;
        let out = server.client.outgoing(&server.account).await;
        let texts: Vec<&str> = out.iter().filter_map(|record| record["content"]["text"].as_str()).collect();
        assert_eq!(texts, ["hello", "one"]);
        server.finish().await;
    }

    /// Words of buttons that were tapped and captions are texts too.
    async fn filters_see_captions_and_what_was_chosen(on: On) {
        let server = Server::start(on).await;
        let old = "[[events]]\non = \"message\"\n";
        let lines = format!("{old}text_prefix = \"menu\"\n\n{old}text_regex = '^echo \\w+$'\n");
        server.install_bytes(with_manifest("probe", old, &lines)).await;
        let path = format!("/sandbox/accounts/{}/incoming", server.account);
        let image = json!({ "url": "https://files.example.com/a.png", "caption": "echo caption" });
        let chosen = json!({ "reply": { "id": "a", "title": "echo chosen" } });
        for body in [
            json!({ "from": "+15550101", "type": "image", "image": image }),
            json!({ "from": "+15550101", "type": "interactive", "interactive": chosen }),
            json!({ "from": "+15550101", "type": "text", "text": "echo two words" }),
        ] {
            server.client.post(&path, body).await.ok();
        }
        server.drain().await;
        assert_eq!(server.heard("+15550101").await, ["caption", "chosen"]);
        server.stop().await;
    }

    /// An account that is bought later is known at once.
    async fn a_plugin_chooses_by_the_type_of_the_account(on: On) {
        let server = Server::start(on).await;
        let cloud = server.install_bytes(filtered("channels = [\"cloud\"]")).await;
        server.says("+15550101", "echo cloud?").await;
        assert_eq!(server.heard("+15550101").await, Vec::<String>::new());
        assert_eq!(server.install_bytes(filtered("channels = [\"cloud\", \"sandbox\"]")).await, cloud);
        server.says("+15550101", "echo sandbox").await;
        assert_eq!(server.heard("+15550101").await, ["sandbox"]);
        let other = server.buy("+15550177", "unlimited_msg_chat_history").await;
        server.client.incoming(&other, "+15550101", "echo bought").await;
        server.drain().await;
        assert_eq!(server.client.outgoing(&other).await.len(), 1);
        server.stop().await;
    }

    /// Down from Monday noon to Wednesday noon: once, not at all, or all.
    async fn runs_that_were_missed_happen_as_the_schedule_says(on: On) {
        for (missed, expected) in [
            ("", &["01-06T09:00"][..]),
            ("missed = \"once\"", &["01-06T09:00"]),
            ("missed = \"skip\"", &[]),
            ("missed = \"all\"", &["01-06T09:00", "01-07T09:00"]),
        ] {
            let server = Server::start(on).await;
            server.install_bytes(scheduled(&format!("cron = \"0 9 * * *\"\n{missed}"))).await;
            let server = server.restart_after(48 * HOUR).await;
            server.drain().await;
            assert_eq!(runs(&server).await, expected, "{missed}");
            server.advance(21 * HOUR).await;
            let last = runs(&server).await.pop();
            assert_eq!(last.as_deref(), Some("01-08T09:00"), "{missed}: it goes on");
            server.stop().await;
        }
    }

    /// The clock on the wall is what counts: summer time begins while the host is down.
    async fn runs_missed_across_a_change_of_time_keep_their_hour(on: On) {
        let server = Server::start(on).await;
        let saturday = chrono::DateTime::parse_from_rfc3339("2026-03-28T06:00:00Z").expect("a time");
        server.clock.advance(saturday.timestamp_millis() - server.clock.now());
        let lines = "cron = \"0 9 * * *\"\ntime_zone = \"Europe/Berlin\"\nmissed = \"all\"";
        server.install_bytes(scheduled(lines)).await;
        let server = server.restart_after(3 * 24 * HOUR).await;
        server.drain().await;
        assert_eq!(runs(&server).await, ["03-28T08:00", "03-29T07:00", "03-30T07:00"]);
        server.stop().await;
    }

    /// While a plugin is suspended its runs are missed as they are while the host is down.
    async fn runs_of_a_suspended_plugin_are_missed_too(on: On) {
        for (missed, expected) in [
            ("once", &["01-05T13:00", "01-05T17:00"][..]),
            ("skip", &["01-05T17:00"]),
            ("all", &["01-05T13:00", "01-05T14:00", "01-05T15:00", "01-05T16:00", "01-05T17:00"]),
        ] {
            let server = Server::start(on).await;
            let wasm = scheduled(&format!("cron = \"0 * * * *\"\nmissed = \"{missed}\""));
            let install = server.install_bytes(wasm).await;
            server.client.post(&format!("/api/v1/plugins/{install}/suspend"), json!({})).await.ok();
            for _ in 0..9 {
                server.advance(HOUR / 2).await;
            }
            assert_eq!(runs(&server).await, Vec::<String>::new(), "{missed}");
            server.client.post(&format!("/api/v1/plugins/{install}/resume"), json!({})).await.ok();
            server.drain().await;
            server.advance(HOUR / 2).await;
            assert_eq!(runs(&server).await, expected, "{missed}");
            assert_eq!(logs(&server, &install).await.len(), expected.len(), "each was handled");
            server.stop().await;
        }
    }

    async fn no_more_than_a_hundred_runs_are_made_up_for(on: On) {
        let server = Server::start(on).await;
        let install = server.install_bytes(scheduled("cron = \"* * * * *\"\nmissed = \"all\"")).await;
        let server = server.restart_after(5 * HOUR).await;
        server.drain().await;
        let logs = logs(&server, &install).await;
        assert_eq!(logs.iter().filter(|line| *line == "timer daily tea").count(), 100);
        let cut: Vec<_> = logs.iter().filter(|line| line.contains("missed more than 100 runs")).collect();
        assert_eq!(cut.len(), 1, "{logs:?}");
        server.stop().await;
    }
}
