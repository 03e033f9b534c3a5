//! Schemathesis (PyPI) tries the API by its own description: generated requests, good and bad, on every
//! operation; no answer may be a 500, undocumented, or break its schema.

use std::fmt::Write;
use std::path::Path;

use crate::support::description::Description;
use crate::support::{On, Receiver, Seeds, Server, provided};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";

/// How it sends plugins and tables: as any bytes.
const FILES: &str = "
import schemathesis
schemathesis.serializer.alias(['application/wasm', 'text/csv', 'application/x-ndjson'], 'application/octet-stream')
";

/// On PostgreSQL, which takes less than SQLite does.
#[tokio::test(flavor = "multi_thread")]
async fn generated_requests_meet_documented_answers() {
    // Endpoints with generated addresses are made here, and none of them is called.
    let server = Server::with(On::Postgres, |config| {
        config.notify.concurrency = 0;
        config.notify.endpoints = 1_000_000;
    })
    .await;
    let receiver = Receiver::start().await;
    let description = Description::of(&server.client).await;
    let seeds = Seeds::sow(&server, &receiver, &description).await;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("schemathesis.toml");
    std::fs::write(&settings, settings_for(&description, &seeds)).expect("written");
    std::fs::write(folder.path().join("files.py"), FILES).expect("written");
    let python = provided("SWITCHBOARD_TEST_PYTHON");
    let program = Path::new(&python).with_file_name("schemathesis");
    let mut run = tokio::process::Command::new(program);
    run.current_dir(folder.path()).arg("--config-file").arg(&settings).arg("run");
    run.arg(format!("{}/api/v1/openapi.json", server.client.url));
    run.args(["--header", &format!("Authorization: Bearer {}", server.client.key)]);
    run.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--no-color"]);
    run.args(["--max-examples", "25", "--seed", "20260105", "--generation-deterministic"]);
    run.args(["--generation-allow-x00", "true"]);
    run.args(["--continue-on-failure", "--workers", "1", "--request-timeout", "20"]);
    run.args(["--warnings", "off", "--suppress-health-check", "all"]);
    let output = run.output().await.expect("schemathesis runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{why}");
    println!("{told}");
    server.stop().await;
}

/// Ids that exist, tried most of the time on the paths that take them.
fn settings_for(description: &Description, seeds: &Seeds) -> String {
    let mut toml = "hooks = \"files\"\n".to_owned();
    for (collection, id) in &seeds.0 {
        let _ = writeln!(toml, "[dictionaries.\"{collection}\"]\nvalues = [{id:?}]");
    }
    for operation in description.operations() {
        let Some((collection, rest)) = operation.path.split_once("/{") else { continue };
        let collection = collection.rsplit('/').next().unwrap_or_default();
        let parameter = rest.split('}').next().unwrap_or_default();
        // Half of those that take away name nothing, so that something is left for the others.
        let probability = if operation.method == "DELETE" { 0.1 } else { 0.8 };
        if seeds.0.contains_key(collection) {
            let name = operation.name();
            let _ = writeln!(
                toml,
                "[[operations]]\ninclude-name = {name:?}\n[operations.parameters]\n\
                 \"path.{parameter}\" = {{ dictionary = \"{collection}\", probability = {probability} }}"
            );
        }
    }
    toml
}
