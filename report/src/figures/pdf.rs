//! A figure as PDF: one page of the size that it was made for, lines as lines and text as text, in the font that measured it.
//!
//! LaTeX takes it with `\includegraphics{NAME.pdf}`, without a scale. The font is embedded whole: it is a subset already. Nothing
//! in the file depends on the day or the machine.

use pdf_writer::types::{CidFontType, FontFlags, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use svgtypes::{SimplePathSegment, SimplifyingPathParser};

use super::DrawnFigure;
use super::drawing::{Drawing, Paint, Shape, Text};
use super::lettering::{FONT, Lettering};
use super::palette::Ink;
use crate::error::ReportError;

/// The tag before the name says that it is a part of that font.
const FONT_NAME: &[u8] = b"AEESFG+DejaVuSansCondensed";
/// What the page calls its font.
const FONT_KEY: Name<'static> = Name(b"F");
const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// PDF measures fonts in thousandths of their size.
const FONT_UNITS: f64 = 1000.0;
/// Level of compression; more takes longer and gains nothing here.
const LEVEL: u8 = 6;

/// The objects of the file, by number.
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const PAGE: i32 = 3;
const CONTENT: i32 = 4;
const FONT_ID: i32 = 5;
const CID_FONT: i32 = 6;
const DESCRIPTOR: i32 = 7;
const FONT_FILE: i32 = 8;
const UNICODE: i32 = 9;
const INFORMATION: i32 = 10;

impl DrawnFigure {
    /// The same as PDF, a page of the width that was asked for.
    ///
    /// # Errors
    /// A path that cannot be written.
    pub fn pdf(&self) -> Result<Vec<u8>, ReportError> {
        let page = pdf(&self.drawing);
        page.map_err(|reason| ReportError::new(format!("{}: no PDF: {reason}", self.drawing.title), None))
    }
}

fn pdf(drawing: &Drawing) -> Result<Vec<u8>, String> {
    let lettering = Lettering::new();
    let page = PdfPage::of(drawing, &lettering)?;
    let mut pdf = Pdf::new();
    // Before everything else: who wrote the file is told by its beginning.
    pdf.document_info(Ref::new(INFORMATION)).title(TextStr(&drawing.title)).creator(TextStr("aees"));
    pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES));
    pdf.pages(Ref::new(PAGES)).kids([Ref::new(PAGE)]).count(1);
    let mut written = pdf.page(Ref::new(PAGE));
    written.media_box(Rect::new(0.0, 0.0, drawing.width as f32, drawing.height as f32));
    written.parent(Ref::new(PAGES)).contents(Ref::new(CONTENT));
    let mut resources = written.resources();
    resources.fonts().pair(FONT_KEY, Ref::new(FONT_ID));
    let mut states = resources.ext_g_states();
    for (index, opacity) in page.opacities.iter().enumerate() {
        let mut state =
            states.insert(Name(state_name(index).as_bytes())).start::<pdf_writer::writers::ExtGraphicsState<'_>>();
        state.non_stroking_alpha(*opacity as f32).stroking_alpha(*opacity as f32);
    }
    states.finish();
    resources.finish();
    written.finish();
    let stream = deflated(&page.content.finish());
    pdf.stream(Ref::new(CONTENT), &stream).filter(Filter::FlateDecode);
    font(&mut pdf, &lettering);
    Ok(pdf.finish())
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, LEVEL)
}

fn state_name(index: usize) -> String {
    format!("O{index}")
}

/// The font with its widths, and which glyph is which letter, so that text can be searched and copied.
fn font(pdf: &mut Pdf, lettering: &Lettering) {
    let mut composite = pdf.type0_font(Ref::new(FONT_ID));
    composite.base_font(Name(FONT_NAME)).encoding_predefined(Name(b"Identity-H"));
    composite.descendant_font(Ref::new(CID_FONT)).to_unicode(Ref::new(UNICODE));
    composite.finish();
    let mut descendant = pdf.cid_font(Ref::new(CID_FONT));
    descendant.subtype(CidFontType::Type2).base_font(Name(FONT_NAME)).system_info(SYSTEM);
    descendant.font_descriptor(Ref::new(DESCRIPTOR)).default_width(0.0);
    descendant.cid_to_gid_map_predefined(Name(b"Identity"));
    let advances = lettering.advances().into_iter().map(|advance| (advance * FONT_UNITS) as f32);
    descendant.widths().consecutive(0, advances);
    descendant.finish();
    let measures = lettering.measures().map(|share| (share * FONT_UNITS) as f32);
    let [left, bottom, right, top, ascent, descent, capitals] = measures;
    let mut descriptor = pdf.font_descriptor(Ref::new(DESCRIPTOR));
    descriptor.name(Name(FONT_NAME)).flags(FontFlags::NON_SYMBOLIC).bbox(Rect::new(left, bottom, right, top));
    descriptor.italic_angle(0.0).ascent(ascent).descent(descent).cap_height(capitals).stem_v(80.0);
    descriptor.font_file2(Ref::new(FONT_FILE));
    descriptor.finish();
    let stream = deflated(FONT);
    let mut file = pdf.stream(Ref::new(FONT_FILE), &stream);
    file.filter(Filter::FlateDecode).pair(Name(b"Length1"), i32::try_from(FONT.len()).unwrap_or(i32::MAX));
    file.finish();
    let mut letters = UnicodeCmap::new(Name(b"letters"), SYSTEM);
    lettering.letters().into_iter().for_each(|(glyph, letter)| letters.pair(glyph, letter));
    let stream = deflated(&letters.finish());
    pdf.cmap(Ref::new(UNICODE), &stream).filter(Filter::FlateDecode);
}

