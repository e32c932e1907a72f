//! The examples as programs, for the suites that run them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds an example with the profile of this test, and says where it is. `cargo test --test` alone would not build it, and a
/// stale one would be a lie.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap();
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(["build", "--quiet", "--example", name, "--profile", profile]);
    if cfg!(feature = "jemalloc") {
        build.args(["--features", "jemalloc"]);
    }
    // What cargo tells a test of its package makes build scripts run again that ask for these, such as ring's.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(name);
        }
    }
    assert!(build.status().unwrap().success());
    directory.join("examples").join(name)
}
