//! Hands a secret URL to the browser.
//!
//! What a browser is started with, everyone on the machine can read. So it is
//! started with the address of a page of this process, which sends it on, once,
//! and nobody but this user's programs: others can read that address, too.

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

/// Answers the one request that is right.
fn send_on(listener: &TcpListener, path: &str, url: &str) -> io::Result<bool> {
    listener.set_nonblocking(true)?;
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        match listener.accept() {
            // Others are hung up on, whatever they say.
            Ok((stream, _)) if !is_ours(&stream) => {}
            Ok((stream, _)) => {
                if answer(stream, path, url).unwrap_or(false) {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(LOOK),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether a program of this user connected, or of root's, who could take the
/// URL anyway.
fn is_ours(stream: &TcpStream) -> bool {
    let me = rustix::process::getuid().as_raw();
    let owner = sockets::owner(stream).ok().flatten();
    owner.is_some_and(|owner| owner == me || owner == 0)
}

fn answer(mut stream: TcpStream, path: &str, url: &str) -> io::Result<bool> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(REQUEST))?;
    stream.set_write_timeout(Some(REQUEST))?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
        match stream.read(&mut chunk)? {
            0 => break,
            length => head.extend_from_slice(&chunk[..length]),
        }
    }
    let right = head.starts_with(format!("GET {path} HTTP/1.1\r\n").as_bytes());
    let answer = if right {
        format!("HTTP/1.1 303 See Other\r\nLocation: {url}\r\nReferrer-Policy: no-referrer\r\n")
    } else {
        "HTTP/1.1 404 Not Found\r\n".to_owned()
    };
    let rest = "Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let answer = Zeroizing::new(answer + rest);
    stream.write_all(answer.as_bytes())?;
    Ok(right)
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
}
