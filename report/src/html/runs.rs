//! The table of runs. Cells that are sorted as numbers carry the number.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Page, PageRow};
use crate::markup::escaped;
use crate::number::{Scale, heights};

/// The most points of a small curve: more than its pixels show nothing.
const POINTS: usize = 48;

/// Filter and table.
pub(super) fn section(page: &Page) -> String {
    let states: BTreeSet<&str> = page.rows.iter().map(|row| row.state.as_str()).collect();
    let options: String = states.iter().map(|state| format!("<option>{}</option>", escaped(state))).collect();
    let mut text = format!(
        "<form class=\"filter\" id=\"filter\" role=\"search\" hidden><label>Find <input type=\"search\" id=\"find\" \
         placeholder=\"words of any column\"></label> <label>State <select id=\"state\"><option value=\"\">all</option>\
         {options}</select></label> <output id=\"found\" aria-live=\"polite\"></output></form>\n\
         <div class=\"wide\" role=\"region\" aria-label=\"Runs\" tabindex=\"0\">\n<table id=\"runs\"><thead><tr>"
    );
    let (indexed, cases) =
        (page.rows.iter().any(|row| row.index.is_some()), page.rows.iter().any(|row| row.case.is_some()));
    let metric = escaped(&page.metric);
    let mut head: Vec<(String, bool)> = Vec::new();
    head.extend(indexed.then(|| ("#".into(), true)));
    head.push(("run".into(), false));
    head.extend(cases.then(|| ("case".into(), false)));
    head.extend(page.axes.iter().map(|axis| (escaped(axis), is_number(page, axis))));
    let rest = ["seed", "state", "best", "final", "peak epoch", "curve", "seconds", "outcome"];
    head.extend(rest.map(|name| (name.to_owned(), !matches!(name, "state" | "curve" | "outcome"))));
    for (name, number) in &head {
        let class = if *number { " class=\"n\"" } else { "" };
        let title = match name.as_str() {
            "best" => format!(" title=\"best {metric}\""),
            "final" => format!(" title=\"{metric} of the last epoch\""),
            _ => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = if name == "curve" {
            write!(text, "<th scope=\"col\"{class} title=\"{metric} over the epochs\">{name}</th>")
        } else {
            write!(text, "<th scope=\"col\"{class}{title}><button type=\"button\">{name}</button></th>")
        };
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for run in &page.rows {
        row(&mut text, page, run, indexed, cases);
    }
    text.push_str("</tbody></table></div>\n<div id=\"opened\" hidden></div>\n");
    text
}

/// Whether all values of an axis are numbers.
fn is_number(page: &Page, axis: &str) -> bool {
    let column = page.axes.iter().position(|name| name == axis).unwrap_or_default();
    let mut values = page.rows.iter().filter_map(|row| row.axes.get(column)).filter(|value| !value.is_empty());
    values.all(|value| value.parse::<f64>().is_ok())
}

fn row(text: &mut String, page: &Page, row: &PageRow, indexed: bool, cases: bool) {
    let plain = |text: &mut String, value: &str| {
        let _ = write!(text, "<td>{}</td>", escaped(value));
    };
    let numeric = |text: &mut String, shown: &str, key: &str| {
        let _ = write!(text, "<td class=\"n\" data-key=\"{}\">{}</td>", escaped(key), escaped(shown));
    };
    let _ = write!(text, "<tr data-state=\"{}\">", escaped(&row.state));
    if indexed {
        let index = row.index.map(|index| index.to_string()).unwrap_or_default();
        numeric(text, &index, &index);
    }
    let name = escaped(&row.name);
    let _ = match row.detail {
        Some(detail) => write!(
            text,
            "<th scope=\"row\"><button type=\"button\" class=\"open\" data-detail=\"{detail}\" aria-expanded=\"false\">\
             <code>{name}</code></button></th>"
        ),
        None => write!(text, "<th scope=\"row\"><code>{name}</code></th>"),
    };
    if cases {
        plain(text, row.case.as_deref().unwrap_or_default());
    }
    for (axis, text_of) in page.axes.iter().zip(&row.axes) {
        if is_number(page, axis) { numeric(text, text_of, text_of) } else { plain(text, text_of) }
    }
    numeric(text, &row.seed, &row.seed);
    let state = escaped(&row.state);
    let _ = write!(text, "<td><span class=\"state {state}\">{state}</span></td>");
    numeric(text, &value(&page.metric, row.best), &sort_key(row.best));
    numeric(text, &value(&page.metric, row.last), &sort_key(row.last));
    let peak = row.peak.map(|epoch| epoch.to_string());
    numeric(text, peak.as_deref().unwrap_or("–"), peak.as_deref().unwrap_or_default());
    let _ = write!(text, "<td>{}</td>", curve(&row.curve));
    let seconds = row.seconds.map_or_else(|| "–".into(), |seconds| format!("{seconds:.1}"));
    numeric(text, &seconds, &sort_key(row.seconds));
    let class = if row.state == "diverged" { " class=\"outcome bad\"" } else { " class=\"outcome\"" };
    let _ = writeln!(text, "<td{class}>{}</td></tr>", escaped(&row.outcome));
}

/// The value of a metric for a cell; a dash where there is none.
fn value(metric: &str, value: Option<f64>) -> String {
    let finite = value.filter(|value| value.is_finite());
    finite.map_or_else(|| "–".into(), |value| Scale::of(metric, value).shown(value))
}

/// A number to sort by; nothing where there is none.
pub(super) fn sort_key(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

/// A small curve, each from its own least to its own greatest value.
fn curve(values: &[f64]) -> String {
    let heights = heights(values.iter().copied(), POINTS, 1.0);
    if heights.is_empty() {
        return String::new();
    }
    let across = |index: usize| 1.0 + 78.0 * index as f64 / (heights.len() - 1) as f64;
    let points = heights.iter().enumerate();
    let points = points.map(|(index, height)| format!("{:.0},{:.1}", across(index), 17.0 - 16.0 * height));
    let points = points.collect::<Vec<_>>().join(" ");
    format!("<svg class=\"curve\" viewBox=\"0 0 80 18\" aria-hidden=\"true\"><polyline points=\"{points}\"/></svg>")
}
