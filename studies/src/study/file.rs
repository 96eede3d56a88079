//! Reading a study file: every key, every mistake.

use std::path::Path;

use aees_run::settings::value::SettingValue;
use aees_run::settings::{Place, RunConfig, TaskName};

use super::base::BaseReader;
use super::block::{Block, Order};
use super::check;
use super::command_file;
use super::definition::{Policy, Search, Study, StudyTask};
use super::error::{StudyError, StudyErrors, StudyProblem};
use super::expand::check_combinations;
use super::fields::{YamlFields, missing, refuse_unknown, wrong};
use super::keys::{self, StudyKey};
use super::loop_block::LoopBlock;
use super::policy;
use super::prune::PruneRule;
use super::resources::Resources;
use super::rules::ExclusionRule;
use super::secrets;
use super::seeds;
use super::settings::{Assignment, Dialect, setting_name};
use super::slurm::SlurmOptions;
use super::yaml::{Kind, YamlEntry, YamlNode, read_map, start_of};
use crate::search::sobol;

/// The version of study files that this program writes and knows.
pub(super) const VERSION: u64 = 1;

impl Study {
    /// Reads and checks a study file with all its bases.
    ///
    /// # Errors
    /// Everything that is wrong with the file and with each value; then also what is wrong with combinations of values,
    /// which is otherwise for [`Study::expand`] to say.
    pub fn read(path: &Path) -> Result<Self, StudyErrors> {
        let entries = read_map(path).map_err(StudyErrors)?;
        let mut errors = Vec::new();
        check_version(&entries, path, &mut errors)?;
        errors.extend(secrets::in_entries(&entries));
        let mut study = StudyReader { path, entries: &entries, errors: &mut errors }.study();
        if let Some(study) = &mut study {
            check::assignments(study, &mut errors);
            if study.loop_block.is_some() {
                check_combinations(&study.at_start(), &mut errors);
            } else if !errors.is_empty() {
                // What single values have wrong does not hide what they have wrong together.
                check_combinations(study, &mut errors);
            }
        }
        match study {
            Some(study) if errors.is_empty() => Ok(study),
            _ => Err(StudyErrors(errors)),
        }
    }
}

/// Whether a study can be called so: its name is a folder's, and stands before the colon in `study:17`.
pub fn is_study_name(name: &str) -> bool {
    let first = name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    first && rest && name.len() <= 64
}

/// A file of another version may mean other things by the same words: nothing else is said about it.
fn check_version(entries: &[YamlEntry], path: &Path, errors: &mut Vec<StudyError>) -> Result<(), StudyErrors> {
    let Some(entry) = entries.iter().find(|entry| entry.key == "aees") else {
        let reason = "the version of study files that this one follows, 1";
        errors.push(StudyError::at(&start_of(path), StudyProblem::Missing { key: "aees", reason }));
        return Ok(());
    };
    match entry.value.text().and_then(|text| text.parse::<u64>().ok()) {
        Some(found) if found > VERSION => {
            let problem = StudyProblem::NewerVersion { found, known: VERSION };
            return Err(StudyError::at(&entry.value.place, problem).into());
        }
        Some(VERSION) => {}
        _ => errors.push(wrong(&entry.value, "`aees`", "the version of study files, 1")),
    }
    Ok(())
}

struct StudyReader<'file> {
    path: &'file Path,
    entries: &'file [YamlEntry],
    errors: &'file mut Vec<StudyError>,
}

