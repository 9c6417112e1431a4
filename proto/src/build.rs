//! Which build this is.

use std::sync::LazyLock;

/// The version, as the changelog has it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, where `packaging/compile` built it.
const COMMIT: Option<&str> = option_env!("QUILT_BUILD_COMMIT");
/// What it is linked with, where `packaging/compile` built it.
const FLAVOUR: Option<&str> = option_env!("QUILT_BUILD_FLAVOUR");

/// What `--version` prints behind the program's name.
pub fn long_version() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let parts: Vec<&str> = [COMMIT, FLAVOUR].into_iter().flatten().collect();
        if parts.is_empty() {
            format!("{VERSION} (from source)")
        } else {
            format!("{VERSION} ({})", parts.join(", "))
        }
    });
    &LONG
}
