//! A picture of a figure: PNG, with the letters as outlines, so that no font of the machine matters.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::drawing::{Drawing, Letters};
use crate::error::ReportError;

/// Pixels in a point: 300 dots an inch, what print asks for.
const PIXELS_IN_POINT: f32 = 300.0 / 72.0;

/// The same for the file: 300 / 0.0254.
const PIXELS_IN_METRE: u32 = 11_811;

pub(super) fn png(drawing: &Drawing) -> Result<Vec<u8>, ReportError> {
    let error =
        |reason: String| ReportError::new(format!("{}: the picture cannot be drawn: {reason}", drawing.title), None);
    let svg = drawing.svg(Letters::Outlines);
    let tree = Tree::from_str(&svg, &Options::default()).map_err(|cause| error(cause.to_string()))?;
    let pixels = |points: f64| (points as f32 * PIXELS_IN_POINT).round() as u32;
    let (width, height) = (pixels(drawing.width), pixels(drawing.height));
    let mut pixmap = Pixmap::new(width, height)
        .ok_or_else(|| error(format!("{width} by {height} pixels do not fit into memory")))?;
    let size = tree.size();
    let scale = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    encoded(&pixmap).map_err(|cause| error(cause.to_string()))
}

/// The file, with the size of its pixels, so that it is printed as large as it was made for.
fn encoded(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: PIXELS_IN_METRE,
        yppu: PIXELS_IN_METRE,
        unit: png::Unit::Meter,
    }));
    encoder.add_text_chunk("Software".into(), "aees".into())?;
    // The ground is opaque, so that colours are as they were drawn.
    encoder.write_header()?.write_image_data(pixmap.data())?;
    Ok(bytes)
}
