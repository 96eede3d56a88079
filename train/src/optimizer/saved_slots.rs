//! Slots as they are saved, by `<parameter>.<slot>`, against the parameters and the rule that want them.

use aees_models::{HostTensor, NamedTensors, TensorInfo};

use super::SlotKind;

/// Saved slots that are not those of a model and rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the optimizer's {slot} does not fit: {problem}")]
pub struct SlotMismatch {
    /// `<parameter>.<slot>`.
    pub slot: String,
    /// What does not fit.
    pub problem: String,
}

/// Saved slots in the order of the tensors and of the rule's slots: all of a parameter's, or none.
///
/// # Errors
/// When a slot is missing while the parameter has others, is of another shape, or belongs to nothing.
pub(crate) fn slots_in_order<'a>(
    tensors: impl IntoIterator<Item = &'a TensorInfo>,
    kinds: &[SlotKind],
    mut slots: NamedTensors,
) -> Result<Vec<Option<Vec<HostTensor>>>, SlotMismatch> {
    let unfit = |slot: &str, problem: String| SlotMismatch { slot: slot.to_owned(), problem };
    let mut kept = Vec::new();
    for info in tensors {
        let names = kinds.iter().map(|kind| format!("{}.{}", info.name, kind.name()));
        let mut found = Vec::new();
        let mut missing = None;
        for name in names {
            match slots.remove(&name) {
                Some(slot) if slot.shape == info.shape => found.push(slot),
                Some(HostTensor { shape, .. }) => {
                    return Err(unfit(&name, format!("expected shape {:?}, found {shape:?}", info.shape)));
                }
                None => missing = Some(name),
            }
        }
        match missing {
            Some(name) if !found.is_empty() => return Err(unfit(&name, "it is missing".to_owned())),
            Some(_) => kept.push(None),
            None => kept.push(Some(found)),
        }
    }
    match slots.keys().next() {
        Some(name) => Err(unfit(name, format!("the model with this optimizer has no such slot; it keeps {kinds:?}"))),
        None => Ok(kept),
    }
}
