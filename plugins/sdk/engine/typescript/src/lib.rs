//! Takes the types out of a program in TypeScript. What is taken out becomes blanks, so that every line
//! and column stays where it was.
//!
//! It is a plugin like any other, since the host has all that it takes to run one: the program comes as
//! the body of a webhook, the path is the name of its file, and the answer is the program without types.

use std::sync::{Arc, Mutex};

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{GLOBALS, Globals, SourceMap};
use swc_ts_fast_strip::{Options, operate};
use switchboard_sdk::prelude::*;

switchboard_sdk::plugin!(webhook = strip);

fn strip(request: Webhook) -> Result<WebhookReply> {
    let text = String::from_utf8(request.body)?;
    let answer = GLOBALS.set(&Globals::new(), || stripped(&request.path, text));
    let (status, body) = match answer {
        Ok(code) => (200, code),
        Err(problem) => (422, problem),
    };
    Ok(WebhookReply { status, headers: Vec::new(), body: body.into_bytes() })
}

/// The program without types, or what is wrong with it and where.
fn stripped(name: &str, text: String) -> std::result::Result<String, String> {
    let sources: Lrc<SourceMap> = Lrc::default();
    let problems = Arc::new(Mutex::new(Vec::new()));
    let collector = Collector { sources: sources.clone(), problems: problems.clone() };
    let handler = Handler::with_emitter(true, false, Box::new(collector));
    let options = Options { module: Some(true), ..Options::default() };
    operate(&sources, &handler, text, options).map(|output| output.code).map_err(|error| {
        let first = problems.lock().ok().and_then(|problems| problems.first().cloned());
        match first {
            Some((line, column, message)) => format!("{name}:{line}:{column}: {message}"),
            None => format!("{name}: {}", error.message),
        }
    })
}

/// Keeps what is wrong, with line and column from 1.
struct Collector {
    sources: Lrc<SourceMap>,
    problems: Arc<Mutex<Vec<(usize, usize, String)>>>,
}

impl Emitter for Collector {
    fn emit(&mut self, problem: &mut DiagnosticBuilder<'_>) {
        let place = problem.span.primary_span().map(|span| self.sources.lookup_char_pos(span.lo));
        let (line, column) = place.map_or((1, 1), |place| (place.line, place.col.0 + 1));
        if let Ok(mut problems) = self.problems.lock() {
            problems.push((line, column, problem.message()));
        }
    }
}
