//! `switchboard test`: conversations that a plugin must hold, played in a house of their own.

mod acts;
mod around;
mod checks;
mod grammar;
mod heard;
mod moment;
mod report;
pub mod said;
mod scene;
mod stubs;
pub mod transcript;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::one_file;
use super::plugin_file::{self, Plugin};
use super::progress::Progress;
use checks::Wrong;
use report::{Failure, Played};
use scene::Scene;
use transcript::{Transcript, What};

/// Where a plugin's transcripts are, in its folder.
const FOLDER: &str = "tests";
const EXTENSION: &str = "chat";

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The plugin's folder; its transcripts are tests/*.chat. Or a bot in one file, with bot.chat or
    /// tests/*.chat beside it
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    dir: PathBuf,
    /// Play these transcripts only: files, or parts of their names
    #[arg(value_name = "TRANSCRIPT")]
    only: Vec<String>,
    /// Take this built plugin instead of building the folder
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Print one line of JSON with every result
    #[arg(long)]
    json: bool,
}

/// Play all transcripts; an error where one does not hold, after all were played.
pub async fn run(args: Args) -> Result<()> {
    let files = transcripts(&args)?;
    let building = Progress::start(format!("building {}", args.dir.display()));
    let plugin = plugin_file::get(args.plugin.as_ref().unwrap_or(&args.dir)).await?;
    drop(building);
    let mut results = Vec::with_capacity(files.len());
    for path in &files {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let played = play(&plugin, name_of(&args.dir, path), &text).await;
        if !args.json {
            print!("{}", played.show(&text));
        }
        results.push(played);
    }
    let failed = results.iter().filter(|played| played.failure.is_some()).count();
    let passed = results.len() - failed;
    if args.json {
        let all: Vec<_> = results.iter().map(Played::json).collect();
        println!(
            "{}",
            json!({ "plugin": plugin.manifest.id, "passed": passed, "failed": failed, "transcripts": all })
        );
    } else {
        println!("{}: {passed} passed, {failed} failed", plugin.manifest.id);
    }
    let words = if failed == 1 { "transcript does" } else { "transcripts do" };
    ensure!(failed == 0, "{failed} {words} not hold");
    Ok(())
}

/// The transcripts to play, in order of their names.
fn transcripts(args: &Args) -> Result<Vec<PathBuf>> {
    let (base, own) = match one_file::is(&args.dir) {
        true => {
            let base = args.dir.parent().map(Path::to_owned).unwrap_or_default();
            (base, Some(args.dir.with_extension(EXTENSION)))
        }
        false => (args.dir.clone(), None),
    };
    // A bot in one file has one of its name beside it, which is played alone.
    let own = own.filter(|own| own.is_file() && args.only.is_empty());
    if let Some(own) = own {
        return Ok(vec![own]);
    }
    let folder = base.join(FOLDER);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    files.sort();
    if files.is_empty() && args.only.is_empty() {
        bail!(
            "{} has no transcripts: write {FOLDER}/first.{EXTENSION} with lines such as `customer: hello` and `bot: Hi!`",
            args.dir.display()
        );
    }
    if args.only.is_empty() {
        return Ok(files);
    }
    let mut chosen = Vec::new();
    for wanted in &args.only {
        if Path::new(wanted).is_file() {
            chosen.push(PathBuf::from(wanted));
            continue;
        }
        let named = |path: &&PathBuf| name_of(&args.dir, path).contains(wanted.as_str());
        let found: Vec<PathBuf> = files.iter().filter(named).cloned().collect();
        ensure!(!found.is_empty(), "no transcript of {} is called {wanted:?}", args.dir.display());
        chosen.extend(found);
    }
    chosen.dedup();
    Ok(chosen)
}

fn name_of(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// Play one transcript, up to the first step that does not hold.
async fn play(plugin: &Plugin, file: String, text: &str) -> Played {
    let begun = Instant::now();
    let at = |line, wrong| Failure { line, wrong, logs: Vec::new(), faults: Vec::new() };
    let failure = match Transcript::parse(text) {
        Err(unreadable) => Some(at(unreadable.line, Wrong::Says(unreadable.problem))),
        Ok(transcript) => match Scene::start(plugin, &transcript).await {
            Err(error) => Some(at(1, Wrong::from(error))),
            Ok(mut scene) => {
                let failure = follow(&mut scene, &transcript).await.err();
                scene.stop().await;
                failure
            }
        },
    };
    Played { file, millis: begun.elapsed().as_millis(), failure }
}

async fn follow(scene: &mut Scene, transcript: &Transcript) -> Result<(), Failure> {
    let mut line = 1;
    for step in &transcript.steps {
        let acts = !matches!(step.what, What::Check(_)) && !step.what.is_setting();
        if acts {
            scene.left_over().map_err(|wrong| scene.failure(line, wrong))?;
        }
        line = step.line;
        let done = match &step.what {
            What::Check(check) => scene.check(check).await,
            what => scene.act(what).await.map_err(Wrong::from),
        };
        done.map_err(|wrong| scene.failure(line, wrong))?;
        // A failed call says most; what it left unsaid follows from it.
        line = step.line + step.text.lines().count().saturating_sub(1);
    }
    scene.left_over().map_err(|wrong| scene.failure(line, wrong))
}

impl Scene {
    fn failure(&self, line: usize, wrong: Wrong) -> Failure {
        let logs = self.heard.logs.iter().map(|line| format!("{} {}", line.level, line.message));
        let faults =
            self.heard.faults.iter().map(|fault| format!("{}: {}", fault.class, fault.reason));
        let told = |text: &str| matches!(&wrong, Wrong::Says(said) if said.contains(text));
        let faults = faults.zip(&self.heard.faults).filter(|(_, fault)| !told(&fault.reason));
        Failure {
            line,
            logs: logs.collect(),
            faults: faults.map(|(line, _)| line).collect(),
            wrong,
        }
    }
}
