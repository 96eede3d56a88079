//! What the GPUs of this process were given to do, counted from when it is first asked: a launch that is watched costs more
//! than one that is not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use burn::backend::fusion::custom::OperationIr;
use burn::backend::fusion::observer::{BlockOperations, FusionObservation, FusionObserver};
use burn::tensor::Device;
use cubecl::logging::{LaunchObservation, LaunchObserver};

use crate::engine::WorkCounts;

#[derive(Default)]
struct Watched {
    launches: AtomicU64,
    uploads: AtomicU64,
}

impl LaunchObserver for Watched {
    fn launched(&self, _: &'static str) {
        self.launches.fetch_add(1, Ordering::Relaxed);
    }
}

impl FusionObserver for Watched {
    fn registered(&self, operation: &OperationIr) {
        // A tensor that comes from the host.
        if matches!(operation, OperationIr::Init(_)) {
            self.uploads.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn block_starts(&self, _: BlockOperations<'_>) {}

    fn block_ran(&self) {}
}

/// The counts of an engine on a device that has read this many tensors.
pub(super) fn counts(device: Option<&Device>, read_backs: u64) -> WorkCounts {
    static WATCHED: OnceLock<(Arc<Watched>, LaunchObservation, FusionObservation)> = OnceLock::new();
    let (watched, ..) = WATCHED.get_or_init(|| {
        let watched = Arc::new(Watched::default());
        (watched.clone(), LaunchObservation::new(watched.clone()), FusionObservation::new(watched))
    });
    WorkCounts {
        // Pools grow and are not given back: what they hold is the most that was held.
        peak_memory_bytes: device.and_then(Device::memory_pool_usage).map(|pools| pools.bytes_reserved),
        launches: Some(watched.launches.load(Ordering::Relaxed)),
        uploads: Some(watched.uploads.load(Ordering::Relaxed)),
        read_backs: Some(read_backs),
    }
}
