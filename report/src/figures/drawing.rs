//! Shapes on paper, and the paper as SVG. Points are the unit everywhere; (0, 0) is the upper left corner.

use std::fmt::Write;

#[cfg(test)]
use super::lettering::{ASCENT, DESCENT};
use super::lettering::{FAMILIES, Lettering};
use super::palette::{Ink, Marker, Theme};
use crate::markup::escaped;

/// Points in a millimetre.
pub(super) const POINTS_IN_MM: f64 = 72.0 / 25.4;

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextRole {
    Tick,
    AxisTitle,
    PanelTitle,
    Legend,
    Note,
}

impl TextRole {
    fn class(self) -> &'static str {
        match self {
            Self::Tick => "tick-label",
            Self::AxisTitle => "axis-title",
            Self::PanelTitle => "panel-title",
            Self::Legend => "legend-label",
            Self::Note => "note",
        }
    }
}

/// Where a text's place lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// The share of a text's width that lies before its place.
    pub(super) fn share(self) -> f64 {
        match self {
            Self::Start => 0.0,
            Self::Middle => 0.5,
            Self::End => 1.0,
        }
    }
}

/// A line of text; `(x, y)` is on its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) role: TextRole,
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    /// Reads upwards.
    pub(super) turned: bool,
}

/// Left, top, right, bottom.
pub(super) type Rectangle = (f64, f64, f64, f64);

/// How a shape is inked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Paint {
    pub(super) fill: Option<Ink>,
    pub(super) stroke: Option<Ink>,
    pub(super) width: f64,
    pub(super) dashes: &'static str,
    pub(super) opacity: f64,
}

impl Paint {
    pub(super) fn line(ink: Ink, width: f64) -> Self {
        Self { fill: None, stroke: Some(ink), width, dashes: "", opacity: 1.0 }
    }

    pub(super) fn fill(ink: Ink, opacity: f64) -> Self {
        Self { fill: Some(ink), stroke: None, width: 0.0, dashes: "", opacity }
    }

    pub(super) fn dashed(self, dashes: &'static str) -> Self {
        Self { dashes, ..self }
    }
}

/// Something on a sheet. A path's data is SVG's.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Path { class: &'static str, data: String, paint: Paint },
    Text(Text),
}

/// A sheet with shapes on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    pub(super) title: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) theme: Theme,
    /// Everything on it, from the lowest up.
    pub(super) shapes: Vec<Shape>,
}

/// How text is written into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// As text, to be searched, copied and read aloud.
    Text,
    /// As outlines, which need no font.
    Outlines,
}

impl Drawing {
    pub(super) fn new(title: &str, width: f64, theme: Theme) -> Self {
        Self { title: title.to_owned(), width, height: 0.0, theme, shapes: Vec::new() }
    }

    pub(super) fn path(&mut self, class: &'static str, data: String, paint: Paint) {
        if !data.is_empty() {
            self.shapes.push(Shape::Path { class, data, paint });
        }
    }

    pub(super) fn line(&mut self, class: &'static str, points: &[(f64, f64)], paint: Paint) {
        self.path(class, polyline(points), paint);
    }

    pub(super) fn rectangle(&mut self, class: &'static str, (left, top, right, bottom): Rectangle, paint: Paint) {
        let data = format!("M{left:.2} {top:.2}H{right:.2}V{bottom:.2}H{left:.2}Z");
        self.path(class, data, paint);
    }

    pub(super) fn text(&mut self, text: Text) {
        if !text.text.is_empty() {
            self.shapes.push(Shape::Text(text));
        }
    }

