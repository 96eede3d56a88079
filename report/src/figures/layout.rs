//! Puts a figure on paper: margins from measured text, panels beside or below each other, marks, and the legend below.

use super::drawing::{Anchor, Drawing, POINTS_IN_MM, Paint, Text, TextRole, centred_baseline, marker_path, polyline};
use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::lettering::Lettering;
use super::palette::{Ink, Theme, dashes};
use super::scale::Tick;

/// The size of most text in points at the final size; journals ask for 7 or more.
pub(super) const FONT_SIZE: f64 = 7.2;
const MARGIN: f64 = 4.0;
/// Between neighbouring tick labels.
const TICK_GAP: f64 = 6.0;
/// A panel wants this much width before another may stand beside it.
const PANEL_MM: f64 = 75.0;
const SAMPLE_WIDTH: f64 = 20.0;

/// Sizes of text, in points.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Most text.
    small: f64,
    title: f64,
    /// From the baseline of a line of text to that of the next.
    leading: f64,
}

impl Sizes {
    fn of(small: f64) -> Self {
        Self { small, title: small * 8.2 / 7.2, leading: small * 9.6 / 7.2 }
    }

    /// The height of a row with a name of some lines.
    fn row(self, lines: f64) -> f64 {
        (lines * self.leading + 6.0).max(18.0)
    }
}

/// How many panels stand beside each other on a sheet of a width.
pub(super) fn columns(width_mm: f64) -> usize {
    ((width_mm / PANEL_MM) as usize).max(1)
}

/// Lays a figure out on a sheet of a width in millimetres.
pub(super) fn lay_out(figure: &Figure, width_mm: f64, font_size: f64, theme: Theme) -> Drawing {
    let width = width_mm * POINTS_IN_MM;
    let sizes = Sizes::of(font_size);
    let mut sheet = Sheet { sizes, letters: Lettering::new(), drawing: Drawing::new(&figure.title, width, theme) };
    let columns = columns(width_mm).min(figure.panels.len()).max(1);
    let panel_width = (width - MARGIN * (columns as f64 + 1.0)) / columns as f64;
    let mut top = MARGIN;
    if figure.headed {
        for line in sheet.letters.lines(&figure.title, sizes.title, width - 2.0 * MARGIN) {
            sheet.put(TextRole::PanelTitle, &line, (MARGIN, top + sizes.title), Anchor::Start);
            top += sizes.leading;
        }
        top += 4.0;
    }
    for row in figure.panels.chunks(columns) {
        let frames: Vec<Frame> = row.iter().map(|panel| sheet.frame(panel, panel_width)).collect();
        let heading = frames.iter().map(|frame| frame.heading.len()).max().unwrap_or(0) as f64 * sizes.leading + 6.0;
        for (index, (panel, frame)) in row.iter().zip(&frames).enumerate() {
            let left = MARGIN + index as f64 * (panel_width + MARGIN);
            sheet.panel(panel, frame, (left, top + heading));
        }
        let tallest = frames.iter().map(|frame| frame.height).fold(0.0, f64::max);
        top += heading + tallest + sizes.small + 6.0 + sizes.leading + 10.0;
    }
    top = sheet.legend(&figure.legend, top);
    for note in &figure.notes {
        for line in sheet.letters.lines(note, sizes.small, width - 2.0 * MARGIN) {
            sheet.put(TextRole::Note, &line, (MARGIN, top + sizes.small), Anchor::Start);
            top += sizes.leading;
        }
    }
    sheet.drawing.height = top + MARGIN;
    sheet.drawing
}

/// The measures of a panel.
#[derive(Default)]
struct Frame {
    heading: Vec<String>,
    /// The lines of each name of the upright axis.
    names: Vec<Vec<String>>,
    /// The middle of each row, in points from the top.
    rows: Vec<f64>,
    left: f64,
    width: f64,
    height: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
}

struct Sheet {
    sizes: Sizes,
    letters: Lettering,
    drawing: Drawing,
}

impl Sheet {
    fn put(&mut self, role: TextRole, text: &str, (x, y): (f64, f64), anchor: Anchor) {
        let size = if role == TextRole::PanelTitle { self.sizes.title } else { self.sizes.small };
        self.drawing.text(Text { role, text: text.to_owned(), x, y, size, anchor, turned: false });
    }

