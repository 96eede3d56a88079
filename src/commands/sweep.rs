//! `aees sweep plan|run|resume|status`.

mod plan_table;
mod progress;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use aees_run::identity::Inputs;
use aees_run::settings::RunConfig;
use aees_train::engine::available;
use clap::ArgMatches;

use crate::commands::registry::Place;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use aees_studies::InputError;
use aees_studies::background::launch_detached;
use aees_studies::launcher::{LocalProcesses, Slot};
use aees_studies::plan::{InputFinder, Planner, StudyPlan, study_name};
use aees_studies::registry::{Audit, Reader, Registry, RunFilter, RunState};
use aees_studies::study::{Overrides, Study};
use aees_studies::supervisor::{Halt, Limits, Reconciled, Summary, Supervisor, SweepEvent, is_settled, reconcile};
use aees_train::session::{self, SessionError};

use self::progress::Progress;

/// Everything is over, and some runs failed.
const EXIT_SOME_FAILED: u8 = 2;
/// Stopped with work left.
const EXIT_WORK_LEFT: u8 = 3;

/// Runs one of the words of `aees sweep`.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    match arguments.subcommand() {
        Some(("plan", arguments)) => plan(arguments),
        Some(("run", arguments)) => run_study(arguments),
        Some(("resume", arguments)) => resume(arguments),
        Some(("status", arguments)) => super::status::status(arguments),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The registry to read in, when there is one: a study can be planned before anything ran.
fn reader_if_any(place: &Place) -> Result<Option<Reader>, Failure> {
    if place.registry.is_file() { place.reader().map(Some) } else { Ok(None) }
}

fn overrides(arguments: &ArgMatches) -> Overrides {
    let list = |name: &str| arguments.get_many::<String>(name).unwrap_or_default().cloned().collect();
    let text = |name: &str| arguments.get_one::<String>(name).cloned();
    let number = |name: &str| arguments.get_one::<usize>(name).copied();
    Overrides {
        set: list("override"),
        only: list("only"),
        except: list("except"),
        seeds: text("seeds"),
        cases: list("case"),
        shard: text("shard"),
        limit: number("limit"),
        limit_runs: number("limit-runs"),
    }
}

fn study_argument(arguments: &ArgMatches) -> &str {
    arguments.get_one::<String>("study").map_or("", String::as_str)
}

fn plan(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let place = Place::of(arguments);
    let registry = reader_if_any(&place)?;
    let study = Study::read(Path::new(study_argument(arguments)))?;
    let mut inputs = InputFinder::new(read_inputs);
    let mut planner = Planner { root: &place.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: true };
    let plan = planner.plan(&study, &overrides(arguments))?;
    let format = match arguments.get_one::<String>("format").map(String::as_str) {
        _ if arguments.get_flag("json") => "json",
        Some(format) => format,
        None => "table",
    };
    plan_table::show(&plan, &study, registry.as_ref(), &place.root, format)?;
    Ok(ExitCode::SUCCESS)
}

/// What a run is made of: its task is loaded as for training, with progress where that takes long.
fn read_inputs(config: &RunConfig) -> Result<Inputs, InputError> {
    match session::load_task(config, &mut crate::progress::preparations()) {
        Ok(task) => Ok(task.facts().inputs.clone()),
        Err(error) => Err(InputError {
            message: error.to_string(),
            help: error.help(),
            is_missing: matches!(error, SessionError::Task(_) | SessionError::Controllers(_)),
        }),
    }
}

