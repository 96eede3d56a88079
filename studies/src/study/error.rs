//! What can be wrong with a study, and where. All of it is collected and shown together.

use std::fmt;
use std::path::PathBuf;

use aees_run::result::{EPISODE_CURVES, EPOCH_CURVES, METRICS};
use aees_run::settings::{ConfigError, Place, RunConfig};

/// What is done instead of writing a secret into a study.
pub(super) const PASS_ON: &str =
    "set it in the environment and pass it on by its name, `env: [HF_TOKEN]`; study files are copied and shown";

/// One thing that is wrong.
#[derive(Debug)]
pub struct StudyError {
    /// Where it stands; [`Place::Resolved`] when it stands nowhere in particular.
    pub place: Place,
    /// What it is. Boxed, so that results stay small.
    pub problem: Box<StudyProblem>,
    /// The combinations that have it, when only some do.
    pub affected: Option<Affected>,
}

/// The combinations of a study that have a problem in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// How many they are.
    pub count: usize,
    /// How many combinations were looked at.
    pub total: usize,
    /// The first of them, by what sets them apart.
    pub first: Vec<String>,
}

/// What can be wrong.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum StudyProblem {
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read { path: PathBuf, reason: String },
    /// Text that is not YAML.
    #[error("{0}")]
    Syntax(String),
    /// A key twice in one map.
    #[error("duplicate key `{key}`: it already stands at {}", bare(first))]
    DuplicateKey { key: String, first: Place },
    /// An anchor whose value contains its own alias.
    #[error("the anchor contains itself")]
    AnchorCycle,
    /// Anchors that multiply.
    #[error("the file stands for more than {limit} values, its anchors written out")]
    TooManyValues { limit: usize },
    /// A tag that means nothing here.
    #[error("unknown tag `{tag}`")]
    UnknownTag { tag: String },
    /// NaN or an infinity.
    #[error("`{text}` is not a finite number")]
    NotFinite { text: String },
    /// A key of the study file that has no meaning.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey { key: String, within: String, nearest: Option<String> },
    /// A key that must be there.
    #[error("`{key}` is missing: {reason}")]
    Missing { key: &'static str, reason: &'static str },
    /// A value of another kind than expected.
    #[error("{what} must be {expected}, not {found}")]
    Wrong { what: String, expected: String, found: String },
    /// A file of a newer program.
    #[error("the study is written for version {found} of study files; this program knows up to {known}")]
    NewerVersion { found: u64, known: u64 },
    /// A single value where candidates are expected.
    #[error("`{key}` in {within} has one value, not candidates")]
    ScalarInSweep { key: String, within: &'static str },
    /// An axis without values.
    #[error("the axis `{key}` is empty")]
    EmptyAxis { key: String },
    /// A range, a spacing or a distribution that cannot be.
    #[error("the axis `{key}`: {reason}")]
    Axis { key: String, reason: String },
    /// Two axes that set the same thing.
    #[error("two axes set `{key}`: `{other}` at {}", bare(first))]
    AxesCollide { key: String, other: String, first: Place },
    /// Coupled axes of different lengths.
    #[error("coupled axes must be of one length: {}", lengths.iter().map(|(key, n)| format!("`{key}` has {n}")).collect::<Vec<_>>().join(", "))]
    UnequalZip { lengths: Vec<(String, usize)> },
    /// A base file that is its own base.
    #[error("the base files form a cycle: {}", chain.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" -> "))]
    BaseCycle { chain: Vec<PathBuf> },
    /// A base file of another task.
    #[error("the file is for task {found}, the study for {task}")]
    OtherTask { found: String, task: String },
    /// A list of seeds that cannot be read.
    #[error("{text} is not a list of seeds: {reason}")]
    Seeds { text: String, reason: String },
    /// A setting that a study decides by other means.
    #[error("`{key}` cannot be set in a study")]
    Reserved { key: String, instead: &'static str },
    /// A password or an access token.
    #[error("a secret stands here")]
    Secret,
    /// A rule on a key that nothing in the study sets.
    #[error("`{key}` is set by nothing in this study, so no rule can go by it")]
    NobodySets { key: String, nearest: Option<String> },
    /// A name that is none of the known ones.
    #[error("unknown {what} `{name}`: this study has {known}")]
    UnknownName { what: &'static str, name: String, known: String },
    /// A metric that is in no result of the task.
    #[error("no run of this task has a number `{name}`")]
    UnknownMetric { name: String, nearest: Option<String> },
    /// A metric that no training run tells on its way.
    #[error("`prune` goes by `{name}`, which no training run tells on its way")]
    NoCurve { name: String, nearest: Option<String> },
    /// A setting of a run that cannot be.
    #[error("{error}{}", written(others))]
    Setting { error: ConfigError, others: Vec<(String, Place)> },
    /// A place in the argument list that nothing fills.
    #[error("{argument:?} in `command` names `{key}`, which this configuration does not have")]
    Placeholder { argument: String, key: String },
    /// An argument with braces that do not match.
    #[error("{argument:?} has a brace without its partner")]
    Brace { argument: String },
    /// One earlier name for two settings.
    #[error("two settings were called `{old}` before")]
    TwoAliases { old: String },
    /// A setting by its name and by its earlier name.
    #[error("`{new}` and `{old}` are one setting, by `aliases`, and both are set")]
    Doubled { new: String, old: String },
    /// A setting that an axis varies and something else sets.
    #[error("`{key}` is varied at {} and set here too", bare(axis))]
    SetAndVaried { key: String, axis: Place },
    /// A proposed value that the loop's file leaves no room for.
    #[error("`{key}` = {value} lies outside of {range}, which the loop's file gives it")]
    OutsideRange { key: String, value: String, range: String },
    /// A proposal for what is to be solved, and not how.
    #[error("`{key}` is part of what is to be solved: runs that differ in it are not compared")]
    OfProblem { key: String },
    /// A proposal for a setting that the loop's file keeps.
    #[error("`{key}` is among the `fixed` settings of the loop")]
    KeptFixed { key: String },
    /// A search of more things than its method can tell apart.
    #[error("{count} things vary; this search can vary {limit}")]
    TooManyDimensions { count: usize, limit: usize },
    /// More combinations than anybody means.
    #[error("the study has {count} combinations; no more than {limit} can be planned")]
    TooMany { count: u128, limit: u128 },
    /// More runs than can be planned.
    #[error("{settings} settings with {seeds} seeds are {runs} runs; no more than {limit} can be planned")]
    TooManyRuns { settings: u128, seeds: usize, runs: u128, limit: u128 },
    /// More runs than go without a question.
    #[error("{count} runs are more than {limit}")]
    NeedsYes { count: usize, limit: usize },
}

impl StudyError {
    pub(super) fn at(place: &Place, problem: StudyProblem) -> Self {
        Self { place: place.clone(), problem: Box::new(problem), affected: None }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        Some(match &*self.problem {
            StudyProblem::UnknownKey { key, within, .. }
                if ["the study", "a case"].contains(&within.as_str()) && RunConfig::setting(key).is_some() =>
            {
                format!("settings stand under `set`, or under `sweep` with several values: `set: {{{key}: ...}}`")
            }
            StudyProblem::UnknownKey { nearest: Some(nearest), .. }
            | StudyProblem::NobodySets { nearest: Some(nearest), .. }
            | StudyProblem::UnknownMetric { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            StudyProblem::UnknownMetric { nearest: None, .. } => format!("name one of {}", METRICS.join(", ")),
            StudyProblem::NoCurve { nearest, .. } => {
                let meant = nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
                let (epochs, episodes) = (EPOCH_CURVES.join(", "), EPISODE_CURVES.join(", "));
                format!("{meant}each epoch has {epochs}; each episode has {episodes}")
            }
            StudyProblem::NobodySets { nearest: None, .. } => "name a key of base, set, sweep, zip or cases".into(),
            StudyProblem::Setting { error, .. } => return error.help(),
            StudyProblem::NewerVersion { .. } => "use a newer aees, or write `aees: 1`".into(),
            StudyProblem::ScalarInSweep { .. } => "use `set` for a single value, or write a list".into(),
            StudyProblem::UnknownTag { .. } => "the tags are !replace and !remove".into(),
            StudyProblem::NotFinite { .. } => "leave the key out, or write null".into(),
            StudyProblem::Reserved { instead, .. } => (*instead).into(),
            StudyProblem::Secret => PASS_ON.into(),
            StudyProblem::Seeds { .. } => "write a number of seeds, a text as \"0-4,7\", or a list as [0, 1, 2]".into(),
            StudyProblem::Placeholder { .. } => "for a brace that names nothing write {{ or }}".into(),
            StudyProblem::Brace { .. } => "write {key} for a setting, {{ or }} for a brace".into(),
            StudyProblem::NeedsYes { .. } => "give --yes if you mean it, or narrow it with --only or --limit".into(),
            StudyProblem::TooManyRuns { .. } => "use fewer seeds, or fewer values".into(),
            StudyProblem::SetAndVaried { .. } => {
                "leave one of them out: a value that is set takes the axis's place".into()
            }
            StudyProblem::OfProblem { .. } => "a setting that `sweep` of the loop's file names can be proposed".into(),
            StudyProblem::TooMany { .. } => "use fewer values, or search: {method: random, n: ...}".into(),
            _ => return None,
        })
    }
}

impl fmt::Display for StudyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.place, self.problem)?;
        // What all combinations have is the study's own.
        let Some(affected) = self.affected.as_ref().filter(|affected| affected.count < affected.total) else {
            return Ok(());
        };
        write!(
            formatter,
            "\n  in {} of {} combinations: {}",
            affected.count,
            affected.total,
            affected.first.join("; ")
        )?;
        if affected.count > affected.first.len() { formatter.write_str("; ...") } else { Ok(()) }
    }
}

impl std::error::Error for StudyError {}

/// Everything that is wrong with a study.
#[derive(Debug)]
pub struct StudyErrors(pub Vec<StudyError>);

impl fmt::Display for StudyErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
            if let Some(help) = error.help() {
                write!(formatter, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for StudyErrors {}

impl StudyErrors {
    /// These errors, if there are any.
    pub(super) fn refuse(errors: Vec<StudyError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }
}

/// What is right among some results. The rest joins the errors.
pub(super) fn right<T>(
    results: impl IntoIterator<Item = Result<T, StudyError>>,
    errors: &mut Vec<StudyError>,
) -> Vec<T> {
    results.into_iter().filter_map(|result| result.map_err(|error| errors.push(error)).ok()).collect()
}

impl From<StudyError> for StudyErrors {
    fn from(error: StudyError) -> Self {
        Self(vec![error])
    }
}

/// A place without the colon that would introduce a message.
fn bare(place: &Place) -> String {
    place.to_string().trim_end_matches([':', ' ']).to_owned()
}

fn written(others: &[(String, Place)]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let places: Vec<String> = others.iter().map(|(key, place)| format!("{key} at {}", bare(place))).collect();
    format!(" ({})", places.join(", "))
}
