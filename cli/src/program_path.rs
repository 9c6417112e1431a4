//! By which path files that stay name a program of ours.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use quilt_proto::locations::CREDENTIALS_PROGRAM;
use quilt_proto::quoted;

use crate::exit::{self, Failure};
use crate::programs;

/// This program, by the name that survives an upgrade: package managers keep
/// a symlink on the path and replace what it points to. A name that somebody
/// else gave it, or a place where others could put another program, would lead
/// elsewhere one day.
pub(crate) fn of_this() -> Result<PathBuf, Failure> {
    let exe = env::current_exe().map_err(|error| {
        let what = format!("the place of quiltctl: {error}");
        Failure::new(exit::UNEXPECTED, what).hint("quiltctl setup --help")
    })?;
    let is_this = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|found| found == exe);
    let mut named = programs::on_path("quiltctl").filter(is_this);
    if let Some(path) = named.find(|path| programs::check(path).is_ok()) {
        return Ok(path);
    }
    may_be_written_down(&exe)?;
    Ok(exe)
}

/// What a profile of AWS programs is to run: the small program beside this one,
/// by a name that survives an upgrade as well, else this one.
pub(crate) fn for_profiles() -> Result<PathBuf, Failure> {
    let quiltctl = of_this()?;
    let small = quiltctl.with_file_name(CREDENTIALS_PROGRAM);
    let is_fit = |program: &Path| program.is_file() && programs::check(program).is_ok();
    // It becomes the quiltctl beside the place where it really is.
    let becomes = fs::canonicalize(&small).map(|small| small.with_file_name("quiltctl"));
    let is_there = is_fit(&small) && becomes.is_ok_and(|quiltctl| is_fit(&quiltctl));
    Ok(if is_there { small } else { quiltctl })
}

/// Passes if a program may be named in a file from which it is run for as long
/// as that stands.
pub(crate) fn may_be_written_down(program: &Path) -> Result<(), Failure> {
    programs::check(program).map_err(|distrust| {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let what = format!("{} is not written down: {distrust}", quoted::name(&name));
        Failure::new(exit::UNEXPECTED, what).hint(distrust.remedy())
    })
}
