//! Colours, dashes and markers: eight of each, so that a series is told by more than its colour. A look is a number: the first
//! eight have a colour each, and whenever the colours come again, each meets other dashes and another marker than before.
//!
//! The hues are Okabe and Ito's (<https://jfly.uni-koeln.de/color/>), which people with every common kind of colour vision can
//! tell apart, without the yellow. On white the light ones are darkened until they stand out at 3 to 1 (WCAG 2.1, 1.4.11).

/// The ground that a figure stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// White, for paper.
    #[default]
    Light,
    /// Nearly black, for slides and dark pages.
    Dark,
}

/// How many colours, dashes and markers there are. So there are as many looks as its square before one comes again.
pub(super) const LOOKS: usize = 8;

/// Grey, blue, vermilion, orange, green, purple, sky blue, black or white.
const ON_WHITE: [&str; LOOKS] =
    ["#666666", "#0072b2", "#d55e00", "#b07c00", "#008a63", "#b3588f", "#2f8fc4", "#000000"];
const ON_DARK: [&str; LOOKS] = ["#a6a6a6", "#3d9bd8", "#f07a2a", "#e69f00", "#1bb88a", "#d98ab8", "#7cc8f2", "#ffffff"];

/// Dashes and gaps in points; an empty one is a solid line.
const DASHES: [&str; LOOKS] = ["", "6 1.5", "4 2", "1.2 1.2", "3 1.2", "5 1.5 1.2 1.5", "8 2 2 2", "8 3 1.2 1.2 1.2 3"];

/// Where in the dashes each colour begins.
const FIRST_DASHES: [usize; LOOKS] = [2, 0, 0, 1, 3, 5, 4, 6];

/// The shape of a marker. A bar is no series': it looks like a spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Diamond,
    TriangleUp,
    TriangleDown,
    TriangleLeft,
    Cross,
    Plus,
    Bar,
}

const MARKERS: [Marker; LOOKS] = [
    Marker::Circle,
    Marker::Square,
    Marker::Diamond,
    Marker::TriangleUp,
    Marker::TriangleDown,
    Marker::Cross,
    Marker::Plus,
    Marker::TriangleLeft,
];

/// A colour by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Paper,
    /// Text and axes.
    Text,
    /// Ticks' grid lines.
    Grid,
    /// Lines of reference.
    Reference,
    Series(usize),
}

impl Theme {
    pub(super) fn colour(self, ink: Ink) -> &'static str {
        let (light, dark) = match ink {
            Ink::Paper => ("#ffffff", "#14171a"),
            Ink::Text => ("#1a1a1a", "#e8e8e8"),
            Ink::Grid => ("#e6e6e6", "#2c3136"),
            Ink::Reference => ("#595959", "#b0b0b0"),
            Ink::Series(look) => (ON_WHITE[look % LOOKS], ON_DARK[look % LOOKS]),
        };
        if self == Self::Light { light } else { dark }
    }
}

/// The dashes of a look; empty for a solid line.
pub(super) fn dashes(look: usize) -> &'static str {
    DASHES[(FIRST_DASHES[look % LOOKS] + look / LOOKS) % LOOKS]
}

/// The marker of a look.
pub(super) fn marker(look: usize) -> Marker {
    MARKERS[(look + look / LOOKS * 3) % LOOKS]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(colour: &str) -> f64 {
        let part = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_series_and_all_text_stand_out() {
        for theme in [Theme::Light, Theme::Dark] {
            let paper = theme.colour(Ink::Paper);
            for look in 0..LOOKS {
                let ratio = contrast(theme.colour(Ink::Series(look)), paper);
                assert!(ratio >= 3.0, "{theme:?} look {look}: {ratio:.2}");
            }
            assert!(contrast(theme.colour(Ink::Text), paper) >= 7.0);
            assert!(contrast(theme.colour(Ink::Reference), paper) >= 4.5);
        }
    }

    #[test]
    fn no_two_looks_share_colour_and_dashes_or_colour_and_marker() {
        let all = 0..LOOKS * LOOKS;
        let colour = |look| Theme::Light.colour(Ink::Series(look));
        let lines: HashSet<_> = all.clone().map(|look| (colour(look), dashes(look))).collect();
        assert_eq!(lines.len(), LOOKS * LOOKS);
        let dots: HashSet<_> = all.map(|look| (colour(look), format!("{:?}", marker(look)))).collect();
        assert_eq!(dots.len(), LOOKS * LOOKS);
    }
}
