//! The other programs of ours, and who could have put them where they are.
//!
//! What is started gets the user's logins, and what set-up writes down is run
//! for as long as it stands. Whoever keeps this program could have changed it
//! anyway. Anybody else is not to choose what runs: neither by a directory that
//! is first on the path, nor by a file that others may write to or replace.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::Command;
use quilt_trust::Distrust;

/// A program beside this one. Somebody else's is none; one that others could
/// change or replace is refused.
pub fn beside(name: &str) -> Result<Option<PathBuf>, Distrust> {
    let own = env::current_exe().ok();
    let path = own.and_then(|own| Some(own.parent()?.join(name)));
    let Some(path) = path.filter(|path| path.is_file()) else {
        return Ok(None);
    };
    match check(&path) {
        Ok(()) => Ok(Some(path)),
        Err(Distrust::Foreign { path: theirs, .. }) if theirs == path => Ok(None),
        Err(distrust) => Err(distrust),
    }
}

/// Shows what there is beside this program.
pub fn look_beside() -> Command {
    let own = env::current_exe().ok();
    let dir = own.as_deref().and_then(Path::parent);
    Command::of("ls -l").path(dir.unwrap_or_else(|| Path::new("/usr/bin")))
}

/// Programs of a name on the path. A relative entry means something else in
/// every directory, and is left out.
pub fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    named_on(&env::var_os("PATH").unwrap_or_default(), name)
}

fn named_on<'n>(path: &OsStr, name: &'n str) -> impl Iterator<Item = PathBuf> + use<'n> {
    let dirs: Vec<_> = env::split_paths(path).collect();
    let programs = dirs.into_iter().map(move |dir| dir.join(name));
    programs.filter(|path| path.is_absolute() && path.is_file())
}

/// A program of the system's or the user's, by the name that is looked up where
/// the user did not type it: one that nobody else could have put there.
pub fn tool(name: &str) -> Option<PathBuf> {
    on_path(name).find(|path| is_executable(path) && check(path).is_ok())
}

fn is_executable(path: &Path) -> bool {
    let about = fs::metadata(path);
    about.is_ok_and(|about| about.mode() & 0o111 != 0)
}

/// How many scripts run each other before a program does, on Linux.
const MOST_INTERPRETERS: usize = 5;

/// Passes if nobody could have put a program there but this user, root, or
/// whoever this one is of, and nobody else may write to it, or to what the system
/// runs it with.
pub fn check(program: &Path) -> Result<(), Distrust> {
    let keeper = keeper();
    let mut program = program.to_owned();
    for _ in 0..MOST_INTERPRETERS {
        quilt_trust::check_kept(&program, keeper)?;
        let Some(line) = quilt_trust::interpreter_line(&program) else {
            break;
        };
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next().map(PathBuf::from) else {
            break;
        };
        if interpreter.ends_with("env") {
            quilt_trust::check_kept(&interpreter, keeper)?;
            // `-S` has it split a word that goes on (env(1)).
            let split = |word: &'_ str| {
                let name = ["-S", "--split-string="]
                    .iter()
                    .find_map(|it| word.strip_prefix(it));
                name.unwrap_or(word).to_owned()
            };
            let mut words = words.map(split).filter(|word| !word.is_empty());
            let name = words.find(|word| !word.starts_with('-') && !word.contains('='));
            match name.and_then(|name| on_path(&name).find(|path| is_executable(path))) {
                Some(found) => program = found,
                None => break,
            }
        } else {
            program = interpreter;
        }
    }
    Ok(())
}

/// Whose this program is.
fn keeper() -> u32 {
    // Whatever lies at its path by now.
    let running = fs::metadata("/proc/self/exe");
    let running = running.or_else(|_| fs::metadata(env::current_exe()?));
    running.map_or(0, |running| running.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever this runs: a part of the path that begins at no root leads to what is
    /// there by chance.
    #[test]
    fn what_lies_in_the_current_directory_is_not_on_the_path() {
        let found = |path: &OsStr| named_on(path, "Cargo.toml").collect::<Vec<_>>();
        let own = "Cargo.toml";
        assert!(Path::new(own).is_file(), "the control");
        for path in ["", ".", "./", "src/..", ":", "nowhere::."] {
            assert_eq!(found(OsStr::new(path)), Vec::<PathBuf>::new(), "{path:?}");
        }
        let here = env::current_dir().unwrap();
        assert_eq!(found(here.as_os_str()), [here.join(own)]);
    }
}
