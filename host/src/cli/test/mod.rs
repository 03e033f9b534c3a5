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

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

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
    /// The plugin's folder; its transcripts are tests/*.chat. Or a bot in one file, NAME.js or NAME.yaml;
    /// then they are NAME.chat and tests/NAME*.chat beside it
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
    let mut others = Others { dir: args.dir.clone(), built: HashMap::new() };
    let mut results = Vec::with_capacity(files.len());
    for path in &files {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let played = play(&plugin, &mut others, name_of(&args.dir, path), &text).await;
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
    let folder = folder_of(&args.dir).join(FOLDER);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    if args.dir.is_file() {
        // Several flows may lie in one folder: each has the transcripts that begin with its name.
        let stem = args.dir.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_default();
        files.retain(|path| {
            path.file_name().is_some_and(|name| belongs(&name.to_string_lossy(), &stem))
        });
    }
    // A short one may lie beside the file itself.
    let beside = args.dir.with_extension(EXTENSION);
    if args.dir.is_file() && beside.is_file() {
        files.push(beside);
    }
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

/// Where a plugin's transcripts lie: a file's are beside it.
fn folder_of(plugin: &Path) -> &Path {
    if !plugin.is_file() {
        return plugin;
    }
    plugin.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `lead.chat` and `lead.timeout.chat` belong to `lead.yaml`.
fn belongs(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

fn name_of(dir: &Path, path: &Path) -> String {
    path.strip_prefix(folder_of(dir)).unwrap_or(path).display().to_string()
}

/// The plugins that transcripts name, each built once.
struct Others {
    /// From here their paths go.
    dir: PathBuf,
    built: HashMap<PathBuf, Plugin>,
}

impl Others {
    /// The plugins of a chain; `None` is the one that is tested.
    async fn chain(&mut self, paths: Vec<PathBuf>) -> Result<Vec<Option<Plugin>>> {
        let mut chain = Vec::with_capacity(paths.len());
        for path in paths {
            if path == Path::new(".") {
                chain.push(None);
                continue;
            }
            if !self.built.contains_key(&path) {
                let _building = Progress::start(format!("building {}", path.display()));
                let plugin = plugin_file::get(&self.dir.join(&path)).await;
                let plugin = plugin.with_context(|| format!("with {}", path.display()))?;
                self.built.insert(path.clone(), plugin);
            }
            chain.push(self.built.get(&path).cloned());
        }
        Ok(chain)
    }
}

/// Play one transcript, up to the first step that does not hold.
async fn play(plugin: &Plugin, others: &mut Others, file: String, text: &str) -> Played {
    let begun = Instant::now();
    let at = |line, wrong| Failure { line, wrong, logs: Vec::new(), faults: Vec::new() };
    let failure = match Transcript::parse(text) {
        Err(unreadable) => Some(at(unreadable.line, Wrong::Says(unreadable.problem))),
        Ok(transcript) => match begin(plugin, others, &transcript).await {
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

async fn begin(plugin: &Plugin, others: &mut Others, transcript: &Transcript) -> Result<Scene> {
    let chain = others.chain(transcript.chain()).await?;
    Scene::start(plugin, &chain, transcript).await
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
