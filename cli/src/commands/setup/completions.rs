//! `setup completions`: shells that complete this program's arguments.
//!
//! fish reads a directory; the others get two lines in the file they read at
//! their start, between marks, so that `--undo` finds them again.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::unit;
use crate::completion::{self, Shell};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{files, look, output, program_path};

/// For which shells.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shells; the one in SHELL where none is named
    #[arg(value_enum)]
    shells: Vec<Shell>,

    /// Take it back, for every shell where none is named
    #[arg(long)]
    undo: bool,
}

/// What is run again where a shell's file never rests.
const AGAIN: &str = "quiltctl setup completions";

const BEGIN: &str = "# >>> completion of quiltctl >>>\n";
const END: &str = "# <<< completion of quiltctl <<<\n";

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let shells = match (&args.shells[..], args.undo) {
        ([], true) => Shell::ALL.to_vec(),
        ([], false) => vec![own_shell()?],
        (named, _) => named.to_vec(),
    };
    let mut changed = Vec::new();
    for shell in shells {
        let place = Place::of(shell)?;
        let paths = place.rc.iter().chain([&place.script]);
        files::may_write(paths.map(PathBuf::as_path))?;
        changed.extend(if args.undo {
            place.undo()?
        } else {
            place.set_up(shell)?
        });
    }
    report(context, args, &changed)
}

/// Takes it back for every shell; whether there was anything.
pub(in crate::commands) fn undo_all() -> Result<bool, Failure> {
    let mut changed = false;
    for shell in Shell::ALL {
        changed |= !Place::of(shell)?.undo()?.is_empty();
    }
    Ok(changed)
}

fn report(context: &Context, args: &Args, changed: &[PathBuf]) -> Result<(), Failure> {
    if context.global().json {
        let is_changed = !changed.is_empty();
        return output::computed(&json!({ "files": changed, "changed": is_changed }));
    }
    for path in changed {
        let what = if args.undo { "taken back" } else { "written" };
        output::line(format_args!("{}: {what}", look::file(path)))?;
    }
    output::note(match (args.undo, changed.is_empty()) {
        (true, true) => "Completion was not set up.",
        (true, false) => "Shells that start from now on no longer complete quiltctl.",
        (false, true) => "Completion is set up already.",
        (false, false) => "Shells that start from now on complete quiltctl.",
    });
    Ok(())
}

/// The shell the user logs in with.
fn own_shell() -> Result<Shell, Failure> {
    let shell = env::var("SHELL").unwrap_or_default();
    let name = shell.rsplit('/').next().unwrap_or_default();
    let known = Shell::ALL.into_iter().find(|shell| shell.name() == name);
    known.ok_or_else(|| {
        let what = "SHELL names no shell that can complete; name one: bash, zsh, fish, powershell";
        Failure::new(exit::USAGE, what).hint("quiltctl setup completions bash")
    })
}

/// The files that shells run at their start which were set up here, and what
/// names them there.
pub(in crate::commands) fn files() -> Vec<PathBuf> {
    let shells = [Shell::Bash, Shell::Fish, Shell::Pwsh, Shell::Zsh];
    let places = shells.into_iter().filter_map(|shell| Place::of(shell).ok());
    // A script that is missing, or cannot be seen, is anybody's who may write to its
    // directory.
    let is_read = |place: &Place| place.script.parent().is_some_and(Path::exists);
    let scripts = places.filter(is_read).flat_map(|place| {
        let rc = place.rc.filter(|file| file.exists());
        [Some(place.script), rc]
    });
    scripts.flatten().collect()
}

/// Where a shell finds it.
struct Place {
    script: PathBuf,
    /// The file that a shell reads at its start, where it has to be told.
    rc: Option<PathBuf>,
    lines: String,
}

impl Place {
    fn of(shell: Shell) -> Result<Self, Failure> {
        let home = unit::home()?;
        let config = unit::config_dir()?;
        let scripts = unit::data_dir()?.join("quiltd/completions");
        let (script, rc) = match shell {
            Shell::Fish => (config.join("fish/completions/quiltctl.fish"), None),
            Shell::Bash => (scripts.join("quiltctl.bash"), Some(home.join(".bashrc"))),
            Shell::Zsh => (
                scripts.join("quiltctl.zsh"),
                Some(unit::base_dir("ZDOTDIR", "")?.join(".zshrc")),
            ),
            Shell::Pwsh => (
                scripts.join("quiltctl.ps1"),
                Some(config.join("powershell/Microsoft.PowerShell_profile.ps1")),
            ),
        };
        let file = || text(&script).map(|script| shell.quoted(script));
        let lines = match shell {
            Shell::Fish => String::new(),
            Shell::Bash => format!("[ -r {file} ] && . {file}\n", file = file()?),
            Shell::Zsh => format!(
                "(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit -i }}\n\
                 [[ -r {file} ]] && . {file}\n",
                file = file()?
            ),
            Shell::Pwsh => format!("if (Test-Path {file}) {{ . {file} }}\n", file = file()?),
        };
        Ok(Self { script, rc, lines })
    }