/// What is drawn. PDF's y goes up; the first transformation turns it.
struct PdfPage<'a> {
    drawing: &'a Drawing,
    lettering: &'a Lettering,
    content: Content,
    /// The opacities that were met, each a state of its own.
    opacities: Vec<f64>,
}

impl<'a> PdfPage<'a> {
    fn of(drawing: &'a Drawing, lettering: &'a Lettering) -> Result<Self, String> {
        let mut page = Self { drawing, lettering, content: Content::new(), opacities: Vec::new() };
        page.fill(Ink::Paper);
        page.content.rect(0.0, 0.0, drawing.width as f32, drawing.height as f32).fill_nonzero();
        page.content.transform([1.0, 0.0, 0.0, -1.0, 0.0, drawing.height as f32]);
        for shape in &drawing.shapes {
            page.content.save_state();
            match shape {
                Shape::Path { data, paint, .. } => page.path(data, *paint)?,
                Shape::Text(text) => page.text(text),
            }
            page.content.restore_state();
        }
        Ok(page)
    }

    fn fill(&mut self, ink: Ink) {
        let [red, green, blue] = rgb(self.drawing.theme.colour(ink));
        self.content.set_fill_rgb(red, green, blue);
    }

    fn path(&mut self, data: &str, paint: Paint) -> Result<(), String> {
        if paint.opacity < 1.0 {
            self.see_through(paint.opacity);
        }
        if let Some(ink) = paint.fill {
            self.fill(ink);
        }
        if let Some(ink) = paint.stroke {
            let [red, green, blue] = rgb(self.drawing.theme.colour(ink));
            self.content.set_stroke_rgb(red, green, blue);
            self.content.set_line_width(paint.width as f32).set_line_join(LineJoinStyle::RoundJoin);
            let dashes = paint.dashes.split_whitespace().filter_map(|length| length.parse::<f32>().ok());
            self.content.set_dash_pattern(dashes, 0.0);
        }
        self.outline(data)?;
        match (paint.fill, paint.stroke) {
            (Some(_), Some(_)) => self.content.fill_nonzero_and_stroke(),
            (Some(_), None) => self.content.fill_nonzero(),
            (None, _) => self.content.stroke(),
        };
        Ok(())
    }

    fn outline(&mut self, data: &str) -> Result<(), String> {
        for segment in SimplifyingPathParser::from(data) {
            match segment.map_err(|error| error.to_string())? {
                SimplePathSegment::MoveTo { x, y } => self.content.move_to(x as f32, y as f32),
                SimplePathSegment::LineTo { x, y } => self.content.line_to(x as f32, y as f32),
                SimplePathSegment::CurveTo { x1, y1, x2, y2, x, y } => {
                    self.content.cubic_to(x1 as f32, y1 as f32, x2 as f32, y2 as f32, x as f32, y as f32)
                }
                // Lines and arcs are all that is drawn, and letters are no paths here.
                SimplePathSegment::Quadratic { .. } => return Err("a quadratic curve".into()),
                SimplePathSegment::ClosePath => self.content.close_path(),
            };
        }
        Ok(())
    }

    fn see_through(&mut self, opacity: f64) {
        let index = self.opacities.iter().position(|known| *known == opacity).unwrap_or_else(|| {
            self.opacities.push(opacity);
            self.opacities.len() - 1
        });
        self.content.set_parameters(Name(state_name(index).as_bytes()));
    }

    fn text(&mut self, text: &Text) {
        let width = self.lettering.width(&text.text, text.size);
        let back = width * text.anchor.share();
        // The page is upside down, so letters are turned once more.
        let matrix = match text.turned {
            false => [1.0, 0.0, 0.0, -1.0, (text.x - back) as f32, text.y as f32],
            true => [0.0, -1.0, -1.0, 0.0, text.x as f32, (text.y + back) as f32],
        };
        self.fill(Ink::Text);
        self.content.begin_text().set_font(FONT_KEY, text.size as f32).set_text_matrix(matrix);
        let glyphs: Vec<u8> = self.lettering.glyphs(&text.text).into_iter().flat_map(u16::to_be_bytes).collect();
        self.content.show(Str(&glyphs)).end_text();
    }
}

/// `#1a2b3c` as shares of red, green and blue.
fn rgb(colour: &str) -> [f32; 3] {
    let number = u32::from_str_radix(colour.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, red, green, blue] = number.to_be_bytes();
    [red, green, blue].map(|part| f32::from(part) / 255.0)
}
