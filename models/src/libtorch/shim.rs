//! What tch lacks of libtorch, as safe functions: `shim.cpp`, which the build script compiles against the same headers.
//!
//! The only place of this crate with unsafe code.

#![allow(unsafe_code, reason = "calls of C functions")]

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::OnceLock;

use tch::{Device, Kind, Tensor};

/// libtorch refused, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TorchError(pub String);

type RawText = *mut c_char;
type TensorPointer = *mut c_void;
type Packed = [i64; 3];

unsafe extern "C" {
    fn aees_torch_built_for() -> *const c_char;
    fn aees_torch_loaded(version: *mut RawText) -> RawText;
    fn aees_torch_load_cuda() -> RawText;
    fn aees_torch_keep_memory();
    fn aees_torch_channels_last(tensor: *const c_void, result: *mut TensorPointer) -> RawText;
    fn aees_torch_autocast(cuda: bool, on: bool) -> RawText;
    fn aees_torch_tf32(on: bool) -> RawText;
    fn aees_torch_copy_all(targets: *const TensorPointer, sources: *const TensorPointer, count: usize) -> RawText;
    fn aees_torch_adamw(
        parameter: TensorPointer,
        gradient: TensorPointer,
        mean: TensorPointer,
        square: TensorPointer,
        count: TensorPointer,
        rate: TensorPointer,
        beta1: f64,
        beta2: f64,
        decay: f64,
        epsilon: f64,
    ) -> RawText;
    fn aees_torch_new_stream(index: i32, stream: *mut Packed) -> RawText;
    fn aees_torch_exchange_stream(next: *const Packed, previous: *mut Packed) -> RawText;
    fn aees_torch_graph_begin(graph: *mut *mut c_void) -> RawText;
    fn aees_torch_graph_end(graph: *mut c_void) -> RawText;
    fn aees_torch_graph_replay(graph: *mut c_void) -> RawText;
    fn aees_torch_graph_free(graph: *mut c_void);
    fn aees_torch_peak_memory(index: i32, bytes: *mut i64) -> RawText;
    fn free(memory: *mut c_void);
}

/// Takes over a string of `malloc`.
fn text(message: RawText) -> Option<String> {
    if message.is_null() {
        return None;
    }
    // SAFETY: the shim gives strings that end in a zero and belong to the caller.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: as above, and nothing points to it any more.
    unsafe { free(message.cast()) };
    Some(text)
}

fn check(message: RawText) -> Result<(), TorchError> {
    text(message).map_or(Ok(()), |message| Err(TorchError(message)))
}

/// tch's handle as the shim takes it. The shim changes at most what the tensor holds, as tch's own functions do.
fn pointer(tensor: &Tensor) -> TensorPointer {
    tensor.as_ptr().cast_mut().cast()
}

/// The version of libtorch that this program was compiled for.
pub fn version_built_for() -> &'static str {
    // SAFETY: a constant of the shim.
    unsafe { CStr::from_ptr(aees_torch_built_for()) }.to_str().unwrap_or("unknown")
}

/// The version of the libtorch that was loaded.
///
/// # Errors
/// When it does not say.
pub fn version_loaded() -> Result<String, TorchError> {
    let mut version = null_mut();
    // SAFETY: the shim writes one pointer.
    check(unsafe { aees_torch_loaded(&mut version) })?;
    Ok(text(version).unwrap_or_default())
}

/// Loads libtorch's part for CUDA, once. It has to come before anything asks libtorch for a GPU.
///
/// # Errors
/// When it is not installed, or a library that it needs is not.
pub fn load_cuda() -> Result<(), TorchError> {
    static LOADED: OnceLock<Result<(), TorchError>> = OnceLock::new();
    // SAFETY: loads a library of libtorch's own.
    LOADED.get_or_init(|| check(unsafe { aees_torch_load_cuda() })).clone()
}

/// Lets the process keep memory that it frees, instead of handing it back and taking it again in every step.
pub fn keep_freed_memory() {
    // SAFETY: sets numbers of the allocator.
    unsafe { aees_torch_keep_memory() }
}

