//! A transcript as it is read: one step a line, with the indented lines that belong to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use regex::Regex;
use serde_json::Value;

use super::grammar;
use super::moment::{Due, Zone};
use crate::flow::fire::Shot;
use crate::model::{AccountState, Content, Status};

/// A conversation, and what must come of it.
#[derive(Debug)]
pub struct Transcript {
    pub steps: Vec<Step>,
    /// Customers by their names, with their numbers.
    pub people: BTreeMap<String, Person>,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Its first line in the file, from 1.
    pub line: usize,
    /// As it is written, with the lines that belong to it.
    pub text: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub phone: String,
    /// The name that the customer shows; empty where none.
    pub shown: String,
}

/// What a step does or checks.
#[derive(Debug)]
pub enum What {
    Config {
        key: String,
        value: Value,
    },
    Secret {
        name: String,
        value: String,
    },
    /// Permissions that the installer does not give.
    Withhold(Vec<String>),
    /// Names a customer; they do nothing by it.
    Named,
    /// A plugin that runs beside the one that is tested; `.` is that one.
    With(PathBuf),
    Fire(Shot),
    Stub(Stub),
    Writes {
        who: String,
        act: Act,
    },
    /// What becomes of the bot's newest message to a customer.
    Receipt {
        who: String,
        status: Status,
        code: String,
        words: String,
    },
    Wait(Due),
    Webhook(Webhook),
    Consent {
        who: String,
        opt_in: bool,
    },
    Account {
        state: AccountState,
        reason: String,
    },
    Team(TeamAct),
    Check(Check),
}

impl What {
    /// Whether it only prepares what follows: nothing happens by it.
    pub fn is_setting(&self) -> bool {
        matches!(
            self,
            Self::Config { .. }
                | Self::Secret { .. }
                | Self::Withhold(_)
                | Self::Named
                | Self::With(_)
                | Self::Stub(_)
        )
    }
}

/// What a customer does.
#[derive(Debug)]
pub enum Act {
    Writes(Content),
    /// A text that quotes the bot's newest message.
    Replies(String),
    /// A button or row of the bot's newest offer, by its title or id.
    Chooses(String),
    /// To the bot's newest message; empty takes it back.
    Reacts(String),
}

#[derive(Debug)]
pub enum TeamAct {
    Writes(String),
    TakesOver,
    HandsBack,
}

#[derive(Debug)]
pub struct Webhook {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What the outside world answers.
#[derive(Clone, Debug)]
pub struct Stub {
    pub method: String,
    /// The address; a `*` stands for anything.
    pub url: Regex,
    /// Absent: there is no answer at all.
    pub answer: Option<(u16, String)>,
}

/// Words to compare with: these, or any that fit.
#[derive(Clone, Debug)]
pub enum Words {
    Exact(String),
    Pattern(Regex),
}

impl Words {
    pub fn fit(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

#[derive(Debug)]
pub enum Check {
    Says(Expected),
    Silence,
    Reply {
        status: u16,
        body: Option<Words>,
    },
    State {
        scope: String,
        key: String,
        value: Option<String>,
    },
    Tag {
        tag: String,
        value: Option<String>,
        there: bool,
    },
    HandedOver(bool),
    OptedIn(bool),
    Emits {
        name: String,
        data: Option<Value>,
    },
    Timer {
        name: String,
        due: Option<Due>,
    },
    /// No timer of this name; of none where it is empty.
    NoTimer(String),
    Called {
        method: String,
        url: Regex,
        body: Option<String>,
    },
    Logs(Words),
    Fails(String),
}

/// A message that the bot must send.
#[derive(Debug)]
pub struct Expected {
    /// A customer's name; absent: whoever acted last.
    pub to: Option<String>,
    /// What it is, as [`super::said`] writes it; empty for words and offers.
    pub head: String,
    /// Absent: whatever it says.
    pub words: Option<Words>,
    /// Its buttons or rows, as [`super::said`] writes them.
    pub choices: String,
}

/// What is wrong with a transcript, and where.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Unreadable {
    pub line: usize,
    pub problem: String,
}

/// A step's lines before they are understood.
pub struct Lines<'a> {
    pub head: &'a str,
    /// The indented lines below, without their indentation.
    pub below: Vec<String>,
}

/// The customer that needs no introduction.
pub const CUSTOMER: &str = "customer";

impl Transcript {
    /// # Errors
    /// The first line that says nothing, and what it could say.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let customer = Person { phone: "+15550100001".to_owned(), shown: String::new() };
        let mut reader = Reader {
            zone: Zone::default(),
            people: BTreeMap::from([(CUSTOMER.to_owned(), customer)]),
        };
        let mut steps = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let head = lines[at].trim_end();
            let first = at;
            at += 1;
            if head.is_empty() || head.starts_with('#') {
                continue;
            }
            let unreadable = |problem| Unreadable { line: first + 1, problem };
            if head.starts_with(char::is_whitespace) {
                return Err(unreadable(
                    "an indented line goes on with a step: there is none above".to_owned(),
                ));
            }
            let below = below(&lines, &mut at);
            let text = lines[first..at].join("\n").trim_end().to_owned();
            let lines = Lines { head, below };
            if let Some(what) = grammar::step(&mut reader, &lines).map_err(unreadable)? {
                let begun = steps.iter().any(|step: &Step| !step.what.is_setting());
                if begun && matches!(what, What::With(_)) {
                    let problem = "`with` stands before anything happens".to_owned();
                    return Err(Unreadable { line: first + 1, problem });
                }
                steps.push(Step { line: first + 1, text, what });
            }
        }
        Ok(Self { steps, people: reader.people })
    }

    /// The plugins that run in it, in the order of the chain. The one that is tested is `.`, the last
    /// where no line names it.
    pub fn chain(&self) -> Vec<PathBuf> {
        let own = PathBuf::from(".");
        let named = self.steps.iter().filter_map(|step| match &step.what {
            What::With(path) => Some(path.clone()),
            _ => None,
        });
        let mut chain: Vec<PathBuf> = named.collect();
        if !chain.contains(&own) {
            chain.push(own);
        }
        chain
    }
}

