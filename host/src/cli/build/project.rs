//! A plugin's folder: its manifest, its language, and the folder `.switchboard` for what is made on the
//! way.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::plugin::manifest::{Language, Manifest};

pub struct Project {
    /// Absolute.
    pub dir: PathBuf,
    pub manifest: Manifest,
    pub manifest_toml: String,
    /// Where the languages' tools are, or are to be installed.
    pub tools: PathBuf,
}

/// The files that a project begins with, by their names.
const STEMS: [&str; 5] = ["bot", "plugin", "main", "index", "app"];

/// The languages that are known by a file's extension, and their extensions.
const EXTENSIONS: [(Language, &[&str]); 4] = [
    (Language::Typescript, &["ts", "mts"]),
    (Language::Javascript, &["js", "mjs"]),
    (Language::Python, &["py"]),
    (Language::C, &["c"]),
];

impl Project {
    /// # Errors
    /// When the folder has no manifest, or one that does not hold.
    pub fn open(dir: &Path, tools: Option<&Path>) -> Result<Self> {
        let path = dir.join("plugin.toml");
        let manifest_toml = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}: a plugin's folder has a plugin.toml", path.display())
        })?;
        let manifest =
            Manifest::parse(&manifest_toml).with_context(|| path.display().to_string())?;
        let dir = dir.canonicalize()?;
        let tools = match tools {
            Some(tools) => std::path::absolute(tools)?,
            None => dir.join(".switchboard/tools"),
        };
        Ok(Self { dir, manifest, manifest_toml, tools })
    }

    /// What the manifest says, or else what lies in the folder.
    ///
    /// # Errors
    /// When that is nothing, or more than one language.
    pub fn language(&self) -> Result<Language> {
        let build = &self.manifest.build;
        if let Some(language) = build.language {
            return Ok(language);
        }
        if let Some(entry) = &build.entry {
            let first = entry.split_whitespace().next().unwrap_or_default();
            let known = extension_of(Path::new(first)).and_then(of_extension);
            return known.with_context(|| {
                format!("plugin.toml: which language is {first}? Write `language` under [build]")
            });
        }
        let mut found = Vec::new();
        if self.dir.join("Cargo.toml").is_file() {
            found.push(Language::Rust);
        }
        for (language, _) in EXTENSIONS {
            if !self.entries(language).is_empty() {
                found.push(language);
            }
        }
        match found[..] {
            [language] => Ok(language),
            [] => bail!(
                "{} has no Cargo.toml, bot.js, bot.ts, bot.py or bot.c: name the file with `entry` under [build] in \
                 plugin.toml, or build the component with your language's own tool and give it with --wasm",
                self.dir.display()
            ),
            [one, other, ..] => bail!(
                "{} could be {} or {}: write `language = \"{}\"` (or the other) under [build] in plugin.toml",
                self.dir.display(),
                one.as_str(),
                other.as_str(),
                one.as_str()
            ),
        }
    }

    /// The file that a program of this language begins with, below the folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn entry(&self, language: Language) -> Result<PathBuf> {
        if let Some(entry) = &self.manifest.build.entry {
            ensure!(
                self.dir.join(entry).is_file(),
                "plugin.toml: build.entry: {entry} is not there"
            );
            return Ok(PathBuf::from(entry));
        }
        let found = self.entries(language).into_iter().next();
        found.with_context(|| {
            let name = language.as_str();
            format!("{} has no file to begin with in {name}", self.dir.display())
        })
    }

    /// All sources, for languages that have no first file.
    ///
    /// # Errors
    /// When one that is named is not there.
    pub fn sources(&self, language: Language) -> Result<Vec<PathBuf>> {
        let Some(entry) = &self.manifest.build.entry else {
            let mut all = Vec::new();
            for folder in ["", "src"] {
                let Ok(files) = std::fs::read_dir(self.dir.join(folder)) else { continue };
                let files = files.flatten().map(|file| Path::new(folder).join(file.file_name()));
                all.extend(
                    files
                        .filter(|file| extension_of(file).and_then(of_extension) == Some(language)),
                );
            }
            all.sort();
            return Ok(all);
        };
        let sources: Vec<PathBuf> = entry.split_whitespace().map(PathBuf::from).collect();
        for source in &sources {
            ensure!(
                self.dir.join(source).is_file(),
                "plugin.toml: build.entry: {} is not there",
                source.display()
            );
        }
        Ok(sources)
    }

    /// What may be a program's first file: what package.json names, or a usual name.
    fn entries(&self, language: Language) -> Vec<PathBuf> {
        let extensions =
            EXTENSIONS.iter().find(|(known, _)| *known == language).map_or(&[][..], |(_, e)| e);
        let package = std::fs::read(self.dir.join("package.json")).unwrap_or_default();
        let package: Value = serde_json::from_slice(&package).unwrap_or_default();
        let main = package["main"].as_str().map(PathBuf::from);
        let main = main.filter(|main| extension_of(main).is_some_and(|e| extensions.contains(&e)));
        let usual = ["", "src"].into_iter().flat_map(|folder| {
            STEMS.into_iter().flat_map(move |stem| {
                let file = move |extension| Path::new(folder).join(format!("{stem}.{extension}"));
                extensions.iter().map(file)
            })
        });
        main.into_iter().chain(usual).filter(|file| self.dir.join(file).is_file()).collect()
    }

    /// `.switchboard` in the folder, made where it is not there; git does not see it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn work(&self) -> Result<PathBuf> {
        let work = self.dir.join(".switchboard");
        put(&work.join(".gitignore"), b"*\n")?;
        Ok(work)
    }
}