    /// The script, and the lines that read it; what was changed.
    fn set_up(&self, shell: Shell) -> Result<Vec<PathBuf>, Failure> {
        let mut changed = Vec::new();
        let bare = completion::script(shell, &program_path::of_this()?);
        let script = unit::marked(&bare);
        match unit::read_bytes(&self.script)? {
            Some(there) if there == script.as_bytes() => {}
            // As `quiltctl completions` prints it.
            Some(there) if there != bare.as_bytes() && !is_ours(&there) => {
                return Err(unit::not_ours(&self.script));
            }
            _ => {
                unit::write(&self.script, script.as_bytes())?;
                changed.push(self.script.clone());
            }
        }
        if let Some(rc) = &self.rc {
            let is_new = files::until_unchanged(rc, AGAIN, || self.try_put_in(rc))?;
            changed.extend(is_new.then(|| rc.clone()));
        }
        Ok(changed)
    }

    /// Puts our lines into a shell's file, and says whether they are new there;
    /// nothing where another program changed it meanwhile.
    fn try_put_in(&self, rc: &Path) -> Result<Option<bool>, Failure> {
        let before = unit::read_bytes(rc)?;
        let there = before.as_deref().unwrap_or_default();
        let mut after = without_block(there).unwrap_or_else(|| there.to_owned());
        if !after.is_empty() && !after.ends_with(b"\n") {
            after.push(b'\n');
        }
        for part in [BEGIN, &self.lines, END] {
            after.extend(part.as_bytes());
        }
        if after == there {
            return Ok(Some(false));
        }
        let is_written = try_write(rc, &after, before.as_deref())?;
        Ok(is_written.then_some(true))
    }

    /// Takes them out again.
    fn try_take_out(rc: &Path) -> Result<Option<bool>, Failure> {
        let Some(before) = unit::read_bytes(rc)? else {
            return Ok(Some(false));
        };
        let Some(after) = without_block(&before) else {
            return Ok(Some(false));
        };
        files::may_write([rc])?;
        // A link leads to a file of the user's, which may be kept elsewhere.
        if after.is_empty() && !rc.is_symlink() {
            unit::remove_file(rc)?;
            return Ok(Some(true));
        }
        let is_written = try_write(rc, &after, Some(&before))?;
        Ok(is_written.then_some(true))
    }

    /// What was changed.
    fn undo(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut changed = Vec::new();
        if let Some(rc) = &self.rc
            && files::until_unchanged(rc, AGAIN, || Self::try_take_out(rc))?
        {
            changed.push(rc.clone());
        }
        if unit::read_bytes(&self.script)?.is_some_and(|there| is_ours(&there)) {
            files::may_write([self.script.as_path()])?;
            unit::remove_file(&self.script)?;
            changed.push(self.script.clone());
        }
        Ok(changed)
    }
}

/// Whether we have written a script, and not the user.
fn is_ours(script: &[u8]) -> bool {
    std::str::from_utf8(script).is_ok_and(unit::is_ours)
}

/// The file without what is between our marks; `None` where they are not. A
/// mark whose other one is gone stays, with all the user wrote behind it.
fn without_block(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_at = |at: &usize, what: &str| bytes[*at..].starts_with(what.as_bytes());
    let first = (0..bytes.len()).find(|at| is_at(at, BEGIN))?;
    let end = (first..bytes.len()).find(|at| is_at(at, END))?;
    let begin = (first..end).rev().find(|at| is_at(at, BEGIN))?;
    Some([&bytes[..begin], &bytes[end + END.len()..]].concat())
}

fn text(path: &Path) -> Result<&str, Failure> {
    let text = path.to_str();
    text.filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| {
            let what = "the path of the completions cannot be written into a shell's file";
            Failure::new(exit::INPUT, what).hint("quiltctl completions --help")
        })
}

/// Writes a file unless another program changed it since `before` was in it.
fn try_write(path: &Path, bytes: &[u8], before: Option<&[u8]>) -> Result<bool, Failure> {
    files::replace_unchanged(path, bytes, before).map_err(|error| unit::failed(path, &error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stands_behind_a_lone_mark_stays() {
        let lone = [BEGIN, "x\n", "after=1\n"].concat();
        assert_eq!(without_block(lone.as_bytes()), None);
        let both = [&lone, BEGIN, "x\n", END].concat();
        assert_eq!(without_block(both.as_bytes()), Some(lone.into_bytes()));
    }

    proptest! {
        #[test]
        fn taking_it_back_leaves_the_file_as_it_was(text in "([a-z#>\\n]{0,20}\\n)?") {
            let before = text.into_bytes();
            prop_assert_eq!(without_block(&before), None);
            let block = [BEGIN, "x\n", END].concat();
            let after = [&before[..], block.as_bytes()].concat();
            prop_assert_eq!(without_block(&after), Some(before));
        }
    }
}
