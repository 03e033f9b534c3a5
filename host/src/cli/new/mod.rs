//! `switchboard new`: a project that builds, and holds its own transcript, at once.

mod rust;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

/// A language that a project can be begun in.
struct Language {
    /// The first is shown.
    names: &'static [&'static str],
    /// The file that the bot is in.
    main: &'static str,
    /// What has to be there to build it.
    needs: &'static str,
    /// Path and text of each file beside [`FILES`].
    files: &'static [(&'static str, &'static str)],
    /// Give the project what its files name as `{{sdk}}`.
    sdk: fn(project: &Path) -> Result<String>,
}

/// The files of every project; `{{name}}`, `{{main}}`, `{{needs}}` and `{{sdk}}` are filled in.
const FILES: [(&str, &str); 4] = [
    ("plugin.toml", include_str!("plugin.toml.in")),
    ("tests/first.chat", include_str!("first.chat")),
    ("README.md", include_str!("README.md.in")),
    (".gitignore", ".switchboard/\nnode_modules/\ntarget/\n*.wasm\n"),
];

const LANGUAGES: [Language; 5] = [
    Language {
        names: &["rust", "rs"],
        main: "src/lib.rs",
        needs: "the Rust target for plugins: `rustup target add wasm32-wasip2`",
        files: &[
            ("Cargo.toml", include_str!("rust/Cargo.toml.in")),
            ("src/lib.rs", include_str!("rust/lib.rs.in")),
        ],
        sdk: rust::sdk,
    },
    Language {
        names: &["javascript", "js"],
        main: "bot.js",
        needs: "Node.js 20 or newer",
        files: &[("bot.js", include_str!("javascript/bot.js.in"))],
        sdk: brought,
    },
    Language {
        names: &["typescript", "ts"],
        main: "bot.ts",
        needs: "Node.js 20 or newer",
        files: &[
            ("bot.ts", include_str!("typescript/bot.ts.in")),
            ("tsconfig.json", include_str!("typescript/tsconfig.json")),
        ],
        sdk: brought,
    },
    Language {
        names: &["python", "py"],
        main: "bot.py",
        needs: "Python 3.10 or newer with venv",
        files: &[("bot.py", include_str!("python/bot.py.in"))],
        sdk: brought,
    },
    Language {
        names: &["c"],
        main: "bot.c",
        needs: "clang and wasi-libc, zig, or a WASI SDK",
        files: &[("bot.c", include_str!("c/bot.c.in"))],
        sdk: brought,
    },
];

/// `switchboard build` brings the SDK along, and no file has to name it.
fn brought(_: &Path) -> Result<String> {
    Ok(String::new())
}

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The folder to make; its last part is the plugin's id
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// The language to write it in
    #[arg(long, default_value = "rust")]
    lang: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Make the project and say what to do with it.
pub fn run(args: &Args) -> Result<()> {
    let known = LANGUAGES.iter().find(|language| language.names.contains(&args.lang.as_str()));
    let Some(language) = known else {
        let names: Vec<&str> = LANGUAGES.iter().map(|language| language.names[0]).collect();
        bail!(
            "{:?} is no language that a project can be begun in: {}",
            args.lang,
            names.join(", ")
        );
    };
    let name = name_of(&args.path)?;
    ensure!(!args.path.exists(), "{} is there already", args.path.display());
    std::fs::create_dir_all(&args.path)
        .with_context(|| format!("cannot make {}", args.path.display()))?;
    let project = args.path.canonicalize()?;
    let sdk = (language.sdk)(&project)?;
    for (path, text) in FILES.iter().chain(language.files) {
        let text = text.replace("{{name}}", &name).replace("{{sdk}}", &sdk);
        let text = text.replace("{{main}}", language.main).replace("{{needs}}", language.needs);
        write(&project.join(path), &text)?;
    }
    if args.json {
        println!("{}", json!({ "id": name, "path": project, "language": language.names[0] }));
    } else {
        let dir = args.path.display();
        println!(
            "{dir} is a plugin in {}.\n\n\
             \x20 switchboard test {dir}    build it and play tests/first.chat\n\
             \x20 switchboard dev {dir}     talk to it while you change it\n\
             \x20 switchboard check {dir}   look at it as an upload would",
            language.names[0]
        );
    }
    Ok(())
}

/// The plugin's id: the folder's name.
fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    ensure!(
        plain && begins && name.len() <= 64,
        "{name:?} is no name for a plugin: begin with a letter, then 1 to 64 of a-z, 0-9, -"
    );
    Ok(name.to_owned())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_called_as_its_folder_where_that_is_a_name() {
        assert_eq!(name_of(Path::new("bots/lead-2")).expect("a name"), "lead-2");
        for wrong in ["Lead", "2lead", "a b", "", "/", ".."] {
            assert!(name_of(Path::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = |lang: &str| Args {
            path: folder.path().to_owned(),
            lang: lang.to_owned(),
            json: false,
        };
        assert!(run(&args("cobol")).expect_err("unknown").to_string().contains("rust"));
        assert!(run(&args("rust")).is_err());
    }
}
