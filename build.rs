//! With the feature `libtorch`: the program finds, at run time, the libtorch that it was built with.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEP_AEES_TRAIN_LIBTORCH");
    if let Ok(lib) = std::env::var("DEP_AEES_TRAIN_LIBTORCH") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
