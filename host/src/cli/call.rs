//! `switchboard api`: any operation of a running service, for scripts.

use anyhow::Context;
use reqwest::Method;
use serde_json::Value;

use super::api::{Api, Connection};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
    /// GET, POST, PUT, PATCH or DELETE
    method: Method,
    /// The path below /api/v1, such as contacts?limit=5
    path: String,
    /// The body, as JSON; - to read it from standard input
    body: Option<String>,
}

/// Print the answer as JSON; a refusal is an error.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let body = args.body.map(given).transpose()?;
    let path = args.path.trim_start_matches('/').trim_start_matches("api/v1/");
    let answer = Api::new(&args.connection)?.call(args.method, path, body).await?;
    if !answer.is_null() {
        println!("{answer:#}");
    }
    Ok(())
}

fn given(text: String) -> anyhow::Result<Value> {
    let text = if text == "-" { std::io::read_to_string(std::io::stdin().lock())? } else { text };
    serde_json::from_str(&text).context("the body is not JSON")
}
