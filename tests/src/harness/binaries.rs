//! Where the programs under test are.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The daemon.
pub fn quiltd() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("quiltd"))
}

/// The command line.
pub fn quiltctl() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        // What it writes into profiles lies beside it.
        quiltctl_creds();
        built("quiltctl")
    })
}

/// The program beside it that profiles run.
pub fn quiltctl_creds() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("quiltctl-creds"))
}

/// The program beside it for commands that speak to AWS themselves.
pub fn quiltctl_aws() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("quiltctl-aws"))
}

/// The program of the AWS SDK for Rust, for the conformance tests.
pub(super) fn rust_client() -> PathBuf {
    built("rust-client")
}

/// The command line as one static program, which runs where nothing else is.
///
/// # Panics
/// When it cannot be built.
#[cfg(target_os = "linux")]
pub fn static_quiltctl() -> PathBuf {
    let target_dir = crate::harness::toolchain::target_dir().join("static");
    let built = client_as_shipped("quiltctl").target_dir(target_dir).run();
    built.expect("quiltctl can be built").path().to_owned()
}

/// How `quiltctl` and `quiltctl-creds` are built for users: against musl, which
/// starts fastest and asks no library of the host's for names.
pub fn client_as_shipped(program: &str) -> escargot::CargoBuild {
    let build = escargot::CargoBuild::new()
        .manifest_path(root().join("Cargo.toml"))
        .package("quiltctl")
        .bin(program);
    if cfg!(target_os = "linux") {
        build.target(format!("{}-unknown-linux-musl", env::consts::ARCH))
    } else {
        build
    }
}

/// Programs of packages that are built where none is named (`default-members`).
const IN_PLAIN_BUILDS: [&str; 3] = ["quiltd", "quiltctl", "quiltctl-creds"];

/// Puts a copy of a program at `to`, to be started there at once.
///
/// Another process writes it: what this one writes may be open in a child that
/// another thread has forked, and cannot be started meanwhile (`ETXTBSY`).
pub fn copy(program: &Path, to: &Path) {
    let copied = Command::new("cp").arg(program).arg(to).status();
    assert!(
        copied.expect("cp runs").success(),
        "{} is copied",
        to.display()
    );
}

/// Makes a program of a script, to be started at once: as [`copy`].
pub fn script(path: &Path, text: &str) {
    let mut writer = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("install runs");
    let mut stdin = writer.stdin.take().expect("its input");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let written = writer.wait().expect("install ends");
    assert!(written.success(), "{} is written", path.display());
}

/// A program beside the running one. `cargo test --workspace` builds those of
/// packages with tests of their own; one that is missing or old is built here.
fn built(name: &str) -> PathBuf {
    let program = beside_tests().join(name);
    if is_current(&program) {
        return program;
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    // No package where there need not be one: what others need of a dependency
    // would be left out of it, and all of it compiled once more for that.
    cargo.arg("build");
    if !IN_PLAIN_BUILDS.contains(&name) {
        cargo.args(["--package", name]);
    }
    cargo
        .args(["--bin", name, "--profile"])
        .arg(profile())
        .current_dir(root());
    // Somebody who waits sees for what.
    if !std::io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "building {name} failed");
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
    let folders = [
        "proto",
        "proto/trust",
        "network",
        "client",
        "cli",
        "cli/aws",
        "daemon",
    ];
    folders
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
