//! Empty on purpose; see `patch` in the Cargo.toml of the workspace.
