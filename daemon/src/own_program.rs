//! The file this program was started from, and whether another is there now.

use quilt_trust::inode;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quilt_proto::quoted;

/// Leads to the running program itself, whatever lies at its path.
const RUNNING: &str = "/proc/self/exe";

/// The program as it was when it started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    identity: (u64, u64),
}

/// What became of the program's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Replaced {
    /// Another file is there, as after an upgrade.
    #[error("{} was replaced, and the daemon still runs the one before", quoted::path(.0))]
    Changed(PathBuf),
    /// None is there, as after a removal.
    #[error("{} is gone, and the daemon still runs it", quoted::path(.0))]
    Gone(PathBuf),
}

impl Program {
    /// The running one; nothing where the system does not tell.
    pub fn running() -> Option<Self> {
        Self::at(std::env::current_exe().ok()?)
    }

    fn at(path: PathBuf) -> Option<Self> {
        let running = Path::new(RUNNING);
        let about = if cfg!(target_os = "linux") && path == fs::read_link(running).ok()? {
            fs::metadata(running).ok()?
        } else {
            fs::metadata(&path).ok()?
        };
        Some(Self {
            path,
            identity: inode(&about),
        })
    }

    /// Where it was started from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What became of its file, if that is not what runs.
    pub fn replaced(&self) -> Option<Replaced> {
        match fs::metadata(&self.path) {
            Ok(about) if inode(&about) == self.identity => None,
            Ok(_) => Some(Replaced::Changed(self.path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(Replaced::Gone(self.path.clone()))
            }
            // Not to be seen from here says nothing.
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_in_its_place_is_told_from_one_that_is_gone() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("quiltd");
        fs::write(&path, "one").unwrap();
        let program = Program::at(path.clone()).unwrap();
        assert_eq!(program.replaced(), None);
        fs::write(dir.path().join("new"), "two").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(program.replaced(), Some(Replaced::Changed(path.clone())));
        fs::remove_file(&path).unwrap();
        assert_eq!(program.replaced(), Some(Replaced::Gone(path)));
    }

    #[test]
    fn the_running_one_is_as_it_was() {
        assert_eq!(Program::running().unwrap().replaced(), None);
    }
}
