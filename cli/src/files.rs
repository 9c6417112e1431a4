//! Files of the user, changed all at once or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use quilt_proto::{quoted, state_files};
use quilt_trust::{Access, Distrust, Role};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::exit::{self, Failure};
use crate::output;

/// Creates a directory and its parents, for this user only. Existing ones stay
/// as they are, and have to be this user's.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    Ok(quilt_trust::make_dir(dir)?)
}

/// Passes if files may be written here: nobody else owns or could replace
/// them, or a directory on the way to them. Asked before anything is changed.
pub(crate) fn may_write<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Failure> {
    paths
        .into_iter()
        .try_for_each(|path| quilt_trust::check(path).map_err(|distrust| distrusted(&distrust)))
}

/// Why nothing is written, and what mends it.
pub(crate) fn distrusted(distrust: &Distrust) -> Failure {
    let remedy = distrust.remedy();
    let what = if distrust.is_about_others() {
        format!("{distrust}: nothing was changed")
    } else {
        distrust.to_string()
    };
    Failure::new(exit::UNEXPECTED, what).hint(remedy)
}

/// The same for what a file operation failed with, where that is why.
pub(crate) fn is_distrusted(error: &io::Error) -> Option<Failure> {
    quilt_trust::behind(error).map(distrusted)
}

/// The largest file that is read, in bytes: none of those that programs look for
/// by themselves comes near it.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is in a file that nobody named for it to be read; nothing where there is
/// none. Whatever else stands in its place, a pipe for one, is not waited for.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    if metadata.len() <= LARGEST {
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    if metadata.len().max(bytes.len() as u64) > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(bytes))
}

/// The same as text; nothing where that cannot be had.
pub(crate) fn text(path: &Path) -> Option<String> {
    String::from_utf8(read(path).ok()??).ok()
}

/// What is in a file of this program's own, which nobody else may have written;
/// nothing where there is none.
pub(crate) fn read_state(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = quilt_trust::open(path, Role::State, Access::Read)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The first `most` bytes of a file that the user named. A pipe is read as well,
/// as programs for secrets offer them, and said to be waited for.
pub(crate) fn read_named(path: &Path, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    if fs::metadata(path)?.file_type().is_fifo() {
        let shown = quoted::path(path);
        output::note(format_args!(
            "{shown} is a pipe: waiting for what is written to it."
        ));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file's content: whoever reads it, now or after a crash, sees the
/// old or the new one. Owner, group, mode, access control list and a symlink in
/// its place are kept, or others get nothing; a new file is for this user only.
/// Its directory is made where there is none.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_if(path, content, || Ok(true)).map(drop)
}

/// The same unless another program has changed the file since `before` was in
/// it, as far as that can be told: nothing is replaced then, and the answer is
/// false.
pub(crate) fn replace_unchanged(
    path: &Path,
    content: &[u8],
    before: Option<&[u8]>,
) -> io::Result<bool> {
    replace_if(path, content, || Ok(read(path)?.as_deref() == before))
}

/// How often an edit is tried while another program changes the file.
const TRIES: usize = 20;

/// Edits a file anew while another program changes it in between, which `edit`
/// answers nothing for. `again` is what the user runs.
pub(crate) fn until_unchanged<T>(
    path: &Path,
    again: &'static str,
    mut edit: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    for _ in 0..TRIES {
        if let Some(done) = edit()? {
            return Ok(done);
        }
    }
    let what = format!(
        "another program changes {} all the time",
        quoted::path(path)
    );
    Err(Failure::new(exit::UNEXPECTED, what).hint(again))
}

fn replace_if(
    path: &Path,
    content: &[u8],
    is_wanted: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    path.parent().map_or(Ok(()), create_private_dir)?;
    let target = quilt_trust::locate(path)?;
    if target.exists() && !target.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let names = state_files::CLI_TEMPORARY;
    quilt_trust::sweep_drafts(quilt_trust::directory(&target), names);
    let draft = quilt_trust::draft_like(&target, content, 0o600, names)?;
    File::open(&draft)?.sync_all()?;
    // Asked last: all that takes long is done.
    let is_wanted = is_wanted()?;
    if is_wanted {
        quilt_trust::take_place(draft, &target)?;
    }
    Ok(is_wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_wrote_meanwhile_is_not_replaced() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("config");
        // One that was killed had the same number, as each has in its container.
        let left = state_files::CLI_TEMPORARY.name(std::process::id());
        fs::write(dir.path().join(&left), "half").unwrap();
        assert!(replace_unchanged(&path, b"one", None).unwrap());
        fs::remove_file(dir.path().join(&left)).unwrap();
        fs::write(&path, "one, and more").unwrap();
        assert!(!replace_unchanged(&path, b"two", Some(b"one")).unwrap());
        assert!(!replace_unchanged(&path, b"two", None).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one, and more");
        assert!(replace_unchanged(&path, b"two", Some(b"one, and more")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside it");
    }
}
