//! A container as people have them: a root, processes, mounts and a host name of
//! its own; nothing that a login would have made; a root file system that is
//! read-only, and number one reaps nobody.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_tests::harness::Home;
use quilt_tests::harness::toolchain::not_run;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Place, Programs, Reader, every_command};

const HOME: &str = "/home/reader";

/// Makes the root from the machine's programs, and the folders that `$@` names.
const MAKE: &str = r#"
set -eu
root=$1
shift
mount -t tmpfs -o mode=755 none "$root"
for name in usr etc bin sbin lib lib32 lib64; do
    if [ -L "/$name" ]; then
        cp -P "/$name" "$root/$name"
    elif [ -d "/$name" ]; then
        mkdir "$root/$name"
        mount --bind "/$name" "$root/$name"
        mount -o remount,bind,ro "$root/$name"
    fi
done
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/home/reader"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount -t tmpfs -o mode=755 none "$root/home/reader"
for folder; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
    mount -o remount,bind,ro "$root$folder"
done
mount -t proc none "$root/proc"
for name in null zero full random urandom; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount -o remount,ro "$root"
exec chroot "$root" /bin/sh -c 'echo ready; exec cat'
"#;

/// Gone when dropped.
struct Container {
    _init: Child,
    /// Number one, as it is called outside.
    number: u32,
    _root: Home,
}

impl Container {
    /// `None` where this machine lets nobody make namespaces.
    async fn start(folders: &[PathBuf]) -> Option<Self> {
        let host = Home::new();
        let root = host.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let mut unshare = host.command("unshare");
        if !rustix::process::getuid().is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        unshare
            .args([
                "--mount",
                "--pid",
                "--uts",
                "--ipc",
                "--propagation",
                "private",
            ])
            .args(["--fork", "--kill-child", "sh", "-c", MAKE, "sh"])
            .arg(root)
            .args(folders)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut init = unshare.spawn().unwrap();
        let stdout = BufReader::new(init.stdout.take().unwrap());
        let ready = stdout.lines().next_line().await.unwrap();
        if ready.as_deref() != Some("ready") {
            return None;
        }
        let outer = init.id().unwrap();
        let children = format!("/proc/{outer}/task/{outer}/children");
        let children = std::fs::read_to_string(children).unwrap();
        Some(Self {
            number: children.trim().parse().unwrap(),
            _init: init,
            _root: host,
        })
    }
}

impl Place for Container {
    fn home(&self) -> PathBuf {
        PathBuf::from(HOME)
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        if !rustix::process::getuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command
            .args(["--mount", "--pid", "--uts", "--ipc", "--root"])
            .args(["--target", &self.number.to_string()])
            .args(["env", "--chdir", HOME]);
        command
    }
}

/// The folders in which a Python environment is all there.
fn installed(programs: &Programs) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for folder in programs.folders() {
        let python = folder.join("python");
        if !python.exists() {
            folders.push(folder);
            continue;
        }
        folders.push(folder.parent().unwrap().to_owned());
        let real = std::fs::canonicalize(python).unwrap();
        let base = real.parent().and_then(Path::parent).unwrap().to_owned();
        if !base.starts_with("/usr") {
            folders.push(base);
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_in_a_container() {
    let Some(programs) = Programs::ready() else {
        return;
    };
    let Some(container) = Container::start(&installed(&programs)).await else {
        not_run(
            "containers",
            "this machine does not let its users make namespaces",
        );
        return;
    };
    let reader = Reader::at(container, &programs).await;
    // It is one: nobody outside is seen, and nothing but the home can be written.
    let first = reader.run("cat /proc/1/comm").await.ok();
    assert_eq!(first, "cat\n");
    let run = reader.run("touch /x").await;
    assert!(run.stderr.contains("Read-only"), "{run:?}");
    every_command(&reader).await;
}
