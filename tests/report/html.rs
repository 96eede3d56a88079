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
    assert!(
        html.contains("[&quot;started_at&quot;,&quot;20") && html.contains("[&quot;rustc&quot;,"),
        "the circumstances of each run are there"
    );
    for part in ["What was asked", "Best settings", "Missing runs", "Commands", "Versions and machine"] {
        assert!(html.contains(part), "{part}");
    }
    for part in [
        "Tables",
        "Total compute",
        "Study file",
        "measure: final",
        "<li><span class=\"state runs\">runs</span> <b>4</b>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("aees sweep resume small") && html.contains("aees train cifar100 --set"), "{html}");
    assert_eq!(html.matches("<tr data-state=").count(), 4);
}

/// A Chromium on this machine.
pub(crate) fn chromium() -> Option<&'static str> {
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

/// A headline value that was changed is the first thing that a reader sees.
#[test]
fn a_contradiction_stands_above_everything() {
    let scratch = Scratch::new();
    scratch.train("one", &[]).ok();
    let mut result = scratch.json("one/result.json");
    result["best_val_accuracy"] = 0.99.into();
    fs::write(scratch.path("one/result.json"), result.to_string()).unwrap();
    scratch.run(["report", "html", "one", "--out", "page.html"]).ok();
    let html = fs::read_to_string(scratch.path("page.html")).unwrap();
    let alert = html.find("best_val_accuracy is 0.99 in the file, and").unwrap();
    assert!(alert < html.find("<section id=\"tables\">").unwrap());
    let tables = scratch.run(["report", "tables", "one"]);
    let warning = "> **Warning:** one/result.json: best_val_accuracy is 0.99 in the file";
    assert!(tables.stdout().contains(warning), "{}", tables.stdout());
}

const DETAILS: &str = r##"
const picked = (id, text) => [...document.querySelectorAll(id)].find((node) => node.textContent.includes(text));
const rooms = () => document.querySelectorAll("#opened .card").length;
const openers = [...document.querySelectorAll("button.open")];
const lines = document.querySelectorAll("#all-runs polyline.run").length;
openers[0].click();
const one = rooms();
openers[1].click();
const two = rooms();
const told = ["Settings", "Machine and program", "End of its log"].every((title) => picked("#opened summary", title));
// Two runs of other learning rates.
openers[2].click();
const three = rooms();
const differs = [...document.querySelectorAll("#opened dd.differs")].map((node) => node.previousElementSibling.textContent);
const chart = document.querySelector("#all-runs svg.chart");
const frame = chart.getBoundingClientRect();
chart.dispatchEvent(new PointerEvent("pointermove", { clientX: frame.left + frame.width / 2, clientY: frame.top + frame.height / 2 }));
const read = document.querySelector("#all-runs .readout").textContent;
const [show, across] = document.querySelectorAll("#all-runs select");
across.value = "time"; across.dispatchEvent(new Event("change"));
const timed = document.querySelector("#all-runs .title").textContent;
show.value = "train_loss"; show.dispatchEvent(new Event("change"));
const log = document.querySelector("#all-runs input[type=checkbox]");
log.click();
const logged = document.querySelectorAll("#all-runs polyline.run").length;
const legend = [...document.querySelectorAll("#all-runs .legend button")];
legend.forEach((button) => button.click());
const off = document.querySelectorAll("#all-runs polyline.run").length;
document.body.dataset.checked = JSON.stringify({ lines, one, two, three, told, differs: differs.includes("lr"), timed, logged, off,
  read: /val accuracy [0-9]+\.[0-9]{2} % at epoch [12]$/.test(read) });
"##;

#[test]
fn in_a_browser_runs_open_and_curves_can_be_read() {
    let Some(browser) = chromium() else {
        return require::skip(require::Component::Chromium, "there is no Chromium on this machine");
    };
    let scratch = Scratch::new();
    let (page, console) = opened(browser, &study_page(&scratch), DETAILS);
    let checked = page.split("data-checked=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("nothing");
    let expected = r#"{"lines":3,"one":1,"two":2,"three":2,"told":true,"differs":true,"timed":"Time (s)","logged":3,"off":0,"read":true}"#;
    assert_eq!(checked.replace("&quot;", "\""), expected, "{console}");
    assert!(!console.contains("CONSOLE"), "{console}");
}

#[test]
fn in_a_browser_it_sorts_filters_and_asks_for_nothing() {
    let Some(browser) = chromium() else {
        return require::skip(require::Component::Chromium, "there is no Chromium on this machine");
    };
    let scratch = Scratch::new();
    let (page, console) = opened(browser, &study_page(&scratch), CLICKS);
    assert!(page.contains("data-checked=\"sorted true, 3 numbers, 3 done, overflow false, title small\""), "{console}");
    assert!(!console.contains("CONSOLE"), "{console}");
}
