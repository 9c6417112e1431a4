//! Running the programs of a toolchain while something is prepared.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Unready;

/// A release number as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    /// Finds the first `major.minor` in what a program says about itself.
    fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(|word| {
                let mut parts = word.split('.').map(str::parse);
                Some(Self(parts.next()?.ok()?, parts.next()?.ok()?))
            })
    }
}

/// What `program` says of itself, if it is at least as new as `oldest`.
pub(super) fn at_least(
    oldest: Version,
    title: &str,
    program: impl AsRef<Path>,
    args: &[&str],
) -> Result<String, Unready> {
    let program = program.as_ref();
    let needed = format!("{title} {}.{} or newer is needed", oldest.0, oldest.1);
    let output = match Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => output,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Unready::failed(format!("{}: {error}", program.display())));
        }
        _ => {
            return Err(Unready::missing(format!(
                "{needed}, `{}` has none",
                program.display()
            )));
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match Version::find(&said) {
        Some(found) if found >= oldest => Ok(said),
        _ => Err(Unready::missing(format!(
            "{needed}, `{}` is {said}",
            program.display()
        ))),
    }
}

/// Runs a step of a preparation; its output is shown only if it fails.
pub(super) fn step(command: &mut Command) -> Result<(), Unready> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Unready::failed(format!("{command:?}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let said = [stdout, stderr].concat();
    Err(Unready::failed(format!(
        "{command:?}: {status}\n{}",
        String::from_utf8_lossy(&said)
    )))
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            ("Python 3.11.7", Version(3, 11)),
            ("v20.20.2", Version(20, 20)),
            ("go1.26.8", Version(1, 26)),
            ("javac 17.0.15", Version(17, 0)),
            ("aws-cli/2.9.19 Python/3.11.2 Linux/6.1", Version(2, 9)),
        ] {
            assert_eq!(Version::find(said), Some(version), "{said}");
        }
        assert_eq!(Version::find("no number"), None);
    }
}
