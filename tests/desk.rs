//! The program itself at work, as a person has it: projects, a cache, a chat in the terminal.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::provided;

/// How long one line may take; a build of the whole SDK comes before some.
const PATIENCE: Duration = Duration::from_secs(300);

/// Folders for what a person has: projects, a cache, temporary files.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        let desk = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(desk.path().join("tmp")).expect("a folder");
        Self(desk)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("SWITCHBOARD_") || name.starts_with("CARGO_"))
        {
            command.env_remove(name);
        }
        command.current_dir(self.0.path()).args(args);
        command.env("XDG_CACHE_HOME", self.path("cache")).env("TMPDIR", self.path("tmp"));
        if let Some(home) = std::env::var_os("CARGO_HOME") {
            command.env("CARGO_HOME", home);
        }
        // What the plugins of this workspace need is built there already.
        let built = PathBuf::from(provided("SWITCHBOARD_TEST_PLUGINS"));
        command.env("CARGO_TARGET_DIR", built.parent().expect("target"));
        command
    }

    pub fn run(&self, args: &[&str]) -> (bool, String, String) {
        let Output { status, stdout, stderr } = self.program(args).output().expect("it runs");
        assert!(status.code() == Some(0) || status.code() == Some(1), "{args:?}: {status}");
        let text = |bytes| String::from_utf8(bytes).expect("a text");
        (status.success(), text(stdout), text(stderr))
    }

    #[track_caller]
    pub fn prints(&self, args: &[&str]) -> String {
        let (well, out, error) = self.run(args);
        assert!(well, "{args:?}: {out}{error}");
        out
    }

    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> (String, String) {
        let (well, out, error) = self.run(args);
        assert!(!well, "{args:?}: {out}");
        (out, error)
    }

    pub fn dev(&self, plugin: &str) -> Dev {
        let mut command = self.program(&["dev", plugin]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it starts");
        let (stdin, stdout) =
            (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Dev { child, stdin, lines }
    }

    pub fn change(&self, path: &str, old: &str, new: &str) {
        let path = self.path(path);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(old), "{text}");
        std::fs::write(&path, text.replace(old, new)).expect("written");
    }
}

/// `switchboard dev`, with somebody who types.
pub struct Dev {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Dev {
    pub fn types(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("it reads");
    }

    /// Wait for a line with these words.
    #[track_caller]
    pub fn shows(&self, words: &str) -> String {
        let mut before = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return line;
            }
            before.push(line);
        }
        panic!("no {words:?} after {before:#?}")
    }

    #[track_caller]
    pub fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        assert!(self.child.wait().expect("gone").success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Gone already, where the test passed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