/// What earlier lines say of later ones.
pub struct Reader {
    pub zone: Zone,
    pub people: BTreeMap<String, Person>,
}

/// The indented lines from here on; blank ones among them belong to them.
fn below(lines: &[&str], at: &mut usize) -> Vec<String> {
    let mut end = *at;
    for (place, line) in lines.iter().enumerate().skip(*at) {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(char::is_whitespace) {
            break;
        }
        end = place + 1;
    }
    let found = &lines[*at..end];
    *at = end;
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = found.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    found.iter().map(|line| line.get(least..).unwrap_or_default().trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Transcript::parse(text).expect_err("refused").to_string()
    }

    #[test]
    fn indented_lines_and_the_blank_ones_among_them_belong_to_the_step_above() {
        let transcript = Transcript::parse(
            "# a\n\ncustomer: hello\n  there\n\n  friend\n\nbot: hi\n  [A] [B]\n",
        )
        .expect("reads");
        let [says, bot] = transcript.steps.as_slice() else { panic!("two steps") };
        assert_eq!((says.line, bot.line), (3, 8));
        let What::Writes { act: Act::Writes(Content::Text { text }), .. } = &says.what else {
            panic!("{says:?}")
        };
        assert_eq!(text, "hello\nthere\n\nfriend");
        let What::Check(Check::Says(expected)) = &bot.what else { panic!("{bot:?}") };
        assert_eq!(expected.choices, "[A] [B]");
        assert!(expected.words.as_ref().is_some_and(|words| words.fit("hi")));
    }

    #[test]
    fn plugins_stand_in_their_order_and_the_tested_one_last_unless_it_is_named() {
        let chain = |text: &str| {
            let chain = Transcript::parse(text).expect("reads").chain();
            chain.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(chain("customer: a"), ["."]);
        assert_eq!(chain("with ../one\nwith two.wasm\n"), ["../one", "two.wasm", "."]);
        assert_eq!(chain("with .\nsecret a = b\nwith ../one\ncustomer: a"), [".", "../one"]);
        assert!(refused("customer: a\nwith ../one").contains("before anything"));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_with_what_it_could_be() {
        assert!(refused("customer: a\nbotx: b").starts_with("line 2: nobody is called \"botx\""));
        assert!(refused("  bot: b").starts_with("line 1: "));
        assert!(refused("sleep 3").contains("after 10 minutes"));
        assert!(refused("after ten minutes").contains("after 10 minutes"));
        assert!(refused("bot sends picture").contains("image"));
        assert!(refused("withhold everything").contains("messaging"));
        assert!(refused("bot matches: (").contains("pattern"));
    }
}
