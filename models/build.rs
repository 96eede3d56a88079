//! With the feature `libtorch`: finds libtorch, compiles what tch lacks of it, and tells dependents where it lies.
//!
//! tch looks in the same places. This script says more clearly what is missing, and mostly before tch gets that far.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "libtorch")]
    libtorch::build();
}

#[cfg(feature = "libtorch")]
#[path = "src/libtorch_folder.rs"]
#[allow(unreachable_pub, reason = "it is public in the library")]
mod libtorch_folder;

#[cfg(feature = "libtorch")]
mod libtorch {
    use std::env;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::libtorch_folder::{self, WANTED_VERSION as VERSION};

    /// Prints where Python's torch lies, without importing it.
    const ASK_PYTHON: &str = "import importlib.util as u; print(u.find_spec(\"torch\").submodule_search_locations[0])";

    pub(crate) fn build() {
        for variable in ["LIBTORCH", "LIBTORCH_USE_PYTORCH", "LIBTORCH_BYPASS_VERSION_CHECK"] {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        for file in ["src/libtorch/shim.cpp", "src/libtorch_folder.rs"] {
            println!("cargo::rerun-if-changed={file}");
        }
        let root = match find().and_then(|root| check(&root).map(|()| root)) {
            Ok(root) => root,
            Err(problem) => return refuse(&problem),
        };
        let (include, lib) = (root.join("include"), root.join("lib"));
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .warnings(false)
            .include(&include)
            .include(include.join("torch/csrc/api/include"))
            .file("src/libtorch/shim.cpp")
            .compile("aees_torch");
        // A program finds its libtorch by itself. The argument reaches this package's tests; dependents pass the folder on.
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
        println!("cargo::metadata=LIB={}", lib.display());
    }

    /// The folder with libtorch's `include` and `lib`.
    fn find() -> Result<PathBuf, String> {
        if let Some(root) = env::var_os("LIBTORCH") {
            return Ok(root.into());
        }
        if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
            let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
            let output = Command::new(python).args(["-c", ASK_PYTHON]).output();
            let output =
                output.map_err(|error| format!("LIBTORCH_USE_PYTORCH is set, but {python} does not run: {error}"))?;
            let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if root.is_empty() {
                return Err(format!("LIBTORCH_USE_PYTORCH is set, but {python} has no torch"));
            }
            return Ok(root.into());
        }
        if Path::new("/usr/lib/libtorch.so").exists() {
            return Ok("/usr".into());
        }
        Err("neither LIBTORCH nor LIBTORCH_USE_PYTORCH says where it is".into())
    }

    /// Whether the folder has libtorch of the right version, or the user wants no other.
    fn check(root: &Path) -> Result<(), String> {
        match libtorch_folder::check(root) {
            Err(_)
                if libtorch_folder::version(root).is_some()
                    && env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some() =>
            {
                Ok(())
            }
            checked => checked,
        }
    }

    fn refuse(problem: &str) {
        let install = "python3 -m venv libtorch && libtorch/bin/pip install torch==";
        let tell = format!("export LIBTORCH=$(libtorch/bin/python -c '{ASK_PYTHON}')");
        for line in [
            format!("the feature `libtorch` needs libtorch {VERSION}: {problem}"),
            format!("install it:    {install}{VERSION}"),
            format!("say where:     {tell}"),
            "then build again; docs/libtorch.md says more".to_owned(),
        ] {
            println!("cargo::error={line}");
        }
    }
}
