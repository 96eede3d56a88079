//! The step of all parameters as one operation of burn's stream: [`super::super::kernels::update`], launched for as many
//! parameters at once as the device can bind.
//!
//! Inputs and outputs are named to burn, so that it keeps the order; a buffer that nobody else holds is written in place.

use std::ops::Range;

use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::engine::burn::kernels::operation::{StreamTensor, empty, enqueue, like};
use crate::engine::burn::kernels::update::{
    BoundParameter, CLIP, CONTROL_ENTRIES, CUBE_ELEMENTS, RuleKind, UNITS, add_sums, set_clip, set_control,
    sum_squares, update,
};
use crate::optimizer::{StepControl, StepRule, key_words};

/// The most buffers of a launch: their addresses and lengths fit the 4 KiB that a CUDA kernel's arguments had up to 12.0.
const MOST_BINDINGS: usize = 256;

/// What a launch binds beside the parameters: partial sums and control.
const OTHER_BINDINGS: usize = 2;

/// What a step is told.
pub(super) struct FusedStep<'a> {
    pub(super) rule: StepRule,
    pub(super) control: &'a StepControl,
    pub(super) noise_seed: u64,
    /// The largest norm of all gradients, if there is one.
    pub(super) max_norm: Option<f64>,
}

/// What a step works on, parameter by parameter in the same order.
pub(super) struct StepTensors<T> {
    /// Places in `parameters()`.
    pub(super) numbers: Vec<u32>,
    pub(super) parameters: Vec<T>,
    pub(super) gradients: Vec<T>,
    /// One list for each slot of the rule.
    pub(super) slots: Vec<Vec<T>>,
}

/// The numbers of a step, as the control buffer holds them.
#[derive(Clone, Debug)]
struct ControlValues {
    rule: RuleKind,
    noise: bool,
    clipped: bool,
    key: [u32; 2],
    entries: Vec<u32>,
}

impl ControlValues {
    fn new(step: &FusedStep<'_>) -> Self {
        let FusedStep { rule, control, noise_seed, max_norm } = step;
        let (kind, scalars) = match rule {
            StepRule::AdamW(rule) => (
                RuleKind::AdamW,
                vec![
                    rule.decay,
                    rule.mean_weight,
                    rule.square_decay,
                    rule.square_weight,
                    rule.step_size,
                    rule.square_correction,
                    rule.epsilon,
                ],
            ),
            StepRule::Momentum(rule) => {
                (RuleKind::Momentum, vec![rule.plain.learning_rate, rule.plain.weight_decay, rule.momentum])
            }
            StepRule::Sgd(rule) => (RuleKind::Sgd, vec![rule.learning_rate, rule.weight_decay]),
        };
        let mut entries = vec![control.step as u32, (control.step >> 32) as u32, (control.noise_std as f32).to_bits()];
        entries.extend(scalars.into_iter().map(f32::to_bits));
        entries.resize(CONTROL_ENTRIES, 0);
        entries[CLIP] = max_norm.map_or(0, |max_norm| (max_norm as f32).to_bits());
        let (noise, clipped) = (control.noise_std > 0.0, max_norm.is_some());
        Self { rule: kind, noise, clipped, key: key_words(*noise_seed), entries }
    }
}

/// What a step leaves.
pub(super) struct Updated {
    pub(super) parameters: Vec<StreamTensor>,
    /// One list for each slot of the rule.
    pub(super) slots: Vec<Vec<StreamTensor>>,
    /// Squared norm of the change, and that of the gradients if they are clipped.
    pub(super) norms: Vec<StreamTensor>,
}

/// Enqueues a step of at least one parameter.
pub(super) fn step(tensors: StepTensors<StreamTensor>, step: &FusedStep<'_>) -> Updated {
    let StepTensors { numbers, parameters, gradients, slots } = tensors;
    let values = ControlValues::new(step);
    let (count, slot_count) = (parameters.len(), slots.len());
    let outputs = parameters.iter().chain(slots.iter().flatten()).map(like);
    let norms = 1 + usize::from(values.clipped);
    let outputs = outputs.chain((0..norms).map(|_| ([1].into(), DType::F32))).collect();
    let inputs = parameters.into_iter().chain(gradients).chain(slots.into_iter().flatten()).collect();
    let updated = enqueue("aees_optimizer_step", inputs, outputs, move |inputs| {
        let mut inputs = inputs.into_iter();
        let mut list = || inputs.by_ref().take(count).collect::<Vec<_>>();
        let (parameters, gradients) = (list(), list());
        let slots = (0..slot_count).map(|_| list()).collect();
        launch(StepTensors { numbers: numbers.clone(), parameters, gradients, slots }, &values)
    });
    let mut updated = updated.into_iter();
    let parameters = updated.by_ref().take(count).collect();
    let slots = (0..slot_count).map(|_| updated.by_ref().take(count).collect()).collect();
    Updated { parameters, slots, norms: updated.collect() }
}

