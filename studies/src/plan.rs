//! A study as it is to be run: each run with its identity and its work, kept in the study's folder.

mod inputs;
mod origin;
mod planner;
mod rounds;
mod study_plan;
#[cfg(test)]
mod tests;
mod unchanged;

pub use self::inputs::InputFinder;
pub use self::origin::PlanOrigin;
pub use self::planner::Planner;
pub use self::rounds::{next_round, recall};
pub use self::study_plan::{LearningSearch, PlannedProgram, ProgramChanges, StudyPlan, study_file, study_name};
pub use crate::study::Policy;
