//! `switchboard check`: everything that an upload would look at, before there is one.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::called;
use super::paint::Paint;
use super::plugin_file;
use super::progress::Progress;
use crate::clock::Clock;
use crate::config::Config;
use crate::plugin::manifest::{Manifest, On};
use crate::plugin::{Inspection, Runtime};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// A built plugin, or a folder to build
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    plugin: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Print what is to be seen; an error where an upload would be refused.
pub async fn run(args: Args) -> Result<()> {
    let building = Progress::start(format!("building {}", args.plugin.display()));
    let bytes = plugin_file::bytes(&args.plugin).await?;
    drop(building);
    let data = tempfile::tempdir().context("no temporary folder")?;
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    let mut seen = Runtime::new(&config, Clock::system())?.inspect(bytes).await;
    seen.called = called::of_folder(&args.plugin);
    if args.json {
        println!("{}", as_json(&seen));
    } else {
        print!("{}", for_people(&seen));
    }
    let problems = seen.problems.len();
    ensure!(
        problems == 0,
        "{} would be refused: {} to fix",
        args.plugin.display(),
        if problems == 1 { "one thing".to_owned() } else { format!("{problems} things") }
    );
    Ok(())
}

fn as_json(seen: &Inspection) -> serde_json::Value {
    let problems = seen
        .problems
        .iter()
        .map(|problem| json!({ "code": problem.code(), "message": problem.to_string() }));
    let imports: serde_json::Map<_, _> =
        seen.imports.iter().map(|(name, functions)| (name.clone(), json!(functions))).collect();
    let manifest = seen.manifest.as_ref();
    json!({
        "id": manifest.map(|manifest| &manifest.id),
        "version": manifest.map(|manifest| manifest.version.to_string()),
        "size": seen.size,
        "compileMillis": seen.compiled_in.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "receives": manifest.map(receives).unwrap_or_default(),
        "asks": manifest.map(|manifest| manifest.asks().in_words()).unwrap_or_default(),
        "imports": imports,
        "exports": seen.exports,
        "problems": problems.collect::<Vec<_>>(),
        "warnings": seen.warnings(),
    })
}

fn for_people(seen: &Inspection) -> String {
    let paint = Paint::of_stdout();
    let mut text = String::new();
    let mut part = |name: &str, lines: Vec<String>| {
        for (place, line) in lines.iter().enumerate() {
            let name = if place == 0 { name } else { "" };
            text.push_str(&format!("{} {line}\n", paint.bold(&format!("{name:<10}"))));
        }
    };
    if let Some(manifest) = &seen.manifest {
        part("plugin", vec![format!("{} {}", manifest.id, manifest.version)]);
        part(
            "about",
            Some(manifest.description.clone())
                .filter(|about| !about.is_empty())
                .into_iter()
                .collect(),
        );
        part("receives", receives(manifest));
        part("may", manifest.asks().in_words());
    }
    part("size", vec![bytes(seen.size)]);
    part(
        "compiles",
        seen.compiled_in.map(|took| format!("in {} ms", took.as_millis())).into_iter().collect(),
    );
    let call = |(name, functions): &(String, Vec<String>)| match functions.as_slice() {
        [] => name.clone(),
        functions => format!("{name}: {}", functions.join(", ")),
    };
    let (standard, own): (Vec<_>, Vec<_>) =
        seen.imports.iter().partition(|(name, _)| name.starts_with("wasi:"));
    let mut standard: Vec<&str> =
        standard.iter().filter_map(|(name, _)| name.split('/').next()).collect();
    standard.dedup();
    let standard = Some(standard.join(", ")).filter(|standard| !standard.is_empty());
    part("imports", own.into_iter().map(call).chain(standard).collect());
    part("exports", seen.exports.clone());
    for warning in seen.warnings() {
        text.push_str(&format!("! {warning}\n"));
    }
    for problem in &seen.problems {
        text.push_str(&format!("{} {problem}\n", paint.red("✗")));
    }
    if seen.problems.is_empty() {
        text.push_str(&format!("{} it can be installed\n", paint.green("✓")));
    }
    text
}

/// What comes to it, in plain words.
fn receives(manifest: &Manifest) -> Vec<String> {
    let words = |on| match on {
        On::Message => "messages of customers",
        On::Status => "statuses of messages",
        On::Account => "news of accounts and opt-ins",
        On::Timer => "timers",
        On::Event => "other events",
        On::Webhook => "webhooks",
    };
    let filtered = |subscription: &crate::plugin::manifest::Subscription| {
        let channels = subscription.channels.iter().map(|channel| format!("on {channel}"));
        let first = match subscription.first {
            Some(true) => Some("first ever"),
            Some(false) => Some("not the first"),
            None => None,
        };
        let only: Vec<String> = subscription
            .types
            .iter()
            .cloned()
            .chain(first.map(str::to_owned))
            .chain(channels)
            .collect();
        let only = if only.is_empty() { String::new() } else { format!(" ({})", only.join(", ")) };
        format!("{}{only}", words(subscription.on))
    };
    let events = manifest.events.iter().map(filtered);
    let schedules =
        manifest.schedules.iter().map(|it| format!("its schedule {} ({})", it.name, it.cron));
    let routes = manifest.routes.iter().map(|it| {
        let signed = it.verify.as_ref().map(|verify| format!(", signed with {}", verify.secret));
        format!("calls of /x/<install>{}{}", it.path, signed.unwrap_or_default())
    });
    events.chain(schedules).chain(routes).collect()
}

fn bytes(size: usize) -> String {
    match size {
        0..10_240 => format!("{size} bytes"),
        10_240..10_485_760 => format!("{} KiB", size / 1024),
        _ => format!("{} MiB", size / (1024 * 1024)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!(
            (bytes(900), bytes(20_480), bytes(20_971_520)),
            ("900 bytes".into(), "20 KiB".into(), "20 MiB".into())
        );
    }
}