fn run_study(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let place = Place::of(arguments);
    let named = study_argument(arguments);
    let path = Path::new(named);
    if !path.is_file() {
        if let Some(plan) = StudyPlan::load(&place.root, study_name(named))? {
            refuse_filters(arguments)?;
            return execute(&place, plan, arguments);
        }
        let help = format!("name a study file, or a study below {}", place.root.studies().display());
        return Err(Failure::new(format!("{named}: there is no such study file, and no planned study"), Some(help)));
    }
    let study = Study::read(path)?;
    let overrides = overrides(arguments);
    study.expand(&overrides)?.check_size(arguments.get_flag("yes"))?;
    let mut inputs = InputFinder::new(read_inputs);
    let registry = reader_if_any(&place)?;
    let mut planner = Planner { root: &place.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: false };
    let plan = planner.plan(&study, &overrides)?;
    drop(registry);
    if let Some(most) = study.budget.max_runs
        && plan.selected.len() as u64 > most
        && !arguments.get_flag("yes")
    {
        let message = format!("the study has {} runs, and budget.max_runs is {most}", plan.selected.len());
        return Err(Failure::new(message, Some("select fewer with --only or --limit, or say --yes".into())));
    }
    let folder = place.registry.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(FileError::at("make", folder))?;
    let mut registry = Registry::open(&place.registry)?;
    plan.save(&place.root)?;
    let planned = registry.plan(&plan.spec, &plan.members)?;
    inputs.remember(&mut registry)?;
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let done = registry.states(&plan.selected)?.into_values().filter(|state| *state == RunState::Done).count();
    let others = plan.members.len() - plan.selected.len();
    let left_out = if others > 0 { format!("; {others} more are not selected") } else { String::new() };
    eprintln!("{}: {} runs, {done} of them done, {} new{left_out}", plan.name, plan.selected.len(), planned.created);
    execute(&place, plan, arguments)
}

/// Filters are applied to combinations, which only the study file has.
fn refuse_filters(arguments: &ArgMatches) -> Result<(), Failure> {
    if overrides(arguments) == Overrides::default() {
        return Ok(());
    }
    let help = "name the study file: aees sweep run FILE ...".to_owned();
    Err(Failure::new("overrides and filters need the study file, not its name", Some(help)))
}

fn resume(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let place = Place::of(arguments);
    let named = match arguments.get_one::<String>("study") {
        Some(named) => named.clone(),
        None => only_study(&place)?,
    };
    // A file stands for the study that was planned from it.
    let name = match Path::new(&named).is_file() {
        true => Study::read(Path::new(&named))?.name,
        false => study_name(&named).to_owned(),
    };
    let Some(plan) = StudyPlan::load(&place.root, &name)? else {
        let help = format!(
            "`aees sweep run FILE` plans and runs a study; planned ones are in {}",
            place.root.studies().display()
        );
        return Err(Failure::new(format!("there is no planned study {name}"), Some(help)));
    };
    if arguments.get_flag("retry-failed") {
        retry_failed(&place, &name)?;
    }
    execute(&place, plan, arguments)
}

fn only_study(place: &Place) -> Result<String, Failure> {
    let studies = match reader_if_any(place)? {
        Some(reader) => reader.status(&[])?,
        None => Vec::new(),
    };
    match studies.as_slice() {
        [only] => Ok(only.name.clone()),
        [] => Err(Failure::new("no study was planned here", Some("`aees sweep run FILE` plans and runs one".into()))),
        several => {
            let names: Vec<&str> = several.iter().map(|study| study.name.as_str()).collect();
            Err(Failure::new("there are several studies", Some(format!("name one of them: {}", names.join(", ")))))
        }
    }
}

fn retry_failed(place: &Place, name: &str) -> Result<(), Failure> {
    let mut registry = place.writer()?;
    let filter = RunFilter { study: Some(name.to_owned()), states: vec![RunState::Failed], ..RunFilter::default() };
    let failed: Vec<_> = registry.runs(&filter)?.into_iter().map(|row| row.run_id).collect();
    let audit = Audit { actor: "sweep resume", reason: "--retry-failed" };
    let moved = registry.retry(&failed, &audit)?;
    eprintln!("{} failed runs are tried again", moved.changed.len());
    Ok(())
}

