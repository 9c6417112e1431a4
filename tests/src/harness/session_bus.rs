//! A D-Bus session bus of its own, with or without a keyring on it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;

use super::Home;
use super::secret_service::SecretService;
use super::toolchain::not_run;

/// The name of the Secret Service on a bus.
pub(super) const SECRETS: &str = "org.freedesktop.secrets";

/// A bus that starts no service by itself.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A bus and what runs on it; ends when dropped.
#[derive(Debug)]
pub struct SessionBus {
    address: String,
    _daemon: Child,
    keyring: Option<Child>,
    impostor: Option<Connection>,
}

impl SessionBus {
    /// An empty bus, or `None` after saying loudly that the test was not run:
    /// this machine has no D-Bus or no gnome-keyring.
    ///
    /// # Panics
    /// When the bus does not come up, and where a missing program is no excuse
    /// (`QUILT_TESTS_REQUIRE=all`).
    pub async fn start(home: &Home) -> Option<Self> {
        if let Some(missing) = missing_program() {
            not_run(
                "a test of the keyring",
                format_args!("{missing} is missing"),
            );
            return None;
        }
        let config = home.path().join("bus.conf");
        fs::write(&config, CONFIG).expect("a bus configuration");
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address=1", "--config-file"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("dbus-daemon can be started");
        let stdout = daemon.stdout.take().expect("its stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let address = lines.next_line().await.expect("its stdout can be read");
        Some(Self {
            address: address.expect("the bus says where it is"),
            _daemon: daemon,
            keyring: None,
            impostor: None,
        })
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The environment of a program on this bus.
    pub fn variables(&self) -> [(&'static str, &str); 1] {
        [("DBUS_SESSION_BUS_ADDRESS", &self.address)]
    }

    /// Puts the real gnome-keyring on the bus, unlocked, and waits for it.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_keyring(&mut self, home: &Home) {
        let mut child = home
            .command("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .args(["--control-directory".into(), keyring_dir(home)])
            .envs(self.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon can be started");
        let mut stdin = child.stdin.take().expect("its stdin is piped");
        let password = stdin.write_all(b"correct horse").await;
        password.expect("it reads its password");
        drop(stdin);
        self.keyring = Some(child);
        let address = self.address.clone();
        let waiting = tokio::task::spawn_blocking(move || wait_for_secrets(&address));
        let waited = waiting.await.expect("no panic while waiting");
        waited.expect("the bus tells when the keyring is there");
    }

    /// Ends the keyring, and what it had agreed with others.
    ///
    /// # Panics
    /// When it was not there.
    pub async fn stop_keyring(&mut self) {
        let mut keyring = self.keyring.take().expect("a keyring");
        keyring.kill().await.expect("it can be ended");
    }

    /// Has another program of the user's do something at the keyring.
    ///
    /// # Panics
    /// When that cannot be done.
    pub async fn at_keyring<R: Send + 'static>(
        &self,
        act: impl FnOnce(&SecretService) -> zbus::Result<R> + Send + 'static,
    ) -> R {
        let address = self.address.clone();
        let acting = tokio::task::spawn_blocking(move || {
            SecretService::open(&address).and_then(|it| act(&it))
        });
        let acted = acting.await.expect("no panic at the keyring");
        acted.expect("the keyring does it")
    }

    /// Puts a Secret Service on the bus that never answers.
    ///
    /// # Panics
    /// When the bus does not let it.
    pub async fn start_hanging_keyring(&mut self) {
        let address = self.address.clone();
        let owning = tokio::task::spawn_blocking(move || {
            Builder::address(address.as_str())?.name(SECRETS)?.build()
        });
        let owned = owning.await.expect("no panic while connecting");
        self.impostor = Some(owned.expect("the name can be owned"));
    }
}

fn keyring_dir(home: &Home) -> std::ffi::OsString {
    let dir: PathBuf = home.path().join("run/keyring");
    dir.into_os_string()
}

fn wait_for_secrets(address: &str) -> zbus::Result<()> {
    let connection = Builder::address(address)?.build()?;
    let bus = DBusProxy::new(&connection)?;
    let mut changes = bus.receive_name_owner_changed_with_args(&[(0, SECRETS)])?;
    if bus.name_has_owner(SECRETS.try_into()?)? {
        return Ok(());
    }
    changes.next();
    Ok(())
}

fn missing_program() -> Option<&'static str> {
    let found = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
    };
    ["dbus-daemon", "gnome-keyring-daemon"]
        .into_iter()
        .find(|name| !found(name))
}
