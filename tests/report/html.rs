//! `aees report html`: the page of a study, as text and in Chromium where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::Scratch;
use crate::require;

const STUDY: &str = "aees: 1
task: cifar100
note: <script>document.title = 'broken'</script> & what else?
base: {data: synthetic, model_width: 2, limit_train: 60, limit_eval: 20, batch_size: 20, epochs: 2}
sweep:
  lr: [0.01, 0.001]
seeds: 2
metric: {name: val_accuracy, goal: max, measure: final}
";

fn study_page(scratch: &Scratch) -> PathBuf {
    fs::write(scratch.path("small.yaml"), STUDY).unwrap();
    // One of the runs is left out, so that something is missing.
    scratch.run(["sweep", "run", "small.yaml", "--limit-runs", "3"]);
    scratch.run(["report", "html", "small", "--out", "page.html"]).ok();
    scratch.path("page.html")
}

#[test]
fn a_study_is_told_whole_and_safely() {
    let scratch = Scratch::new();
    let html = fs::read_to_string(study_page(&scratch)).unwrap();
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("&lt;script&gt;document.title"), "the note is text");
    for part in ["What was asked", "Best settings", "Missing runs", "Commands", "Versions and machine"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("aees sweep resume small") && html.contains("aees train cifar100 --set"), "{html}");
    assert_eq!(html.matches("<tr data-state=").count(), 4);
}

/// A Chromium on this machine.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let starts = |name: &&str| {
        let mut version = Command::new(name);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    };
    names.into_iter().find(starts)
}

/// Opens a page with another script after its own that clicks through it, and gives the page as it then is, and what was
/// written to the console.
fn opened(browser: &str, page: &Path, check: &str) -> (String, String) {
    let html = fs::read_to_string(page).unwrap();
    // Whatever the page asks for beside itself is refused, and the refusal is an error on the console.
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
                  script-src 'unsafe-inline'; img-src data:\">";
    let html = html.replacen("<head>", &format!("<head>{policy}"), 1);
    let path = page.with_file_name("checked.html");
    fs::write(&path, html.replace("</body>", &format!("<script>{check}</script></body>"))).unwrap();
    let profile = page.with_file_name("profile");
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"])
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

const CLICKS: &str = r##"
const rows = () => [...document.querySelectorAll("#runs tbody tr")];
const head = [...document.querySelectorAll("#runs thead button")].find((button) => button.textContent === "final");
head.click(); head.click();
const column = head.closest("th").cellIndex;
const keys = rows().map((row) => row.cells[column].dataset.key).filter(Boolean).map(Number);
const sorted = keys.every((key, index) => index === 0 || keys[index - 1] >= key);
const state = document.getElementById("state");
state.value = "done"; state.dispatchEvent(new Event("input", { bubbles: true }));
const shown = rows().filter((row) => !row.hidden).length;
const overflow = document.documentElement.scrollWidth > document.documentElement.clientWidth;
document.getElementById("theme").click();
document.body.dataset.checked = `sorted ${sorted}, ${keys.length} numbers, ${shown} done, overflow ${overflow}, title ${document.title}`;
"##;

#[test]
fn in_a_browser_it_sorts_filters_and_asks_for_nothing() {
    let Some(browser) = chromium() else {
        return require::skip("chromium", "there is no Chromium on this machine");
    };
    let scratch = Scratch::new();
    let (page, console) = opened(browser, &study_page(&scratch), CLICKS);
    assert!(page.contains("data-checked=\"sorted true, 3 numbers, 3 done, overflow false, title small\""), "{console}");
    assert!(!console.contains("CONSOLE"), "{console}");
}