    fn widest<'a>(&self, texts: impl Iterator<Item = &'a str>) -> f64 {
        texts.map(|text| self.letters.width(text, self.sizes.small)).fold(0.0, f64::max)
    }

    fn frame(&self, panel: &Panel, width: f64) -> Frame {
        let mut frame = match &panel.y {
            Vertical::Names(names) => self.frame_of_names(names, width),
            Vertical::Numbers(numbers) => self.frame_of_numbers(numbers, width),
        };
        frame.heading = self.letters.lines(&panel.title, self.sizes.title, width);
        frame.width = width - frame.left - 8.0;
        frame.x_ticks = self.ticks_across(&panel.x, frame.width);
        frame
    }

    fn frame_of_names(&self, names: &[String], width: f64) -> Frame {
        let names: Vec<Vec<String>> =
            names.iter().map(|name| self.letters.lines(name, self.sizes.small, width * 0.4)).collect();
        let left = self.widest(names.iter().flatten().map(String::as_str)) + 8.0;
        let mut height = 4.0;
        let mut rows = Vec::with_capacity(names.len());
        for lines in &names {
            let row = self.sizes.row(lines.len() as f64);
            rows.push(height + row / 2.0);
            height += row;
        }
        Frame { names, rows, left, height: height + 4.0, ..Frame::default() }
    }

    fn frame_of_numbers(&self, numbers: &NumberAxis, width: f64) -> Frame {
        let height = (width * 0.58).clamp(100.0, 170.0);
        let y_ticks = numbers.span.ticks((height / 26.0) as usize);
        let left = self.sizes.leading + 4.0 + self.widest(y_ticks.iter().map(|(_, label)| label.as_str())) + 6.0;
        Frame { left, height, y_ticks, ..Frame::default() }
    }

    /// As many ticks as there is room for beside each other.
    fn ticks_across(&self, axis: &NumberAxis, width: f64) -> Vec<Tick> {
        let fits = |ticks: &[Tick]| {
            let ends = |(value, label): &Tick| {
                let (middle, half) =
                    (axis.span.share(*value) * width, self.letters.width(label, self.sizes.small) / 2.0);
                (middle - half, middle + half)
            };
            ticks.windows(2).all(|pair| ends(&pair[0]).1 + TICK_GAP <= ends(&pair[1]).0)
        };
        let tried = (1..=8).rev().map(|wanted| axis.span.ticks(wanted));
        tried.into_iter().find(|ticks| fits(ticks)).unwrap_or_default()
    }

    fn panel(&mut self, panel: &Panel, frame: &Frame, (left, top): (f64, f64)) {
        let place = PanelPlace { panel, frame, sizes: self.sizes, left: left + frame.left, top };
        for (index, line) in frame.heading.iter().rev().enumerate() {
            let baseline = top - 7.5 - index as f64 * self.sizes.leading;
            self.put(TextRole::PanelTitle, line, (left, baseline), Anchor::Start);
        }
        self.axes(&place, left);
        for mark in &panel.marks {
            self.mark(mark, &place);
        }
        let (right, bottom) = (place.left + frame.width, top + frame.height);
        let axes = [(place.left, top), (place.left, bottom), (right, bottom)];
        self.drawing.line("axis", &axes, Paint::line(Ink::Text, 0.7));
    }

    fn axes(&mut self, place: &PanelPlace<'_>, outer_left: f64) {
        let PanelPlace { panel, frame, top, .. } = *place;
        let bottom = top + frame.height;
        for (value, label) in &frame.x_ticks {
            let x = place.x(*value);
            self.drawing.line("grid", &[(x, top), (x, bottom)], Paint::line(Ink::Grid, 0.6));
            self.put(TextRole::Tick, label, (x, bottom + self.sizes.small + 3.0), Anchor::Middle);
        }
        for (value, label) in &frame.y_ticks {
            let y = place.y(*value);
            self.drawing.line("grid", &[(place.left, y), (place.left + frame.width, y)], Paint::line(Ink::Grid, 0.6));
            let beside = (place.left - 4.0, centred_baseline(y, self.sizes.small));
            self.put(TextRole::Tick, label, beside, Anchor::End);
        }
        for (lines, middle) in frame.names.iter().zip(&frame.rows) {
            for (index, line) in lines.iter().enumerate() {
                let y = top + middle + (index as f64 - (lines.len() as f64 - 1.0) / 2.0) * self.sizes.leading;
                let beside = (place.left - 4.0, centred_baseline(y, self.sizes.small));
                self.put(TextRole::Tick, line, beside, Anchor::End);
            }
        }
        let below = bottom + self.sizes.small + 3.0 + self.sizes.leading + 1.0;
        let title = self.letters.lines(&panel.x.title, self.sizes.small, frame.width + frame.left).join(" ");
        let half = self.letters.width(&title, self.sizes.small) / 2.0;
        let middle = (place.left + frame.width / 2.0).min(place.left + frame.width + 6.0 - half).max(outer_left + half);
        self.put(TextRole::AxisTitle, &title, (middle, below), Anchor::Middle);
        if let Vertical::Numbers(numbers) = &panel.y {
            let (x, y) = (outer_left + self.sizes.small, top + frame.height / 2.0);
            let (text, size, anchor) = (numbers.title.clone(), self.sizes.small, Anchor::Middle);
            self.drawing.text(Text { role: TextRole::AxisTitle, text, x, y, size, anchor, turned: true });
        }
    }

    fn mark(&mut self, mark: &Mark, place: &PanelPlace<'_>) {
        match mark {
            Mark::Line { points, look } => {
                let paint = Paint::line(Ink::Series(*look), 1.3).dashed(dashes(*look));
                for part in place.unbroken(points) {
                    self.drawing.line("line", &part, paint);
                }
            }
            Mark::Band { points, look } => self.band(points, *look, place),
            Mark::Dots { class, points, style } => {
                for point in points.iter().filter_map(|point| place.point(*point)) {
                    self.dot(class, point, *style);
                }
            }
            Mark::Bar { from, to, y, thickness, look, hollow } => {
                let (left, right) = (place.x(from.min(*to)), place.x(from.max(*to)));
                let room = (left, place.y(y - thickness / 2.0), right, place.y(y + thickness / 2.0));
                self.drawing.rectangle("bar", room, bar_paint(*look, *hollow));
            }
            Mark::Spread { low, high, y, look } => {
                let (y, low, high) = (place.y(*y), place.x(*low), place.x(*high));
                let ends = format!("M{low:.2} {a:.2}V{b:.2}M{high:.2} {a:.2}V{b:.2}", a = y - 2.2, b = y + 2.2);
                let data = polyline(&[(low, y), (high, y)]) + &ends;
                self.drawing.path("spread", data, Paint::line(Ink::Series(*look), 1.0));
            }
            Mark::SpreadAcross { low, high, y, look } => {
                let (y, low, high) = (place.y(*y), place.x(*low), place.x(*high));
                self.drawing.line("spread", &[(low, y), (high, y)], Paint::line(Ink::Series(*look), 1.0));
            }
            Mark::UprightSpread { x, low, high, look } => {
                let (x, low, high) = (place.x(*x), place.y(*low), place.y(*high));
                self.drawing.line("spread", &[(x, low), (x, high)], Paint::line(Ink::Series(*look), 1.0));
            }
            Mark::Thin { points, look } => {
                let paint = Paint { opacity: 0.5, ..Paint::line(Ink::Series(*look), 0.45) };
                for part in place.unbroken(points) {
                    self.drawing.line("seed", &part, paint);
                }
            }
            Mark::Stars { x, y, text } => {
                let (size, y) = (self.sizes.small, place.y(*y));
                // Stars hang high above their baseline.
                self.put(TextRole::Note, text, (place.x(*x) + 3.0, y + size * 0.6), Anchor::Start);
            }
            Mark::RuleAt { x } => {
                let (x, top, bottom) = (place.x(*x), place.top, place.top + place.frame.height);
                self.drawing.line("reference", &[(x, top), (x, bottom)], reference());
            }
            Mark::LevelAt { y } => {
                let (y, left, right) = (place.y(*y), place.left, place.left + place.frame.width);
                self.drawing.line("reference", &[(left, y), (right, y)], reference());
            }
        }
    }

    fn band(&mut self, points: &[(f64, f64, f64)], look: usize, place: &PanelPlace<'_>) {
        let edge = |side: fn(&(f64, f64, f64)) -> f64| -> Vec<(f64, f64)> {
            points.iter().filter_map(|point| place.point((point.0, place.kept(side(point))))).collect()
        };
        let mut outline = edge(|point| point.2);
        outline.extend(edge(|point| point.1).into_iter().rev());
        if outline.len() > 3 {
            self.drawing.path("band", polyline(&outline) + "Z", Paint::fill(Ink::Series(look), 0.13));
        }
    }

    fn dot(&mut self, class: &'static str, point: (f64, f64), style: Dot) {
        let paint = if style.hollow {
            Paint { fill: Some(Ink::Paper), width: 1.2, ..Paint::line(style.ink, 1.2) }
        } else {
            Paint::fill(style.ink, style.opacity)
        };
        self.drawing.path(class, marker_path(style.marker, point, style.radius), paint);
    }

    /// Draws the legend in as many columns as fit; gives the height at which it ends.
    fn legend(&mut self, entries: &[LegendEntry], top: f64) -> f64 {
        if entries.is_empty() {
            return top;
        }
        let room = self.drawing.width - 2.0 * MARGIN;
        let label_room = room - SAMPLE_WIDTH - 4.0;
        let lines: Vec<Vec<String>> =
            entries.iter().map(|entry| self.letters.lines(&entry.label, self.sizes.small, label_room)).collect();
        let widest = self.widest(lines.iter().flatten().map(String::as_str)) + SAMPLE_WIDTH + 4.0 + 6.0;
        let columns = ((room / widest) as usize).clamp(1, 4);
        let column_width = room / columns as f64;
        let mut y = top;
        for (entries, lines) in entries.chunks(columns).zip(lines.chunks(columns)) {
            for (column, (entry, lines)) in entries.iter().zip(lines).enumerate() {
                let left = MARGIN + column as f64 * column_width;
                self.sample(entry.sample, (left, y + self.sizes.leading / 2.0));
                for (index, line) in lines.iter().enumerate() {
                    let baseline = centred_baseline(y + self.sizes.leading * (index as f64 + 0.5), self.sizes.small);
                    self.put(TextRole::Legend, line, (left + SAMPLE_WIDTH + 4.0, baseline), Anchor::Start);
                }
            }
            y += lines.iter().map(Vec::len).max().unwrap_or(1) as f64 * self.sizes.leading + 1.0;
        }
        y + 2.0
    }

    fn sample(&mut self, sample: Sample, (x, y): (f64, f64)) {
        let (right, middle) = (x + SAMPLE_WIDTH, x + SAMPLE_WIDTH / 2.0);
        match sample {
            Sample::Line(look) => {
                let paint = Paint::line(Ink::Series(look), 1.3).dashed(dashes(look));
                self.drawing.line("sample", &[(x, y), (right, y)], paint);
            }
            Sample::Dot(style) => self.dot("sample", (middle, y), style),
            Sample::Bar { look, hollow } => {
                let room = (middle - 7.0, y - 3.0, middle + 7.0, y + 3.0);
                self.drawing.rectangle("sample", room, bar_paint(look, hollow));
            }
            Sample::Reference => self.drawing.line("sample", &[(x, y), (right, y)], reference()),
        }
    }
}

