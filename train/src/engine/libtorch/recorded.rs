//! Steps of one shape on a GPU, each kind of them recorded once as a CUDA graph and replayed from then on: a launch a step.
//!
//! What a replay reads is staged beforehand, always in the same memory: the batch by its workload, the numbers of the step by the
//! optimizer. What cannot be recorded is taken as every other step. This has never run on a GPU, so it is done only where
//! `AEES_CUDA_GRAPHS` is 1.

use aees_models::libtorch::shim::CudaGraph;
use tch::Tensor;

use super::optimizer::StepNorms;

/// Steps that are taken as they are first: cuDNN looks for its fastest convolutions in them.
const WARM_UP: u32 = 3;

/// What a step leaves on the device: tensors of one element each.
pub(super) struct StepOutputs {
    pub(super) loss: Tensor,
    pub(super) correct: Tensor,
    pub(super) norms: StepNorms,
}

impl StepOutputs {
    /// The same in memory of its own, which no later replay writes to.
    fn copied(&self) -> Self {
        let StepNorms { update, gradient } = &self.norms;
        let norms = StepNorms { update: update.copy(), gradient: gradient.as_ref().map(Tensor::copy) };
        Self { loss: self.loss.copy(), correct: self.correct.copy(), norms }
    }
}

/// A kind of step.
pub(super) enum Recording {
    /// It is recorded after so many more steps.
    WarmingUp(u32),
    Ready(CudaGraph, StepOutputs),
    /// It cannot be recorded.
    Refused,
}

impl Recording {
    /// Those of steps without noise and with it, where they are wanted on a device.
    pub(super) fn of_kinds(on_host: bool) -> Option<[Self; 2]> {
        let wanted = std::env::var_os("AEES_CUDA_GRAPHS").is_some_and(|value| value == "1");
        (wanted && !on_host).then(|| [Self::WarmingUp(WARM_UP), Self::WarmingUp(WARM_UP)])
    }

    /// Whether a step of this kind is to be taken by a replay.
    pub(super) fn is_due(&mut self) -> bool {
        match self {
            Self::WarmingUp(0) | Self::Ready(..) => true,
            Self::WarmingUp(left) => {
                *left -= 1;
                false
            }
            Self::Refused => false,
        }
    }

    /// Replays a step that was staged, and records it first if it never was; gives nothing if it cannot be.
    pub(super) fn replay<E>(&mut self, record: impl FnOnce() -> Result<StepOutputs, E>) -> Option<StepOutputs> {
        if let Self::WarmingUp(_) = self {
            *self = match CudaGraph::record(record) {
                Ok((graph, Ok(outputs))) => Self::Ready(graph, outputs),
                _ => Self::Refused,
            };
        }
        match self {
            Self::Ready(graph, outputs) if graph.replay().is_ok() => Some(outputs.copied()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_cannot_be_recorded_is_taken_as_every_other() {
        let mut recording = Recording::WarmingUp(2);
        assert_eq!([0; 3].map(|_| recording.is_due()), [false, false, true]);
        // Where these tests run there is no GPU that libtorch records on.
        let outputs = recording.replay(|| Err::<StepOutputs, ()>(()));
        assert!(outputs.is_none() && matches!(recording, Recording::Refused) && !recording.is_due());
    }
}
