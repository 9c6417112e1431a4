//! Locks that programs of one user take turns by: `flock` on files of their own,
//! which may be removed by whoever holds them.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::inode::is_at;
use super::lock_holders::Held;
use super::open::{Access, open_or_make};
use super::{Distrust, Role};

/// After how many looks it is looked who has it.
const LOOKS: u32 = 10;

/// A lock that is waited for. Whoever waits looks again and again: `flock` has no
/// timeout of its own.
#[derive(Debug)]
pub struct LockWait {
    path: PathBuf,
    file: File,
    looks: u32,
}

/// What an attempt at a lock came to.
#[derive(Debug)]
pub enum Attempt {
    /// It is taken now.
    Taken,
    /// Somebody has it.
    Held,
    /// Other users had it, and nobody else: another file has its place now, at which
    /// it is to be looked again.
    Replaced(Held),
}

impl LockWait {
    /// Opens the lock's file, or makes it.
    pub fn open(path: &Path) -> Result<Self, Distrust> {
        Ok(Self {
            path: path.to_owned(),
            file: open_or_make(path, Role::State, Access::Lock)?,
            looks: 0,
        })
    }

    /// Takes it, if nobody has it.
    pub fn attempt(&mut self) -> io::Result<Attempt> {
        loop {
            match self.file.try_lock() {
                Ok(()) if is_at(&self.file, &self.path) => return Ok(Attempt::Taken),
                // Whoever had it has removed it, or put another in its place.
                Ok(()) => self.reopen()?,
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS) {
            let held = Held::look(&self.path);
            if held.take_from_others(&self.file)? {
                self.reopen()?;
                return Ok(Attempt::Replaced(held));
            }
        }
        Ok(Attempt::Held)
    }

    fn reopen(&mut self) -> Result<(), Distrust> {
        self.file = open_or_make(&self.path, Role::State, Access::Lock)?;
        Ok(())
    }

    /// The lock's file, whoever has it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The same; dropping it lets go of what was taken.
    pub fn into_file(self) -> File {
        self.file
    }
}
