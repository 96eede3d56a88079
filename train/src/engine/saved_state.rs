//! The two parts of a saved state, the model's tensors and the optimizer's slots, by what their names begin with: the same for every
//! engine, so that a checkpoint of one is one of all.

use aees_models::NamedTensors;

use super::{EngineError, EngineState};

/// What the names of a network's tensors begin with.
const MODEL: &str = "model.";

/// What the names of the optimizer's slots begin with.
const OPTIMIZER: &str = "optimizer.";

/// The state of a model after so many optimizer steps.
pub(super) fn joined(model: NamedTensors, slots: NamedTensors, optimizer_steps: u64) -> EngineState {
    let named = |part: &'static str| move |(name, tensor)| (format!("{part}{name}"), tensor);
    let tensors = model.into_iter().map(named(MODEL)).chain(slots.into_iter().map(named(OPTIMIZER))).collect();
    EngineState { tensors, optimizer_steps }
}

/// The model's tensors and the optimizer's slots.
///
/// # Errors
/// When a tensor belongs to neither.
pub(super) fn parts(state: &EngineState) -> Result<[NamedTensors; 2], EngineError> {
    let (mut model, mut slots) = (NamedTensors::new(), NamedTensors::new());
    for (name, tensor) in &state.tensors {
        let (part, name) = match (name.strip_prefix(MODEL), name.strip_prefix(OPTIMIZER)) {
            (Some(name), _) => (&mut model, name),
            (_, Some(name)) => (&mut slots, name),
            _ => return Err(EngineError::State(format!("unknown tensor {name}"))),
        };
        part.insert(name.to_owned(), tensor.clone());
    }
    Ok([model, slots])
}
