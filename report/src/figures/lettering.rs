//! The letters of a figure: how wide a text is, how it is broken into lines, and its outlines.
//!
//! The font is embedded, so that the same figure comes out on every machine. SVG files keep their text as text, squeezed to the
//! width measured here if the reader has another font; pictures get the outlines.

use std::collections::BTreeMap;
use std::fmt::Write;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// DejaVu Sans Condensed, in part; the licence lies beside it.
pub(super) const FONT: &[u8] = include_bytes!("font/DejaVuSansCondensed-subset.ttf");

/// What the reader's machine should take for the text of an SVG.
pub(super) const FAMILIES: &str = "DejaVu Sans Condensed,DejaVu Sans,Helvetica Neue,Arial,sans-serif";

#[cfg(test)]
/// The share of the size that letters rise above the baseline.
pub(super) const ASCENT: f64 = 0.76;
#[cfg(test)]
/// The share of the size that letters hang below the baseline.
pub(super) const DESCENT: f64 = 0.24;

/// A font that measures and outlines.
pub(super) struct Lettering {
    face: Option<Face<'static>>,
}

impl Lettering {
    pub(super) fn new() -> Self {
        Self { face: Face::parse(FONT, 0).ok() }
    }

    /// The width of a text at a size, both in points.
    pub(super) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|letter| self.advance(letter)).sum::<f64>() * size
    }

    /// The advance of a letter, as a share of the size. A letter that the font lacks is as wide as a wide one.
    fn advance(&self, letter: char) -> f64 {
        let measured = self.face.as_ref().and_then(|face| {
            let units = face.glyph_hor_advance(face.glyph_index(letter)?)?;
            Some(f64::from(units) / f64::from(face.units_per_em()))
        });
        measured.unwrap_or(0.9)
    }

    /// The glyphs of a text, by their numbers in the font; the font's mark for what is missing where it lacks a letter.
    pub(super) fn glyphs(&self, text: &str) -> Vec<u16> {
        let glyph = |letter| self.face.as_ref().and_then(|face| face.glyph_index(letter)).map_or(0, |glyph| glyph.0);
        text.chars().map(glyph).collect()
    }

    /// The advance of every glyph, as a share of the size.
    pub(super) fn advances(&self) -> Vec<f64> {
        let Some(face) = &self.face else { return Vec::new() };
        let units = f64::from(face.units_per_em());
        let advance = |glyph| f64::from(face.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0)) / units;
        (0..face.number_of_glyphs()).map(advance).collect()
    }

    /// Every letter that the font has, with its glyph, by glyph.
    pub(super) fn letters(&self) -> BTreeMap<u16, char> {
        let mut letters = BTreeMap::new();
        let tables = self.face.iter().filter_map(|face| face.tables().cmap).flat_map(|cmap| cmap.subtables);
        for table in tables.filter(|table| table.is_unicode()) {
            table.codepoints(|code| {
                if let (Some(letter), Some(glyph)) = (char::from_u32(code), table.glyph_index(code)) {
                    letters.entry(glyph.0).or_insert(letter);
                }
            });
        }
        letters
    }

    /// Left, bottom, right and top of the box that holds every glyph, then ascent, descent and the height of capitals, as
    /// shares of the size.
    pub(super) fn measures(&self) -> [f64; 7] {
        let Some(face) = &self.face else { return [0.0; 7] };
        let bounds = face.global_bounding_box();
        let capitals = face.capital_height().unwrap_or(face.ascender());
        let all = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max, face.ascender(), face.descender(), capitals];
        all.map(|measure| f64::from(measure) / f64::from(face.units_per_em()))
    }

    /// Breaks a text at spaces so that no line is wider than `room`; a word that is wider is cut.
    pub(super) fn lines(&self, text: &str, size: f64, room: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        // A space that does not break is part of its word.
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), size) <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines.into_iter().map(|line| self.shortened(line, size, room)).collect()
    }

    fn shortened(&self, line: String, size: f64, room: f64) -> String {
        if self.width(&line, size) <= room {
            return line;
        }
        let mut kept = line;
        while kept.pop().is_some() && self.width(&kept, size) + self.width("…", size) > room {}
        kept + "…"
    }

    /// The outlines of a text whose baseline begins at (0, 0), as SVG path data.
    pub(super) fn outlines(&self, text: &str, size: f64) -> String {
        let Some(face) = &self.face else { return String::new() };
        let scale = size / f64::from(face.units_per_em());
        let mut pen = Pen { data: String::new(), scale, x: 0.0 };
        for letter in text.chars() {
            if let Some(glyph) = face.glyph_index(letter) {
                face.outline_glyph(glyph, &mut pen);
            }
            pen.x += self.advance(letter) * size;
        }
        pen.data
    }
}

/// Writes path data; the font's y goes up, SVG's down.
struct Pen {
    data: String,
    scale: f64,
    x: f64,
}

impl Pen {
    fn write(&mut self, command: char, points: &[(f32, f32)]) {
        self.data.push(command);
        for (x, y) in points {
            let (x, y) = (self.x + f64::from(*x) * self.scale, -f64::from(*y) * self.scale);
            // Writing into a String cannot fail.
            let _ = write!(self.data, "{x:.3} {y:.3} ");
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.write('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.write('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.write('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.write('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.data.push('Z');
    }
}
