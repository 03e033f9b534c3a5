//! An S3 bucket of a test's own: moto (PyPI) in a process of its own, which ends with the test.

use std::process::Stdio;
use std::sync::Arc;

use futures_util::stream::StreamExt;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use switchboard::config::{Config, S3};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::provided;

const SERVER: &str = include_str!("bucket.py");

/// A bucket named `files`, and the keys to it.
pub struct Bucket {
    pub settings: S3,
    store: Arc<dyn ObjectStore>,
    /// Its input ends when this is dropped, and it with it.
    _server: Child,
}

impl Bucket {
    pub async fn start() -> Self {
        let mut server = Command::new(provided("SWITCHBOARD_TEST_PYTHON"));
        server.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        server.stderr(Stdio::null()).kill_on_drop(true);
        let mut server = server.spawn().expect("python starts");
        let mut told = BufReader::new(server.stdout.take().expect("its output")).lines();
        let line = told.next_line().await.expect("its output").expect("it starts");
        let settings: S3 = serde_json::from_str(&line).expect("its settings");
        let S3 { endpoint, region, access_key, secret_key } = &settings;
        let store = AmazonS3Builder::new().with_bucket_name("files").with_endpoint(endpoint);
        let store = store.with_allow_http(true).with_region(region).with_access_key_id(access_key);
        let store = store.with_secret_access_key(secret_key).build().expect("a client");
        Self { settings, store: Arc::new(store), _server: server }
    }

    /// Let a host keep its files in it, under the prefix `host`.
    pub fn serve(&self, config: &mut Config) {
        config.media.url = "s3://files/host".to_owned();
        config.media.s3 = self.settings.clone();
    }

    /// What is in it: the keys, and how large each is.
    pub async fn objects(&self) -> Vec<(String, u64)> {
        let listed: Vec<_> = self.store.list(None).collect().await;
        let object = |object: object_store::Result<object_store::ObjectMeta>| {
            let object = object.expect("listed");
            (object.location.to_string(), object.size)
        };
        listed.into_iter().map(object).collect()
    }
}