impl<'file> StudyReader<'file> {
    /// The study, unless its task is unknown; what is wrong with it is among the errors.
    fn study(mut self) -> Option<Study> {
        let known = keys::names(&[keys::STUDY, keys::BLOCK]);
        refuse_unknown(self.entries, "the study", &known, self.errors);
        let name = self.name();
        let (order, top_level_replace) = self.compat();
        let metric = self.map("metric", keys::METRIC).and_then(policy::metric);
        let budget = self.map("budget", keys::BUDGET).map(policy::budget).unwrap_or_default();
        let (max_hours, max_runs, per_run_timeout_seconds) = budget;
        let retry = self.get("retry").map(|node| policy::retry(node, self.errors)).unwrap_or_default();
        let breakers = self.map("breakers", keys::BREAKERS).map_or(policy::USUAL_BREAKERS, policy::breakers);
        let policy = Policy {
            retry,
            consecutive: breakers.0,
            same_fingerprint: breakers.1,
            max_hours,
            per_run_timeout_seconds,
            on_end: self.get("on_end").and_then(|node| policy::hook(node, "on_end", self.errors)),
            on_failure: self.get("on_failure").and_then(|node| policy::hook(node, "on_failure", self.errors)),
            resources: self.map("resources", keys::RESOURCES).map(Resources::read).unwrap_or_default(),
            slurm: self.map("slurm", keys::SLURM).map(SlurmOptions::read),
            // It needs the rest of the study.
            prune: None,
        };
        let note = self.get("note").and_then(|node| policy::note(node, self.errors));
        let search = self.search();
        let loop_block = self.get("loop").and_then(|node| LoopBlock::read(node, self.errors));
        let seeds = self.get("seeds").map(seeds::from_node);
        let seeds = seeds.and_then(|seeds| seeds.map_err(|error| self.errors.push(error)).ok());
        let (task, task_place) = self.task()?;
        let train = if let StudyTask::Train(task) = &task { Some(*task) } else { None };
        let dialect = Dialect { task: train, top_level_replace };
        if let (Some(metric), Some(_), Some(node)) = (&metric, train, self.get("metric")) {
            self.errors.extend(policy::unknown_metric(metric, node));
        }
        if train.is_none() {
            self.refuse_packs();
        }
        let (base, configs) = self.bases(dialect);
        let root = Block::read(self.entries, dialect, order, self.errors);
        let seeds = seeds.unwrap_or_else(|| vec![seed_of_base(&base)]);
        let source = self.path.to_owned();
        let exclude = Vec::new();
        let mut study = Study {
            source,
            name,
            task,
            note,
            metric,
            policy,
            max_runs,
            search,
            loop_block,
            order,
            seeds,
            dialect,
            base,
            configs,
            root,
            points: Vec::new(),
            exclude,
            task_place,
        };
        self.check_search(&study);
        self.check_loop(&study);
        if let Some(node) = self.get("prune") {
            let rule = PruneRule::read(node, study.metric.as_ref(), &study.known_keys(), self.errors);
            study.policy.prune = rule;
        }
        if let Some(node) = self.get("exclude") {
            study.exclude = ExclusionRule::read(node, &study.known_keys(), self.errors);
        }
        Some(study)
    }

