//! The program is replaced under a daemon that runs: it is said, and one
//! command brings the new one, without a new login and without a failed call.

use std::fs;
use std::path::PathBuf;

use quilt_proto::wire::Status;
use quilt_tests::harness::{Daemon, Run, World, binaries};

/// Programs installed in this home, and a daemon of them that somebody is
/// logged in to.
struct Installed {
    world: World,
    bin: PathBuf,
}

impl Installed {
    async fn new() -> Self {
        let mut world = World::start().await;
        world.daemon.take().unwrap().stop().await;
        let bin = world.home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let installed = Self { world, bin };
        installed.install();
        let command = installed.world.home.command(installed.bin.join("quiltd"));
        let arguments = ["--token-store", "file"];
        let daemon = Daemon::start_by(command, &installed.world.home, &arguments).await;
        // The test restarts it: whoever runs then is nobody's child.
        installed.world.login().await;
        Self {
            world: World {
                daemon: Some(daemon),
                ..installed.world
            },
            bin: installed.bin,
        }
    }

    /// Puts the programs in their places as package managers do, by renaming.
    fn install(&self) {
        for program in [binaries::quiltd(), binaries::quiltctl()] {
            let place = self.bin.join(program.file_name().unwrap());
            let beside = place.with_extension("new");
            binaries::copy(program, &beside);
            fs::rename(&beside, &place).unwrap();
        }
    }

    async fn sh(&self, line: &str) -> Run {
        let mut command = self.world.home.command("sh");
        let path = format!("{}:/usr/bin:/bin", self.bin.display());
        command
            .args(["-c", line])
            .env("PATH", path)
            .env("QUILT_CATALOG", self.world.stack.catalog_url());
        command.output().await.unwrap().into()
    }

    async fn status(&self) -> Status {
        let said = self.sh("quiltctl status --json").await.ok();
        serde_json::from_str(&said).unwrap()
    }

    /// The hint about the program, if there is one.
    async fn replaced(&self) -> Option<String> {
        let status = self.status().await;
        let mut found = status.findings.into_iter();
        let found = found.find(|finding| finding.code == "program_replaced");
        found.map(|finding| finding.hint.to_string())
    }

    async fn end(self) {
        self.sh("quiltctl daemon stop").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_program_is_named_and_its_daemon_restarted_without_a_login() {
    let installed = Installed::new().await;
    assert_eq!(installed.replaced().await, None);
    let before = installed.status().await.pid;

    installed.install();
    let hint = installed.replaced().await.expect("a finding");
    let said = installed.sh("quiltctl status").await;
    assert!(said.stderr.contains("was replaced"), "{said:?}");
    let said = installed.sh("quiltctl daemon start").await;
    assert!(said.stderr.contains("was replaced"), "{said:?}");
    let said = installed.sh("quiltctl doctor").await;
    assert!(said.stdout.contains("was replaced"), "{said:?}");

    installed.sh(&hint).await.ok();
    assert_eq!(installed.replaced().await, None);
    assert_ne!(installed.status().await.pid, before);
    let who = installed.sh("quiltctl whoami").await.ok();
    assert!(who.contains("alice"), "{who}");
    installed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_gone_is_named() {
    let installed = Installed::new().await;
    fs::remove_file(installed.bin.join("quiltd")).unwrap();
    assert!(installed.replaced().await.is_some());
    let said = installed.sh("quiltctl status").await;
    assert!(said.stderr.contains("is gone"), "{said:?}");
    installed.end().await;
}

/// A script that restarts the daemon while so many call, and do what else there
/// is to do: each until that is over, and once more. It prints who failed.
pub(crate) fn calling_over_a_restart(callers: usize, also: &str) -> String {
    format!(
        "for caller in $(seq {callers}); do (
             while :; do
                 last=$(test -e over && echo yes)
                 quiltctl credential-process >/dev/null || echo \"$caller failed\"
                 {also}
                 [ -z \"$last\" ] || break
             done
         ) & done
         quiltctl daemon restart >&2; touch over; wait"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_over_a_restart() {
    const CALLERS: usize = 50;
    let installed = Installed::new().await;
    installed.sh("quiltctl credential-process").await.ok();
    let run = installed.sh(&calling_over_a_restart(CALLERS, ":")).await;
    assert_eq!(run.stdout, "", "{run:?}");
    assert!(run.stderr.contains("(pid "), "{run:?}");
    installed.end().await;
}

/// A downgrade: what a newer version wrote is not read half, and not lost.
#[tokio::test(flavor = "multi_thread")]
async fn state_of_a_newer_version_is_refused_in_words_and_left_as_it_is() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    let newer = |name: &str| {
        let path = world.home.state().join(name);
        let text = fs::read_to_string(&path).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(document["version"].is_u64(), "{name}: {text}");
        document["version"] = 99.into();
        fs::write(&path, document.to_string()).unwrap();
        (path, document.to_string(), text)
    };
    // The login.
    let (path, written, before) = newer("sessions.json");
    let mut command = world.home.command(binaries::quiltd());
    let output = command.args(["--token-store", "file"]).output().await;
    let run: Run = output.unwrap().into();
    assert_ne!(run.code, 0, "{run:?}");
    let line = run.stderr.lines().last().unwrap();
    assert!(line.contains("was written by a newer quiltd"), "{line}");
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    let (_, hint) = line.split_once("; run: ").unwrap();
    let mut command = world.home.command("sh");
    let output = command.args(["-c", hint]).output().await;
    Run::from(output.unwrap()).ok();
    let kept = path.with_extension("json.newer");
    assert_eq!(fs::read_to_string(kept).unwrap(), written);
    fs::write(&path, before).unwrap();
    // Where secrets go.
    let (path, written, _) = newer("catalogs.json");
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    let code = world.stack.control().login_code("alice").unwrap();
    let run = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await;
    assert_ne!(run.code, 0, "{run:?}");
    assert!(
        run.stderr.contains("was written by a newer quiltd"),
        "{run:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}
