//! Which axes of a run are controlled and which are constant, in the words with which it begins.

use crate::candidate::{Axis, CandidateSet};
use crate::python_float;

/// The two lines with which an episodic run begins, without their labels: controlled axes and constant axes, as in
/// `lr_multiplier=[0.5, 1.0, 2.0]` and `noise_std=0.0`; `<none>` for an empty list.
pub(super) fn start_lines(candidates: &CandidateSet) -> (String, String) {
    let mut lists: (Vec<String>, Vec<String>) = Default::default();
    for (axis, name) in [(Axis::Lr, "lr_multiplier"), (Axis::Noise, "noise_std")] {
        let values = candidates.values(axis);
        let texts: Vec<String> = values.iter().map(|&value| python_float::repr(value)).collect();
        match texts.as_slice() {
            [single] => lists.1.push(format!("{name}={single}")),
            _ => lists.0.push(format!("{name}=[{}]", texts.join(", "))),
        }
    }
    let line = |list: Vec<String>| if list.is_empty() { "<none>".to_owned() } else { list.join(", ") };
    (line(lists.0), line(lists.1))
}
