//! The pages that people read: whole, linked, and true where a program can tell.
//!
//! After a change of settings, `AEES_UPDATE=1 cargo test --workspace --test main book` writes their page again for review.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aees_run::settings::{RunConfig, TaskName};
use serde_json::Value;

use crate::messages::same_as_reviewed;
use crate::program::{Run, Scratch};
use crate::text;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The names of the pages of the book.
fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.to_str().unwrap().to_owned()).filter(|name| name.ends_with(".md")).collect()
}

/// The blocks of a page in a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The text of a page without its code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// The anchors of a page: its headings in small letters, with `-` between words.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let plain = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(plain).collect()
}

#[test]
fn every_page_is_in_the_book_and_every_link_leads_somewhere() {
    let listed: BTreeSet<String> = links(&page("SUMMARY.md")).into_iter().chain(["SUMMARY.md".to_owned()]).collect();
    assert_eq!(listed, pages());
    let books = pages().into_iter().map(|name| PathBuf::from("docs").join(name));
    let top = ["README.md", "ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md"].map(PathBuf::from);
    for path in books.chain(top) {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let there = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            assert!(root().join(&there).exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let target = fs::read_to_string(root().join(&there)).unwrap();
                assert!(anchors(&target).contains(anchor), "{}: {link}", path.display());
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn the_tour_can_be_typed_as_it_stands() {
    let (tour, scratch) = (page("tour.md"), Scratch::new());
    fs::write(scratch.path("tour.yaml"), &blocks(&tour, "yaml")[0]).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_aees")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let typed = blocks(&tour, "sh").concat();
    let mut shell = std::process::Command::new("bash");
    shell.args(["-euc", &typed]).current_dir(scratch.path("")).env("PATH", path).env("RAYON_NUM_THREADS", "1");
    let run = Run(shell.output().unwrap()).ok();
    assert!(run.stdout().contains("tour/first/result.json"), "{}", run.stdout());
    assert!(scratch.path("tour.html").is_file());
}

/// The keys in the first column of the tables below a heading, or of all tables before the first section that is an object's.
fn documented(text: &str, section: Option<&str>) -> BTreeSet<String> {
    let own = |part: &&str| match section {
        Some(name) => part.starts_with(&format!("`{name}`")),
        None => !part.starts_with('`'),
    };
    let lines = text.split("\n## ").filter(own).flat_map(str::lines);
    lines.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

fn keys(results: &[Value], section: Option<&str>) -> BTreeSet<String> {
    let part = |result: &Value| section.map_or(result.clone(), |section| result[section].clone());
    results
        .iter()
        .filter_map(|result| part(result).as_object().cloned())
        .flat_map(|map| map.into_iter().map(|it| it.0))
        .collect()
}

#[test]
fn every_key_of_a_result_is_on_its_page() {
    let scratch = Scratch::new();
    let noisy = ["--label-noise-type", "symmetric", "--label-noise-rate", "0.2", "--val-split", "0.2"];
    let contextual = ["--control-mode", "adaptive", "--lr-candidates", "0.5,1", "--context-mode", "trend"];
    let probing = ["--reward", "probe", "--probe-examples", "16"];
    scratch.train("images", &[&noisy[..], &contextual, &probing].concat()).ok();
    scratch.train("open", &["--control-mode", "uniform-random", "--lr-candidates", "0.5,1,2"]).ok();
    scratch.train("plain", &[]).ok();
    text::train(&scratch, "sst2", "phrases", &["--method", "AdaptiveScheduler", "--lr-candidates", "0.5,1"]).ok();
    let results: Vec<Value> =
        ["images", "open", "plain", "phrases"].iter().map(|run| scratch.json(&format!("{run}/result.json"))).collect();
    let text = page("runresult.md");
    for section in [None, Some("episode_logs"), Some("runtime_metrics"), Some("hardware"), Some("circumstances")] {
        assert_eq!(documented(&text, section), keys(&results, section), "{section:?}");
    }
    let settings = RunConfig::settings().iter().map(|setting| setting.key.to_owned()).collect();
    let derived: BTreeSet<String> = keys(&results, Some("config")).difference(&settings).cloned().collect();
    let own = documented(&text, Some("config"));
    assert_eq!(own.difference(&settings).cloned().collect::<BTreeSet<_>>(), derived);
}

#[test]
fn the_page_of_settings_is_their_table() {
    let defaults = TaskName::ALL.map(RunConfig::new);
    let mut text = String::from(
        "# Settings\n\nEvery setting of a run. In files, in `--set` and in results it goes by its key; as a flag, `_` becomes `-`. Where tasks differ, the \
         defaults are those of `cifar100` / `sst2` / `agnews`. *Decides* says whether another value makes another run; paths do not, but what \
         lies there does.\n\n| key | default | decides | what it is |\n|---|---|---|---|\n",
    );
    for setting in RunConfig::settings() {
        let known = defaults.iter().filter(|config| setting.tasks.include(config.task));
        let mut values: Vec<String> = known
            .map(|config| match config.get(setting.key) {
                Some(value) if !setting.secret && !value.is_null() && value != "" => format!("`{value}`"),
                _ => "none".to_owned(),
            })
            .collect();
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            values.truncate(1);
        }
        let decides = if setting.role.decides_result() { "yes" } else { "no" };
        let choices = match setting.choices {
            [] => String::new(),
            words => {
                format!(" One of {}.", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
            }
        };
        let help = setting.help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let tasks = TaskName::ALL.into_iter().filter(|task| setting.tasks.include(*task)).map(TaskName::name);
        let tasks: Vec<&str> = tasks.collect();
        let only = if tasks.len() < 3 { format!(" Only {}.", tasks.join(" and ")) } else { String::new() };
        text += &format!("| `{}` | {} | {decides} | {help}{choices}{only} |\n", setting.key, values.join(" / "));
    }
    same_as_reviewed(&root().join("docs/settings.md"), &text);
}

#[test]
fn every_flag_of_the_runners_is_known() {
    let scratch = Scratch::new();
    let help = scratch.run(["train", "--help"]).ok().stdout();
    let flags: BTreeSet<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let text = page("migration.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `--"));
    let mut count = 0;
    for row in rows {
        let own = row.split("| `").nth(1).and_then(|cell| cell.split('`').next()).unwrap();
        assert!(flags.contains(own), "{own}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}