/// Runs what is left of a plan.
fn execute(place: &Place, plan: StudyPlan, arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let mut registry = place.writer()?;
    if arguments.get_flag("bg") {
        return detach(place, &plan, arguments);
    }
    let put_right = reconcile(&mut registry, &place.root, &plan.name)?;
    tell_what_was_put_right(&put_right);
    let hours = arguments.get_one::<f64>("max-hours").copied();
    let hours = [hours, plan.policy.max_hours].into_iter().flatten().reduce(f64::min);
    let deadline = match hours.map(|hours| Duration::try_from_secs_f64(hours * 3600.0)) {
        None => None,
        Some(Ok(time)) => Instant::now().checked_add(time),
        Some(Err(_)) => return Err(Failure::new("--max-hours must be a number of hours from 0 on", None)),
    };
    let progress_style = arguments.get_one::<String>("progress").map_or("auto", String::as_str);
    let mut progress = Progress::new(progress_style, plan.selected.len());
    let stop = interrupt::watch(|| {
        eprintln!("stopping all runs after their step, with checkpoints; press Ctrl-C again to stop at once");
    })?;
    let limits = Limits { deadline, stop, fail_fast: arguments.get_flag("fail-fast") };
    let mut launcher = LocalProcesses::new(slots(arguments, &plan)?);
    let mut report = |event: SweepEvent<'_>| progress.show(event);
    let summary = Supervisor::new(registry, &place.root, &plan, limits, &mut launcher, &mut report)?.run()?;
    progress.finish();
    Ok(conclude(&plan.name, &summary, arguments))
}

fn tell_what_was_put_right(put_right: &Reconciled) {
    if put_right.adopted > 0 {
        eprintln!("{} results were on disk already", put_right.adopted);
    }
    if put_right.interrupted > 0 {
        eprintln!("{} runs were left by a process that died; they go on from their checkpoints", put_right.interrupted);
    }
    for run in &put_right.vanished {
        eprintln!("warning: the result of run {run} is gone from the disk; `aees runs retry {run}` makes it again");
    }
    put_right.damaged.iter().for_each(|reason| eprintln!("warning: {reason}"));
}

/// One slot for each job, devices in turn, cores shared out.
fn slots(arguments: &ArgMatches, plan: &StudyPlan) -> Result<Vec<Slot>, Failure> {
    let named: Vec<String> = arguments.get_many::<String>("devices").unwrap_or_default().cloned().collect();
    let trains = plan.spec.task != "command";
    let devices = match named.is_empty() && trains {
        // Its own default is the best device; with several GPUs each gets its share.
        true => {
            let found = available().into_iter().map(|target| target.device.choice.to_string());
            let mut gpus: Vec<String> = found.filter(|name| name.starts_with("cuda")).collect();
            gpus.dedup();
            if gpus.len() > 1 { gpus } else { Vec::new() }
        }
        false => named,
    };
    let jobs = arguments.get_one::<u32>("jobs").map_or(devices.len().max(1), |jobs| *jobs as usize);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = (trains && jobs > 1).then(|| (cores / jobs).max(1));
    let device = |slot: usize| devices.get(slot % devices.len().max(1)).cloned();
    Ok((0..jobs).map(|slot| Slot { device: device(slot), threads }).collect())
}

fn detach(place: &Place, plan: &StudyPlan, arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let mut command: Vec<OsString> = ["sweep", "resume"].map(OsString::from).into();
    command.push(plan.name.clone().into());
    for (flag, value) in [("--root", place.root.path()), ("--registry", &place.registry)] {
        let value = std::path::absolute(value).unwrap_or_else(|_| value.to_owned());
        command.extend([OsString::from(flag), value.into_os_string()]);
    }
    for flag in ["jobs", "devices", "max-hours"] {
        let raw: Vec<_> = arguments.get_raw(flag).into_iter().flatten().map(|value| value.to_string_lossy()).collect();
        if !raw.is_empty() {
            command.extend([OsString::from(format!("--{flag}")), raw.join(",").into()]);
        }
    }
    if arguments.get_flag("fail-fast") {
        command.push("--fail-fast".into());
    }
    if plan.selected.len() != plan.members.len() {
        let help = "leave out the filters, or run them in the foreground".to_owned();
        return Err(Failure::new("--bg runs the whole study", Some(help)));
    }
    let launch = launch_detached(&place.root, &plan.name, &command)?;
    eprintln!(
        "running in the background; `aees runs bg list` shows it, `aees runs bg stop {}` ends it",
        launch.record.id
    );
    crate::stdout::line(launch.record.id);
    Ok(ExitCode::SUCCESS)
}

