//! Figures on the page: images in data URLs. An image cannot run anything, and its ids cannot clash with another's.

use std::fmt::Write;

use crate::figures::{NamedFigure, with_both_themes};
use crate::markup::escaped;

/// What all figures of a page together may take. A page of 3 MB still opens at once on a phone.
pub const FIGURE_BYTES: usize = 2_200_000;

/// The section of figures.
pub(crate) fn figure_section(figures: &[NamedFigure]) -> String {
    if figures.is_empty() {
        return "<p class=\"quiet\">There is no figure that these results have the data for.</p>\n".into();
    }
    let mut text = String::from("<div class=\"figures\">\n");
    // Every picture first; their data takes what room is left.
    let (mut used, mut shown, mut left_out) = (0, Vec::new(), Vec::new());
    for figure in figures {
        let image = data_url("image/svg+xml", &with_both_themes(&figure.svg));
        if used + image.len() > FIGURE_BYTES {
            left_out.push(figure);
        } else {
            used += image.len();
            shown.push((figure, image));
        }
    }
    for (figure, image) in shown {
        let title = escaped(&figure.title);
        // Writing to a String cannot fail.
        let _ = write!(text, "<figure><img loading=\"lazy\" alt=\"{title}\" src=\"{image}\"><figcaption>{title}");
        let data = data_url("text/csv", &figure.csv);
        if used + data.len() <= FIGURE_BYTES {
            used += data.len();
            let name = escaped(&figure.name);
            let _ = write!(text, " <a download=\"{name}.csv\" href=\"{data}\">data</a>");
        }
        text.push_str("</figcaption></figure>\n");
    }
    text.push_str("</div>\n");
    if !left_out.is_empty() {
        let names: Vec<String> = left_out.iter().map(|figure: &&NamedFigure| escaped(&figure.title)).collect();
        let _ = writeln!(
            text,
            "<p class=\"quiet\">Left out, as the page would grow too large; <code>aees report figures</code> draws \
             them: {}</p>",
            names.join(", ")
        );
    }
    text
}

/// A data URL with what must be encoded in percents: shorter than base64 for text.
fn data_url(kind: &str, content: &str) -> String {
    let mut url = format!("data:{kind};charset=utf-8,");
    for byte in content.bytes() {
        match byte {
            b'"' | b'\'' | b'&' | b'#' | b'%' | b'<' | b'>' | 0..=31 | 127..=255 => {
                let _ = write!(url, "%{byte:02X}");
            }
            _ => url.push(char::from(byte)),
        }
    }
    url
}
