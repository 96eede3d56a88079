//! What can be wrong with a study, and where. All of it is collected and shown together.

use std::fmt;
use std::path::PathBuf;

use aees_run::settings::{ConfigError, Place};

/// One thing that is wrong.
#[derive(Debug)]
pub struct StudyError {
    /// Where it stands; [`Place::Resolved`] when it stands nowhere in particular.
    pub place: Place,
    /// What it is. Boxed, so that results stay small.
    pub problem: Box<Problem>,
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
pub enum Problem {
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Text that is not YAML.
    #[error("{0}")]
    Syntax(String),
    /// A key twice in one map.
    #[error("duplicate key `{key}`: it already stands at {}", bare(first))]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stands first.
        first: Place,
    },
    /// An anchor whose value contains its own alias.
    #[error("the anchor contains itself")]
    AnchorCycle,
    /// Anchors that multiply.
    #[error("the file stands for more than {limit} values, its anchors written out")]
    TooManyValues {
        /// The bound.
        limit: usize,
    },
    /// A tag that means nothing here.
    #[error("unknown tag `{tag}`")]
    UnknownTag {
        /// The tag.
        tag: String,
    },
    /// NaN or an infinity.
    #[error("`{text}` is not a finite number")]
    NotFinite {
        /// The value as written.
        text: String,
    },
    /// A key of the study file that has no meaning.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The map it stands in.
        within: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A key that must be there.
    #[error("`{key}` is missing: {reason}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What it is for.
        reason: &'static str,
    },
    /// A value of another kind than expected.
    #[error("{what} must be {expected}, not {found}")]
    Wrong {
        /// What is wrong.
        what: String,
        /// What may stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file of a newer program.
    #[error("the study is written for version {found} of study files; this program knows up to {known}")]
    NewerVersion {
        /// The version of the file.
        found: u64,
        /// The newest known version.
        known: u64,
    },
    /// A single value where candidates are expected.
    #[error("`{key}` in {within} has one value, not candidates")]
    ScalarInSweep {
        /// The axis.
        key: String,
        /// `sweep` or `zip`.
        within: &'static str,
    },
    /// An axis without values.
    #[error("the axis `{key}` is empty")]
    EmptyAxis {
        /// The axis.
        key: String,
    },
    /// A range, a spacing or a distribution that cannot be.
    #[error("the axis `{key}`: {reason}")]
    Axis {
        /// The axis.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Two axes that set the same thing.
    #[error("two axes set `{key}`: `{other}` at {}", bare(first))]
    AxesCollide {
        /// The second axis.
        key: String,
        /// The first axis.
        other: String,
        /// Where the first stands.
        first: Place,
    },
    /// Coupled axes of different lengths.
    #[error("coupled axes must be of one length: {}", lengths.iter().map(|(key, n)| format!("`{key}` has {n}")).collect::<Vec<_>>().join(", "))]
    UnequalZip {
        /// The axes with their lengths.
        lengths: Vec<(String, usize)>,
    },
    /// A base file that is its own base.
    #[error("the base files form a cycle: {}", chain.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" -> "))]
    BaseCycle {
        /// The files, the first again at the end.
        chain: Vec<PathBuf>,
    },
    /// A base file of another task.
    #[error("the file is for task {found}, the study for {task}")]
    OtherTask {
        /// The file's task.
        found: String,
        /// The study's task.
        task: String,
    },
    /// A list of seeds that cannot be read.
    #[error("{text} is not a list of seeds: {reason}")]
    Seeds {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that a study decides by other means.
    #[error("`{key}` cannot be set in a study")]
    Reserved {
        /// The setting.
        key: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A rule on a key that nothing in the study sets.
    #[error("`{key}` is set by nothing in this study, so no rule can go by it")]
    NobodySets {
        /// The key.
        key: String,
        /// The key that looks most like it.
        nearest: Option<String>,
    },
    /// A name that is none of the known ones.
    #[error("unknown {what} `{name}`: this study has {known}")]
    UnknownName {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
        /// The known names.
        known: String,
    },
    /// A setting of a run that cannot be.
    #[error("{error}{}", written(others))]
    Setting {
        /// What the configuration says.
        error: ConfigError,
        /// The settings that take part, with their places.
        others: Vec<(String, Place)>,
    },
    /// A place in the argument list that nothing fills.
    #[error("{argument:?} in `argv` names `{key}`, which this configuration does not have")]
    Placeholder {
        /// The argument.
        argument: String,
        /// The key.
        key: String,
    },
    /// An argument with braces that do not match.
    #[error("{argument:?} has a brace without its partner")]
    Brace {
        /// The argument.
        argument: String,
    },
    /// More combinations than anybody means.
    #[error("the study has {count} combinations; no more than {limit} can be planned")]
    TooMany {
        /// How many there are.
        count: u128,
        /// The bound.
        limit: u128,
    },
    /// More runs than go without a question.
    #[error("{count} runs are more than {limit}")]
    NeedsYes {
        /// How many there are.
        count: usize,
        /// The bound.
        limit: usize,
    },
}

impl StudyError {
    pub(super) fn at(place: &Place, problem: Problem) -> Self {
        Self { place: place.clone(), problem: Box::new(problem), affected: None }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        Some(match &*self.problem {
            Problem::UnknownKey { nearest: Some(nearest), .. } | Problem::NobodySets { nearest: Some(nearest), .. } => {
                format!("did you mean `{nearest}`?")
            }
            Problem::NobodySets { nearest: None, .. } => "name a key of base, set, sweep, zip or cases".into(),
            Problem::Setting { error, .. } => return error.help(),
            Problem::NewerVersion { .. } => "use a newer aees, or write `aees: 1`".into(),
            Problem::ScalarInSweep { .. } => "use `set` for a single value, or write a list".into(),
            Problem::UnknownTag { .. } => "the tags are !replace and !remove".into(),
            Problem::NotFinite { .. } => "leave the key out, or write null".into(),
            Problem::Reserved { instead, .. } => (*instead).into(),
            Problem::Seeds { .. } => "write a number of seeds, a text as \"0-4,7\", or a list as [0, 1, 2]".into(),
            Problem::Placeholder { .. } => "for a brace that names nothing write {{ or }}".into(),
            Problem::Brace { .. } => "write {key} for a setting, {{ or }} for a brace".into(),
            Problem::NeedsYes { .. } => "give --yes if you mean it, or narrow it with --only or --limit".into(),
            Problem::TooMany { .. } => "use fewer values, or search: {method: random, n: ...}".into(),
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
