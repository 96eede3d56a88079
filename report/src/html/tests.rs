//! The page as text: everything is on it, nothing on it runs or calls home, and it stays small.

use serde_json::json;

use super::*;
use crate::best::{Question, best};
use crate::fixtures::{curve, record, with};

const EVIL: &str = "<script>alert('x')</script>\" onload=\"alert(1)";

fn synthetic(runs: usize) -> Page {
    let records: Vec<RunRecord> = (0..runs)
        .map(|index| {
            let values: Vec<f64> = (0..200).map(|epoch| 0.7 - 0.5 / (1.0 + epoch as f64 + index as f64)).collect();
            curve(with(record("cifar100", index as i64 % 5), json!({"lr": 0.001 * (index / 5 + 1) as f64})), &values)
        })
        .collect();
    let rows = records.iter().enumerate().map(|(index, run)| PageRow {
        index: Some(index as u64),
        name: format!("{index:016x}"),
        axes: vec![run.lr.to_string(), "AdamW".into()],
        seed: run.seed.to_string(),
        state: "done".into(),
        outcome: "ok".into(),
        best: Some(0.7),
        last: run.final_val_accuracy,
        peak: Some(200),
        seconds: Some(12.5),
        curve: run.val_accuracies.clone(),
        ..PageRow::default()
    });
    Page {
        title: "synthetic".into(),
        metric: "val_accuracy".into(),
        axes: vec!["lr".into(), "optimizer".into()],
        rows: rows.collect(),
        best: best(&records, &Question::default()).ok(),
        ..Page::default()
    }
}

#[test]
fn text_from_files_is_never_markup() {
    let remark = Remark { what: EVIL.into(), reason: EVIL.into(), command: EVIL.into() };
    let mut page = synthetic(3);
    page.title = EVIL.into();
    page.asked = vec![(EVIL.into(), EVIL.into())];
    page.counts = vec![(EVIL.into(), 1)];
    page.axes = vec![EVIL.into(), EVIL.into()];
    page.metric = EVIL.into();
    for row in &mut page.rows {
        (row.name, row.seed, row.state, row.outcome) = (EVIL.into(), EVIL.into(), EVIL.into(), EVIL.into());
        (row.case, row.axes) = (Some(EVIL.into()), vec![EVIL.into(); 2]);
    }
    (page.failures, page.missing, page.diverged) = (vec![remark.clone()], vec![remark.clone()], vec![remark]);
    page.warnings = vec![EVIL.into()];
    page.skipped = vec![SkippedFile { path: EVIL.into(), reason: EVIL.into(), damaged: true }];
    page.commands = vec![(EVIL.into(), EVIL.into())];
    page.provenance = vec![(EVIL.into(), vec![EVIL.into()])];
    page.footer = EVIL.into();
    page.figures = vec![NamedFigure {
        name: EVIL.into(),
        title: EVIL.into(),
        svg: format!("<svg>{EVIL}</svg>"),
        csv: EVIL.into(),
    }];
    let html = page.html();
    assert_eq!(html.matches("<script").count(), 1, "only the page's own script");
    assert!(!html.contains("\" onload"), "no attribute is broken out of");
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
}

#[test]
fn the_page_names_no_place_outside_itself() {
    let mut page = synthetic(3);
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width='5'/></svg>".to_owned();
    page.figures = vec![NamedFigure { name: "a".into(), title: "A".into(), svg, csv: "x,y\n1,2\n".into() }];
    let html = page.html();
    for word in ["src=\"http", "href=\"http", "@import", "url(", "<link rel=\"stylesheet\"", "fetch("] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("href=\"data:text/csv;charset=utf-8,x,y%0A1,2%0A\""), "{html}");
    assert!(html.contains("src=\"data:image/svg+xml;charset=utf-8,%3Csvg"));
}

#[test]
fn two_hundred_runs_are_a_small_page_made_at_once() {
    let mut page = synthetic(200);
    let svg = "x".repeat(500_000);
    page.figures = (0..8)
        .map(|index| NamedFigure {
            name: format!("figure-{index}"),
            title: format!("Figure {index}"),
            svg: svg.clone(),
            csv: "y".repeat(300_000),
        })
        .collect();
    let html = page.html();
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    assert!(html.contains("Left out, as the page would grow too large"), "what does not fit is named");
    assert_eq!(html.matches("<tr data-state=").count(), 200);
}

#[test]
fn a_page_without_anything_is_a_page() {
    let html = Page { title: "empty".into(), ..Page::default() }.html();
    assert!(html.contains("<h1>empty</h1>") && html.contains("no figure"));
}