/// Write a file and the folders above it, unless it says so already.
///
/// # Errors
/// When it cannot be written.
pub fn put(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|is| is == content) {
        return Ok(());
    }
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn extension_of(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn of_extension(extension: &str) -> Option<Language> {
    EXTENSIONS.iter().find(|(_, known)| known.contains(&extension)).map(|(language, _)| *language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str], build: &str) -> (tempfile::TempDir, Project) {
        let dir = tempfile::tempdir().expect("a folder");
        let manifest = format!("id = \"bot\"\nversion = \"0.1.0\"\n{build}");
        put(&dir.path().join("plugin.toml"), manifest.as_bytes()).expect("written");
        for file in files {
            put(&dir.path().join(file), b"{\"main\": \"lib/start.js\"}").expect("written");
        }
        let project = Project::open(dir.path(), None).expect("a project");
        (dir, project)
    }

    #[test]
    fn a_language_is_known_by_its_files() {
        let of = |files: &[&str]| project(files, "").1.language().expect("known").as_str();
        assert_eq!(of(&["Cargo.toml", "src/lib.rs"]), "rust");
        assert_eq!(of(&["bot.js"]), "javascript");
        assert_eq!(of(&["package.json", "lib/start.js"]), "javascript");
        assert_eq!(of(&["src/index.ts", "package.json"]), "typescript");
        assert_eq!(of(&["main.py"]), "python");
        assert_eq!(of(&["src/bot.c", "src/other.c"]), "c");
    }

    #[test]
    fn two_languages_or_none_are_named() {
        let said = |files: &[&str]| {
            let (_dir, project) = project(files, "");
            project.language().expect_err("unknown").to_string()
        };
        assert!(said(&["bot.js", "bot.py"]).contains("javascript or python"));
        assert!(said(&["README.md"]).contains("--wasm"));
    }

    #[test]
    fn the_manifest_decides() {
        let (_dir, decided) = project(&["bot.js", "robot.py"], "[build]\nentry = \"robot.py\"");
        assert_eq!(decided.language().expect("named").as_str(), "python");
        assert_eq!(decided.entry(Language::Python).expect("there"), Path::new("robot.py"));
        let (_dir, lost) = project(&["bot.js"], "[build]\nentry = \"robot.py\"");
        assert!(lost.entry(Language::Python).expect_err("absent").to_string().contains("robot.py"));
        let (_dir, c) = project(&["a.c", "b.c"], "[build]\nentry = \"a.c b.c\"");
        assert_eq!(c.sources(Language::C).expect("there").len(), 2);
    }
}