fn bar_paint(look: usize, hollow: bool) -> Paint {
    let ink = Ink::Series(look);
    if hollow { Paint { fill: Some(Ink::Paper), ..Paint::line(ink, 1.0) } } else { Paint::fill(ink, 1.0) }
}

fn reference() -> Paint {
    Paint::line(Ink::Reference, 0.9).dashed("2 2")
}

/// Where the numbers of a panel lie on the sheet.
struct PanelPlace<'a> {
    panel: &'a Panel,
    frame: &'a Frame,
    sizes: Sizes,
    left: f64,
    top: f64,
}

impl PanelPlace<'_> {
    fn x(&self, value: f64) -> f64 {
        self.left + self.panel.x.span.share(value) * self.frame.width
    }

    fn y(&self, value: f64) -> f64 {
        match &self.panel.y {
            Vertical::Numbers(numbers) => self.top + (1.0 - numbers.span.share(value)) * self.frame.height,
            Vertical::Names(_) => self.top + self.row(value),
        }
    }

    /// The height of a place between rows.
    fn row(&self, value: f64) -> f64 {
        let index = value.round().max(0.0) as usize;
        let middle = self.frame.rows.get(index).or(self.frame.rows.last()).copied().unwrap_or(0.0);
        let lines = self.frame.names.get(index).map_or(1, Vec::len) as f64;
        middle + (value - value.round()) * self.sizes.row(lines)
    }

    fn point(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = (self.x(x), self.y(y));
        let inside = (self.top - 0.5..=self.top + self.frame.height + 0.5).contains(&y);
        (x.is_finite() && inside).then_some((x, y))
    }

    /// A number of the upright axis, or the nearest that it has.
    fn kept(&self, value: f64) -> f64 {
        match &self.panel.y {
            Vertical::Numbers(numbers) => value.clamp(numbers.span.low, numbers.span.high),
            Vertical::Names(_) => value,
        }
    }

    /// The pieces of a line between its missing points.
    fn unbroken(&self, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        let mut pieces = vec![Vec::new()];
        for point in points {
            match (self.point(*point), pieces.last_mut()) {
                (Some(point), Some(piece)) => piece.push(point),
                _ => pieces.push(Vec::new()),
            }
        }
        pieces.retain(|piece| piece.len() > 1);
        pieces
    }
}
