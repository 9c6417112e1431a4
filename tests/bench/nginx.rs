//! An nginx of our own, that serves one file.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::load::Server;

const START_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until it is dropped.
pub(crate) struct Nginx {
    child: Child,
    socket: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    /// What asks it for the file.
    pub(crate) const REQUEST: &[u8] = b"GET /document.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /// Serves `document.json` of a directory.
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let (config, socket) = (dir.join("nginx.conf"), dir.join("nginx.sock"));
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};", dir.join("nginx.tmp").display()));
        // One process, as one worker is; nothing is logged, opened or read twice.
        let text = format!(
            "daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr crit;\n\
             events {{ worker_connections 8192; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; open_file_cache max=10;\n\
             default_type application/json; {}\n\
             server {{ listen unix:{} backlog=1024; listen {address}; root {dir}; }} }}\n",
            temporary.concat(),
            socket.display(),
            dir = dir.display(),
        );
        fs::write(&config, text)?;
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "nginx"];
        let program = program.into_iter().find(|path| Path::new(path).exists());
        let child = Command::new(program.unwrap_or("nginx"))
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut nginx = Self {
            child,
            socket,
            address,
        };
        nginx.wait()?;
        Ok(nginx)
    }

    pub(crate) fn unix(&self) -> Server {
        Server::Unix(self.socket.clone())
    }

    pub(crate) fn tcp(&self) -> Server {
        Server::Tcp(self.address)
    }

    /// It says nothing when it is ready: its socket has to be tried.
    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let ended = self.child.try_wait()?;
            ensure!(ended.is_none(), "it does not start");
            match std::os::unix::net::UnixStream::connect(&self.socket) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only if it ended by itself.
        drop::<io::Result<()>>(self.child.kill());
        drop(self.child.wait());
    }
}
