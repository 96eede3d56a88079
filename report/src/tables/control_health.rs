//! Control health as a table: [`crate::health`] does the arithmetic.

use aees_control::Axis;

use super::group::{Heading, gather};
use super::options::TableOptions;
use super::table::{Cell, Column, ColumnKind, Table};
use crate::experiment::{Purpose, experiments};
use crate::health::{ControlHealth, Verdict};
use crate::names::task_title;
use crate::number::label;
use crate::record::RunRecord;

/// One row for each method and axis that picks between arms.
pub(super) fn control_health(runs: &[RunRecord], _: &TableOptions) -> Vec<Table> {
    let shown = experiments(runs).into_iter().filter(|one| one.purpose != Purpose::Timing);
    let groups = gather(shown, |one| {
        let run = one.example();
        let section = format!("{}, {}, {}", task_title(&run.task), run.label_noise.label(), run.optimizer);
        Some(Heading { section: (0, section), name: one.name.clone() })
    });
    let (mut rows, mut notes) = (Vec::new(), vec![EXPLANATION.to_owned()]);
    for group in &groups {
        for axis in [Axis::Lr, Axis::Noise] {
            let Some(health) = ControlHealth::of(&group.experiment.runs(), axis) else { continue };
            let name = match axis {
                Axis::Lr => group.label.clone(),
                Axis::Noise => format!("{}, noise", group.label),
            };
            let verdict = health.verdict();
            if let Verdict::CouldNot(_) | Verdict::DidNot = &verdict {
                notes.push(format!("{}, {name}: {}", group.section, verdict.words()));
            }
            rows.push((group.section.clone(), cells(name, &health, &verdict)));
        }
    }
    Vec::from_iter(Table::of(("control_health", "Whether controllers learn"), "problem", rows, notes))
}

const EXPLANATION: &str = "Gap: how far the rewards of the best arm lie above those of the worst, in standard deviations of the noise that \
     arms and training leave, with an interval over runs that is corrected for the choice of the pair. Needed: episodes of \
     each arm after which one run would show such a gap (5 %, power 80 %). Values/bonus: how far value estimates lie apart over the mean \
     exploration bonus. Bonus decides: decisions that the bonus alone would have made alike. Entropy: of the last quarter's picks; 1 is even. \
     After a switch: rewards of the first episode with another arm less those of the others, in the same unit";

fn cells(name: String, health: &ControlHealth, verdict: &Verdict) -> Vec<(Column, Cell)> {
    let value = |heading: &str, key: &str, decimals| Column::number(heading, key, ColumnKind::Value, 1.0, decimals);
    let spread = |heading: &str, key: &str, scale, decimals, spread| {
        (Column::number(heading, key, ColumnKind::MeanSd, scale, decimals), Cell::spread(spread))
    };
    let interval = |heading: &str, key: &str, interval| {
        (Column::number(heading, key, ColumnKind::Interval, 1.0, 2), Cell::interval(interval))
    };
    let best = health.best();
    let best_arm = best.map_or_else(Cell::nothing, |best| Cell::Text(label(health.arms[best])));
    let even = Column::number("Even (%)", "even_share", ColumnKind::Value, 100.0, 1);
    let remembered = health.learns.then(|| health.remembered());
    vec![
        (Column::text("Method", "method"), Cell::Text(name)),
        (value("n", "n", 0), Cell::value(Some(health.runs.len() as f64))),
        (value("Episodes", "episodes", 0), Cell::value(Some(health.episodes()))),
        (Column::text("Best arm", "best_arm"), best_arm),
        spread("Picks of it (%)", "best_arm_share", 100.0, 1, best.and_then(|best| health.share(best))),
        (even, Cell::value(Some(1.0 / health.arms.len() as f64))),
        interval("Gap [95 % CI]", "gap", health.gap()),
        (value("Needed", "needed_episodes", 0), Cell::value(health.needed())),
        (value("Remembered", "remembered_episodes", 0), Cell::value(remembered)),
        spread("Values/bonus", "values_over_bonus", 1.0, 3, health.values_over_bonus()),
        spread("Bonus decides (%)", "bonus_decides", 100.0, 1, health.bonus_decides()),
        spread("Entropy", "final_entropy", 1.0, 2, health.final_entropy()),
        spread("Switches (%)", "switches", 100.0, 1, health.switches()),
        interval("After a switch [95 % CI]", "after_switch", health.after_switch()),
        (Column::text("Verdict", "verdict"), Cell::text(verdict.in_short())),
    ]
}
