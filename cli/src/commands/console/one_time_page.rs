//! Hands a secret URL to the browser.
//!
//! What a browser is started with, everyone on the machine can read. So it is
//! started with the address of a page of this process, which sends it on, once,
//! and nobody but this user's programs: others can read that address, too.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use quilt_trust::sockets;
use zeroize::Zeroizing;

use crate::browser;

/// How long a browser may take to come.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to say what it wants.
const REQUEST: Duration = Duration::from_secs(2);
/// Bytes of a request.
const MAX_HEAD: usize = 16 * 1024;
/// Visitors at a time, within the usual limit on open files.
const MOST: usize = 512;
/// Connections that may wait to be let in.
const BACKLOG: i32 = 4096;

/// Opens the URL in the user's browser; false where that did not work, or the
/// system does not tell who comes for it.
pub(super) fn to_browser(url: &str) -> bool {
    if !sockets::is_told() {
        return false;
    }
    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else {
        return false;
    };
    let (Ok(address), Ok(path)) = (listener.local_addr(), path()) else {
        return false;
    };
    if !browser::open(&format!("http://{address}{path}")) {
        return false;
    }
    send_on(&listener, &path, url).unwrap_or(false)
}

/// A path nobody guesses.
fn path() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("/{}", hex.concat()))
}

/// Answers the one request that is right. Nobody who connects and says nothing
/// keeps others waiting: whose a connection is, is looked up for who asks.
fn send_on(listener: &TcpListener, path: &str, url: &str) -> io::Result<bool> {
    listener.set_nonblocking(true)?;
    // Others can connect, too: that of `bind` is soon full.
    rustix::net::listen(listener, BACKLOG)?;
    let end = Instant::now() + TIMEOUT;
    let mut visits = VecDeque::new();
    while Instant::now() < end {
        let came = take_in(listener, &mut visits)?;
        let mut is_sent = false;
        visits.retain_mut(|visit: &mut Visit| match visit.read(path) {
            _ if is_sent => false,
            Asked::Nothing => visit.since.elapsed() < REQUEST,
            // Others are hung up on, whatever they say.
            Asked::This | Asked::Else if !is_ours(&visit.stream) => false,
            asked => {
                let is_right = asked == Asked::This;
                is_sent = visit.answer(is_right.then_some(url)).is_ok() && is_right;
                false
            }
        });
        if is_sent {
            return Ok(true);
        }
        if !came {
            std::thread::sleep(LOOK);
        }
    }
    Ok(false)
}

/// Lets in whoever has come, the oldest of too many making way; whether anybody
/// has.
fn take_in(listener: &TcpListener, visits: &mut VecDeque<Visit>) -> io::Result<bool> {
    for came in 0..MOST {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                visits.push_back(Visit {
                    stream,
                    head: Vec::new(),
                    since: Instant::now(),
                });
                if visits.len() > MOST {
                    visits.pop_front();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(came > 0),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of descriptors, as likely as not.
            Err(error) => {
                visits.pop_front().ok_or(error)?;
            }
        }
    }
    Ok(true)
}

/// Whether a program of this user connected, or of root's, who could take the
/// URL anyway.
fn is_ours(stream: &TcpStream) -> bool {
    let me = rustix::process::getuid().as_raw();
    let owner = sockets::owner(stream).ok().flatten();
    owner.is_some_and(|owner| owner == me || owner == 0)
}

/// Somebody who has connected.
struct Visit {
    stream: TcpStream,
    head: Vec<u8>,
    since: Instant,
}

/// What a visitor asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing yet.
    Nothing,
    /// The page there is.
    This,
    /// Something else, or it went.
    Else,
}

impl Visit {
    /// Reads what has come by now.
    fn read(&mut self, path: &str) -> Asked {
        let mut chunk = [0; 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Asked::Else,
                Ok(length) => self.head.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Asked::Nothing,
                Err(_) => return Asked::Else,
            }
            if self.head.windows(4).any(|end| end == b"\r\n\r\n") {
                let right = format!("GET {path} HTTP/1.1\r\n");
                return if self.head.starts_with(right.as_bytes()) {
                    Asked::This
                } else {
                    Asked::Else
                };
            }
            if self.head.len() >= MAX_HEAD {
                return Asked::Else;
            }
        }
    }

    /// Sends the visitor on, or says that there is nothing.
    fn answer(&mut self, url: Option<&str>) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(REQUEST))?;
        let answer = match url {
            Some(url) => format!(
                "HTTP/1.1 303 See Other\r\nLocation: {url}\r\nReferrer-Policy: no-referrer\r\n"
            ),
            None => "HTTP/1.1 404 Not Found\r\n".to_owned(),
        };
        let rest = "Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let answer = Zeroizing::new(answer + rest);
        self.stream.write_all(answer.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_who_knows_the_path_is_sent_on_and_only_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let path = path().unwrap();
        let right = path.clone();
        let server = std::thread::spawn(move || send_on(&listener, &path, "https://x/?secret"));
        assert!(!ask(address, "/").contains("secret"));
        assert!(ask(address, &right).contains("Location: https://x/?secret\r\n"));
        assert!(server.join().unwrap().unwrap());
        // Programs that other tests start hold it until they are executed.
        let until = Instant::now() + TIMEOUT;
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < until, "nobody is sent on twice");
        }
    }

    /// One at a time, they would take longer than a browser is waited for.
    #[test]
    fn who_connects_and_says_nothing_keeps_nobody_waiting() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let path = path().unwrap();
        let right = path.clone();
        let mut silent: Vec<_> = (0..100)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for half in &mut silent[50..] {
            half.write_all(b"GET / HT").unwrap();
        }
        let server = std::thread::spawn(move || send_on(&listener, &path, "https://x/?secret"));
        assert!(ask(address, &right).contains("Location: https://x/?secret\r\n"));
        assert!(server.join().unwrap().unwrap());
    }
}
