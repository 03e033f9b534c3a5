//! `{Hi|Hello} there`: one of several wordings for each message, the same one at every look.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::Content;

/// Choose among the wordings in a content's text or caption. What is no choice (`{}`, `{{name}}`, a
/// brace without its other) stays as it is.
pub fn chosen(mut content: Content, seed: &str) -> Content {
    match &mut content {
        Content::Text { text } => *text = spin(text, seed),
        Content::Interactive { interactive } => interactive.text = spin(&interactive.text, seed),
        other => {
            if let Some(caption) = other.media_mut().and_then(|media| media.caption.as_mut()) {
                *caption = spin(caption, seed);
            }
        }
    }
    content
}

/// Innermost choices first, until none is left.
fn spin(text: &str, seed: &str) -> String {
    let mut text = text.to_owned();
    let mut from = 0;
    let mut turn = 0_u64;
    while let Some(end) = text[from..].find('}').map(|at| from + at) {
        let Some(begin) = text[..end].rfind('{') else {
            from = end + 1;
            continue;
        };
        let options: Vec<&str> = text[begin + 1..end].split('|').collect();
        // Braces that are no choice make none of what is around them.
        if options.len() < 2 || text[begin..end].contains('}') {
            from = end + 1;
            continue;
        }
        let picked = options[pick(seed, turn, options.len())].to_owned();
        text.replace_range(begin..=end, &picked);
        turn += 1;
        // The choice around it may be complete now.
        from = begin;
    }
    text
}

fn pick(seed: &str, turn: u64, among: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, turn).hash(&mut hasher);
    usize::try_from(hasher.finish() % among as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_made_once_and_for_all() {
        let said = spin("{Hi|Hello} {dear {Ann|Bob}|you}!", "msg_1");
        assert_eq!(said, spin("{Hi|Hello} {dear {Ann|Bob}|you}!", "msg_1"));
        let all = [
            "Hi dear Ann!",
            "Hi dear Bob!",
            "Hi you!",
            "Hello dear Ann!",
            "Hello dear Bob!",
            "Hello you!",
        ];
        assert!(all.contains(&said.as_str()), "{said}");
        let others: std::collections::BTreeSet<String> =
            (0..50).map(|n| spin("{Hi|Hello}", &format!("msg_{n}"))).collect();
        assert_eq!(others.len(), 2);
    }

    #[test]
    fn what_is_no_choice_stays() {
        for text in ["{}", "{{name}}", "a } b { c", "{\"a\": 1}", "{|", "no braces | at all"] {
            assert_eq!(spin(text, "msg_1"), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_out_no_longer(text in "[ab{}|é]{0,60}") {
            proptest::prop_assert!(spin(&text, "msg_1").len() <= text.len());
        }
    }
}
