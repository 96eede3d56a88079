//! Which runs of an expansion are meant: `--only`, `--except`, `--seeds`, `--case`, then `--shard`, then the limits.

use aees_run::nearest::nearest;
use aees_run::settings::Place;

use super::definition::Study;
use super::error::{StudyError, StudyProblem, right};
use super::expansion::{Expansion, Overrides, SeedSlot, StudyConfig};
use super::rules::Condition;
use super::seeds;

/// The filters of a command line, checked.
pub(super) struct Filter {
    only: Vec<(String, Condition)>,
    except: Vec<(String, Condition)>,
    seeds: Option<Vec<i64>>,
    cases: Vec<String>,
    shard: Option<(usize, usize)>,
    limit: Option<usize>,
    limit_runs: Option<usize>,
}

impl Filter {
    /// The filters that can be read.
    pub(super) fn parse(study: &Study, overrides: &Overrides, errors: &mut Vec<StudyError>) -> Self {
        let known = study.known_keys();
        let mut conditions = |texts: &[String], flag: &str| {
            let parse = |text: &String| Ok((format!("--{flag} {text}"), Condition::parse(&known, text, flag)?));
            right(texts.iter().map(parse), errors)
        };
        let only = conditions(&overrides.only, "only");
        let except = conditions(&overrides.except, "except");
        let seeds = right(overrides.seeds.as_deref().map(seeds::from_text), errors).pop();
        let cases = cases(study, &overrides.cases, errors);
        let shard = right(overrides.shard.as_deref().map(shard), errors).pop();
        Self { only, except, seeds, cases, shard, limit: overrides.limit, limit_runs: overrides.limit_runs }
    }

    pub(super) fn apply(&self, expansion: &mut Expansion) {
        self.warn(expansion);
        expansion.settings.retain(|setting| self.keeps(setting));
        let is_chosen = |slot: &SeedSlot| {
            self.seeds.as_ref().is_none_or(|seeds| seeds.contains(&slot.seed))
                && self.shard.is_none_or(|(index, count)| slot.index % count == index)
        };
        expansion.settings.iter_mut().for_each(|setting| setting.seeds.retain(is_chosen));
        expansion.settings.retain(|setting| !setting.seeds.is_empty());
        if let Some(limit) = self.limit {
            expansion.settings.truncate(limit);
        }
        if let Some(limit) = self.limit_runs {
            let mut left = limit;
            for setting in &mut expansion.settings {
                setting.seeds.truncate(left);
                left -= setting.seeds.len();
            }
            expansion.settings.retain(|setting| !setting.seeds.is_empty());
        }
    }

    fn keeps(&self, setting: &StudyConfig) -> bool {
        let path = setting.case.join("/");
        let in_case = |case: &String| {
            path.strip_prefix(case.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.only.iter().all(|(_, condition)| condition.matches(&setting.settings))
            && !self.except.iter().any(|(_, condition)| condition.matches(&setting.settings))
            && (self.cases.is_empty() || self.cases.iter().any(in_case))
    }

    /// A filter that lets everything or nothing through is probably a slip.
    fn warn(&self, expansion: &mut Expansion) {
        let matches_nothing =
            |condition: &Condition| !expansion.settings.iter().any(|setting| condition.matches(&setting.settings));
        let idle = self.only.iter().chain(&self.except).filter(|(_, condition)| matches_nothing(condition));
        let warnings: Vec<String> = idle.map(|(text, _)| format!("{text} matches no setting of the study")).collect();
        expansion.warnings.extend(warnings);
        let of_study = |seed: &&i64| {
            !expansion.settings.iter().any(|setting| setting.seeds.iter().any(|slot| slot.seed == **seed))
        };
        let strange: Vec<String> = self.seeds.iter().flatten().filter(of_study).map(ToString::to_string).collect();
        if !strange.is_empty() {
            expansion.warnings.push(format!("--seeds: the study has no seed {}", strange.join(", ")));
        }
    }
}

fn cases(study: &Study, texts: &[String], errors: &mut Vec<StudyError>) -> Vec<String> {
    let known = study.root.case_paths();
    let mut chosen = Vec::new();
    for name in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        if known.iter().any(|path| path == name) {
            chosen.push(name.to_owned());
            continue;
        }
        let names = if known.is_empty() { "no cases".to_owned() } else { known.join(", ") };
        let hint = nearest(name, known.iter().map(String::as_str));
        let names = hint.map_or(names.clone(), |hint| format!("{names}; did you mean `{hint}`?"));
        let problem = StudyProblem::UnknownName { what: "case", name: name.to_owned(), known: names };
        errors.push(StudyError::at(&Place::Flag("case".into()), problem));
    }
    chosen
}

fn shard(text: &str) -> Result<(usize, usize), StudyError> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let parts = text.split_once('/').and_then(|(index, count)| number(index).zip(number(count)));
    parts.filter(|(index, count)| index < count).ok_or_else(|| {
        let (what, expected) = ("--shard".into(), "i/n with i from 0 to n - 1".into());
        let problem = StudyProblem::Wrong { what, expected, found: format!("`{text}`") };
        StudyError::at(&Place::Resolved, problem)
    })
}
