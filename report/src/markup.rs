//! Text on its way into SVG and HTML: the one place that escapes it, and the frame of a table.

/// Text that means itself wherever it stands: between tags or in a quoted attribute. Control characters, which no XML and
/// no page may hold, are left out, but for line feeds and tabs.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(letter),
            _ if letter.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

/// A table in a box of its own, which scrolls where the page is narrow: its columns with whether they hold numbers, and its rows
/// as they are.
pub(crate) fn table<N: std::fmt::Display>(
    (label, attributes, caption): (&str, &str, &str),
    columns: impl IntoIterator<Item = (N, bool)>,
    rows: &str,
) -> String {
    let heading = |(name, is_number): (N, bool)| {
        let class = if is_number { " class=\"n\"" } else { "" };
        format!("<th scope=\"col\"{class}>{name}</th>")
    };
    let head: String = columns.into_iter().map(heading).collect();
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\"><table{attributes}><caption>{caption}</caption>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}
