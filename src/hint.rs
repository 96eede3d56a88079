//! Hints of those who know no folder of results: their commands get the flags of the one that was named.

use std::sync::OnceLock;

/// The flags of this process' folder of results.
static CHOSEN: OnceLock<String> = OnceLock::new();

/// Remembers the flags. A command has one folder of results; whoever tells it again names the same.
pub(crate) fn chosen(flags: &str) {
    CHOSEN.get_or_init(|| flags.to_owned());
}

/// A hint whose commands find the same results: those in backticks that lack the flags get them.
pub(crate) fn completed(hint: &str) -> String {
    let flags = CHOSEN.get().map_or("", String::as_str);
    let verbs = ["aees sweep ", "aees runs ", "aees registry ", "aees loop "];
    let lacks = |command: &str| ["--root", "--registry"].iter().all(|flag| !command.contains(flag));
    let pieces = hint.split('`').enumerate().map(|(index, piece)| {
        let is_command = index % 2 == 1 && verbs.iter().any(|verb| piece.starts_with(verb));
        if is_command && lacks(piece) { format!("{piece}{flags}") } else { piece.to_owned() }
    });
    pieces.collect::<Vec<_>>().join("`")
}
