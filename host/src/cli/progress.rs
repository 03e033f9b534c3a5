//! A line on the terminal while something takes its time.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

const FRAMES: [&str; 4] = ["⠋", "⠙", "⠸", "⠴"];
const PACE: Duration = Duration::from_millis(120);

/// Shown until it is dropped; nothing where standard error is no terminal.
pub struct Progress(Option<JoinHandle<()>>);

impl Progress {
    pub fn start(what: String) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let begun = Instant::now();
        Self(Some(tokio::spawn(async move {
            for frame in FRAMES.iter().cycle() {
                let seconds = begun.elapsed().as_secs();
                eprint!("\r\x1b[2K{frame} {what} \x1b[2m{seconds} s\x1b[0m");
                let _ = std::io::stderr().flush();
                tokio::time::sleep(PACE).await;
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shown) = self.0.take() {
            shown.abort();
            eprint!("\r\x1b[2K");
        }
    }
}
