//! Control health as a table: [`crate::health`] does the arithmetic.

use aees_control::Axis;

use super::group::{Heading, gather};
use super::options::TableOptions;
use super::table::{Cell, Column, ColumnKind, Row, Table};
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
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
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
            rows.push(Row { section: group.section.clone(), cells: cells(name, &health, &verdict) });
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    notes.insert(0, EXPLANATION.into());
    vec![Table {
        name: "control_health".into(),
        title: "Whether controllers learn".into(),
        section_key: "problem".into(),
        columns: columns(),
        rows,
        warnings: Vec::new(),
        notes,
    }]
}

const EXPLANATION: &str = "Gap: how far the rewards of the best arm lie above those of the worst, in standard deviations of the noise that \
     arms and training leave, with an interval over runs that is corrected for the choice of the pair. Needed: episodes of \
     each arm after which one run would show such a gap (5 %, power 80 %). Values/bonus: how far value estimates lie apart over the mean \
     exploration bonus. Bonus decides: decisions that the bonus alone would have made alike. Entropy: of the last quarter's picks; 1 is even. \
     After a switch: rewards of the first episode with another arm less those of the others, in the same unit";

fn columns() -> Vec<Column> {
    let number = Column::number;
    vec![
        Column::text("Method", "method"),
        number("n", "n", ColumnKind::Value, 1.0, 0),
        number("Episodes", "episodes", ColumnKind::Value, 1.0, 0),
        Column::text("Best arm", "best_arm"),
        number("Picks of it (%)", "best_arm_share", ColumnKind::MeanSd, 100.0, 1),
        number("Even (%)", "even_share", ColumnKind::Value, 100.0, 1),
        number("Gap [95 % CI]", "gap", ColumnKind::Interval, 1.0, 2),
        number("Needed", "needed_episodes", ColumnKind::Value, 1.0, 0),
        number("Remembered", "remembered_episodes", ColumnKind::Value, 1.0, 0),
        number("Values/bonus", "values_over_bonus", ColumnKind::MeanSd, 1.0, 3),
        number("Bonus decides (%)", "bonus_decides", ColumnKind::MeanSd, 100.0, 1),
        number("Entropy", "final_entropy", ColumnKind::MeanSd, 1.0, 2),
        number("Switches (%)", "switches", ColumnKind::MeanSd, 100.0, 1),
        number("After a switch [95 % CI]", "after_switch", ColumnKind::Interval, 1.0, 2),
        Column::text("Verdict", "verdict"),
    ]
}

fn cells(name: String, health: &ControlHealth, verdict: &Verdict) -> Vec<Cell> {
    let best = health.best();
    let share = best.and_then(|best| health.share(best));
    vec![
        Cell::Text(name),
        Cell::value(Some(health.runs.len() as f64)),
        Cell::value(Some(health.episodes())),
        best.map_or_else(Cell::nothing, |best| Cell::Text(label(health.arms[best]))),
        Cell::spread(share),
        Cell::value(Some(1.0 / health.arms.len() as f64)),
        Cell::interval(health.gap()),
        Cell::value(health.needed()),
        Cell::value(health.learns.then(|| health.remembered())),
        Cell::spread(health.values_over_bonus()),
        Cell::spread(health.bonus_decides()),
        Cell::spread(health.final_entropy()),
        Cell::spread(health.switches()),
        Cell::interval(health.after_switch()),
        Cell::text(verdict.in_short()),
    ]
}
