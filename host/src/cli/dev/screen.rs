//! Lines on a terminal where somebody types meanwhile, or in a pipe.

use std::io::{IsTerminal, Write};

use crate::cli::paint::Paint;

const PROMPT: &str = "› ";

/// Where lines go.
pub struct Screen {
    terminal: bool,
    pub paint: Paint,
    /// Lines that went down so far, typed ones included.
    written: usize,
}

/// Lines further up have left the screen, for all we know.
const REACH: usize = 15;
/// A longer line may take two rows.
const WIDTH: usize = 78;

impl Screen {
    pub fn new() -> Self {
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Self { terminal, paint: Paint::of_stdout(), written: 0 }
    }

    /// Print below what is there; gives the place of the last line, for [`Screen::mark`].
    pub fn print(&mut self, text: &str) -> usize {
        if self.terminal {
            print!("\r\x1b[2K");
        }
        for line in text.lines() {
            println!("{line}");
            self.written += 1;
        }
        self.prompt();
        self.written
    }

    /// Somebody typed a line: the terminal shows it already.
    pub fn typed(&mut self) {
        self.written += 1;
        self.prompt();
    }

    /// Put the line at this place anew; where it is out of reach, print what is new of it.
    pub fn mark(&mut self, place: usize, line: &str, width: usize, news: &str) {
        let up = self.written + 1 - place;
        if self.terminal && up <= REACH && width < WIDTH {
            print!("\x1b7\x1b[{up}A\r\x1b[2K{line}\x1b8");
            let _ = std::io::stdout().flush();
        } else if !self.terminal {
            self.print(news);
        }
    }

    fn prompt(&self) {
        if self.terminal {
            print!("{PROMPT}");
        }
        // A pipe's reader waits for the line.
        let _ = std::io::stdout().flush();
    }
}
