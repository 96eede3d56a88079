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

/// The page of the fixtures' archive.
fn of_archive() -> Page {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive");
    let sources = [crate::ReportSource::Folder(folder)];
    let found = crate::ResultSet::read(&sources).unwrap();
    Page::of(found, &PageQuestion { sources: &sources, registry: None, flags: "", metric: None, group_by: &[] })
        .unwrap()
}

fn data(html: &str) -> serde_json::Value {
    let text = html.split("<pre id=\"data\" hidden>").nth(1).unwrap().split("</pre>").next().unwrap();
    let plain = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'");
    serde_json::from_str(&plain.replace("&amp;", "&")).unwrap()
}

#[test]
fn every_run_opens_to_its_curves_settings_and_machine() {
    let page = of_archive();
    let html = page.html();
    let data = data(&html);
    let runs = data["runs"].as_array().unwrap();
    assert_eq!((runs.len(), html.matches("class=\"open\"").count()), (page.rows.len(), page.rows.len()));
    for run in runs {
        let epochs = run["epochs"].as_array().unwrap().len();
        assert!(run["curves"]["val_accuracy"].as_array().unwrap().len() == epochs && epochs > 1, "{run}");
        assert!(run["seconds"].as_array().unwrap().len() == epochs && run["steps"].as_f64().unwrap() > 0.0, "{run}");
        assert!(
            run["settings"].as_array().unwrap().iter().any(|pair| pair[0] == "lr") || data["common"]["lr"].is_string()
        );
        assert!(data["series"][run["series"].as_u64().unwrap() as usize]["label"].is_string(), "{run}");
    }
    assert!(data["machines"].to_string().contains("NVIDIA GeForce RTX 5090"), "{}", data["machines"]);
}

#[test]
fn tables_and_paired_comparisons_are_on_the_page() {
    let page = of_archive();
    let html = page.html();
    for table in &page.tables {
        assert!(html.contains(&format!("<caption>{}</caption>", escaped(&table.title))), "{}", table.title);
    }
    assert!(html.contains("p (Holm)"), "{:?}", page.tables.iter().map(|table| &table.name).collect::<Vec<_>>());
}

#[test]
fn states_add_up() {
    let mut page = of_archive();
    let sum = |page: &Page| page.counts[1..].iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!((page.counts[0].clone(), sum(&page)), (("runs".to_owned(), 46), 46));
    // A diverged run is one of them, not one more.
    let folder = tempfile::tempdir().unwrap();
    for (seed, losses) in [(0, "[3.0, 2.0]"), (1, "[3.0, NaN]")] {
        let text = format!(
            "{{\"method_name\": \"Baseline\", \"task_name\": \"cifar100\", \"seed\": {seed}, \"total_steps\": 20, \
             \"train_losses\": {losses}, \"val_accuracies\": [0.1, 0.2], \"config\": {{\"lr\": 0.001}}}}"
        );
        std::fs::write(folder.path().join(format!("{seed}.json")), text).unwrap();
    }
    let sources = [crate::ReportSource::Folder(folder.path().into())];
    let found = crate::ResultSet::read(&sources).unwrap();
    page = Page::of(found, &PageQuestion { sources: &sources, registry: None, flags: "", metric: None, group_by: &[] })
        .unwrap();
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(page.counts, [named("runs", 2), named("done", 1), named("diverged", 1)]);
}

/// A page of many long runs holds fewer points of each, its first and last among them.
#[test]
fn long_curves_are_thinned() {
    let long = RunDetail {
        curves: vec![("val_accuracy".into(), (0..20_000).map(|epoch| f64::from(epoch) / 20_000.0).collect())],
        seconds: vec![1.0; 20_000],
        steps_per_epoch: 10.0,
        ..RunDetail::default()
    };
    let html = Page { details: vec![long; 20], ..Page::default() }.html();
    let data = data(&html);
    let epochs: Vec<u64> = serde_json::from_value(data["runs"][0]["epochs"].clone()).unwrap();
    assert_eq!((epochs[0], *epochs.last().unwrap()), (1, 20_000));
    assert!((1_000..=3_000).contains(&epochs.len()), "{}", epochs.len());
    assert_eq!(data["runs"][0]["seconds"][epochs.len() - 1], 20_000.0);
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
}
