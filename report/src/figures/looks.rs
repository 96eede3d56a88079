//! Which look a series has: the same in every figure of some results, and on their page.

use super::palette::LOOKS;
use crate::names::{NameStyle, method_name};
use crate::record::{Control, RunRecord};

/// Gives every label a look of its own while there are enough, and the reference's colours where it has one.
#[derive(Default)]
pub(super) struct Looks {
    given: Vec<(String, usize)>,
}

impl Looks {
    /// The look of a series by its label and one of its runs.
    pub(super) fn of(&mut self, label: &str, run: &RunRecord) -> usize {
        // A method has one look, whether its name tells its axes or not.
        let [short, with_axes] = [NameStyle::Short, NameStyle::WithAxes].map(|style| method_name(run, style).text);
        let key = label.replacen(&short, &with_axes, usize::from(!label.starts_with(&with_axes)));
        if let Some((_, look)) = self.given.iter().find(|(known, _)| *known == key) {
            return *look;
        }
        let scheduled = run.scheduler != "none";
        let wanted = match run.control {
            Control::Baseline if !scheduled => 0,
            Control::Baseline => 1,
            Control::Adaptive if scheduled => 3,
            Control::Adaptive if run.noise_candidates.len() > 1 => 5,
            Control::Adaptive => 2,
            _ => 4,
        };
        let free = |look: &usize| self.given.iter().all(|(_, given)| given != look);
        let look = std::iter::once(wanted).chain([4, 5, 6, 7, 1, 3, 2, 0]).chain(LOOKS..).find(free).unwrap_or(wanted);
        self.given.push((key, look));
        look
    }
}
