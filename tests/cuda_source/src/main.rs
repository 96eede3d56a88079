//! Writes our kernels as CUDA C++ into a folder, without a GPU, a driver or a toolkit; `tests/nvrtc.sh` compiles them.
//!
//! It takes the files of the kernels, and what they need of the optimizer, straight from their places in `aees-train`.

// Only a part of those files is used here.
#![allow(dead_code, unused_imports)]

use std::sync::Arc;

use cubecl::Compiler;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl_common::device::{DeviceId, ServiceId};
use cubecl_common::profile::TimingMethod;
use cubecl_cpp::shared::{CompilationOptions, CppCompiler, CppSupportedFeatures};
use cubecl_cpp::target::Cuda;
use cubecl_environment::stream::StreamId;
use cubecl_ir::{DeviceIdentity, DeviceProperties, HardwareProperties, MemoryDeviceProperties};

use kernels::{crop, mask, tokens, update};

#[path = "../../../train/src/philox.rs"]
mod philox;

/// What the kernels share with the host.
#[path = "../../../train/src/optimizer"]
mod optimizer {
    mod noise;
    mod norm_epsilon;
    mod normal;

    pub(crate) use noise::{TILE, TILE_BLOCKS};
    pub(crate) use norm_epsilon::NORM_EPSILON;
    pub(crate) use normal::{COSINE, LN_2, LOGARITHM, SINE, WORD_TO_ANGLE, WORD_TO_UNIT};
}

#[path = "../../../train/src/engine/burn/kernels"]
mod kernels {
    pub(crate) mod crop;
    pub(crate) mod mask;
    pub(crate) mod normal;
    pub(crate) mod tokens;
    pub(crate) mod update;
}

/// A GPU of NVIDIA as CubeCL describes those since Ampere.
fn device() -> Arc<DeviceProperties> {
    let hardware = HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 32,
        plane_size_max: 32,
        max_bindings: 1024,
        max_shared_memory_size: 166_912,
        max_cube_count: (2_147_483_647, 65_535, 65_535),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: Some(108),
        num_tensor_cores: Some(432),
        min_tensor_cores_dim: Some(8),
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: usize::MAX,
        cube_mma_reserved_shared_memory: 0,
    };
    let identity = DeviceIdentity { name: "none".into(), fingerprint: "ptx_sm80".into(), physical: None };
    let memory = MemoryDeviceProperties::new(1 << 34, 512);
    let mut device = DeviceProperties::new(Default::default(), memory, hardware, TimingMethod::Device, identity);
    cubecl_cpp::register_supported_types(&mut device);
    Arc::new(device)
}

fn buffer() -> BufferArg {
    let handle = Handle::new(ServiceId::of::<()>(DeviceId::new(0, 0)), StreamId::current(), 4096);
    // SAFETY: nothing is launched.
    unsafe { BufferArg::from_raw_parts(handle, 1024) }
}

fn buffers(count: usize) -> SequenceArg<Box<[f32]>> {
    (0..count).fold(SequenceArg::new(), |mut list, _| {
        list.push(buffer());
        list
    })
}

fn source(kernel: impl CubeKernel) -> String {
    let supports_features = CppSupportedFeatures { grid_constants: true, ..Default::default() };
    let options = CompilationOptions { supports_features, ..Default::default() };
    let definition = cubecl::define_kernel(&kernel).unwrap();
    CppCompiler::<Cuda>::default().compile(definition, &options).unwrap().to_string()
}

/// 62 parameters as ResNet-18 has them; the gradients of every third lie in another order.
fn parameters() -> Vec<update::BoundParameter> {
    let parameter = |number: u32| {
        let gradient = if number % 3 == 0 { vec![(3, 64), (3, 192), (64, 1), (64, 576)] } else { Vec::new() };
        update::BoundParameter { number, first_cube: 9 * number, elements: 36_864, gradient }
    };
    (0..62).map(parameter).collect()
}

fn sources() -> Vec<(String, String)> {
    let (device, target) = (device(), Arc::new(TargetProperties::default()));
    let cubes = || CubeCount::Static(64, 1, 1);
    let units = || CubeDim::new_1d(update::UNITS);
    let mut sources = Vec::new();
    for (rule, slots) in [(update::RuleKind::AdamW, 2), (update::RuleKind::Momentum, 1), (update::RuleKind::Sgd, 0)] {
        for (noise, clipped) in [(false, false), (true, false), (false, true), (true, true)] {
            let slot = |index: usize| buffers(if index < slots { 62 } else { 0 });
            let kernel = update::update::create_dummy_kernel(
                device.clone(),
                target.clone(),
                cubes(),
                units(),
                buffers(62),
                buffers(62),
                slot(0),
                slot(1),
                buffer(),
                buffer(),
                1,
                2,
                0,
                parameters(),
                rule,
                noise,
                clipped,
            );
            sources.push((format!("update_{rule:?}_{noise}_{clipped}"), source(kernel)));
        }
    }
    let kernel = update::sum_squares::create_dummy_kernel(
        device.clone(),
        target.clone(),
        cubes(),
        units(),
        buffers(62),
        buffer(),
        0,
        parameters(),
    );
    sources.push(("sum_squares".to_owned(), source(kernel)));
    let kernel =
        update::set_clip::create_dummy_kernel(device.clone(), target.clone(), cubes(), units(), buffer(), buffer());
    sources.push(("set_clip".to_owned(), source(kernel)));
    let values = SequenceArg { values: (0..update::CONTROL_ENTRIES as u32).collect() };
    let kernel =
        update::set_control::create_dummy_kernel(device.clone(), target.clone(), cubes(), units(), buffer(), values);
    sources.push(("set_control".to_owned(), source(kernel)));
    let kernel =
        update::add_sums::create_dummy_kernel(device.clone(), target.clone(), cubes(), units(), buffer(), buffer(), 64);
    sources.push(("add_sums".to_owned(), source(kernel)));
    for planned in [false, true] {
        let starts = SequenceArg { values: (0..tokens::LISTS as u32).collect() };
        let kernel = tokens::lay_out::create_dummy_kernel(
            device.clone(),
            target.clone(),
            cubes(),
            units(),
            buffer(),
            buffer(),
            buffer(),
            starts,
            0,
            16,
            64,
            1000,
            -1e9,
            planned,
        );
        sources.push((format!("lay_out_{planned}"), source(kernel)));
        let kernel = crop::crop::create_dummy_kernel(
            device.clone(),
            target.clone(),
            cubes(),
            units(),
            buffer(),
            buffer(),
            buffer(),
            buffer(),
            buffer(),
            SequenceArg { values: [0.5; 6].into_iter().collect() },
            0,
            128,
            planned,
        );
        sources.push((format!("crop_{planned}"), source(kernel)));
    }
    let kernel = mask::dropout_mask::create_dummy_kernel(
        device,
        target,
        cubes(),
        units(),
        buffer(),
        1,
        2,
        3,
        4,
        5,
        6,
        0.5,
        1000,
    );
    sources.push(("dropout_mask".to_owned(), source(kernel)));
    sources
}

fn main() {
    let folder = std::env::args().nth(1).map(std::path::PathBuf::from).expect("a folder for the sources");
    for (name, text) in sources() {
        std::fs::write(folder.join(format!("{name}.cu")), text).expect("the folder can be written");
    }
}
