//! The names that `cubecl-cuda` 0.11.3 mentions of `cubecl-llvm`, and nothing behind them.
//!
//! `cubecl-cuda` holds two compilers and chooses one when it is built: with its feature `cpp` kernels become CUDA C++ and go
//! through NVRTC. The other one is compiled all the same, and its crate downloads LLVM while it builds. This crate takes its
//! place; asked to compile after all, it says so.

#![forbid(unsafe_code)]

pub use shared::{NvptxModule, PlironArtifact, PlironCompiler, PlironOptions};

/// What code is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// The processor.
    #[default]
    Cpu,
    /// NVIDIA's GPUs.
    Nvptx,
}

/// Code for NVIDIA's GPUs.
pub mod nvptx {
    /// Its version.
    pub mod ptx_version {
        use std::fmt;

        /// The version of PTX that a driver takes: here only a part of a cache's key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct PtxVersion(i32);

        impl PtxVersion {
            /// The version for a driver.
            pub fn for_driver(driver: i32) -> Option<Self> {
                Some(Self(driver))
            }
        }

        impl fmt::Display for PtxVersion {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "driver{}", self.0)
            }
        }
    }
}

/// What both targets share.
pub mod shared {
    use std::ffi::c_char;

    use cubecl_core::ir::nvidia::SmArch;
    use cubecl_core::prelude::KernelDefinition;
    use cubecl_environment::backtrace::BackTrace;
    use cubecl_server::compiler::CompilationError;
    use cubecl_server::kernel::BufferIOAttr;

    use super::LlvmTarget;
    use super::nvptx::ptx_version::PtxVersion;

    /// What LLVM's code lacks.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// Which GPU.
        pub enum GpuTarget {
            /// NVIDIA's.
            Nvptx,
        }

        /// Takes nothing away: no code goes through LLVM here.
        pub fn restrict_features(_: &mut DeviceProperties, _: GpuTarget) {}
    }

    /// The compiler that is not here.
    #[derive(Clone, Debug)]
    pub struct PlironCompiler {
        /// What it would compile for.
        pub target: LlvmTarget,
    }

    /// Its options.
    #[derive(Clone, Debug, Default)]
    pub struct PlironOptions {
        /// The processor.
        pub arch: Option<()>,
        /// The GPU.
        pub sm_arch: Option<SmArch>,
        /// The version of PTX.
        pub ptx_version: Option<PtxVersion>,
        /// Whether a kernel's arguments are constants.
        pub grid_constants: bool,
    }

    /// A compiled kernel.
    #[derive(Clone, Debug)]
    pub struct NvptxModule {
        /// Its code.
        pub ptx: Vec<c_char>,
        /// Where it begins.
        pub entrypoint: String,
        /// Its source.
        pub ir: String,
        /// The memory that its units share.
        pub shared_memory_size: usize,
        /// Its buffers.
        pub io: Vec<BufferIOAttr>,
    }

    /// What the compiler makes.
    pub enum PlironArtifact {
        /// A kernel for NVIDIA's GPUs.
        NvptxCode(NvptxModule),
        /// Anything else.
        Other,
    }

    impl PlironCompiler {
        /// Compiles nothing.
        ///
        /// # Errors
        /// Always.
        pub fn compile(&mut self, _: KernelDefinition, _: &PlironOptions) -> Result<PlironArtifact, CompilationError> {
            let reason = "this program was built without LLVM: build it with --features cuda-nvrtc".to_owned();
            Err(CompilationError::Generic { reason, backtrace: BackTrace::capture() })
        }

        /// The language of its sources.
        pub fn lang_tag(&self) -> &'static str {
            "llvm"
        }
    }
}