/// The tensor `[batch, channels, height, width]` with its channels next to each other in memory.
///
/// # Errors
/// When there is no memory for it.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, TorchError> {
    let mut result = null_mut();
    // SAFETY: the tensor outlives the call; the shim writes one pointer.
    check(unsafe { aees_torch_channels_last(pointer(tensor), &mut result) })?;
    // SAFETY: a tensor that the shim made with `new` and gave away, as tch's own do.
    Ok(unsafe { Tensor::from_ptr(result.cast()) })
}

/// Allows products of f32 on CUDA in the type TF32, for the whole process.
///
/// # Errors
/// When libtorch refuses.
pub fn allow_tf32(on: bool) -> Result<(), TorchError> {
    // SAFETY: sets numbers of the library.
    check(unsafe { aees_torch_tf32(on) })
}

/// The most memory of a GPU that libtorch held at once in this process, in bytes.
///
/// # Errors
/// When there is no such GPU, or nothing was computed on it yet.
pub fn peak_device_memory(gpu: usize) -> Result<u64, TorchError> {
    let index = gpu_index(gpu)?;
    let mut bytes = 0;
    // SAFETY: the shim writes one number.
    check(unsafe { aees_torch_peak_memory(index, &mut bytes) })?;
    u64::try_from(bytes).map_err(|_| TorchError(format!("{bytes} bytes of memory")))
}

fn gpu_index(gpu: usize) -> Result<i32, TorchError> {
    i32::try_from(gpu).map_err(|_| TorchError(format!("no GPU has the number {gpu}")))
}

/// Copies each source into the target beside it.
///
/// # Errors
/// When their shapes differ.
pub fn copy_all(targets: &[Tensor], sources: &[Tensor]) -> Result<(), TorchError> {
    let [to, from] = [targets, sources].map(|tensors| tensors.iter().map(pointer).collect::<Vec<_>>());
    let count = to.len().min(from.len());
    // SAFETY: as many pointers as are told, to tensors that outlive the call.
    check(unsafe { aees_torch_copy_all(to.as_ptr(), from.as_ptr(), count) })
}

/// What a step of AdamW works on, all alike in shape but for the two numbers.
#[derive(Debug)]
pub struct AdamWState<'a> {
    /// Changed.
    pub parameter: &'a Tensor,
    /// Read.
    pub gradient: &'a Tensor,
    /// Running mean of the gradient; changed.
    pub mean: &'a Tensor,
    /// Running mean of its square; changed.
    pub square: &'a Tensor,
    /// Steps taken, one f32; counted up first.
    pub count: &'a Tensor,
    /// Learning rate, one f32.
    pub rate: &'a Tensor,
}

/// Numbers of AdamW that do not change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWNumbers {
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the mean of squares.
    pub beta2: f64,
    /// Weight decay, to be multiplied by the learning rate.
    pub weight_decay: f64,
    /// Added to the denominator.
    pub epsilon: f64,
}

/// A step of AdamW in one operation.
///
/// # Errors
/// When the tensors do not fit each other.
pub fn adamw(state: &AdamWState<'_>, numbers: AdamWNumbers) -> Result<(), TorchError> {
    let AdamWState { parameter, gradient, mean, square, count, rate } = state;
    let AdamWNumbers { beta1, beta2, weight_decay, epsilon } = numbers;
    let [parameter, gradient, mean, square, count, rate] =
        [parameter, gradient, mean, square, count, rate].map(|tensor| pointer(tensor));
    // SAFETY: tensors that outlive the call.
    check(unsafe {
        aees_torch_adamw(parameter, gradient, mean, square, count, rate, beta1, beta2, weight_decay, epsilon)
    })
}

/// The values of a tensor of f32 in host memory, in their order.
///
/// Nothing else may read or change the tensor meanwhile. It is borrowed alone, but tch's handles share their memory: the caller
/// sees to it that no work on another one is under way.
///
/// # Errors
/// When it is of another type, on another device, or lies in another order.
pub fn host_values_mut(tensor: &mut Tensor) -> Result<&mut [f32], TorchError> {
    let (data, length) = host_memory(tensor)?;
    // SAFETY: `host_memory` has checked type, place and order; the memory lives as long as the handle that is borrowed.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, length) })
}

