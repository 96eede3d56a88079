//! A whole archive in the reference's folders: every table beside an independent computation by the names of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use aees_report::figures::{FigureKind, FigureOptions, draw};
use aees_report::tables::{Table, TableFormat, TableOptions, build_all};
use aees_report::{ReportSource, ResultSet};
use serde_json::Value;
use tempfile::TempDir;

use crate::require;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/thesis")
}

/// Runs one of the scripts with a Python.
fn script(python: &Path, name: &str, arguments: &[&Path]) {
    let status = Command::new(python).arg(fixtures().join(name)).args(arguments).status().unwrap();
    assert!(status.success(), "{name}");
}

/// The archive, made anew.
pub(crate) fn archive() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    script(&require::python(&["json"])?, "make.py", &[folder.path()]);
    Some(folder)
}

fn read(folder: &Path) -> ResultSet {
    ResultSet::read(&[ReportSource::Folder(folder.to_owned())]).unwrap()
}

fn expected() -> BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>> {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join("expected.json")).unwrap()).unwrap()
}

/// The rows of a table as its CSV has them: by section and name, and of comparisons by quantity, the numbers by column.
fn rows(table: &Table) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = TableFormat::Csv.write(table);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let sectioned = !table.section_key.is_empty();
    let names = if table.is_of_comparisons() { 2 } else { 1 };
    let first = usize::from(sectioned);
    let row = |record: csv::StringRecord| {
        let mut key = if sectioned { record[0].to_owned() } else { String::new() };
        (first..first + names).for_each(|at| key += &format!("|{}", &record[at]));
        (key, header.iter().cloned().zip(record.iter().map(str::to_owned)).collect())
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[track_caller]
fn same(place: &str, ours: Option<&String>, theirs: &Value) {
    let ours: f64 = ours.unwrap_or_else(|| panic!("{place} is not there")).parse().unwrap();
    let theirs = theirs.as_f64().unwrap();
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-6), "{place}: {ours} is not {theirs}");
}

/// What stands in a table beside the rows that the reference's scripts make: those under a schedule, and the others' notes.
const WITH_MORE_ROWS: [&str; 2] = ["cifar_fixed_multipliers", "cifar_fixed_multipliers_paired"];

#[test]
fn an_archive_of_everything_gives_the_thesis_tables() {
    let Some(folder) = archive() else { return };
    let set = read(folder.path());
    assert!(set.skipped.is_empty(), "{:?}", set.skipped);
    let tables = build_all(&set.runs, &TableOptions::default());
    let ours: BTreeMap<&str, &Table> = tables.iter().map(|table| (table.name.as_str(), table)).collect();
    let mut cells = 0;
    for (name, expected) in expected() {
        let table = ours.get(name.as_str()).unwrap_or_else(|| panic!("no table {name} among {:?}", ours.keys()));
        let rows = rows(table);
        let (have, want): (BTreeSet<&String>, BTreeSet<&String>) = (rows.keys().collect(), expected.keys().collect());
        if WITH_MORE_ROWS.contains(&name.as_str()) {
            assert!(have.is_superset(&want), "{name}: {have:#?} lacks some of {want:#?}");
        } else {
            assert_eq!(have, want, "{name}");
        }
        for (key, numbers) in expected {
            let shown = |column: &str| table.columns.iter().any(|shown| shown.key == column);
            for (column, value) in numbers.into_iter().filter(|(column, _)| column != "peak_epoch" || shown(column)) {
                let place = format!("{name}, {key}, {column}");
                if let Value::Array(pair) = &value {
                    same(&place, rows[&key].get(&format!("{column}_mean")), &pair[0]);
                    same(&place, rows[&key].get(&format!("{column}_std")), &pair[1]);
                } else {
                    same(&place, rows[&key].get(&column), &value);
                }
                cells += 1;
            }
        }
    }
    assert!(cells > 700, "only {cells} cells were compared");
}

#[test]
fn the_expected_numbers_are_scipys() {
    let Some(python) = require::python(&["numpy", "scipy"]) else { return };
    let Some(folder) = archive() else { return };
    let out = folder.path().join("expected.json");
    script(&python, "expected.py", &[folder.path(), &out]);
    let again: Value = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    fn close(place: &str, one: &Value, other: &Value) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                assert_eq!(one.keys().collect::<BTreeSet<_>>(), other.keys().collect(), "{place}");
                one.iter().for_each(|(key, value)| close(&format!("{place}/{key}"), value, &other[key]));
            }
            (Value::Array(one), Value::Array(other)) => {
                one.iter().zip(other).for_each(|(one, other)| close(place, one, other));
            }
            (one, other) => same(place, Some(&one.to_string()), other),
        }
    }
    close("", &again, &serde_json::to_value(expected()).unwrap());
}

/// The conditions of figures, by the figure's name.
fn conditions(set: &ResultSet) -> BTreeMap<String, BTreeSet<String>> {
    let kinds = vec![FigureKind::Curves, FigureKind::PeakFinal, FigureKind::Overhead, FigureKind::Diagnostics];
    let drawn = draw(&set.runs, &FigureOptions { kinds, ..FigureOptions::default() });
    let of = |csv: &str| -> BTreeSet<String> {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        reader.records().map(|record| record.unwrap()[3].to_owned()).collect()
    };
    drawn.figures.iter().map(|figure| (figure.named.name.clone(), of(&figure.named.csv))).collect()
}

#[test]
fn a_method_has_one_name_in_tables_and_figures() {
    let Some(folder) = archive() else { return };
    let set = read(folder.path());
    let tables = build_all(&set.runs, &TableOptions::default());
    let rows: BTreeSet<&str> = tables.iter().flat_map(Table::row_names).collect();
    let figures = conditions(&set);
    for (name, conditions) in &figures {
        let ablation = ["-penalty", "-context", "-rate"].iter().any(|part| name.ends_with(part));
        let known = |condition: &&String| rows.contains(condition.as_str());
        assert!(ablation || conditions.iter().all(|condition| known(&condition)), "{name}: {conditions:?} of {rows:?}");
    }
    // Ablations stand in figures of their own, beside the method that they vary.
    let of = |name: &str| figures[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        of("curves-cifar100-asym20"),
        ["AEES", "AEES + cosine", "Baseline", "Baseline + cosine"],
        "{:?}",
        figures.keys()
    );
    assert_eq!(of("curves-cifar100-clean-penalty"), ["AEES", "AEES, penalty 0.1"]);
    assert_eq!(of("curves-cifar100-clean-context"), ["AEES", "AEES, context trend"]);
    assert_eq!(of("peak-final-cifar100-sym40-rate")[..2], ["Baseline", "Baseline, lr 0.0005"]);
}