    fn get(&self, key: &str) -> Option<&'file YamlNode> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The map of a key; anything else, and every unknown key of it, is reported.
    fn map(&mut self, key: &'static str, known: &'static [StudyKey]) -> Option<YamlFields<'_>> {
        YamlFields::of(self.get(key)?, key, known, self.errors)
    }

    fn name(&mut self) -> String {
        let stem = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let node = self.get("name");
        let name = node.map_or(Some(stem.as_str()), |node| node.text()).unwrap_or_default();
        if !is_study_name(name) {
            let place = node.map_or_else(|| start_of(self.path), |node| node.place.clone());
            let problem = StudyProblem::Wrong {
                what: "the name of a study".into(),
                expected: "1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or digit".into(),
                found: format!("`{name}`{}", if node.is_none() { ", the stem of the file" } else { "" }),
            };
            self.errors.push(StudyError::at(&place, problem));
        }
        name.to_owned()
    }

    fn task(&mut self) -> Option<(StudyTask, Place)> {
        let Some(node) = self.get("task") else {
            let problem = StudyProblem::Missing { key: "task", reason: "what the runs do" };
            self.errors.push(StudyError::at(&start_of(self.path), problem));
            return None;
        };
        let command = self.entries.iter().find(|entry| entry.key == "command");
        if node.text() == Some("command") {
            let Some(entry) = command else {
                self.errors.push(missing(node, "command", "the program that a command study runs"));
                return None;
            };
            let spec = command_file::read(&entry.value, self.path, self.errors)?;
            return Some((StudyTask::Command(spec), node.place.clone()));
        }
        if let Some(entry) = command {
            let (key, within) = ("command".into(), "a study whose task is not command".into());
            let problem = StudyProblem::UnknownKey { key, within, nearest: None };
            self.errors.push(StudyError::at(&entry.place, problem));
        }
        let task = node.text().and_then(|text| TaskName::read(&text.into()).ok());
        if task.is_none() {
            self.errors.push(wrong(node, "`task`", &format!("{} or command", TaskName::choices().join(", "))));
        }
        Some((StudyTask::Train(task?), node.place.clone()))
    }

    /// A program has a process of its own.
    fn refuse_packs(&mut self) {
        for within in ["resources", "slurm"] {
            let Some(Kind::Map(entries)) = self.get(within).map(|node| &node.kind) else { continue };
            let pack = entries.iter().find(|entry| entry.key == "pack" && entry.value.text() != Some("1"));
            let what = format!("`pack` in {within}");
            self.errors.extend(pack.map(|entry| wrong(&entry.value, &what, "left out: programs share no process")));
        }
    }

    fn compat(&mut self) -> (Order, bool) {
        const ORDERS: [(&str, Order); 3] =
            [("file", Order::File), ("sorted", Order::Sorted), ("first-fastest", Order::FirstFastest)];
        let Some(mut fields) = self.map("compat", keys::COMPAT) else { return (Order::File, false) };
        let order = fields.word("order", &ORDERS).unwrap_or(Order::File);
        let replace = fields.word("override_semantics", &[("merge", false), ("top-level-replace", true)]);
        (order, replace.unwrap_or(false))
    }

    fn search(&mut self) -> Search {
        let Some(mut fields) = self.map("search", keys::SEARCH) else { return Search::Grid };
        let method = fields.word("method", &["grid", "random", "sobol", "tpe"].map(|method| (method, method)));
        let (trials, first, round) = (fields.count("n"), fields.count("first"), fields.count("round"));
        let seed = fields.parse("seed", "a whole number from 0 up", |text| text.parse().ok()).unwrap_or(0);
        let Some(method) = method.filter(|method| *method != "grid") else { return Search::Grid };
        if trials.is_none() && fields.get("n").is_none() {
            fields.missing("n", "how many combinations the search tries");
        }
        for key in ["first", "round"].into_iter().filter(|_| method != "tpe") {
            if let Some(node) = fields.get(key) {
                fields.errors().push(wrong(node, &format!("`{key}` in search"), "left out unless the method is tpe"));
            }
        }
        let trials = trials.unwrap_or(1);
        match method {
            "sobol" => Search::Sobol { trials, seed },
            "tpe" => Search::Tpe { trials, seed, first: first.unwrap_or(10), round: round.unwrap_or(10) },
            _ => Search::Random { trials, seed },
        }
    }

    /// What a search needs of the rest of the study.
    fn check_search(&mut self, study: &Study) {
        let Some(node) = self.get("search") else { return };
        if matches!(study.search, Search::Tpe { .. }) && study.metric.is_none() && self.get("metric").is_none() {
            self.errors.push(missing(node, "metric", "a search that learns must know what is better"));
        }
        if matches!(study.search, Search::Sobol { .. } | Search::Tpe { .. }) {
            self.check_dimensions(study, node);
        }
    }

    fn check_dimensions(&mut self, study: &Study, node: &YamlNode) {
        let (count, limit) = (study.dimensions().len(), sobol::MOST_DIMENSIONS);
        if count > limit {
            self.errors.push(StudyError::at(&node.place, StudyProblem::TooManyDimensions { count, limit }));
        }
    }

    /// What a loop needs of the rest of the study, and what it has no use for.
    fn check_loop(&mut self, study: &Study) {
        let (Some(node), Some(block)) = (self.get("loop"), &study.loop_block) else { return };
        if study.metric.is_none() && self.get("metric").is_none() {
            self.errors.push(missing(node, "metric", "a loop must know what is better"));
        }
        for entry in self.entries.iter().filter(|entry| keys::NOT_IN_LOOPS.contains(&entry.key.as_str())) {
            let what = format!("`{}` beside `loop`", entry.key);
            self.errors.push(wrong(&entry.value, &what, "left out: a loop has its own ways, see docs/loop.md"));
        }
        if let (Some(_), Some(node)) = (study.max_runs, self.get("budget")) {
            self.errors.push(wrong(node, "`max_runs` beside `loop`", "left out: `loops` in `loop` bounds it"));
        }
        let known = |key: &String| study.dialect.task.is_none() || RunConfig::setting(setting_name(key)).is_some();
        for key in block.fixed.iter().filter(|key| !known(key)) {
            self.errors.push(wrong(node, "`fixed` in loop", &format!("a list of settings; `{key}` is none")));
        }
        self.check_dimensions(study, node);
    }

    fn bases(&mut self, dialect: Dialect) -> (Vec<Assignment>, Vec<(String, Vec<Assignment>)>) {
        let (base, configs) = (self.get("base"), self.get("configs"));
        // A base keeps its dots and is merged deeply, whatever the overrides do.
        let dialect = Dialect { top_level_replace: false, ..dialect };
        let base = base.map(|node| BaseReader::new(self.path, dialect, self.errors).read(node)).unwrap_or_default();
        let Some(configs) = configs else { return (base, Vec::new()) };
        let Kind::List(items) = &configs.kind else {
            self.errors.push(wrong(configs, "`configs`", "a list of paths"));
            return (base, Vec::new());
        };
        if items.is_empty() {
            self.errors.push(StudyError::at(&configs.place, StudyProblem::EmptyAxis { key: "configs".into() }));
        }
        let read = |(index, item): (usize, &YamlNode)| {
            let label = item.text().map_or_else(|| format!("configs[{index}]"), str::to_owned);
            (label, BaseReader::new(self.path, dialect, self.errors).read(item))
        };
        (base, items.iter().enumerate().map(read).collect())
    }
}

/// The seed of a base that is a single-run file, for a study that names no seeds.
fn seed_of_base(base: &[Assignment]) -> i64 {
    let seed = base.iter().rev().find(|assignment| assignment.path == ["seed"]);
    seed.and_then(|assignment| i64::read(&assignment.value).ok()).unwrap_or(0)
}