/// The values of a tensor of f32 in host memory, in their order; nothing may change them meanwhile.
///
/// # Errors
/// When it is of another type, on another device, or lies in another order.
pub fn host_values(tensor: &Tensor) -> Result<&[f32], TorchError> {
    let (data, length) = host_memory(tensor)?;
    // SAFETY: as above.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

fn host_memory(tensor: &Tensor) -> Result<(*mut f32, usize), TorchError> {
    if tensor.kind() != Kind::Float || tensor.device() != Device::Cpu || !tensor.is_contiguous() {
        return Err(TorchError(format!("{tensor:?} is not plain f32 in host memory")));
    }
    let length = tensor.numel();
    let data = if length == 0 { std::ptr::NonNull::dangling().as_ptr() } else { tensor.data_ptr().cast() };
    Ok((data, length))
}

/// Autocast to bf16 in this thread, for as long as it lives.
#[derive(Debug)]
pub struct Autocast {
    cuda: bool,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl Autocast {
    /// Turns it on for a device.
    ///
    /// # Errors
    /// When libtorch cannot on that device.
    pub fn bf16(device: Device) -> Result<Self, TorchError> {
        let cuda = device.is_cuda();
        // SAFETY: sets numbers of the thread.
        check(unsafe { aees_torch_autocast(cuda, true) })?;
        Ok(Self { cuda, thread: PhantomData })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: sets numbers of the thread. It fails for no device that it was turned on for.
        let _ = text(unsafe { aees_torch_autocast(self.cuda, false) });
    }
}

/// A queue of work on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CudaStream(Packed);

/// While it lives, work of this thread goes to a stream.
#[derive(Debug)]
pub struct OnStream {
    previous: Packed,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl CudaStream {
    /// One of libtorch's streams beside the default one.
    ///
    /// # Errors
    /// When there is no such GPU.
    pub fn new(gpu: usize) -> Result<Self, TorchError> {
        let mut packed = Packed::default();
        let index = gpu_index(gpu)?;
        // SAFETY: the shim writes three numbers.
        check(unsafe { aees_torch_new_stream(index, &mut packed) })?;
        Ok(Self(packed))
    }

    /// Makes it the one that this thread works on.
    ///
    /// # Errors
    /// When the GPU is gone.
    pub fn enter(self) -> Result<OnStream, TorchError> {
        let mut previous = Packed::default();
        // SAFETY: three numbers that the shim gave, and three that it writes.
        check(unsafe { aees_torch_exchange_stream(&self.0, &mut previous) })?;
        Ok(OnStream { previous, thread: PhantomData })
    }
}

impl Drop for OnStream {
    fn drop(&mut self) {
        let mut current = Packed::default();
        // SAFETY: as in `enter`. A stream that was current once can be again.
        let _ = text(unsafe { aees_torch_exchange_stream(&self.previous, &mut current) });
    }
}

/// Work of a GPU that was recorded once and can be done again by one launch.
#[derive(Debug)]
pub struct CudaGraph(*mut c_void);

// SAFETY: the library lets any thread replay it, one at a time.
unsafe impl Send for CudaGraph {}

impl CudaGraph {
    /// Records what `work` enqueues on this thread's stream; nothing of it is done. The tensors that it gives get their values
    /// with each replay, and what it reads must stay where it is.
    ///
    /// # Errors
    /// When there is no GPU, when the work reads from it or does something else that cannot be recorded, or when it panics.
    pub fn record<T>(work: impl FnOnce() -> T) -> Result<(Self, T), TorchError> {
        let mut graph = null_mut();
        // SAFETY: the shim writes one pointer.
        check(unsafe { aees_torch_graph_begin(&mut graph) })?;
        let graph = Self(graph);
        let given = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: the graph that was begun.
        let ended = check(unsafe { aees_torch_graph_end(graph.0) });
        let given = given.map_err(|_| TorchError("the work cannot be recorded".into()))?;
        ended.map(|()| (graph, given))
    }

    /// Does the work once more, on this thread's stream.
    ///
    /// # Errors
    /// When the GPU refuses.
    pub fn replay(&self) -> Result<(), TorchError> {
        // SAFETY: a graph that was recorded to its end.
        check(unsafe { aees_torch_graph_replay(self.0) })
    }
}

impl Drop for CudaGraph {
    fn drop(&mut self) {
        // SAFETY: made by the shim, and nobody else's.
        unsafe { aees_torch_graph_free(self.0) }
    }
}
