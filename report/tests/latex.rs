//! Every kind of table as LaTeX, set by pdflatex in a text of 16 cm.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use aees_report::tables::{Table, TableFormat, TableOptions, build_all, general};
use aees_report::{ReportSource, ResultSet};

use crate::require;

/// Sets the tables, each on pages of its own, and gives the log.
fn set(tables: &[Table]) -> Option<String> {
    let version = Command::new("pdflatex").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        require::skip(require::Component::PdfLatex, "there is no pdflatex here");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from(
        "\\documentclass[10pt,a4paper]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{array,booktabs,longtable}\n\
         \\usepackage[textwidth=16cm,textheight=24cm]{geometry}\n\\begin{document}\n",
    );
    for table in tables {
        text += &format!("\\typeout{{TABLE {}}}\n{}\\clearpage\n", table.name, TableFormat::Latex.write(table));
    }
    fs::write(folder.path().join("tables.tex"), text + "\\end{document}\n").unwrap();
    let mut command = Command::new("pdflatex");
    command.args(["-interaction=nonstopmode", "-halt-on-error", "tables.tex"]).current_dir(folder.path());
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&fs::read(folder.path().join("tables.log")).unwrap()).into_owned();
    let tail: Vec<&str> = log.lines().rev().take(40).collect();
    assert!(output.status.success(), "{tail:#?}");
    if let Some(kept) = std::env::var_os("AEES_TABLES") {
        fs::copy(folder.path().join("tables.pdf"), Path::new(&kept).join("tables.pdf")).unwrap();
    }
    Some(log)
}

/// Set `AEES_TABLES` to a folder to look at the pages.
#[test]
fn every_kind_of_table_fits_the_text_and_the_page() {
    let Some(folder) = crate::thesis::archive() else { return };
    let mut runs = ResultSet::read(&[ReportSource::Folder(folder.path().to_owned())]).unwrap().runs;
    // A row that lacks a seed has commands and long names in its notes.
    runs.remove(3);
    let options = TableOptions::default();
    let mut tables = build_all(&runs, &options);
    let keys = ["task", "label_noise", "optimizer", "method"].map(str::to_owned);
    tables.extend(general(&runs, &keys, &["best", "final", "total_time"].map(str::to_owned), &options).unwrap());
    assert!(tables.len() > 30, "{}", tables.len());
    for table in &tables {
        let text = TableFormat::Latex.write(table);
        let body: String = text.lines().filter(|line| line.contains(" & ")).collect();
        assert!(!body.contains("\\_"), "{}: a raw identifier in {body}", table.name);
        let hyphen = (0..10).any(|digit| body.contains(&format!(" -{digit}")) || body.contains(&format!("[-{digit}")));
        assert!(!hyphen, "{}: a hyphen for a minus", table.name);
    }
    let Some(log) = set(&tables) else { return };
    let mut table = "";
    let mut wrong = Vec::new();
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("TABLE ") {
            table = name;
        }
        if line.starts_with("Overfull") || line.contains("Float too large") {
            wrong.push(format!("{table}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
