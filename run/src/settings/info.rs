//! What is known of a setting beside its value: a row of the table. Whoever asks something of settings (which decide the
//! result, which are paths, which a command takes) asks these columns, so that no list of keys stands anywhere else.

use super::choices::TaskName;

/// A row of the table.
#[derive(Clone, Debug)]
pub struct SettingInfo {
    /// The key in files, in `--set` and in results. The flag is the same with `-` for `_`.
    pub key: &'static str,
    /// The help text.
    pub help: &'static str,
    /// The words to choose from; empty when any value of the type will do.
    pub choices: &'static [&'static str],
    /// What the setting is for.
    pub role: Role,
    /// The tasks that know it.
    pub tasks: Tasks,
    /// What it has to do with the time of a run.
    pub cost: Cost,
    /// Whether it decides which data, tokenizer and weights a run is made of.
    pub decides_inputs: bool,
    /// Whether it is part of what is to be solved, and not of how: runs that differ in it are not compared.
    pub of_problem: bool,
    /// Whether it is one of the few that most runs set: the short help has only these.
    pub is_common: bool,
    /// The commands that take it beside `train`.
    pub verbs: &'static [Verb],
    /// Whether it names files.
    pub path: PathKind,
    /// Other settings and the words that they must have for this one to have an effect.
    pub needs: Vec<(&'static str, Vec<&'static str>)>,
    /// Whether it is a secret: it is never written, and never part of a message.
    pub secret: bool,
    /// What to use instead of it in a study.
    pub instead_in_studies: Option<&'static str>,
}

/// What a setting is for; decides whether it belongs to the identity of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It decides the numbers that come out.
    Science,
    /// It tells the runs of one configuration apart.
    Seed,
    /// It says where the inputs lie. Their contents count, not their place.
    Source,
    /// It says how the run is done or what is written; the numbers stay the same.
    Setup,
}

impl Role {
    /// Whether another value makes another run.
    pub fn decides_result(self) -> bool {
        matches!(self, Self::Science | Self::Seed)
    }
}

/// What a setting has to do with the time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing.
    Nothing,
    /// How much there is to do in the whole run.
    Run,
    /// How much there is to do in an epoch.
    Epoch,
    /// How fast it is done.
    Machine,
}

/// A command that takes some of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `aees pretokenize`.
    Pretokenize,
    /// `aees data fetch`.
    Fetch,
    /// `aees bench`.
    Bench,
}

/// Whether a setting names files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// It does not, or what it names belongs to the folder that the program is started in.
    None,
    /// Files or a folder, unless it is a word.
    Path,
    /// Files if they are there, else something on the hub.
    PathOrHub,
}

/// The tasks that know a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tasks {
    /// All of them.
    All,
    /// The tasks on images.
    Images,
    /// The tasks on text.
    Text,
    /// The tasks whose training labels can be corrupted.
    NoisyLabels,
    /// AG News.
    AgNews,
}

impl Tasks {
    /// Whether a task is among them.
    pub fn include(self, task: TaskName) -> bool {
        match self {
            Self::All => true,
            Self::Images => !task.is_text(),
            Self::Text => task.is_text(),
            Self::NoisyLabels => task != TaskName::Sst2,
            Self::AgNews => task == TaskName::AgNews,
        }
    }
}

impl SettingInfo {
    /// The flag, with its dashes.
    pub fn flag(&self) -> String {
        flag(self.key)
    }

    /// Whether the setting has an effect beside others, of which `value` gives the words.
    pub fn has_effect<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.needs.iter().all(|(key, words)| value(key).is_none_or(|value| words.contains(&value)))
    }

    /// A row of which only the role is told.
    const fn with_role(role: Role) -> Self {
        Self {
            key: "",
            help: "",
            choices: &[],
            role,
            tasks: Tasks::All,
            cost: Cost::Nothing,
            decides_inputs: false,
            of_problem: false,
            is_common: false,
            verbs: &[],
            path: PathKind::None,
            needs: Vec::new(),
            secret: false,
            instead_in_studies: None,
        }
    }

    pub(super) fn tasks(self, tasks: Tasks) -> Self {
        Self { tasks, ..self }
    }

    pub(super) fn cost(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    pub(super) fn decides_inputs(self) -> Self {
        Self { decides_inputs: true, ..self }
    }

    pub(super) fn of_problem(self) -> Self {
        Self { of_problem: true, ..self }
    }

    pub(super) fn common(self) -> Self {
        Self { is_common: true, ..self }
    }

    pub(super) fn verbs(self, verbs: &'static [Verb]) -> Self {
        Self { verbs, ..self }
    }

    pub(super) fn path(self, path: PathKind) -> Self {
        Self { path, ..self }
    }

    pub(super) fn needs(mut self, key: &'static str, words: &[&'static str]) -> Self {
        self.needs.push((key, words.to_vec()));
        self
    }

    pub(super) fn instead_in_studies(self, words: &'static str) -> Self {
        Self { instead_in_studies: Some(words), ..self }
    }
}

/// The flag of a setting, with its dashes.
pub(super) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// The beginning of a row, by its role.
pub(super) const fn science() -> SettingInfo {
    SettingInfo::with_role(Role::Science)
}

pub(super) const fn seed() -> SettingInfo {
    SettingInfo::with_role(Role::Seed)
}

pub(super) const fn source() -> SettingInfo {
    SettingInfo::with_role(Role::Source)
}

pub(super) const fn setup() -> SettingInfo {
    SettingInfo::with_role(Role::Setup)
}
