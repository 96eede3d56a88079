//! Counts what a region of the program enqueues on a GPU: launches, tensors that are uploaded, and reads.
//!
//! CubeCL tells of every launch. burn's stream tells of every tensor that comes from the host. What wgpu does itself is in its
//! log: writes of any kind (arguments of kernels among them, where they have changed) and buffers that are read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use burn::backend::fusion::custom::OperationIr;
use burn::backend::fusion::observer::{BlockOperations, FusionObservation, FusionObserver};
use burn::tensor::Device;
use cubecl::logging::{LaunchObservation, LaunchObserver};

/// What was enqueued.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Enqueued {
    /// How often each kernel was launched.
    pub(crate) kernels: BTreeMap<&'static str, usize>,
    /// Tensors that came from the host.
    pub(crate) uploads: usize,
    /// Writes to buffers, whatever for.
    pub(crate) writes: usize,
    /// Buffers that were read.
    pub(crate) reads: usize,
}

impl Enqueued {
    pub(crate) fn launches(&self) -> usize {
        self.kernels.values().sum()
    }
}

#[derive(Default)]
struct Counts {
    kernels: Mutex<BTreeMap<&'static str, usize>>,
    uploads: AtomicUsize,
}

impl LaunchObserver for Counts {
    fn launched(&self, kernel: &'static str) {
        *self.kernels.lock().unwrap().entry(kernel).or_default() += 1;
    }
}

impl FusionObserver for Counts {
    fn registered(&self, operation: &OperationIr) {
        if matches!(operation, OperationIr::Init(_)) {
            self.uploads.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn block_starts(&self, _: BlockOperations<'_>) {}

    fn block_ran(&self) {}
}

/// Reads wgpu's log.
struct DriverLog {
    writes: AtomicUsize,
    reads: AtomicUsize,
}

static DRIVER: DriverLog = DriverLog { writes: AtomicUsize::new(0), reads: AtomicUsize::new(0) };

impl log::Log for DriverLog {
    fn enabled(&self, of: &log::Metadata<'_>) -> bool {
        of.target().starts_with("wgpu_core")
    }

    fn log(&self, record: &log::Record<'_>) {
        let message = record.args().to_string();
        if message.starts_with("Queue::write_buffer") {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        if message.starts_with("Buffer::map_async") {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Held while something is counted: the counters are the process's.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` and waits for the device; what was enqueued before is done before.
pub(crate) fn enqueued<T>(device: &Device, work: impl FnOnce() -> T) -> (T, Enqueued) {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        log::set_logger(&DRIVER).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    device.sync().unwrap();
    let counts = Arc::new(Counts::default());
    let driver = || [&DRIVER.writes, &DRIVER.reads].map(|count| count.load(Ordering::Relaxed));
    let before = driver();
    let (result, after) = {
        let _launches = LaunchObservation::new(counts.clone());
        let _uploads = FusionObservation::new(counts.clone());
        let result = work();
        device.sync().unwrap();
        (result, driver())
    };
    let kernels = std::mem::take(&mut *counts.kernels.lock().unwrap());
    let [writes, reads] = [after[0] - before[0], after[1] - before[1]];
    (result, Enqueued { kernels, uploads: counts.uploads.load(Ordering::Relaxed), writes, reads })
}
