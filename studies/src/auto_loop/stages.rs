//! What each stage of an iteration does. Each can be done again: what a stage did before a kill it finds, and does not do twice.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aees_run::artifact::{FileError, if_there};
use aees_run::input;
use serde_json::{Value, json};

use super::candidate::LoopCandidate;
use super::decision::{Estimate, Look, NoisePool};
use super::error::LoopError;
use super::external::{ProposerQuestion, ask};
use super::iteration::{IterationRecord, LoopStage, LoopVerdict, OpenIteration, ProposalSource};
use super::machine::{AutoLoop, LoopEvent, LoopHalt, StageEnd, StageStop};
use super::proposal::{LARGEST_PROPOSAL, Proposal, ProposalStatus};
use super::proposer;
use super::state::{Incumbent, LoopStatus};
use super::training::{CANDIDATE, INCUMBENT, config_of};
use crate::disk::write_json;
use crate::registry::{Audit, Registry, RunId, RunState, system_clock};

/// Failure classes that another try can help against.
const PASSING: [&str; 5] = ["io", "oom", "signal", "rate_limit", "walltime"];

/// The newest iterations that a program hears of; the whole history is in its file.
const RECENT: usize = 100;

impl AutoLoop<'_> {
    /// Finds a proposal: in a file that was named, in the one that a person wrote, by a program, or by the built-in proposer.
    pub(super) fn propose(&mut self, current: &mut OpenIteration) -> Result<StageEnd, StageStop> {
        let found = match self.consumed(current)? {
            Some((source, path)) => {
                let text = bounded_text(&path).map_err(|error| error.to_string());
                Some((source, text.and_then(|text| Proposal::parse(&text))))
            }
            None => match self.block.command.clone() {
                Some(words) => Some((ProposalSource::Command, self.ask_program(&words, current)?)),
                None => proposer::propose(&self.study, &self.block, &self.history.records, current.number)
                    .map(|proposal| (ProposalSource::BuiltIn, Ok(proposal))),
            },
        };
        let Some((source, proposal)) = found else {
            return Ok(StageEnd::Rest(if self.study.space().is_empty() {
                let path = self.folder.next_proposal();
                LoopStatus::NeedInput(format!(
                    "nothing proposes: the loop has neither ranges nor a command; write {}",
                    path.display()
                ))
            } else {
                LoopStatus::Exhausted
            }));
        };
        current.source = Some(source);
        match proposal {
            Ok(proposal) if proposal.status == ProposalStatus::NeedInput => {
                current.asked += 1;
                return Ok(StageEnd::Rest(LoopStatus::NeedInput(proposal.description)));
            }
            Ok(proposal) => {
                let iteration = current.number;
                (self.tell)(LoopEvent::Proposed { iteration, source, proposal: &proposal });
                current.proposal = proposal;
            }
            Err(reason) => {
                current.proposer_failed = source == ProposalSource::Command;
                current.end(LoopVerdict::Rejected, reason);
            }
        }
        let folder = self.folder.iteration(current.number);
        fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        write_json(&folder.join("proposal.json"), &current.proposal)?;
        Ok(StageEnd::Done)
    }

    /// The proposal of a file, which is moved to where it is kept: once moved, it is this iteration's.
    fn consumed(&self, current: &OpenIteration) -> Result<Option<(ProposalSource, PathBuf)>, LoopError> {
        let waiting = [
            (ProposalSource::ProposalFile, self.folder.queued_proposal()),
            (ProposalSource::NextProposal, self.folder.next_proposal()),
        ];
        let kept = |source: ProposalSource| self.folder.consumed(current.number, current.asked, source.name());
        for (source, _) in &waiting {
            let kept = kept(*source);
            if kept.try_exists().map_err(FileError::at("read", &kept))? {
                return Ok(Some((*source, kept)));
            }
        }
        for (source, path) in waiting {
            if !path.try_exists().map_err(FileError::at("read", &path))? {
                continue;
            }
            let kept = kept(source);
            if let Some(folder) = kept.parent() {
                fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
            }
            // Somebody may take it back.
            if if_there(fs::rename(&path, &kept)).map_err(FileError::at("move", &path))?.is_some() {
                return Ok(Some((source, kept)));
            }
        }
        Ok(None)
    }

    fn ask_program(
        &mut self,
        words: &[String],
        current: &OpenIteration,
    ) -> Result<Result<Proposal, String>, StageStop> {
        let again = if current.asked > 0 { format!("-{}", current.asked) } else { String::new() };
        let folder = self.folder.iteration(current.number).join(format!("proposer{again}"));
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let input = self.question(current)?;
        let question = ProposerQuestion { words, limit: self.block.command_timeout, folder, input: &input };
        let trainer = &*self.trainer;
        let answer = ask(&question, &|| trainer.halt().is_some())?;
        answer.ok_or_else(|| StageStop::Halted(self.trainer.halt().unwrap_or(LoopHalt::Interrupted)))
    }

    /// What a program is told.
    fn question(&self, current: &OpenIteration) -> Result<Value, LoopError> {
        let incumbent = &self.state.incumbent;
        let records = &self.history.records;
        let recent = &records[records.len().saturating_sub(RECENT)..];
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(json!({
            "loop": self.folder.name(),
            "iteration": current.number,
            "task": self.study.task.name(),
            "metric": {
                "name": self.metric.name, "goal": self.metric.goal.name(), "measure": self.metric.measure.to_string(),
            },
            "budget": {"iterations_left": self.state.remaining, "seconds_left": self.trainer.seconds_left()},
            "incumbent": {
                "iteration": incumbent.iteration, "mean": incumbent.mean, "patch": incumbent.patch,
                "settings": self.settings(&incumbent.patch)?.to_map(),
            },
            "ranges": self.study.ranges(),
            "fixed": self.block.fixed,
            "noise": {"pool": self.state.pool, "seeds": self.block.seeds, "retest": self.block.retest},
            "history": recent.iter().map(brief).collect::<Vec<_>>(),
            "history_file": absolute(&self.folder.history()),
        }))
    }

    /// Puts the patch over its parent and checks what comes out.
    pub(super) fn apply(&mut self, current: &mut OpenIteration) -> Result<StageEnd, LoopError> {
        match LoopCandidate::of(&self.study, &self.state.incumbent.patch, &self.history.records, &current.proposal) {
            Ok(candidate) => (current.patch, current.point) = (candidate.patch, candidate.point),
            Err(reason) => current.end(LoopVerdict::Rejected, reason),
        }
        Ok(StageEnd::Done)
    }

    /// Gives the candidate its identity. One that was tried before is not tried again.
    pub(super) fn commit(&mut self, current: &mut OpenIteration) -> Result<StageEnd, LoopError> {
        let seed = self.state.block.as_ref().map_or(self.state.next_seed, |block| block.first);
        let (name, incumbent) = (self.folder.study(current.number), self.state.incumbent.patch.clone());
        let plan = self.plan(&name, &[(INCUMBENT, &incumbent), (CANDIDATE, &current.patch)], &[seed])?;
        // What is equal to the incumbent is no member of its own.
        let config = config_of(&plan, CANDIDATE).unwrap_or_else(|| self.state.incumbent.config_id.clone());
        let known = self.history.records.iter().find(|record| {
            record.config_id == config && !matches!(record.verdict, LoopVerdict::Duplicate | LoopVerdict::Rejected)
        });
        if let Some(known) = known {
            let mean = known.mean.map(|mean| format!(", {} {mean}", self.metric.name)).unwrap_or_default();
            let was =
                if known.iteration == 0 { "the start".to_owned() } else { format!("iteration {}", known.iteration) };
            current.end(LoopVerdict::Duplicate, format!("the same settings as {was} ({}{mean})", known.verdict.name()));
        }
        current.config_id = config;
        Ok(StageEnd::Done)
    }

    /// Trains candidate and incumbent on one seed after the other, as long as the decision is open.
    pub(super) fn train(&mut self, current: &mut OpenIteration) -> Result<StageEnd, StageStop> {
        self.ready_block(current.number)?;
        loop {
            if !current.seeds.is_empty() {
                self.train_pairs(current)?;
            }
            if current.pairs.iter().any(|pair| pair.candidate.is_none()) {
                return Ok(StageEnd::Done);
            }
            let Look::More(more) = self.rule.look(self.state.pool, &self.differences(&current.pairs)) else {
                return Ok(StageEnd::Done);
            };
            let (used, first) = (current.seeds.len(), self.state.block.as_ref().map_or(0, |block| block.first));
            if used + more > self.most_seeds() {
                return Ok(StageEnd::Done);
            }
            current.seeds.extend((first..).skip(used).take(more));
            // Before anything of it runs: a process that goes on must want the same seeds.
            self.state.current = Some(current.clone());
            self.save()?;
        }
    }

    /// What is to be done about runs that gave nothing: try them again where that can help, else give the candidate up.
    pub(super) fn triage(&mut self, current: &mut OpenIteration) -> Result<StageEnd, LoopError> {
        let without: Vec<&String> =
            current.pairs.iter().filter(|pair| pair.candidate.is_none()).map(|pair| &pair.candidate_run).collect();
        if without.is_empty() {
            return Ok(StageEnd::Done);
        }
        let rows = self.rows(&self.folder.study(current.number))?;
        let rows: Vec<_> = rows.into_iter().filter(|row| without.iter().any(|id| *id == row.run_id.full())).collect();
        let passes = |class: &Option<String>| class.as_deref().is_some_and(|class| PASSING.contains(&class));
        let failed: Vec<RunId> = rows
            .iter()
            .filter(|row| row.state == RunState::Failed && passes(&row.class))
            .map(|row| row.run_id.clone())
            .collect();
        if current.fixes < self.block.max_fixes && !failed.is_empty() && failed.len() == rows.len() {
            let audit = Audit { actor: "loop", reason: "triage: the failure may pass" };
            Registry::open(&self.places.registry)?.retry(&failed, &audit)?;
            current.fixes += 1;
            current.next = LoopStage::Train;
            return Ok(StageEnd::Done);
        }
        let diverged = rows.iter().all(|row| row.state == RunState::Done && row.outcome.is_some());
        let endings: Vec<String> = rows.iter().map(|row| format!("seed {}: {}", row.seed, self.ending(row))).collect();
        let diverged = diverged && endings.iter().all(|ending| ending.ends_with("diverged"));
        let verdict = if diverged { LoopVerdict::Diverged } else { LoopVerdict::Crash };
        current.end(verdict, endings.join("; "));
        Ok(StageEnd::Done)
    }

    /// Takes the numbers of all runs from their results.
    pub(super) fn record(&mut self, current: &mut OpenIteration) -> Result<StageEnd, LoopError> {
        if !current.pairs.is_empty() {
            self.measure(&mut current.pairs);
            current.memory_bytes = self.memory(&current.pairs)?;
            let rows = self.rows(&self.folder.study(current.number))?;
            let runs: Vec<RunId> =
                current.pairs.iter().filter_map(|pair| RunId::from_str(&pair.candidate_run).ok()).collect();
            let own = rows.iter().filter(|row| runs.contains(&row.run_id));
            current.seconds = own.map(|row| row.wall_ms as f64 / 1e3).sum();
        }
        Ok(StageEnd::Done)
    }

    /// Decides, and closes the iteration.
    pub(super) fn decide(&mut self, current: OpenIteration) -> Result<(), LoopError> {
        let differences = self.differences(&current.pairs);
        let look = self.rule.look(self.state.pool, &differences);
        let estimate = (!differences.is_empty()).then(|| self.rule.estimate(self.state.pool, &differences));
        let (verdict, reason) = match (&current.ended, &estimate) {
            (Some((verdict, reason)), _) => (*verdict, reason.clone()),
            (None, None) => (LoopVerdict::Inconclusive, "no seed has a number of both".into()),
            (None, Some(estimate)) => judged(look, estimate, differences.len()),
        };
        let values: Vec<f64> = current.pairs.iter().filter_map(|pair| pair.candidate).collect();
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let record = IterationRecord {
            iteration: current.number,
            verdict,
            reason,
            source: current.source,
            proposal: current.proposal,
            patch: current.patch,
            config_id: current.config_id,
            point: current.point,
            incumbent: self.state.incumbent.iteration,
            pairs: current.pairs,
            // What diverged on one seed is no better for the others.
            mean: mean.filter(|_| !matches!(verdict, LoopVerdict::Diverged | LoopVerdict::Crash)),
            estimate,
            memory_bytes: current.memory_bytes,
            seconds: current.seconds,
            proposer_failed: current.proposer_failed,
            at: system_clock(),
        };
        let state = &mut self.state;
        state.iterations = record.iteration;
        state.remaining = state.remaining.map(|remaining| remaining.saturating_sub(1));
        state.since_keep += 1;
        state.proposer_failures = if record.proposer_failed { state.proposer_failures + 1 } else { 0 };
        state.current = None;
        if !record.pairs.is_empty()
            && let Some(block) = &mut state.block
        {
            block.candidates += 1;
        }
        match verdict {
            LoopVerdict::Keep => {
                let (iteration, patch) = (record.iteration, record.patch.clone());
                state.incumbent = Incumbent { iteration, patch, config_id: record.config_id.clone(), mean };
                // Other settings have other noise, and the seeds on which it won are not those to be judged by.
                (state.block, state.pool) = (None, NoisePool::default());
                (state.kept, state.since_keep) = (state.kept + 1, 0);
            }
            // What is clearly worse is far away: its noise is not that around the incumbent.
            LoopVerdict::Discard | LoopVerdict::Inconclusive if look != Look::Hopeless => {
                state.pool = state.pool.with_differences(&differences);
            }
            _ => {}
        }
        self.close(record)
    }
}