/// Launches the kernels; gives parameters, slots and norms, in the order of the operation's outputs.
fn launch(tensors: StepTensors<CubeTensor>, values: &ControlValues) -> Vec<CubeTensor> {
    let StepTensors { numbers, parameters, gradients, slots } = tensors;
    let parameters: Vec<CubeTensor> = parameters.into_iter().map(writable).collect();
    let slots: Vec<Vec<CubeTensor>> = slots.into_iter().map(|list| list.into_iter().map(writable).collect()).collect();
    let client = parameters[0].client.clone();
    let buffer = |length: usize, dtype| empty(&parameters[0], [length], dtype);
    let one = || CubeCount::Static(1, 1, 1);
    let units = || CubeDim::new_1d(UNITS);

    let control = buffer(CONTROL_ENTRIES, DType::U32);
    let mut entries = SequenceArg::new();
    values.entries.iter().for_each(|value| entries.push(*value));
    set_control::launch(&client, one(), CubeDim::new_1d(1), control.clone().into_buffer_arg(), entries);

    let sizes: Vec<usize> = parameters.iter().map(|parameter| parameter.meta.num_elements()).collect();
    let cubes: Vec<usize> = sizes.iter().map(|elements| elements.div_ceil(CUBE_ELEMENTS)).collect();
    let total_cubes: usize = cubes.iter().sum();
    let partial_sums = buffer(total_cubes, DType::F32);
    let most = MOST_BINDINGS.min(client.properties().hardware.max_bindings as usize);
    let group = most.saturating_sub(OTHER_BINDINGS) / (2 + slots.len());
    let mut groups = Vec::new();
    let mut first_sum = 0;
    for start in (0..parameters.len()).step_by(group.max(1)) {
        let members = start..(start + group.max(1)).min(parameters.len());
        let mut rows = Vec::new();
        let mut group_cubes = 0;
        for member in members.clone() {
            let (number, first_cube) = (numbers[member], group_cubes as u32);
            let gradient = layout(&gradients[member]);
            rows.push(BoundParameter { number, first_cube, elements: sizes[member] as u32, gradient });
            group_cubes += cubes[member];
        }
        groups.push(LaunchGroup { members, rows, first_sum, cubes: CubeCount::Static(group_cubes as u32, 1, 1) });
        first_sum += group_cubes as u32;
    }
    let arguments = |list: &[CubeTensor]| {
        let mut arguments = SequenceArg::new();
        list.iter().cloned().for_each(|tensor| arguments.push(raw(tensor)));
        arguments
    };
    let added = |sums: &CubeTensor| {
        let norm = buffer(1, DType::F32);
        let (sums, total) = (sums.clone().into_buffer_arg(), norm.clone().into_buffer_arg());
        add_sums::launch(&client, one(), units(), sums, total, total_cubes as u32);
        norm
    };
    let gradient_norm = values.clipped.then(|| {
        let sums = buffer(total_cubes, DType::F32);
        for LaunchGroup { members, rows, first_sum, cubes } in &groups {
            let gradients = arguments(&gradients[members.clone()]);
            let sums = sums.clone().into_buffer_arg();
            sum_squares::launch(&client, cubes.clone(), units(), gradients, sums, *first_sum, rows.clone());
        }
        let norm = added(&sums);
        let (control, squared) = (control.clone().into_buffer_arg(), norm.clone().into_buffer_arg());
        set_clip::launch(&client, one(), CubeDim::new_1d(1), control, squared);
        norm
    });
    for LaunchGroup { members, rows, first_sum, cubes } in groups {
        let slot =
            |index: usize| slots.get(index).map_or_else(SequenceArg::new, |list| arguments(&list[members.clone()]));
        update::launch(
            &client,
            cubes,
            units(),
            arguments(&parameters[members.clone()]),
            arguments(&gradients[members.clone()]),
            slot(0),
            slot(1),
            partial_sums.clone().into_buffer_arg(),
            control.clone().into_buffer_arg(),
            values.key[0],
            values.key[1],
            first_sum,
            rows,
            values.rule,
            values.noise,
            values.clipped,
        );
    }
    let norm = added(&partial_sums);
    parameters.into_iter().chain(slots.into_iter().flatten()).chain([norm]).chain(gradient_norm).collect()
}

/// Parameters that a launch takes.
struct LaunchGroup {
    members: Range<usize>,
    rows: Vec<BoundParameter>,
    /// The place of its first partial sum.
    first_sum: u32,
    cubes: CubeCount,
}

/// A tensor in the order of its elements whose buffer nobody else holds.
fn writable(tensor: CubeTensor) -> CubeTensor {
    let tensor = if tensor.is_contiguous() { tensor } else { into_contiguous(tensor) };
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

/// A tensor's memory, whatever the order of the elements in it.
fn raw(tensor: CubeTensor) -> BufferArg {
    let length = tensor.handle.size_in_used() as usize / tensor.elem_size();
    // SAFETY: the length is that of the handle's memory.
    unsafe { BufferArg::from_raw_parts(tensor.handle, length) }
}

/// Shape and strides of a tensor, innermost first; empty if its elements lie in their order.
fn layout(tensor: &CubeTensor) -> Vec<(u32, u32)> {
    if tensor.is_contiguous() {
        return Vec::new();
    }
    let sizes = tensor.meta.shape().iter().zip(tensor.meta.strides().iter());
    sizes.rev().map(|(size, stride)| (*size as u32, *stride as u32)).collect()
}
