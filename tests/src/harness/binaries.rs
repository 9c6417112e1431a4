//! Where the programs under test are.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The daemon.
pub fn quiltd() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("quiltd"))
}

/// The command line, with the program beside it that it runs for some
/// commands.
pub fn quiltctl() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        // It has no tests that would make `cargo test` build it.
        built("quiltctl-aws");
        built("quiltctl")
    })
}

/// The command line as one static program, which runs where nothing else is.
///
/// # Panics
/// When it cannot be built.
#[cfg(target_os = "linux")]
pub fn static_quiltctl() -> PathBuf {
    let target_dir = crate::harness::toolchain::target_dir().join("static");
    let built = quiltctl_as_shipped().target_dir(target_dir).run();
    built.expect("quiltctl can be built").path().to_owned()
}

/// How `quiltctl` is built for users: against musl, which starts fastest and
/// asks no library of the host's for names.
pub fn quiltctl_as_shipped() -> escargot::CargoBuild {
    let build = escargot::CargoBuild::new()
        .manifest_path(root().join("Cargo.toml"))
        .package("quiltctl")
        .bin("quiltctl");
    if cfg!(target_os = "linux") {
        build.target(format!("{}-unknown-linux-musl", env::consts::ARCH))
    } else {
        build
    }
}

/// A program beside the running one. `cargo test --workspace` has built it;
/// when only these tests are run it may be missing or old, and is built here.
fn built(name: &str) -> PathBuf {
    static BUILD: OnceLock<()> = OnceLock::new();
    let program = beside_tests().join(name);
    if is_current(&program) {
        return program;
    }
    BUILD.get_or_init(|| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["build", "--workspace", "--bins", "--profile"])
            .arg(profile())
            .current_dir(root());
        // Somebody who waits sees for what.
        if !std::io::stderr().is_terminal() {
            cargo.arg("--quiet");
        }
        let status = cargo.status().expect("cargo can be started");
        assert!(status.success(), "building quiltd and quiltctl failed");
    });
    program
}

/// `target/<profile>`, from `target/<profile>[/deps]/<this program>`.
fn beside_tests() -> PathBuf {
    let program = env::current_exe().expect("a running program has a path");
    let dir = program.parent().expect("it lies in a directory");
    if dir.ends_with("deps") {
        dir.parent().unwrap_or(dir).to_owned()
    } else {
        dir.to_owned()
    }
}

/// The profile that these tests were built with.
fn profile() -> OsString {
    let dir = beside_tests();
    match dir.file_name() {
        Some(name) if name != "debug" => name.to_owned(),
        _ => "dev".into(),
    }
}

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

fn is_current(program: &Path) -> bool {
    let Ok(built) = fs::metadata(program).and_then(|meta| meta.modified()) else {
        return false;
    };
    [
        "proto",
        "proto/trust",
        "network",
        "client",
        "cli",
        "cli/aws",
        "daemon",
    ]
    .iter()
    .all(|folder| newest(&root().join(folder).join("src")).is_none_or(|source| source <= built))
}

/// When the newest file below a folder was changed.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    entries
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                newest(&entry.path())
            } else {
                entry.metadata().ok()?.modified().ok()
            }
        })
        .max()
}
