//! Text of others for a terminal: without escape sequences, which could move the cursor, hide what was said, or set the
//! clipboard.

use std::borrow::Cow;

/// A text without escape sequences and control characters; line ends and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_control = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(|character| is_control(character) || is_direction(character)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            // The same sequences in one character.
            '\u{9b}' => skip_control(&mut characters),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut characters),
            '\r' if characters.peek() == Some(&'\n') => {}
            // A bar that is drawn over and over on one line.
            '\r' => clean.push('\n'),
            other if is_control(other) || is_direction(other) => {}
            other => clean.push(other),
        }
    }
    Cow::Owned(clean)
}

/// Marks that turn the order of what follows around.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an escape character.
fn skip_sequence(characters: &mut Characters<'_>) {
    match characters.peek() {
        Some('[') => {
            characters.next();
            skip_control(characters);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            characters.next();
            skip_string(characters);
        }
        Some(' '..='/') => {
            while characters.next_if(|next| (' '..='/').contains(next)).is_some() {}
            characters.next_if(|next| ('0'..='~').contains(next));
        }
        Some('0'..='~') => drop(characters.next()),
        _ => {}
    }
}

/// Parameters up to a final letter.
fn skip_control(characters: &mut Characters<'_>) {
    while characters.next_if(|next| (' '..='?').contains(next)).is_some() {}
    characters.next_if(|next| ('@'..='~').contains(next));
}

/// A string up to its terminator, or to the end of its line.
fn skip_string(characters: &mut Characters<'_>) {
    while let Some(next) = characters.next_if(|next| *next != '\n') {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                characters.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escape_sequences_go_and_text_stays() {
        for (raw, clean) in [
            ("plain, ünïcode\tand\nlines", "plain, ünïcode\tand\nlines"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("a\x1b[2J\x1b[1;1Hb", "ab"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]52;c;ZXZpbA==\x1b\\x", "x"),
            ("\x1bPq#0\x1b\\y", "y"),
            ("\u{9b}31mred", "red"),
            ("\x1b(Bz\x1b7\x1b8\x1b=", "z"),
            ("bell\x07 back\x08space\x7f nul\0", "bell backspace nul"),
            ("10 %\r20 %\r\nend", "10 %\n20 %\nend"),
            ("safe\u{202e}txt.exe", "safetxt.exe"),
            ("unfinished \x1b[3", "unfinished "),
            ("unfinished \x1b]0;title\nnext", "unfinished \nnext"),
        ] {
            assert_eq!(printable(raw), clean, "{raw:?}");
        }
    }
}
