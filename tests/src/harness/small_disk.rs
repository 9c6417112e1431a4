//! A disk that is really full: a small tmpfs in a namespace of its own, which
//! needs no right but to make namespaces.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Home;

/// Mounts it, says so, and keeps the namespace until its input ends.
const MOUNT: &str = "mount -t tmpfs -o size=1m,mode=700 disk \"$0\" && echo ready && exec cat";

/// Mounted over a directory for those [`Self::command`] runs; gone when
/// dropped.
#[derive(Debug)]
pub struct SmallDisk {
    keeper: Child,
    /// The directory, as seen from outside.
    seen_at: PathBuf,
}

impl SmallDisk {
    /// One over a directory; `None` where users may not make namespaces.
    pub async fn over(home: &Home, dir: &Path) -> Option<Self> {
        std::fs::create_dir_all(dir).expect("a directory to mount over");
        let mut keeper = home
            .command("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNT])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let stdout = keeper.stdout.take().expect("its stdout is piped");
        let line = BufReader::new(stdout).lines().next_line().await;
        line.ok().flatten().filter(|line| line == "ready")?;
        let root = PathBuf::from(format!("/proc/{}/root", keeper.id()?));
        let dir = dir.strip_prefix("/").expect("an absolute path");
        let seen_at = root.join(dir);
        Some(Self { keeper, seen_at })
    }

    /// A program that sees the disk.
    pub fn command(&self, home: &Home, program: &Path) -> Command {
        let keeper = self.keeper.id().expect("its keeper is running");
        let mut command = home.command("nsenter");
        command
            // Unchanged, users are root in there; to become it takes more rights.
            .args(["--user", "--mount", "--preserve-credentials", "--target"])
            .arg(keeper.to_string())
            .arg(program);
        command
    }

    /// Where its files are, for everybody else.
    pub fn path(&self) -> &Path {
        &self.seen_at
    }

    fn filler(&self) -> PathBuf {
        self.seen_at.join("filler")
    }

    /// Leaves not a byte.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file on the small disk");
        let full = loop {
            if let Err(error) = filler.write_all(&[b'x'; 512]) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Makes room again.
    pub fn clear(&self) {
        std::fs::remove_file(self.filler()).expect("the disk was filled");
    }
}
