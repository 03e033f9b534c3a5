//! `switchboard logs`, and `switchboard plugin logs`: what plugins logged, searched and followed.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;

use super::api::{Api, Remote, part};
use super::table;
use crate::clock::Clock;

/// Lines of all plugins of the team.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    wanted: Wanted,
}

/// Which lines.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// Go on as more is logged
    #[arg(short, long)]
    follow: bool,
    /// Lines of this level, and graver ones: debug, info, warn or error
    #[arg(long)]
    level: Option<String>,
    /// Lines that hold these words
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Lines about events of this chat
    #[arg(long, value_name = "ID")]
    chat: Option<String>,
    /// Lines about this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// From this moment on: 90s, 15m, 1h, 2d ago, or such as 2026-12-24T09:00:00+01:00
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The newest so many lines [default: 100 with --follow, else all]
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let api = Api::new(&args.remote.connection)?;
    show(&api, args.remote.json, None, &args.wanted).await
}

/// Print the lines of one plugin, or of all.
pub async fn show(
    api: &Api,
    json: bool,
    plugin: Option<&str>,
    wanted: &Wanted,
) -> anyhow::Result<()> {
    let path = plugin.map_or("logs".to_owned(), |plugin| format!("plugins/{}/logs", part(plugin)));
    let filters = filters(wanted)?;
    let names = if plugin.is_none() && !json { names(api).await? } else { HashMap::new() };
    let print = |entry: &Value| {
        if json {
            println!("{entry}");
            return;
        }
        let mut cells = vec![table::cell(&entry["at"]), table::cell(&entry["level"])];
        if plugin.is_none() {
            let id = table::cell(&entry["plugin"]);
            cells.push(names.get(&id).cloned().unwrap_or(id));
        }
        cells.push(table::cell(&entry["message"]));
        println!("{}", cells.join("\t"));
    };
    let whole = wanted.tail.is_none() && (!wanted.follow || wanted.since.is_some());
    let mut after = String::new();
    if !whole {
        let tail = wanted.tail.unwrap_or(100).clamp(1, 1000).to_string();
        (after, _) = page(api, &path, &filters, ("tail", &tail), print).await?;
    }
    if !whole && !wanted.follow {
        return Ok(());
    }
    loop {
        let (next, _) = page(api, &path, &filters, ("after", &after), print).await?;
        if next == after {
            if !wanted.follow {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        after = next;
    }
}

/// The plugins' names by the ids of their installs.
async fn names(api: &Api) -> anyhow::Result<HashMap<String, String>> {
    let plugins = api.list("plugins", "plugins", &[], usize::MAX).await?;
    let pair = |plugin: &Value| (table::cell(&plugin["id"]), table::cell(&plugin["plugin"]));
    Ok(plugins.iter().map(pair).collect())
}

/// Print a page; where it ends, and how many lines it had.
async fn page(
    api: &Api,
    path: &str,
    filters: &[(&str, String)],
    place: (&str, &str),
    print: impl Fn(&Value),
) -> anyhow::Result<(String, usize)> {
    let request = api.request(Method::GET, path).query(filters).query(&[place]);
    let request = if place.0 == "after" { request.query(&[("limit", "1000")]) } else { request };
    let answer = api.answer(request).await?;
    let lines = answer["logs"].as_array().map_or(&[][..], Vec::as_slice);
    lines.iter().for_each(print);
    let next = answer["pagination"]["next"].as_str().unwrap_or_default().to_owned();
    Ok((next, lines.len()))
}

fn filters(wanted: &Wanted) -> anyhow::Result<Vec<(&'static str, String)>> {
    let now = Clock::system().now();
    let mut filters = Vec::new();
    for (name, value) in [
        ("level", &wanted.level),
        ("text", &wanted.search),
        ("chat", &wanted.chat),
        ("event", &wanted.event),
    ] {
        filters.extend(value.clone().map(|value| (name, value)));
    }
    for (name, value) in [("since", &wanted.since), ("until", &wanted.until)] {
        if let Some(value) = value {
            filters.push((name, moment(value, now)?));
        }
    }
    Ok(filters)
}

/// A moment as it is, or so long before now.
fn moment(text: &str, now: i64) -> anyhow::Result<String> {
    let unit = |letter| match letter {
        's' => Some(1_000),
        'm' => Some(60_000),
        'h' => Some(3_600_000),
        'd' => Some(86_400_000),
        _ => None,
    };
    let mut letters = text.chars();
    let last = letters.next_back().and_then(unit);
    if let (Some(unit), Ok(count)) = (last, letters.as_str().parse::<i64>()) {
        let at = now.saturating_sub(count.saturating_mul(unit));
        let at = chrono::DateTime::from_timestamp_millis(at);
        return Ok(at.map(|at| at.to_rfc3339()).unwrap_or_default());
    }
    if chrono::DateTime::parse_from_rfc3339(text).is_err() {
        bail!("{text:?} is no time: give 90s, 15m, 1h, 2d, or such as 2026-12-24T09:00:00+01:00");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ago_becomes_a_moment() {
        let now = 1_767_614_400_000;
        assert_eq!(moment("1h", now).expect("fits"), "2026-01-05T11:00:00+00:00");
        assert_eq!(moment("2d", now).expect("fits"), "2026-01-03T12:00:00+00:00");
        let given = "2026-12-24T09:00:00+01:00";
        assert_eq!(moment(given, now).expect("fits"), given);
        for wrong in ["", "h", "1w", "soon", "1.5h"] {
            assert!(moment(wrong, now).is_err(), "{wrong}");
        }
    }
}
