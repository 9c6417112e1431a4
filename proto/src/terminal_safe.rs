//! What a terminal may be given: text without what steers it, and without
//! characters that cannot be seen. JSON stays JSON.

/// Marks that may stand above and below one character: more would reach into
/// the lines beside it.
const MAX_MARKS: usize = 2;
/// Stands where something was that cannot be seen, so that a name with it does
/// not look like the name without it.
const UNSEEN: char = '\u{fffd}';
/// Stands where something was left out.
const CUT: char = '…';

/// The text without what steers a terminal or cannot be seen; of any length.
pub fn clean(text: &str) -> String {
    let mut marks = 0;
    text.chars()
        .filter_map(|c| {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            match c {
                _ if marks > MAX_MARKS => None,
                _ if c.is_whitespace() || c.is_control() => Some(' '),
                _ if is_unseen(c) => Some(UNSEEN),
                c => Some(c),
            }
        })
        .collect()
}

/// The most characters of a line about an error: paths are not cut.
const MAX_ERROR: usize = 6000;

/// The cleaned text of an error as a single line.
pub fn error_line(text: &str) -> String {
    one_line(text, MAX_ERROR, 4 * MAX_ERROR)
}

/// The cleaned text as a single line of bounded length, without white space
/// around it.
pub fn one_line(text: &str, chars: usize, bytes: usize) -> String {
    let clean = clean(text);
    let words: Vec<&str> = clean.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.len() <= bytes && line.chars().count() <= chars {
        return line;
    }
    let room = bytes.saturating_sub(CUT.len_utf8());
    let cut: String = head(&line, room)
        .chars()
        .take(chars.saturating_sub(1))
        .collect();
    cut.trim_end().to_owned() + &CUT.to_string()
}

/// Whether a character does nothing but show itself.
pub fn is_harmless(c: char) -> bool {
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_unseen(c))
}

/// A JSON text as a terminal may show it: what could steer the terminal, or
/// could not be seen, is escaped. It stays the same JSON.
pub fn json_for_terminal(json: &str) -> String {
    use std::fmt::Write;
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings, JSON has no other characters than these.
        if is_harmless(c) || matches!(c, '\n' | '\t' | '\r') {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
    shown
}

/// The beginning of a text, whole characters of at most so many bytes.
pub(crate) fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What is stacked above or below the character before it: combining marks of
/// every script, and the signs of those whose vowels are written that way.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}'
        // Hebrew, Arabic, Syriac, N'Ko and their kin.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}'
        | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}'..='\u{6e8}'
        | '\u{6ea}'..='\u{6ed}' | '\u{730}'..='\u{74a}' | '\u{7eb}'..='\u{7f3}'
        | '\u{816}'..='\u{82d}' | '\u{859}'..='\u{85b}' | '\u{898}'..='\u{8ff}'
        // Thai, Lao, Tibetan.
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}'
        | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ece}' | '\u{f71}'..='\u{f84}'
        | '\u{f86}'..='\u{f87}' | '\u{f8d}'..='\u{fbc}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1cd0}'..='\u{1cf9}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{2de0}'..='\u{2dff}' | '\u{302a}'..='\u{302f}'
        | '\u{3099}'..='\u{309a}' | '\u{a66f}'..='\u{a67d}' | '\u{a8e0}'..='\u{a8f1}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{1d165}'..='\u{1d172}')
}

/// Characters that change how others are shown, or that show nothing, or what
/// is nobody's to say: Unicode's default ignorable ones, marks of direction,
/// blanks that are letters, private use and non-characters. Characters that
/// are not assigned yet stay: later versions of Unicode assign them, and a
/// terminal draws a box.
fn is_unseen(c: char) -> bool {
    matches!(c,
        // Soft hyphen, grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Signs that enclose what follows, of Arabic, Syriac and Kaithi.
        | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{110bd}' | '\u{110cd}'
        // How Egyptian signs are joined, and a sign of Khitan that has no form.
        | '\u{13430}'..='\u{1343f}' | '\u{16fe4}'
        // Fillers of Hangul, vowels of Khmer that have no form.
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}'
        // Variation selectors.
        | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
        // Zero width, and marks of direction.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // A blank of Braille.
        | '\u{2800}'
        // Annotations and the stand-in for an object.
        | '\u{fff0}'..='\u{fffc}'
        // Shorthand and musical controls.
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
        // Tags and what is reserved beside them.
        | '\u{e0000}'..='\u{e0fff}'
        // Private use and non-characters.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_on_a_terminal_is_the_same_json() {
        let text = "\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e0041}é\"\\";
        let json = serde_json::to_string(&vec![text]).unwrap();
        let shown = json_for_terminal(&json);
        assert!(shown.chars().all(is_harmless), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
    }

    proptest! {
        #[test]
        fn nothing_that_is_cleaned_steers_a_terminal(text in "[\\s\\S]{0,700}|[^a-z]{0,700}") {
            prop_assert!(clean(&text).chars().all(is_harmless));
            prop_assert!(one_line(&text, 50, 100).chars().count() <= 50);
            prop_assert!(one_line(&text, 50, 100).len() <= 100);
        }

        #[test]
        fn any_json_survives_a_terminal(text in "[\\s\\S]{0,60}") {
            let json = serde_json::to_string(&text).unwrap();
            let shown = json_for_terminal(&json);
            prop_assert!(shown.chars().all(is_harmless));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
