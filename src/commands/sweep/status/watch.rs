//! `--watch`: the same picture again and again, in place on a terminal and as blocks elsewhere.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{standings, text};
use crate::failure::Failure;
use crate::stdout::{self, takes_colours};
use aees_run::times::moment;
use aees_studies::registry::{Reader, RunState};
use aees_studies::standing::StudyStanding;

/// Most running runs of a study in a picture that must fit a screen.
const MOST_RUNNING: usize = 16;

/// Between two runs there is none for a moment; when none came for so long, nobody is at work.
const IDLE: Duration = Duration::from_secs(10);

/// Shows studies until they are over or nobody works on them.
pub(super) fn watch(reader: &Reader, names: &[&str], every: Option<f64>, flags: &str) -> Result<ExitCode, Failure> {
    let on_terminal = std::io::stdout().is_terminal();
    let usual = if on_terminal { 1.0 } else { 5.0 };
    let pause = Duration::try_from_secs_f64(every.unwrap_or(usual).max(0.05))
        .map_err(|error| Failure::new(format!("--every: {error}")))?;
    let mut screen = on_terminal.then(Screen::new);
    let mut idle_since: Option<Instant> = None;
    loop {
        let studies = standings(reader, names)?;
        let waits = |study: &StudyStanding| study.status.counts.get(RunState::Deferred) > 0;
        let idle = !studies.iter().any(|study| study.live() > 0 || waits(study));
        let since = *idle_since.get_or_insert_with(Instant::now);
        idle_since = idle.then_some(since);
        let left: u64 = studies.iter().map(|study| study.status.remaining()).sum();
        let over = left == 0 || (idle && since.elapsed() >= IDLE);
        match &mut screen {
            Some(screen) if !over => {
                screen.show(text(&studies, flags, takes_colours(&std::io::stdout()), MOST_RUNNING))
            }
            Some(_) => {
                // The last picture stays.
                screen = None;
                stdout::line(text(&studies, flags, takes_colours(&std::io::stdout()), usize::MAX));
            }
            None => {
                let text = text(&studies, flags, false, MOST_RUNNING);
                stdout::line(format!("{} UTC\n{text}", moment(reader.now())));
            }
        }
        if over {
            if left > 0 {
                let study = studies.iter().map(|study| &study.status).find(|status| status.remaining() > 0);
                let study = study.map_or("STUDY", |status| &status.name);
                eprintln!("nothing is running, and {left} runs are left; go on with: aees sweep resume {study}{flags}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        sleep(pause);
    }
}

/// A picture on the terminal that is drawn over.
struct Screen(ProgressBar);

impl Screen {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, picture: String) {
        self.0.set_message(picture);
        self.0.tick();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
