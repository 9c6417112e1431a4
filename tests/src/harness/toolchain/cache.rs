//! Prepared programs, kept under the target directory until their pins change.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::unready::say;
use super::{Unready, sources};

/// Something that is installed once and kept.
pub(super) struct Recipe<'a> {
    /// Name of its folder.
    pub(super) name: &'a str,
    /// What a person waits for, said before it starts.
    pub(super) what: &'a str,
    /// Files under `tests/clients` on which the result depends.
    pub(super) inputs: &'a [&'a str],
    /// The version of the toolchain, on which it depends too.
    pub(super) toolchain: &'a str,
}

impl Recipe<'_> {
    /// The folder with the result, after `install` has filled it if nobody did before.
    ///
    /// Other threads and processes that want the same wait; a folder whose `install` was cut
    /// short is started over.
    pub(super) fn prepare(
        &self,
        install: impl FnOnce(&Path) -> Result<(), Unready>,
    ) -> Result<PathBuf, Unready> {
        let key = self.key().map_err(Unready::failed)?;
        let root = target_dir().join("clients");
        let folder = root.join(format!("{}-{key}", self.name));
        let done = folder.join(".complete");

        fs::create_dir_all(&root).map_err(Unready::failed)?;
        let lock = root.join(format!("{}.lock", self.name));
        let lock = File::create(lock).map_err(Unready::failed)?;
        // Released when the file is closed, also by a crash.
        lock.lock().map_err(Unready::failed)?;

        if !done.exists() {
            say(format_args!(
                "preparing {} (once, into {})",
                self.what,
                folder.display()
            ));
            absent(&folder).map_err(Unready::failed)?;
            fs::create_dir_all(&folder).map_err(Unready::failed)?;
            install(&folder)?;
            File::create(&done).map_err(Unready::failed)?;
        }
        Ok(folder)
    }

    fn key(&self) -> io::Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.toolchain);
        for input in self.inputs {
            hash.update([0]);
            hash.update(input);
            hash.update([0]);
            hash.update(fs::read(sources().join(input))?);
        }
        let digest = hash.finalize();
        let start = digest
            .iter()
            .take(8)
            .fold(0, |start, byte| start << 8 | u64::from(*byte));
        Ok(format!("{start:016x}"))
    }
}

fn absent(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Cargo's target directory, found from the running program.
pub fn target_dir() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors()
        // Cargo marks the top of the directory so that backups leave it out.
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
            Path::to_path_buf,
        )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const INPUT: &[&str] = &["aws-cli/client.sh"];

    fn recipe(name: &str) -> Recipe<'_> {
        Recipe {
            name,
            what: "nothing, for a test",
            inputs: INPUT,
            toolchain: "1.0",
        }
    }

    fn forget(recipe: &Recipe<'_>) {
        let root = target_dir().join("clients");
        let folder = root.join(format!("{}-{}", recipe.name, recipe.key().unwrap()));
        absent(&folder).unwrap();
    }

    #[test]
    fn many_at_once_install_once() {
        let recipe = recipe("test-once");
        forget(&recipe);
        let installs = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    recipe
                        .prepare(|folder| {
                            installs.fetch_add(1, Ordering::SeqCst);
                            fs::write(folder.join("result"), "").map_err(Unready::failed)
                        })
                        .unwrap()
                });
            }
        });
        assert_eq!(installs.into_inner(), 1);
        forget(&recipe);
    }

    #[test]
    fn an_install_cut_short_is_started_over() {
        let recipe = recipe("test-cut-short");
        forget(&recipe);
        let cut = recipe.prepare(|folder| {
            fs::write(folder.join("half"), "").unwrap();
            Err(Unready::failed("cut"))
        });
        assert!(cut.is_err());
        let folder = recipe.prepare(|_| Ok(())).unwrap();
        assert!(!folder.join("half").exists());
        forget(&recipe);
    }

    #[test]
    fn another_toolchain_is_another_folder() {
        let old = recipe("test-key");
        let new = Recipe {
            toolchain: "1.1",
            ..recipe("test-key")
        };
        assert_ne!(old.key().unwrap(), new.key().unwrap());
    }
}