/// The last words and the exit code.
fn conclude(name: &str, summary: &Summary, arguments: &ArgMatches) -> ExitCode {
    let of = |state: RunState| summary.counts.get(&state).copied().unwrap_or_default();
    let states: Vec<String> = summary.counts.iter().map(|(state, count)| format!("{count} {}", state.name())).collect();
    eprintln!("{name}: {}", if states.is_empty() { "no runs".to_owned() } else { states.join(", ") });
    let open: u64 = summary.counts.iter().filter(|(state, _)| !is_settled(**state)).map(|(_, count)| count).sum();
    let again = || {
        let place = ["root", "registry"].iter().filter_map(|flag| {
            let given = arguments.value_source(flag) == Some(clap::parser::ValueSource::CommandLine);
            let value = arguments.get_one::<PathBuf>(flag)?;
            given.then(|| format!(" --{flag} {}", value.display()))
        });
        eprintln!("continue with: aees sweep resume {name}{}", place.collect::<String>());
    };
    match &summary.halt {
        Some(Halt::Interrupted) => {
            again();
            return ExitCode::from(EXIT_INTERRUPTED);
        }
        Some(Halt::Deadline) if open > 0 => eprintln!("the time is over"),
        Some(Halt::Breaker(why)) => {
            eprintln!("stopped: {why}; `aees runs ls {name} --state failed` shows what happened");
        }
        _ => {}
    }
    if open > 0 {
        again();
        return ExitCode::from(EXIT_WORK_LEFT);
    }
    if matches!(summary.halt, Some(Halt::Breaker(_))) || of(RunState::Failed) + of(RunState::Invalid) > 0 {
        eprintln!("try failed runs again with: aees sweep resume {name} --retry-failed");
        return ExitCode::from(EXIT_SOME_FAILED);
    }
    ExitCode::SUCCESS
}

/// Whether people look at standard error.
pub(super) fn on_terminal() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aees_run::settings::{Place as SettingPlace, TaskName};
    use serde_json::{Value, json};

    /// A setting that is not in the key must not change what a run is made of.
    #[test]
    fn the_key_has_every_setting_that_decides_the_inputs() {
        let mut base = RunConfig::new(TaskName::Sst2);
        for assignment in ["data=synthetic", "limit_train=40", "limit_eval=20", "model_layers=1", "model_dim=16"] {
            base.assign(assignment).unwrap();
        }
        let inputs = read_inputs(&base).unwrap();
        let others = RunConfig::settings_of(base.task)
            .filter(|setting| setting.role.decides_result() && !setting.decides_inputs);
        for field in others {
            let old = base.get(field.key).unwrap();
            let other = match &old {
                Value::Bool(flag) => json!(!flag),
                Value::Number(number) if number.is_f64() => json!(number.as_f64().unwrap() * 0.5 + 0.25),
                Value::Number(number) => json!(number.as_i64().unwrap() + 3),
                Value::Array(_) => json!([0.25, 0.75]),
                Value::String(_) => json!(field.choices.iter().find(|choice| old != **choice).unwrap()),
                _ => json!(7),
            };
            let mut changed = base.clone();
            changed.set(field.key, &other, &SettingPlace::Resolved).unwrap();
            assert_eq!(read_inputs(&changed).unwrap(), inputs, "{}", field.key);
        }
    }
}
