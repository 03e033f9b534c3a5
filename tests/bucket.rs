//! Files in an S3 bucket: up, down in part, sent, kept by a plugin, deleted, larger than one part; and a
//! bucket that cannot be used stops the host at its start.

use futures_util::stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchboard::App;
use switchboard::clock::Clock;
use switchboard::config::{Config, S3};

use crate::files::picture;
use crate::media::{download, upload};
use crate::messages::send;
use crate::support::{Bucket, Server};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
const MIB: usize = 1 << 20;

both! {
    async fn files_live_in_a_bucket(on: On) {
        let bucket = Bucket::start().await;
        let server = Server::with(on, |config| bucket.serve(config)).await;
        assert_eq!(bucket.objects().await, [], "nothing is left of the look at it");
        let file = upload(&server.client, "image/png", PNG.to_vec()).await;
        let id = file["id"].as_str().expect("an id").to_owned();
        let key = format!("host/{}/{id}", server.team);
        assert_eq!(bucket.objects().await, [(key, PNG.len() as u64)]);
        let path = format!("/api/v1/media/{id}");
        assert_eq!(download(&server.client, &path, "bytes=1-3").await, (206, b"PNG".to_vec(), format!("bytes 1-3/{}", PNG.len())));
        let server = server.restart().await;
        assert_eq!(download(&server.client, &path, "").await.1, PNG);
        send(&server, json!({ "to": "+15550101", "type": "image", "image": { "id": id } })).await;
        server.drain().await;
        assert_eq!(server.client.outgoing(&server.account).await[0]["content"]["image"]["id"], id);
        server.install("probe").await;
        picture(&server, "stamp this").await;
        let out = server.client.outgoing(&server.account).await;
        let stamped = out[1]["content"]["image"]["id"].as_str().expect("a stored file");
        assert_eq!(download(&server.client, &format!("/api/v1/media/{stamped}"), "").await.1, [PNG, b" stamped"].concat());
        assert_eq!(bucket.objects().await.len(), 3);
        server.says("+15550101", "keep-fail").await;
        assert_eq!(bucket.objects().await.len(), 3, "a call that failed leaves nothing there");
        server.client.delete(&path).await.ok();
        assert_eq!(server.client.get(&path).await.refused(404), "not_found");
        assert!(bucket.objects().await.iter().all(|(key, _)| !key.ends_with(&id)));
        server.finish().await;
    }

    /// More than one part; what is given up leaves no object.
    async fn a_large_file_streams_into_a_bucket(on: On) {
        let bucket = Bucket::start().await;
        let server = Server::with(on, |config| {
            bucket.serve(config);
            config.server.max_body = 1000;
            config.media.types.document.max = 16 << 20;
        })
        .await;
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let post = async |pieces: usize| {
            let pieces = (0..pieces).map(|n| Ok::<_, std::io::Error>(vec![n as u8; MIB]));
            let body = reqwest::Body::wrap_stream(stream::iter(pieces));
            let url = format!("{}/api/v1/media", server.client.url);
            http.post(url).bearer_auth(&server.client.key).header("content-type", "application/zip").body(body).send().await
        };
        let file: Value = post(13).await.expect("an answer").json().await.expect("JSON");
        assert_eq!(file["size"].as_u64(), Some(13 << 20), "{file}");
        let path = format!("/api/v1/media/{}", file["id"].as_str().expect("an id"));
        let (status, bytes, _) = download(&server.client, &path, "").await;
        assert_eq!((status, hex::encode(Sha256::digest(&bytes)).into()), (200, file["sha256"].clone()));
        let middle = format!("bytes={}-{}", 5 * MIB - 1, 5 * MIB);
        assert_eq!(download(&server.client, &path, &middle).await.1, [4, 5], "across two parts");
        if let Ok(answer) = post(20).await {
            assert_eq!(answer.status().as_u16(), 413);
        }
        assert_eq!(bucket.objects().await.len(), 1);
        server.finish().await;
    }
}

/// In one sentence each, before anything is served; the command that checks the settings says it too.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_used_is_told_at_the_start() {
    let bucket = Bucket::start().await;
    let start = async |change: &dyn Fn(&mut Config)| {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.server.listen = "127.0.0.1:0".to_owned();
        bucket.serve(&mut config);
        change(&mut config);
        let refused = App::start(config, Clock::manual(0)).await.expect_err("it does not start");
        format!("{refused:#}")
    };
    let missing = start(&|config| config.media.url = "s3://elsewhere".to_owned()).await;
    assert_eq!(missing, "media.url: there is no bucket s3://elsewhere: make it, or name another");
    let wrong = start(&|config| config.media.s3.secret_key = "wrong".to_owned()).await;
    assert!(wrong.contains("media.s3.access_key") && !wrong.contains("wrong"), "{wrong}");
    let unknown = start(&|config| config.media.s3.access_key = "nobody".to_owned()).await;
    assert!(unknown.contains("may not be written to"), "{unknown}");
    let silent = start(&|config| config.media.s3.endpoint = "http://127.0.0.1:9".to_owned()).await;
    assert!(silent.contains("s3://files/host cannot be used"), "{silent}");
    let check = |url: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(["config", "check"]).env("SWITCHBOARD_MEDIA__URL", url);
        let S3 { endpoint, region, access_key, secret_key } = &bucket.settings;
        command.env("SWITCHBOARD_MEDIA__S3__ENDPOINT", endpoint);
        command.env("SWITCHBOARD_MEDIA__S3__REGION", region);
        command.env("SWITCHBOARD_MEDIA__S3__ACCESS_KEY", access_key);
        command.env("SWITCHBOARD_MEDIA__S3__SECRET_KEY", secret_key);
        for name in ["POSTGRES", "PYTHON", "PLUGINS"] {
            command.env_remove(format!("SWITCHBOARD_TEST_{name}"));
        }
        command.output().expect("it runs")
    };
    assert!(check("s3://files/host").status.success());
    let refused = check("s3://elsewhere");
    assert_eq!(String::from_utf8_lossy(&refused.stderr).trim(), format!("error: {missing}"));
}
