//! A picture of a figure: PNG, with the letters as outlines, so that no font of the machine matters.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::DrawnFigure;
use super::drawing::{Drawing, Letters};
use crate::error::ReportError;

/// Pixels in a point: 300 dots an inch, what print asks for.
const PIXELS_IN_POINT: f32 = 300.0 / 72.0;

/// The same for the file: 300 / 0.0254.
const PIXELS_IN_METRE: u32 = 11_811;

impl DrawnFigure {
    /// The same as PNG, 300 dots an inch at the width that was asked for, which the file says.
    ///
    /// # Errors
    /// A picture that does not fit into memory.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let title = &self.drawing.title;
        let error = |reason| ReportError::new(format!("{title}: the picture cannot be drawn: {reason}"), None);
        png(&self.drawing).map_err(error)
    }
}

fn png(drawing: &Drawing) -> Result<Vec<u8>, String> {
    let svg = drawing.svg(Letters::Outlines);
    let tree = Tree::from_str(&svg, &Options::default()).map_err(|cause| cause.to_string())?;
    let pixels = |points: f64| (points as f32 * PIXELS_IN_POINT).round() as u32;
    let (width, height) = (pixels(drawing.width), pixels(drawing.height));
    let mut pixmap =
        Pixmap::new(width, height).ok_or_else(|| format!("{width} by {height} pixels do not fit into memory"))?;
    let size = tree.size();
    let scale = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    encoded(&pixmap).map_err(|cause| cause.to_string())
}

/// The file, with the size of its pixels, so that it is printed as large as it was made for.
fn encoded(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let (xppu, yppu, unit) = (PIXELS_IN_METRE, PIXELS_IN_METRE, png::Unit::Meter);
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu, yppu, unit }));
    encoder.add_text_chunk("Software".into(), "aees".into())?;
    // The ground is opaque, so that colours are as they were drawn.
    encoder.write_header()?.write_image_data(pixmap.data())?;
    Ok(bytes)
}