fn judged(look: Look, estimate: &Estimate, seeds: usize) -> (LoopVerdict, String) {
    let Estimate { difference, threshold, .. } = estimate;
    let threshold = threshold.map_or_else(|| "an unknown threshold".to_owned(), |threshold| format!("{threshold:.6}"));
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    match look {
        Look::Keep => (LoopVerdict::Keep, format!("{difference:+.6} on {seeds} reaches {threshold}")),
        Look::Hopeless => (LoopVerdict::Discard, format!("{difference:+.6} on {seeds} is clearly worse")),
        Look::NoBetter => (LoopVerdict::Discard, format!("{difference:+.6} on {seeds} is no better")),
        // Seeds were lost, and no more could be had.
        Look::Inconclusive | Look::More(_) => (
            LoopVerdict::Inconclusive,
            format!("{difference:+.6} on {seeds} does not reach {threshold}: noise can be as good"),
        ),
    }
}

/// An iteration, as a program that proposes hears of it.
fn brief(record: &IterationRecord) -> Value {
    json!({
        "iteration": record.iteration, "verdict": record.verdict.name(), "reason": record.reason,
        "description": record.proposal.description, "hypothesis": record.proposal.hypothesis,
        "patch": record.patch, "mean": record.mean, "difference": record.estimate.map(|estimate| estimate.difference),
        "threshold": record.estimate.and_then(|estimate| estimate.threshold), "seeds": record.pairs.len(),
    })
}

/// The text of a proposal, as far as one is read.
pub fn bounded_text(path: &Path) -> Result<String, FileError> {
    let mut bytes = Vec::new();
    let read = input::open(path).and_then(|file| file.take(LARGEST_PROPOSAL + 1).read_to_end(&mut bytes));
    read.map_err(FileError::at("read", path))?;
    if bytes.len() as u64 > LARGEST_PROPOSAL {
        let error = io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any proposal");
        return Err(FileError::at("read", path)(error));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
