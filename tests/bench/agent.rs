//! An ssh-agent with one key, of our own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

const START_TIMEOUT: Duration = Duration::from_secs(5);

/// A running agent; it ends with this value.
pub(crate) struct SshAgent {
    child: Child,
    socket: PathBuf,
}

impl SshAgent {
    pub(crate) fn start(home: &Path) -> anyhow::Result<Self> {
        let (socket, key) = (home.join("agent.sock"), home.join("key"));
        quietly(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        )?;
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()?;
        let agent = Self { child, socket };
        agent.wait()?;
        quietly(agent.ssh_add().arg("-q").arg(&key))?;
        Ok(agent)
    }

    /// `ssh-add -l`.
    pub(crate) fn list(&self) -> Command {
        let mut command = self.ssh_add();
        command.arg("-l");
        command
    }

    fn ssh_add(&self) -> Command {
        let mut command = Command::new("ssh-add");
        command.env("SSH_AUTH_SOCK", &self.socket);
        command
    }

    /// The agent says nothing when it is ready: its socket has to be tried.
    fn wait(&self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match std::os::unix::net::UnixStream::connect(&self.socket) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        // Both fail only if it ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output();
    match output {
        Ok(output) => {
            ensure!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            Ok(())
        }
        Err(error) => bail!("{}: {error}", command.get_program().display()),
    }
}
