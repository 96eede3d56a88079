//! A figure that follows the ground it stands on: a light SVG that turns dark where its surroundings are.

use std::fmt::Write;

use super::palette::{Ink, LOOKS, Theme};

/// The light figure with a style that gives every colour its dark twin. An image on a page takes the page's colour scheme.
pub(crate) fn with_both_themes(svg: &str) -> String {
    let inks = [Ink::Paper, Ink::Text, Ink::Grid, Ink::Reference].into_iter().chain((0..LOOKS).map(Ink::Series));
    let mut style = String::from("<style>@media (prefers-color-scheme: dark) {");
    for ink in inks {
        let (light, dark) = (Theme::Light.colour(ink), Theme::Dark.colour(ink));
        // Writing into a String cannot fail.
        let _ = write!(style, "[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}");
    }
    style.push_str("}</style>");
    match svg.split_once("<title>") {
        Some((head, rest)) => format!("{head}{style}<title>{rest}"),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_has_its_dark_twin() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>T</title><path fill=\"#0072b2\"/></svg>";
        let both = with_both_themes(svg);
        roxmltree::Document::parse(&both).unwrap();
        assert!(both.contains("[fill=\"#0072b2\"]{fill:#3d9bd8}"), "{both}");
        assert!(both.contains("[stroke=\"#1a1a1a\"]{stroke:#e8e8e8}"), "{both}");
    }
}