    /// The file.
    pub(super) fn svg(&self, letters: Letters) -> String {
        let lettering = Lettering::new();
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" data-generator=\"aees\" width=\"{:.2}mm\" height=\"{:.2}mm\" viewBox=\"0 0 {width:.2} {height:.2}\" \
             role=\"img\" font-family=\"{FAMILIES}\"><title>{}</title><rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
            width / POINTS_IN_MM,
            height / POINTS_IN_MM,
            escaped(&self.title),
            self.theme.colour(Ink::Paper),
        );
        for shape in &self.shapes {
            match shape {
                Shape::Path { class, data, paint } => self.write_path(&mut svg, class, data, *paint),
                Shape::Text(text) => self.write_text(&mut svg, &lettering, text, letters),
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn write_path(&self, svg: &mut String, class: &str, data: &str, paint: Paint) {
        let colour = |ink: Option<Ink>| ink.map_or("none", |ink| self.theme.colour(ink));
        // Writing into a String cannot fail, here and below.
        let _ = write!(svg, "<path class=\"{class}\" d=\"{data}\" fill=\"{}\"", colour(paint.fill));
        if paint.stroke.is_some() {
            let _ = write!(svg, " stroke=\"{}\" stroke-width=\"{}\"", colour(paint.stroke), paint.width);
            svg.push_str(" stroke-linejoin=\"round\"");
        }
        if !paint.dashes.is_empty() {
            let _ = write!(svg, " stroke-dasharray=\"{}\"", paint.dashes);
        }
        if paint.opacity < 1.0 {
            let _ = write!(svg, " opacity=\"{}\"", paint.opacity);
        }
        svg.push_str("/>\n");
    }

    fn write_text(&self, svg: &mut String, lettering: &Lettering, text: &Text, letters: Letters) {
        let width = lettering.width(&text.text, text.size);
        let back = width * text.anchor.share();
        let colour = self.theme.colour(Ink::Text);
        let turn = if text.turned { " rotate(-90)" } else { "" };
        let place = format!("translate({:.2} {:.2}){turn} translate({:.2} 0)", text.x, text.y, -back);
        let class = text.role.class();
        let _ = match letters {
            Letters::Text => writeln!(
                svg,
                "<text class=\"{class}\" transform=\"{place}\" font-size=\"{}\" textLength=\"{width:.2}\" \
                 lengthAdjust=\"spacingAndGlyphs\" fill=\"{colour}\">{}</text>",
                text.size,
                escaped(&text.text)
            ),
            Letters::Outlines => writeln!(
                svg,
                "<path class=\"{class}\" transform=\"{place}\" fill=\"{colour}\" d=\"{}\"/>",
                lettering.outlines(&text.text, text.size)
            ),
        };
    }

    /// All texts with the room that each takes.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<(Text, Rectangle)> {
        let lettering = Lettering::new();
        let texts = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(text) => Some((text.clone(), room_of(&lettering, text))),
            Shape::Path { .. } => None,
        });
        texts.collect()
    }
}

#[cfg(test)]
fn room_of(lettering: &Lettering, text: &Text) -> Rectangle {
    let width = lettering.width(&text.text, text.size);
    let start = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let (above, below) = (text.size * ASCENT, text.size * DESCENT);
    match text.turned {
        false => (text.x + start, text.y - above, text.x + start + width, text.y + below),
        true => (text.x - above, text.y - start - width, text.x + below, text.y - start),
    }
}

/// The baseline of a text whose capitals are centred on a height.
pub(super) fn centred_baseline(y: f64, size: f64) -> f64 {
    y + size * 0.36
}

/// The path through some points.
pub(super) fn polyline(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(data, "{}{x:.2} {y:.2}", if index == 0 { 'M' } else { 'L' });
    }
    data
}

/// The outline of a marker around a place.
pub(super) fn marker_path(marker: Marker, (x, y): (f64, f64), r: f64) -> String {
    match marker {
        Marker::Circle => {
            format!("M{:.2} {y:.2}a{r:.2} {r:.2} 0 1 0 {d:.2} 0a{r:.2} {r:.2} 0 1 0 -{d:.2} 0Z", x - r, d = 2.0 * r)
        }
        Marker::Square => outline(x, y, r * 0.9, &turned([(-1.0, -1.0)])),
        Marker::Diamond => outline(x, y, r * 1.25, &turned([(0.0, -1.0)])),
        Marker::TriangleUp => outline(x, y, r * 1.15, &[(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)]),
        Marker::TriangleDown => outline(x, y, r * 1.15, &[(0.0, 1.0), (1.0, -0.8), (-1.0, -0.8)]),
        Marker::TriangleLeft => outline(x, y, r * 1.15, &[(-1.0, 0.0), (0.8, -1.0), (0.8, 1.0)]),
        Marker::Cross => outline(x, y, r, &turned([(0.0, -0.42), (0.58, -1.0), (1.0, -0.58)])),
        Marker::Plus => outline(x, y, r, &turned([(-0.35, -1.15), (0.35, -1.15), (0.35, -0.35)])),
        Marker::Bar => outline(x, y, r, &[(-0.4, -1.2), (0.4, -1.2), (0.4, 1.2), (-0.4, 1.2)]),
    }
}

/// The corners of what looks the same after each quarter turn, by those of its first quarter.
fn turned<const N: usize>(quarter: [(f64, f64); N]) -> Vec<(f64, f64)> {
    let turns = std::iter::successors(Some(quarter), |corners| Some(corners.map(|(x, y)| (-y, x))));
    turns.take(4).flatten().collect()
}

fn outline(x: f64, y: f64, r: f64, corners: &[(f64, f64)]) -> String {
    polyline(&corners.iter().map(|(dx, dy)| (x + dx * r, y + dy * r)).collect::<Vec<_>>()) + "Z"
}
