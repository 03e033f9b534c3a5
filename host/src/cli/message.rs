//! `switchboard message`: messages on a running service, over its API.

use std::path::Path;

use anyhow::{Context, ensure};
use mime_guess::{Mime, MimeGuess, mime};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::api::{Api, Remote, part, put};
use super::table;

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Send a text, a file or a template
    Send(Send),
    /// Messages, newest first
    List {
        /// Of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Of this chat
        #[arg(long, value_name = "ID")]
        chat: Option<String>,
        /// Of this contact: an id or a phone number
        #[arg(long, value_name = "ID")]
        contact: Option<String>,
        /// With this status, such as pending
        #[arg(long)]
        status: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Messages that have these words, newest first
    Search {
        words: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One message
    #[command(alias = "show")]
    Get { message: String },
    /// Change what a message says that waits, or when it leaves
    Edit {
        message: String,
        /// Its new text
        #[arg(long, required_unless_present = "at")]
        text: Option<String>,
        /// When to send it, such as 2026-12-24T09:00:00+01:00
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Send a message that failed once more
    Retry { message: String },
    /// Drop a message that waits
    Cancel { message: String },
    /// Delete what is stored of a message; the customer keeps theirs
    Remove { message: String },
}

#[derive(Clone, Debug, clap::Args)]
struct Send {
    /// A phone number or the id of a chat
    to: String,
    /// What to say; beside a file its caption
    #[arg(required_unless_present_any = ["file", "template"])]
    text: Option<String>,
    /// A file to send: a path, an address, or the id of a stored one
    #[arg(long, value_name = "PATH|URL|ID", conflicts_with = "template")]
    file: Option<String>,
    /// What to send the file as: image, audio, video, document or sticker [default: by its name]
    #[arg(long = "as", value_name = "TYPE", requires = "file")]
    kind: Option<String>,
    /// The name of a template to send
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    template: Option<String>,
    /// The template's language
    #[arg(long, value_name = "CODE", default_value = "en_US")]
    language: String,
    /// A value for the template's body: in their order, or as name=value
    #[arg(long, value_name = "VALUE", requires = "template")]
    value: Vec<String>,
    /// The id of the message that this one answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// The account to send from; needed where the team has several
    #[arg(long)]
    account: Option<String>,
    /// When to send, such as 2026-12-24T09:00:00+01:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Your own id: the same one again is the same message
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

const COLUMNS: [&str; 6] = ["id", "timestamp", "direction", "status", "to", "text"];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let (api, json) = (Api::new(&args.remote.connection)?, args.remote.json);
    let path = |message: &str| format!("messages/{}", part(message));
    let answer = match args.command {
        Command::Send(send) => api.post("messages", send.body(&api).await?).await?,
        Command::List { account, chat, contact, status, limit } => {
            let asked = [
                ("account", &account),
                ("chat", &chat),
                ("contact", &contact),
                ("status", &status),
            ];
            let filters: Vec<(&str, &str)> =
                asked.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            let messages = api.list("messages", "messages", &filters, limit).await?;
            table::list(json, &messages, &COLUMNS);
            return Ok(());
        }
        Command::Search { words, limit } => {
            let filters = [("q", words.as_str())];
            let messages = api.list("messages/search", "messages", &filters, limit).await?;
            table::list(json, &messages, &COLUMNS);
            return Ok(());
        }
        Command::Get { message } => api.get(&path(&message)).await?,
        Command::Edit { message, text, at } => {
            let mut change = json!({});
            if let Some(text) = text {
                change["content"] = json!({ "type": "text", "text": text });
            }
            put(&mut change, [("scheduleAt", at)]);
            api.patch(&path(&message), change).await?
        }
        Command::Retry { message } => api.post(&(path(&message) + "/retry"), json!({})).await?,
        Command::Cancel { message } => api.delete(&path(&message)).await?,
        Command::Remove { message } => {
            api.delete(&(path(&message) + "?forget=true")).await?;
            json!({ "removed": message })
        }
    };
    table::one(json, &answer);
    Ok(())
}

impl Send {
    async fn body(self, api: &Api) -> anyhow::Result<Value> {
        let mut body = match (&self.template, &self.file) {
            (Some(name), _) => template(name, &self.language, &self.value),
            (None, Some(file)) => {
                let kind = self.kind.clone().unwrap_or_else(|| kind(file).to_owned());
                let mut media = source(api, file).await?;
                put(&mut media, [("caption", self.text)]);
                json!({ "type": kind, kind: media })
            }
            (None, None) => json!({ "type": "text", "text": self.text }),
        };
        body["to"] = self.to.into();
        put(
            &mut body,
            [
                ("account", self.account),
                ("scheduleAt", self.at),
                ("idempotencyId", self.id),
                ("replyTo", self.reply_to),
            ],
        );
        Ok(body)
    }
}

fn template(name: &str, language: &str, values: &[String]) -> Value {
    let parameter = |value: &String| match value.split_once('=') {
        Some((name, text)) => json!({ "type": "text", "parameter_name": name, "text": text }),
        None => json!({ "type": "text", "text": value }),
    };
    let parameters: Vec<Value> = values.iter().map(parameter).collect();
    let mut template = json!({ "name": name, "language": { "code": language } });
    if !parameters.is_empty() {
        template["components"] = json!([{ "type": "body", "parameters": parameters }]);
    }
    json!({ "type": "template", "template": template })
}

/// What a file is sent as, by its name.
fn kind(name: &str) -> &'static str {
    let guess = guess(name);
    match (guess.type_(), guess.subtype().as_str()) {
        (mime::IMAGE, "webp") => "sticker",
        (mime::IMAGE, _) => "image",
        (mime::AUDIO, _) => "audio",
        (mime::VIDEO, _) => "video",
        _ => "document",
    }
}

fn guess(name: &str) -> Mime {
    MimeGuess::from_path(name.split(['?', '#']).next().unwrap_or(name)).first_or_octet_stream()
}

/// The file as a message names it: an address as it is, a local one once it is uploaded.
async fn source(api: &Api, file: &str) -> anyhow::Result<Value> {
    if file.starts_with("http://") || file.starts_with("https://") {
        return Ok(json!({ "url": file }));
    }
    let path = Path::new(file);
    if !path.exists() {
        ensure!(file.starts_with("med_"), "there is no file {file:?}");
        return Ok(json!({ "id": file }));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let open =
        tokio::fs::File::open(path).await.with_context(|| format!("cannot read {file:?}"))?;
    let request = api
        .request(Method::POST, "media")
        .query(&[("filename", &name)])
        .header(header::CONTENT_TYPE, guess(file).as_ref())
        .header(header::CONTENT_LENGTH, open.metadata().await?.len())
        .body(open);
    let stored = api.answer(request).await?;
    Ok(json!({ "id": stored["id"], "filename": name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_as_what_its_name_says() {
        for (name, wanted) in [
            ("a.PNG", "image"),
            ("https://example.com/a.jpg?size=2", "image"),
            ("wave.webp", "sticker"),
            ("a.ogg", "audio"),
            ("a.mp4", "video"),
            ("price list.pdf", "document"),
            ("README", "document"),
        ] {
            assert_eq!(kind(name), wanted, "{name}");
        }
    }

    #[test]
    fn values_have_names_or_an_order() {
        let named = template("order", "de", &["name=Ann".into()]);
        let parameter = &named["template"]["components"][0]["parameters"][0];
        assert_eq!(parameter["parameter_name"], "name");
        assert_eq!(parameter["text"], "Ann");
        assert_eq!(template("hello", "de", &[])["template"].get("components"), None);
    }
}
