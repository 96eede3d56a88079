//! `AGENTS.md`, followed literally: its blocks are run one after the other, its commands are read as command lines.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::Scratch;
use crate::require;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("AGENTS.md")).unwrap()
}

/// A folder of a `PATH` in which this program is `aees`.
fn with_program(scratch: &Scratch) -> String {
    let folder = scratch.path("bin");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_aees"), folder.join("aees")).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn its_blocks_do_what_they_say() {
    let scratch = Scratch::new();
    let path = with_program(&scratch);
    let page = page();
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(blocks.len() >= 6);
    for block in blocks {
        let mut shell = Command::new("sh");
        shell.args(["-euc", block]).current_dir(scratch.path("")).env("PATH", &path).env("RAYON_NUM_THREADS", "1");
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{block}\n{said}");
    }
    let history = scratch.text("results/loops/night/history.jsonl");
    let verdict = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["source"].clone();
    let sources: Vec<_> = history.lines().take(4).map(verdict).collect();
    assert_eq!(sources, [serde_json::Value::Null, "next_proposal".into(), "next_proposal".into(), "built_in".into()]);
    assert!(scratch.text("night.html").contains("What was tried"));
    assert!(scratch.text("asked.json").contains("\"incumbent\""));
}

#[test]
fn its_commands_are_commands() {
    let scratch = Scratch::new();
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `aees "));
    let commands: Vec<&str> = rows.map(|(_, command)| command).collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        // What cannot be read is told before help is given.
        let run = scratch.run(command.split_whitespace().chain(["--help"]));
        assert_eq!(run.code(), Some(0), "{command}: {}", run.stderr());
        let without = scratch.run(command.split_whitespace().chain(["--no-such-flag", "--help"]));
        assert_eq!(without.code(), Some(1), "{command}");
    }
}

/// What the schema for agents says is what the program prints.
#[test]
fn the_schema_in_the_repository_is_the_programs() {
    let scratch = Scratch::new();
    let printed = scratch.run(["loop", "schema"]).ok().stdout();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/loops/proposal.schema.json");
    if std::env::var_os("AEES_UPDATE").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), printed, "AEES_UPDATE=1 writes it");
}

/// The file in `docs/loop.md` and the one of the real night can be planned.
#[test]
fn documented_loops_are_loops() {
    let scratch = Scratch::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/loop.md")).unwrap();
    let text = page.split("```yaml\n").nth(1).unwrap().split_once("```").unwrap().0;
    fs::write(scratch.path("night.yaml"), text).unwrap();
    scratch.run(["loop", "start", "night.yaml", "--only", "setup", "--no-background"]).ok();
    let proposal = page.split("```json\n").nth(1).unwrap().split_once("```").unwrap().0;
    fs::write(scratch.path("proposal.json"), proposal).unwrap();
    scratch.run(["loop", "propose", "night", "proposal.json"]).ok();
    let file = root.join("configs/loops/sst2-night.yaml");
    let run = scratch.run(["loop", "start", file.to_str().unwrap(), "--max-hours", "-1"]);
    assert!(run.stderr().contains("--max-hours"), "{}", run.stderr());
    // The documented program, with the documented answer.
    if Command::new("python3").arg("--version").output().is_err() {
        return require::skip(
            require::Component::Python,
            "there is no python3 here, which the documented program is written in",
        );
    }
    let program = page.split("```sh\n").nth(2).unwrap().split_once("```").unwrap().0;
    fs::write(scratch.path("half.sh"), program).unwrap();
    let mut shell = Command::new("sh");
    shell.arg("half.sh").current_dir(scratch.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let input = br#"{"incumbent": {"settings": {"lr": 0.5}}}"#;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("\"lr\": 0.25"), "{said}");
}
