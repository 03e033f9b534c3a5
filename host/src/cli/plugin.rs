//! `switchboard plugin`: look after plugins on a running service, over its API.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Where the service is
    #[arg(long, global = true, env = "SWITCHBOARD_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key of the team
    #[arg(
        long,
        global = true,
        env = "SWITCHBOARD_API_KEY",
        default_value = "",
        hide_env_values = true
    )]
    key: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// What is installed, in the order of the chain
    List,
    /// Install a plugin, or upgrade the one of its name
    Install {
        file: PathBuf,
        /// Agree to all that it asks
        #[arg(long)]
        grant_all: bool,
        /// Serve these accounts only
        #[arg(long, value_name = "ID")]
        account: Vec<String>,
    },
    /// Take a plugin away, with its timers, data and secrets
    Remove { plugin: String },
    /// What it logged
    Logs {
        plugin: String,
        /// Go on as it logs more
        #[arg(short, long)]
        follow: bool,
    },
    /// Run the version before this one
    Rollback { plugin: String },
    /// Events that could not be handled, of all plugins or one
    Dead { plugin: Option<String> },
    /// Hand a dead letter (or, with --all, all of a plugin) to the plugin once more
    Replay {
        /// A dead letter's id; with --all a plugin
        id: String,
        #[arg(long)]
        all: bool,
    },
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api::new(&args)?;
    match args.command {
        Command::List => {
            for plugin in list(&api.get("plugins").await?, "plugins") {
                println!("{}", line(plugin, &["id", "plugin", "version", "state", "reason"]));
            }
        }
        Command::Install { file, grant_all, account } => {
            api.install(&file, grant_all, &account).await?
        }
        Command::Remove { plugin } => {
            api.call(Method::DELETE, &format!("plugins/{plugin}"), None).await?;
        }
        Command::Logs { plugin, follow } => api.logs(&plugin, follow).await?,
        Command::Rollback { plugin } => {
            let now = api.call(Method::POST, &format!("plugins/{plugin}/rollback"), None).await?;
            println!("{}", line(&now, &["plugin", "version"]));
        }
        Command::Dead { plugin } => {
            let filter = plugin.map(|plugin| format!("?plugin={plugin}")).unwrap_or_default();
            for letter in list(&api.get(&format!("dead-letters{filter}")).await?, "deadLetters") {
                println!("{}", line(letter, &["id", "createdAt", "plugin", "fault", "reason"]));
            }
        }
        Command::Replay { id, all } => {
            let path = if all {
                format!("plugins/{id}/replay")
            } else {
                format!("dead-letters/{id}/replay")
            };
            let done = api.call(Method::POST, &path, Some(json!({}))).await?;
            println!("replayed: {}", done["replayed"]);
        }
    }
    Ok(())
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// These fields with tabs between them.
fn line(item: &Value, fields: &[&str]) -> String {
    let text = |field: &&str| item[*field].as_str().unwrap_or_default().to_owned();
    fields.iter().map(text).collect::<Vec<_>>().join("\t")
}

struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    fn new(args: &Args) -> anyhow::Result<Self> {
        // Compiling a large plugin takes its time.
        let http = reqwest::Client::builder().timeout(Duration::from_secs(120)).build()?;
        Ok(Self {
            http,
            base: format!("{}/api/v1", args.url.trim_end_matches('/')),
            key: args.key.clone(),
        })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let request = self.http.request(method, format!("{}/{path}", self.base));
        self.answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// The JSON of a success (null where it has none); a refusal in its own words.
    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.bearer_auth(&self.key).send().await;
        let answer = answer.with_context(|| {
            format!("cannot reach {}: is the service running there?", self.base)
        })?;
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let error = &body["error"];
        match (error["code"].as_str(), error["message"].as_str()) {
            (Some("unauthorized"), _) => {
                bail!("the key is not valid: give one by --key or SWITCHBOARD_API_KEY")
            }
            (Some(code), Some(message)) => bail!("{message} ({code})"),
            _ => bail!("the service answered {status}"),
        }
    }

    async fn install(
        &self,
        file: &PathBuf,
        grant_all: bool,
        accounts: &[String],
    ) -> anyhow::Result<()> {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        let mut query = Vec::new();
        if grant_all {
            query.push(("grant", "all".to_owned()));
        }
        if !accounts.is_empty() {
            query.push(("account", accounts.join(",")));
        }
        let request = self.http.post(format!("{}/plugins", self.base)).query(&query).body(bytes);
        let installed = self.answer(request).await.context("not installed")?;
        println!("{}", line(&installed, &["id", "plugin", "version"]));
        Ok(())
    }

    async fn logs(&self, plugin: &str, follow: bool) -> anyhow::Result<()> {
        let mut after = String::new();
        loop {
            let answer =
                self.get(&format!("plugins/{plugin}/logs?limit=1000&after={after}")).await?;
            let lines = list(&answer, "logs");
            for entry in lines {
                println!("{}", line(entry, &["at", "level", "message"]));
            }
            answer["pagination"]["next"].as_str().unwrap_or_default().clone_into(&mut after);
            if lines.is_empty() {
                if !follow {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_fields_in_order_and_blanks_for_what_is_absent() {
        let item = json!({ "id": "a", "version": "1.0.0", "reason": null });
        assert_eq!(line(&item, &["id", "reason", "version"]), "a\t\t1.0.0");
    }
}
