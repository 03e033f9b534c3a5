//! Contacts by the file, in and out, and people who want to be forgotten.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Client, Server};

const ANN: &str = "+15550101";

both! {
    /// Ten thousand lines, some of them bad, over a restart: each is taken or told, once.
    async fn an_import_survives_a_restart_and_tells_of_bad_lines(on: On) {
        let server = Server::start(on).await;
        server.client.post("/api/v1/contacts", json!({ "phone": "+15550000005", "name": "Five", "tags": { "old": "" } })).await.ok();
        let mut file = "phone,name,tags,optIn,fields.city\r\n".to_owned();
        for n in 0..10_000 {
            match n {
                100 => file.push_str("not a phone,Nobody,,,\r\n"),
                200 => file.push_str("+15550000200,too,many,cells,here,and,there\r\n"),
                300 => file.push_str("+15550000300,x,,perhaps,\r\n"),
                400 => file.push_str("+1 555 000-0005,Again,vip;rank=1,in,\"Bonn, am Rhein\"\r\n"),
                _ => write!(file, "+1555{n:07},Name {n},,,City\r\n").expect("written"),
            }
        }
        let import = import(&server.client, file.into_bytes()).await;
        assert_eq!(import["total"], 10_000, "{import}");
        let path = format!("/api/v1/imports/{}", import["id"].as_str().expect("an id"));
        let server = server.restart().await;
        server.drain().await;
        let done = server.client.get(&path).await.ok();
        let counts = ["processed", "added", "updated", "refused"].map(|name| done[name].as_i64().expect("a number"));
        assert_eq!((&done["state"], counts), (&"done".into(), [10_000, 9_995, 2, 3]), "{done}");
        let problems = server.client.get(&format!("{path}/problems")).await.ok();
        let lines: Vec<i64> = problems["problems"].as_array().expect("a list").iter().filter_map(|it| it["line"].as_i64()).collect();
        assert_eq!(lines, [102, 202, 302], "{problems}");
        let five = server.client.get("/api/v1/contacts/+15550000005").await.ok();
        assert_eq!((&five["name"], &five["optIn"], &five["fields"]["city"]), (&"Again".into(), &"in".into(), &"Bonn, am Rhein".into()), "{five}");
        assert_eq!(five["tagValues"], json!({ "old": "", "rank": "1", "vip": "" }));
        let events = server.client.get("/api/v1/events?limit=200").await.ok().to_string();
        assert!(events.contains("contacts.imported") && events.contains("contact.opted_in"), "{events}");
        server.finish().await;
    }

    /// A file that names no columns we know changes nothing; nor does another type of body.
    async fn a_bad_file_is_refused(on: On) {
        let server = Server::start(on).await;
        let csv = [("content-type", "text/csv")];
        for file in ["", "name\nAnn\n", "phone,colour\n+15550101,red\n", "\u{0}\n"] {
            let answer = server.client.post_bytes("/api/v1/contacts/import", file.as_bytes().to_vec(), &csv).await;
            assert_eq!(answer.refused(400), "invalid_csv", "{file:?}");
        }
        let json = [("content-type", "application/json")];
        server.client.post_bytes("/api/v1/contacts/import", b"phone\n".to_vec(), &json).await.refused(415);
        let import = import(&server.client, b"phone\n+15550101\n\xff\xfe\n\"open,x\n".to_vec()).await;
        let path = format!("/api/v1/imports/{}", import["id"].as_str().expect("an id"));
        server.drain().await;
        assert_eq!(server.client.get(&path).await.ok()["refused"], 2);
        let (other, _) = server.another_team().await;
        other.get(&path).await.refused(404);
        other.get(&format!("{path}/problems")).await.refused(404);
        server.client.get(&format!("{path}/problems?cursor=x")).await.refused(400);
        server.finish().await;
    }

    /// What was exported can be imported; nothing in it runs in a spreadsheet.
    async fn an_export_is_safe_and_comes_back(on: On) {
        let server = Server::start(on).await;
        let name = "=HYPERLINK(\"http://x\")";
        let tags = json!({ "a;b": "1=2", "+x": "" });
        server.client.post("/api/v1/contacts", json!({ "phone": ANN, "name": name, "tags": tags, "fields": { "n": 1 } })).await.ok();
        let more: String = (0..1_200).map(|n| format!("+1555{n:07}\n")).collect();
        import(&server.client, format!("phone\n{more}").into_bytes()).await;
        server.drain().await;
        let file = server.client.get("/api/v1/contacts/export").await.ok();
        let file = file.as_str().expect("a text").to_owned();
        assert_eq!(file.lines().count(), 1_202, "all, and the first line");
        assert!(file.contains("'=HYPERLINK"), "{}", &file[..300]);
        let (other, _) = server.another_team().await;
        import(&other, file.into_bytes()).await;
        server.drain().await;
        let theirs = other.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
        assert_eq!((&theirs["name"], &theirs["tagValues"], &theirs["fields"]), (&name.into(), &tags, &json!({ "n": 1 })), "{theirs}");
        server.finish().await;
    }

    /// Unknown at once, and soon nothing is left: messages, chats, events, state, timers. Who writes
    /// again is somebody new.
    async fn a_person_is_forgotten(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        server.says(ANN, "echo my secret").await;
        server.says(ANN, "set contact colour red").await;
        server.says(ANN, "timer 600000 remind me").await;
        server.says("+15550102", "echo another").await;
        let later = json!({ "to": ANN, "type": "text", "text": "my secret too", "scheduleAt": "2026-01-05T12:05:00Z" });
        server.client.post("/api/v1/messages", later).await.ok();
        // The receipts of what has left.
        server.advance(5_000).await;
        let before = server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok();
        let path = format!("/api/v1/contacts/{}", before["id"].as_str().expect("an id"));
        assert_eq!(server.client.delete(&path).await.status, 202);
        server.client.get(&path).await.refused(404);
        server.client.get(&format!("/api/v1/contacts/{ANN}")).await.refused(404);
        server.drain().await;
        server.advance(600_000).await;
        assert_eq!(server.heard(ANN).await, ["my secret"], "what had left before, and no more");
        for list in ["/api/v1/events?limit=200", "/api/v1/chats", "/api/v1/contacts"] {
            let left = server.client.get(list).await.ok().to_string();
            assert!(!left.contains("secret") && !left.contains(ANN), "{list}: {left}");
        }
        let events = server.client.get("/api/v1/events?limit=200").await.ok().to_string();
        assert!(events.contains("contact.erased") && events.contains("another"), "{events}");
        server.says(ANN, "get contact colour").await;
        assert_eq!(server.heard(ANN).await, ["my secret", "none"]);
        assert_ne!(server.client.get(&format!("/api/v1/contacts/{ANN}")).await.ok()["id"], before["id"]);
        server.finish().await;
    }
}

async fn import(client: &Client, file: Vec<u8>) -> Value {
    let answer =
        client.post_bytes("/api/v1/contacts/import", file, &[("content-type", "text/csv")]).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body
}
