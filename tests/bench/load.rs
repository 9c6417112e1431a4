//! Many clients in one thread, each with one request under way.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::pair::quantile;

/// Whom to ask.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    /// Each asks again on the same connection.
    pub(crate) keep_alive: bool,
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) per_second: f64,
    pub(crate) p99_us: f64,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(server: &Server) -> anyhow::Result<Self> {
        Ok(match server {
            Server::Unix(path) => Self::Unix(UnixStream::connect(path)?),
            Server::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
        })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

/// Asks `server` for `request` again and again; every answer has to be a success.
pub(crate) fn run(server: &Server, request: &[u8], load: Load) -> anyhow::Result<Served> {
    let ask = || -> anyhow::Result<(Stream, Instant)> {
        let began = Instant::now();
        let mut stream = Stream::connect(server)?;
        stream.write(request)?;
        Ok((stream, began))
    };
    let mut clients = (0..load.clients)
        .map(|_| ask())
        .collect::<Result<Vec<_>, _>>()?;
    let mut times = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let began = Instant::now();
    while began.elapsed() < load.time {
        for index in answered(&clients)? {
            let (stream, asked) = &mut clients[index];
            let length = stream.read(&mut buffer)?;
            is_success(&buffer[..length])?;
            times.push(asked.elapsed());
            if load.keep_alive {
                *asked = Instant::now();
                stream.write(request)?;
            } else {
                clients[index] = ask()?;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
    let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
    let p99_us = quantile(&mut times, 99);
    Ok(Served { per_second, p99_us })
}

fn is_success(answer: &[u8]) -> anyhow::Result<()> {
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "no success: {}",
        String::from_utf8_lossy(answer)
    );
    Ok(())
}

/// Which clients have an answer.
fn answered(clients: &[(Stream, Instant)]) -> anyhow::Result<Vec<usize>> {
    let fds = clients
        .iter()
        .map(|(stream, _)| PollFd::new(stream, PollFlags::IN));
    let mut fds: Vec<_> = fds.collect();
    let wait = Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    ensure!(poll(&mut fds, Some(&wait))? > 0, "no answer");
    let ready = fds
        .iter()
        .enumerate()
        .filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|(index, _)| index).collect())
}

/// Asks so many times, one after the other, on one connection.
pub(crate) fn repeat(server: &Server, request: &[u8], times: u64) -> anyhow::Result<()> {
    let mut stream = Stream::connect(server)?;
    let mut buffer = [0; 16 * 1024];
    for _ in 0..times {
        stream.write(request)?;
        let length = stream.read(&mut buffer)?;
        is_success(&buffer[..length])?;
    }
    Ok(())
}

/// A connection that nothing more is asked on.
pub(crate) struct Held {
    _stream: Stream,
}

impl Held {
    /// One that asked and was answered.
    pub(crate) fn after(server: &Server, request: &[u8]) -> anyhow::Result<Self> {
        let mut stream = Stream::connect(server)?;
        stream.write(request)?;
        let mut buffer = [0; 16 * 1024];
        let length = stream.read(&mut buffer)?;
        is_success(&buffer[..length])?;
        Ok(Self { _stream: stream })
    }
}

/// As many clients as `clients`, each of which asks once; how long until the
/// last was answered, and how many were.
pub(crate) fn storm(
    server: &Server,
    request: &[u8],
    clients: usize,
) -> anyhow::Result<(Duration, usize)> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let began = Instant::now();
    let mut all = Vec::with_capacity(clients);
    for _ in 0..clients {
        let mut stream = Stream::connect(server)?;
        stream.write(request)?;
        all.push(stream);
    }
    let mut answered = 0;
    let mut buffer = [0; 4096];
    for mut stream in all {
        let mut text = Vec::new();
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => text.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error.into()),
            }
        }
        answered += usize::from(text.starts_with(b"HTTP/1.1 200"));
    }
    Ok((began.elapsed(), answered))
}
