//! Which phases and stages may run: `--only` and `--loop-only`.

use super::iteration::LoopStage;

/// What may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopScope {
    /// Looking for data, settings and devices.
    pub setup: bool,
    /// Training the start.
    pub baseline: bool,
    /// Iterations.
    pub iterations: bool,
    /// The stages of an iteration.
    pub stages: Vec<LoopStage>,
}

impl LoopScope {
    /// The words that `--only` takes.
    pub const PHASES: [&str; 3] = ["setup", "baseline", "loop"];

    /// What two lists of words leave; an empty one leaves everything. A stage in `only` is that stage alone.
    ///
    /// # Errors
    /// The word that is none.
    pub fn of(only: &[String], loop_only: &[String]) -> Result<Self, String> {
        let stage = |word: &String| word.parse::<LoopStage>().map_err(|_| word.clone());
        let is_phase = |word: &&String| Self::PHASES.contains(&word.as_str());
        let has = |word: &str| only.is_empty() || only.iter().any(|known| known == word);
        let named = only.iter().filter(|word| !is_phase(word)).map(stage).collect::<Result<Vec<_>, _>>()?;
        let mut stages = if has("loop") { LoopStage::ALL.to_vec() } else { named.clone() };
        if !loop_only.is_empty() {
            let inner = loop_only.iter().map(stage).collect::<Result<Vec<_>, _>>()?;
            stages.retain(|stage| inner.contains(stage));
        }
        let iterations = has("loop") || !named.is_empty();
        Ok(Self { setup: has("setup"), baseline: has("baseline"), iterations, stages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_stage_that_is_named_runs_alone() {
        let scope = LoopScope::of(&words("train"), &[]).unwrap();
        assert_eq!((scope.setup, scope.baseline, scope.iterations), (false, false, true));
        assert_eq!(scope.stages, [LoopStage::Train]);
        let scope = LoopScope::of(&words("setup baseline"), &[]).unwrap();
        assert_eq!((scope.setup, scope.baseline, scope.iterations), (true, true, false));
        let scope = LoopScope::of(&[], &words("record decide")).unwrap();
        assert_eq!((scope.baseline, scope.stages.as_slice()), (true, &[LoopStage::Record, LoopStage::Decide][..]));
        assert_eq!(LoopScope::of(&[], &[]).unwrap().stages, LoopStage::ALL);
        assert_eq!(LoopScope::of(&words("loop"), &words("tran")), Err("tran".into()));
        assert_eq!(LoopScope::of(&words("everything"), &[]), Err("everything".into()));
    }
}
