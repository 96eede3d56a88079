//! The board's page: a frame that its script fills, the state as it is when the page is asked for, and the figures of a report.

use serde_json::json;

use crate::figures::{FigureOptions, all_looks, for_study};
use crate::html::figure_section;
use crate::markup::escaped;
use crate::record::RunRecord;

/// The styles: those of the report's page and a few of the board's own.
pub const BOARD_STYLE: &str = concat!(include_str!("../html/style.css"), include_str!("board.css"));

/// The script: the chart and the cards of the report's page, and what follows the board.
pub const BOARD_SCRIPT: &str = concat!(
    include_str!("../html/theme.js"),
    include_str!("../html/chart.js"),
    include_str!("../html/cards.js"),
    include_str!("board.js"),
);

/// The page. `state` is what it shows first, as JSON.
pub fn board_page(title: &str, state: &str) -> String {
    let title = escaped(title);
    let frame = include_str!("board.html");
    let series = json!({"series": {}, "looks": all_looks(), "machines": [], "common": {}, "runs": []});
    let (before, after) = frame.split_once("<!--state-->").unwrap_or((frame, ""));
    let before = before.replace("<!--title-->", &title);
    format!(
        "{before}<pre id=\"data\" hidden>{}</pre>\n<pre id=\"state-data\" hidden>{}</pre>\n{after}",
        escaped(&series.to_string()),
        escaped(state)
    )
}

/// The figures that there is data for, as a piece of a page.
pub fn board_figures(runs: &[RunRecord]) -> String {
    figure_section(&for_study(runs, &FigureOptions::default()))
}
