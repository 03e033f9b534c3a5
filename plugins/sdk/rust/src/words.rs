//! What customers type, compared as people would: case, accents and punctuation aside.

/// Lower case, Latin accents removed, anything but letters and digits turned into single spaces:
/// `words::fold("  ¿Qué HORARIO?") == "que horario"`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match plain(letter) {
            // A combining accent belongs to the letter before it.
            _ if ('\u{300}'..='\u{36f}').contains(&letter) => {}
            // An apostrophe is inside a word: "don't" is one.
            _ if letter == '\'' || letter == '’' => {}
            Some(plain) => folded.push_str(plain),
            None if letter.is_alphanumeric() => folded.push(letter),
            None if folded.is_empty() || folded.ends_with(' ') => {}
            None => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// True where the text is one of these words or phrases and nothing else:
/// `words::is_any("Stop!", ["stop", "quit"])`.
pub fn is_any<S: AsRef<str>>(text: &str, phrases: impl IntoIterator<Item = S>) -> bool {
    let text = fold(text);
    !text.is_empty() && phrases.into_iter().any(|phrase| fold(phrase.as_ref()) == text)
}

/// True where the text holds one of these words or phrases, whole:
/// `words::has_any("When do you open?", ["open", "opening hours"])`.
pub fn has_any<S: AsRef<str>>(text: &str, phrases: impl IntoIterator<Item = S>) -> bool {
    let text = format!(" {} ", fold(text));
    phrases.into_iter().any(|phrase| {
        let phrase = fold(phrase.as_ref());
        !phrase.is_empty() && text.contains(&format!(" {phrase} "))
    })
}

/// The letter without its accent, for the accented letters of Latin alphabets; `None` for others.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_drops_case_accents_and_punctuation() {
        assert_eq!(fold("  ¿Qué   HORARIO? "), "que horario");
        assert_eq!(fold("Öffnungszeiten"), fold("OFFNUNGSZEITEN"));
        assert_eq!(fold("cafe\u{301}"), "cafe", "a decomposed accent");
        assert_eq!(fold("İstanbul"), "istanbul", "the dot that lower case leaves behind");
        assert_eq!(fold("don't"), "dont");
        assert_eq!(fold("помощь!"), "помощь");
        assert_eq!(fold("…!"), "");
    }

    #[test]
    fn a_phrase_matches_whole_words_only() {
        assert!(has_any("When do you OPEN?", ["open"]));
        assert!(has_any("what are your opening hours", ["opening hours"]));
        assert!(!has_any("we are reopening", ["open"]));
        assert!(!has_any("hours of opening", ["opening hours"]));
        assert!(!has_any("anything", ["", "?"]), "an empty phrase matches nothing");
    }

    #[test]
    fn a_command_is_the_whole_message() {
        assert!(is_any(" STOP. ", ["stop"]));
        assert!(!is_any("please do not stop", ["stop"]));
        assert!(!is_any("👍", [""]), "no word is no command");
    }
}
