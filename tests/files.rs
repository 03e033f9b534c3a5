//! Files in plugins: read in pieces, kept to be sent, bounded, and gone where their call failed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Executor, Row};
use switchboard::flow::{media, upkeep};
use switchboard::plugin::NewFile;

use crate::media::{download, upload, walk};
use crate::support::{Server, with_manifest};

const ANN: &str = "+15550101";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
const HOUR: i64 = 3_600_000;

both! {
    /// A customer's picture is read, and answered with a new one and a caption.
    async fn a_plugin_answers_a_picture_with_a_new_one(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        picture(&server, "stamp as you wish").await;
        let out = server.client.outgoing(&server.account).await;
        assert_eq!(server.heard(ANN).await, ["", &format!("image/png of {} bytes", PNG.len())], "{out:?}");
        let image = &out[0]["content"]["image"];
        assert_eq!(image["caption"], "as you wish", "{out:?}");
        let id = image["id"].as_str().expect("a stored file");
        let stamped = [PNG, b" stamped"].concat();
        assert_eq!(download(&server.client, &format!("/api/v1/media/{id}"), "").await.1, stamped);
        let about = server.client.get(&format!("/api/v1/media/{id}/about")).await.ok();
        assert_eq!((&about["origin"], &about["filename"], &about["mimeType"]), (&"plugin".into(), &"stamped.png".into(), &"image/png".into()));
        assert_eq!((&about["sha256"], &about["size"]), (&hex::encode(Sha256::digest(&stamped)).into(), &stamped.len().into()));
        server.says(ANN, &format!("describe {id}")).await;
        let described = format!("image/png {} stamped.png {}", stamped.len(), about["sha256"].as_str().expect("a hash"));
        assert_eq!(server.heard(ANN).await[2], described);
        // A message names it: it is not forgotten as unused.
        server.clock.advance(31 * 24 * HOUR);
        upkeep::sweep(server.house()).await.expect("swept");
        assert_eq!(download(&server.client, &format!("/api/v1/media/{id}"), "").await.0, 200);
        server.finish().await;
    }

    /// Each call names the line that is missing; the installer's no counts as well.
    async fn without_the_permission_nothing_is_read_or_kept(on: On) {
        let server = Server::start(on).await;
        let file = upload(&server.client, "text/plain", b"hello".to_vec()).await;
        let id = file["id"].as_str().expect("an id");
        let asks = [format!("describe {id}"), format!("read {id} 0 5"), "keep 5".to_owned()];
        server.install_bytes(with_manifest("probe", "media = true\n", "")).await;
        for (n, ask) in asks.iter().enumerate() {
            server.says(ANN, ask).await;
            let line = "denied: add `media = true` under [permissions] in plugin.toml, and install it again";
            assert_eq!(server.heard(ANN).await[n], line, "{ask}");
        }
        server.install("probe").await;
        let mut grants = server.client.get("/api/v1/plugins/probe/grants").await.ok()["granted"].clone();
        grants["media"] = false.into();
        let now = server.client.put("/api/v1/plugins/probe/grants", grants).await.ok();
        assert_eq!(now["withheld"], json!(["read your files, those of customers among them, and keep new ones"]));
        for (n, ask) in asks.iter().enumerate() {
            server.says(ANN, ask).await;
            let refusal = "denied: plugin.toml asks for `media = true`, but whoever installed the plugin did not grant it";
            assert_eq!(server.heard(ANN).await[3 + n], refusal, "{ask}");
        }
        assert_eq!(files(&server).await, 1, "only what was uploaded");
        server.finish().await;
    }

    async fn another_teams_file_is_not_there(on: On) {
        let server = Server::start(on).await;
        server.install("probe").await;
        let (stranger, _) = server.another_team().await;
        let file = upload(&stranger, "text/plain", b"theirs".to_vec()).await;
        let id = file["id"].as_str().expect("an id");
        for id in [id, "med_none", &format!("../{id}")] {
            for ask in [format!("describe {id}"), format!("read {id} 0 6")] {
                server.says(ANN, &ask).await;
                let heard = server.heard(ANN).await.pop().expect("an answer");
                assert_eq!(heard, format!("not-found: there is no stored file {id:?}"));
            }
        }
        server.finish().await;
    }

    /// One read, one new file, all of a call, and what uploads of a type may have.
    async fn files_of_a_call_are_bounded(on: On) {
        let server = Server::with(on, |config| {
            config.plugins.media_read = 4;
            config.plugins.media_file = 64;
            config.plugins.media_bytes = 100;
            config.media.types.document.max = 32;
        })
        .await;
        server.install("probe").await;
        let file = upload(&server.client, "text/plain", b"0123456789".to_vec()).await;
        let id = file["id"].as_str().expect("an id");
        let all = "limit: one call may read and keep 100 bytes of files in all";
        for (ask, answer) in [
            (format!("read {id} 1 3"), "read 123"),
            (format!("read {id} 0 1000"), "read 0123"),
            (format!("read {id} 8 1000"), "read 89"),
            (format!("read {id} 10 5"), "read "),
            (format!("read {id} 18446744073709551615 4294967295"), "read "),
            (format!("read-on {id} 25"), "read"),
            (format!("read-on {id} 26"), all),
            ("keep 33".to_owned(), "limit: the file: it is larger than 32 bytes"),
            ("keep 65".to_owned(), "limit: a new file may have 64 bytes"),
            ("keep 0".to_owned(), "invalid: the file: it has no bytes"),
            ("lie".to_owned(), "invalid: the file: it says that it is image/png, but its bytes are something else"),
        ] {
            server.says(ANN, &ask).await;
            assert_eq!(server.heard(ANN).await.pop().as_deref(), Some(answer), "{ask}");
        }
        server.says(ANN, "keep 32").await;
        assert!(server.heard(ANN).await.pop().is_some_and(|answer| answer.starts_with("kept med_")));
        assert_eq!(files(&server).await, 2, "refused files are nowhere");
        server.finish().await;
    }

    /// Refused, trapped, cut off by the clock, tried again: what is kept is what the last call kept.
    async fn a_call_that_fails_leaves_no_file(on: On) {
        let server = Server::with(on, |config| {
            config.delivery.attempts = 2;
            config.delivery.retry_first = 1_000;
            config.plugins.wall = 1_500;
        })
        .await;
        server.install("probe").await;
        for ask in ["keep-fail", "keep-trap", "keep-sleep"] {
            server.says(ANN, ask).await;
            server.advance(60_000).await;
            assert_eq!(files(&server).await, 0, "{ask}");
        }
        server.says(ANN, "keep-later").await;
        assert_eq!(files(&server).await, 0, "it is called again");
        server.advance(60_000).await;
        assert_eq!(files(&server).await, 1);
        assert_eq!(server.heard(ANN).await.len(), 1);
        let folder = server.stop().await;
        assert_eq!(walk(&folder.path().join("media")).len(), 1);
    }

    /// What a crash leaves between the bytes and the commit is seen by nobody, and goes with the upkeep.
    async fn what_a_crash_leaves_is_swept_up(on: On) {
        let server = Server::start(on).await;
        let new = NewFile { id: "med_left".to_owned(), mime_type: "text/plain".to_owned(), filename: String::new(), bytes: Bytes::from_static(b"left") };
        let written = media::write_new(server.house(), &server.team, new).await.expect("written");
        assert_eq!(written.expect("fits").size, 4);
        assert_eq!(server.client.get("/api/v1/media/med_left/about").await.refused(404), "not_found");
        let server = server.restart().await;
        upkeep::sweep(server.house()).await.expect("swept");
        assert_eq!(files(&server).await, 1, "its call may still run");
        server.clock.advance(HOUR + 1);
        upkeep::sweep(server.house()).await.expect("swept");
        assert_eq!(files(&server).await, 0);
        let folder = server.stop().await;
        assert_eq!(walk(&folder.path().join("media")), Vec::<std::path::PathBuf>::new());
    }
}

/// A customer sends a picture, and all that follows is done.
pub async fn picture(server: &Server, caption: &str) {
    let url = format!("data:image/png;base64,{}", BASE64.encode(PNG));
    let incoming =
        json!({ "from": ANN, "type": "image", "image": { "url": url, "caption": caption } });
    let path = format!("/sandbox/accounts/{}/incoming", server.account);
    let _: Value = server.client.post(&path, incoming).await.ok();
    server.drain().await;
}

/// How many files have a row, to be seen or not.
async fn files(server: &Server) -> i64 {
    let mut conn = server.house().store.read().await.expect("a connection");
    let row = conn.fetch_one("SELECT COUNT(*) AS found FROM media").await.expect("a row");
    row.get("found")
}
