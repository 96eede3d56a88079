//! The page in Chromium: what it draws, how it follows, at two widths, light and dark.
//!
//! The page's policy lets no other script in, so a test's own comes as the end of the board's: a proxy between browser and board
//! appends it, and takes what it reports.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::support::{ServedBoard, episode, epoch};
use crate::report::html::chromium;
use crate::require;
use crate::runs::scratch::{Results, run_id};

/// Between a browser and a board.
struct Proxy {
    address: String,
    reports: Receiver<Value>,
}

impl Proxy {
    fn start(board: &str, script: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, reports) = channel();
        let board = board.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (board, sender) = (board.clone(), sender.clone());
                thread::spawn(move || drop(forward(stream, &board, script, &sender)));
            }
        });
        Self { address, reports }
    }

    fn report(&self) -> Value {
        self.reports.recv_timeout(Duration::from_secs(120)).expect("the page reports nothing")
    }
}

fn forward(mut browser: TcpStream, board: &str, script: &str, reports: &Sender<Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(browser.try_clone()?);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if let Some(report) = path.strip_prefix("/report?") {
        let bytes: Vec<u8> =
            (0..report.len() / 2).map(|at| u8::from_str_radix(&report[2 * at..2 * at + 2], 16).unwrap()).collect();
        let _ = reports.send(serde_json::from_slice(&bytes).unwrap());
        return browser.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
    if path == "/narrow" {
        // Half a phone's screen: no window is so narrow, but a frame is.
        let body = "<!doctype html><body style=\"margin:0\"><iframe src=\"/\" style=\"border:0;width:390px;height:844px\"></iframe>";
        return write!(
            browser,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let mut server = TcpStream::connect(board)?;
    server.write_all(head.as_bytes())?;
    if path.starts_with("/events") {
        std::io::copy(&mut server, &mut browser)?;
        return Ok(());
    }
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let body = if path == "/board.js" { format!("{body}\n{script}") } else { body.to_owned() };
    let head: Vec<&str> =
        head.lines().filter(|line| !line.starts_with("Content-Length") && !line.starts_with("X-Frame")).collect();
    let head = head.join("\r\n").replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    write!(browser, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A browser with a page open; it ends with the test.
struct Browser(Child);

impl Browser {
    fn open(name: &str, results: &Results, address: &str, more: &[&str]) -> Self {
        let log = fs::File::create(results.scratch.path("console.txt")).unwrap();
        let child = Command::new(name)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"])
            .args(["--remote-debugging-port=0", "--disable-background-networking", "--no-first-run"])
            .args(more)
            .arg(format!("--user-data-dir={}", results.scratch.path("profile").display()))
            .arg(format!("http://{address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What every test's script has.
macro_rules! script {
    ($body:expr) => {
        concat!(
            r##"
(async () => {
  const wait = async (holds) => { while (!holds()) await new Promise((go) => setTimeout(go, 20)); };
  const hex = (text) => [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const report = (told) => fetch(`report?${hex(JSON.stringify(told))}`);
  const rows = () => [...document.querySelectorAll("#runs tbody tr:not(.space)")];
  const choose = (id, value) => {
    const field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const frame = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  try {
"##,
            $body,
            r##"
  } catch (error) { report({ error: String(error) }); }
})();
"##
        )
    };
}

fn study(runs: u64, done: u64) -> Results {
    let mut results = Results::with_study("noise", runs);
    for number in 0..done {
        results.finish(number, 0.5 + number as f64 / 1000.0);
        let lines: String = (1..=30)
            .map(|at| epoch(at, 0.5 + at as f64 / 100.0) + &episode(at, ["lr0.5", "lr2"][at as usize % 2]))
            .collect();
        fs::write(results.folder(number).join("metrics.jsonl"), lines).unwrap();
    }
    results
}

const LOOKED_AT: &str = script!(
    r##"
    await wait(() => rows().length === 6);
    await wait(() => rows().some((row) => row.cells[8].querySelector("svg")));
    const finished = rows().find((row) => row.dataset.state === "done");
    finished.querySelector("button.open").click();
    await wait(() => document.querySelector("#opened .card .arms") && document.querySelector("#opened svg.chart polyline"));
    document.getElementById("chart").scrollIntoView();
    await wait(() => document.querySelector("#all-curves polyline.run"));
    document.querySelectorAll("#runs thead button")[7].click();
    await frame();
    const bests = rows().map((row) => row.cells[7].textContent).filter((text) => text !== "–");
    choose("state", "done");
    await frame();
    const done = rows().length;
    choose("state", "");
    choose("find", "bandit no-such-word");
    await frame();
    const none = rows().length;
    choose("find", "");
    await frame();
    const focused = rows().find((row) => row.dataset.state === "done").querySelector("button.open");
    focused.focus();
    const page = document.documentElement;
    report({
      refused, bests, done, none,
      connection: document.getElementById("connection").textContent,
      study: document.querySelector(".study h3").textContent,
      lines: document.querySelectorAll("#all-curves polyline.run").length,
      scale: document.querySelector("#all-curves svg.chart text").textContent,
      summaries: [...document.querySelectorAll("#opened summary")].map((node) => node.textContent),
      overflow: page.scrollWidth > page.clientWidth,
      width: innerWidth,
      paper: getComputedStyle(document.body).backgroundColor,
      line: getComputedStyle(document.querySelector("#all-curves polyline.run")).stroke,
      first: Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1),
    });
    // What comes later: told by the test when it is there.
    const seen = rows()[0];
    await wait(() => rows().some((row) => row.dataset.state === "running"));
    const running = rows().find((row) => row.dataset.state === "running");
    report({
      running: running.cells[5].textContent, same: document.contains(seen), focus: document.activeElement === focused,
      open: document.querySelectorAll("#opened .card").length,
    });
"##
);

fn looked_at(more: &[&str], path: &str) -> Option<(Value, Value)> {
    let Some(name) = chromium() else {
        require::skip(require::Component::Chromium, "there is no Chromium on this machine");
        return None;
    };
    let mut results = study(6, 3);
    let board = ServedBoard::start(&results.scratch, &[]);
    board.wait_for_run("the curves", |run| run["best"] == 0.8);
    let proxy = Proxy::start(&board.address, LOOKED_AT);
    let _browser = Browser::open(name, &results, &format!("{}{path}", proxy.address), more);
    let first = proxy.report();
    assert_eq!(first["error"], Value::Null, "{first}");
    let _claim = results.start(5);
    fs::write(results.folder(5).join("metrics.jsonl"), epoch(1, 0.1)).unwrap();
    let then = proxy.report();
    let console = fs::read_to_string(results.scratch.path("console.txt")).unwrap();
    assert!(!console.contains("CONSOLE"), "{console}");
    Some((first, then))
}

fn check(first: &Value, then: &Value) {
    assert_eq!(first["refused"], serde_json::json!([]), "{first}");
    assert_eq!((&first["connection"], &first["study"]), (&"live".into(), &"noise".into()), "{first}");
    assert_eq!((&first["lines"], &first["done"], &first["none"]), (&3.into(), &3.into(), &0.into()), "{first}");
    assert!(first["scale"].as_str().is_some_and(|tick| tick.ends_with(" %")), "accuracies are percent: {first}");
    assert_eq!(first["bests"], serde_json::json!(["80.00 %", "80.00 %", "80.00 %"]), "{first}");
    assert_eq!(first["overflow"], false, "the page itself does not scroll sideways: {first}");
    assert!(first["summaries"].as_array().unwrap().contains(&"Settings".into()), "{first}");
    assert_eq!((&then["same"], &then["focus"], &then["open"]), (&true.into(), &true.into(), &1.into()), "{then}");
}

#[test]
fn on_a_desk_in_the_light_a_study_is_followed_and_asks_for_nothing_elsewhere() {
    let light = ["--window-size=1280,900", "--blink-settings=preferredColorScheme=1"];
    let Some((first, then)) = looked_at(&light, "/") else { return };
    check(&first, &then);
    assert_eq!((&first["paper"], &first["width"]), (&"rgb(255, 255, 255)".into(), &1280.into()), "{first}");
}

#[test]
fn on_a_phone_in_the_dark_too() {
    let dark = ["--window-size=800,900", "--blink-settings=preferredColorScheme=0"];
    let Some((first, then)) = looked_at(&dark, "/narrow") else { return };
    check(&first, &then);
    assert_eq!((&first["paper"], &first["width"]), (&"rgb(20, 23, 26)".into(), &390.into()), "{first}");
}

const MANY: &str = script!(
    r##"
    await wait(() => rows().length > 5);
    const few = rows().length;
    const scroller = document.getElementById("scroller");
    const height = scroller.scrollHeight;
    scroller.scrollTop = height;
    await frame(); await frame();
    const end = rows().at(-1).cells[1].textContent;
    await wait(() => document.getElementById("found").textContent === "1000 of 1000 runs");
    report({ few, end, after: rows().length, tall: height > 30000, refused });
"##
);

/// Of a browser that stands open: one that has just been started is busy with itself.
const FIRST_PAINT: &str = script!(
    r##"
    await wait(() => rows().length > 5);
    if (!sessionStorage.getItem("open")) {
      sessionStorage.setItem("open", "yes");
      setTimeout(() => location.reload(), 2000);
      return;
    }
    // It is told some time after the frame was shown.
    const first = await new Promise((told) => {
      setTimeout(() => told(-1), 5000);
      new PerformanceObserver((list) => list.getEntriesByName("first-contentful-paint").forEach((entry) => told(entry.startTime)))
        .observe({ type: "paint", buffered: true });
    });
    report({ first: Math.round(first), table: Math.round(performance.getEntriesByName("drawn")[0]?.startTime ?? -1) });
"##
);

fn many(script: &'static str) -> Option<Value> {
    let Some(name) = chromium() else {
        require::skip(require::Component::Chromium, "there is no Chromium on this machine");
        return None;
    };
    let results = study(1_000, 40);
    let board = ServedBoard::start(&results.scratch, &[]);
    board.wait_for_run("the curves", |run| run["id"] == run_id(39).short() && run["best"] == 0.8);
    let proxy = Proxy::start(&board.address, script);
    let _browser = Browser::open(name, &results, &proxy.address, &["--window-size=1280,900"]);
    let told = proxy.report();
    assert_eq!(told["error"], Value::Null, "{told}");
    Some(told)
}

#[test]
fn a_thousand_runs_are_scrolled_through_with_a_screen_of_rows() {
    let Some(told) = many(MANY) else { return };
    assert!(told["few"].as_u64() < Some(40) && told["after"].as_u64() < Some(40), "{told}");
    assert_eq!((&told["end"], &told["tall"]), (&"#999".into(), &true.into()), "{told}");
}

/// Timed, so alone on a machine: `cargo test --test main first_paint -- --ignored --nocapture`.
#[test]
#[ignore = "a time under the load of other tests means nothing"]
fn first_paint_of_a_thousand_runs_takes_less_than_200_ms() {
    let Some(told) = many(FIRST_PAINT) else { return };
    let milliseconds = told["first"].as_i64().unwrap();
    println!(
        "first contentful paint of 1,000 runs after {milliseconds} ms, with the table's rows after {} ms",
        told["table"]
    );
    assert!((0..200).contains(&milliseconds), "{told}");
}
