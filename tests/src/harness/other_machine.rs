//! A daemon on another machine that shares a home, as one over NFS.

use std::fs;

use super::{Daemon, Home, binaries};

/// What tells one machine, and one run of it, from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Starts a program on it: what it is told of the kernel is of that machine.
const START: &str = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";

impl Daemon {
    /// Starts one that shares `home` from a machine of its own.
    ///
    /// # Panics
    /// When it does not come up; the message holds its log.
    pub async fn on_another_machine(home: &Home, args: &[&str]) -> Self {
        Self::on_another_machine_with(home, args, &[]).await
    }

    /// The same, with more environment.
    ///
    /// # Panics
    /// When it does not come up; the message holds its log.
    pub async fn on_another_machine_with(
        home: &Home,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let id = home.path().join("other-boot-id");
        let text = uuid::Uuid::new_v4().to_string();
        fs::write(&id, format!("{text}\n")).expect("a file in the home");
        let mut command = home.in_mounts_of_its_own(START);
        command
            .envs(variables.iter().copied())
            .arg(id)
            .arg(BOOT_ID)
            .arg(binaries::quiltd());
        Self::start_by(command, home, args).await
    }
}
