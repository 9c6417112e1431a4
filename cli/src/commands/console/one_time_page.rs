//! Hands a secret URL to the browser.
//!
//! What a browser is started with, everyone on the machine can read. So it is
//! started with the address of a page of this process, which sends it on, once,
//! and nobody but this user's programs: others can read that address, too.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use quilt_proto::browser_navigation::{MAX_HEAD, MAX_HEADERS, is_navigation};
use quilt_proto::hex;
use quilt_trust::sockets::{self, Owners};
use zeroize::Zeroizing;

use crate::browser;

/// How long a browser may take to come.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to say what it wants.
const REQUEST: Duration = Duration::from_secs(2);
/// Beyond so many, whose it is has to be known.
const MAX_STRANGERS_HEAD: usize = 16 * 1024;
/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// Visitors at a time, within the usual limit on open files.
const MOST: usize = 512;
/// Connections that may wait to be let in.
const BACKLOG: i32 = 4096;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// The browser has the URL.
    Over,
    /// No browser can be started here, or the system does not tell who comes.
    NoBrowser,
    /// One was started, and nobody of this user's came.
    NobodyCame,
}

/// Opens the URL in the user's browser.
pub(super) fn to_browser(url: &str) -> Handed {
    try_to(url).unwrap_or(Handed::NoBrowser)
}

fn try_to(url: &str) -> io::Result<Handed> {
    if !sockets::is_told() {
        return Ok(Handed::NoBrowser);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (address, path) = (listener.local_addr()?, path()?);
    if !browser::open(&format!("http://{address}{path}")) {
        return Ok(Handed::NoBrowser);
    }
    let page = Page {
        host: address.to_string(),
        path,
        url,
    };
    // What fails here may be others' doing.
    Ok(send_on(&listener, &page).unwrap_or(Handed::NobodyCame))
}

/// What there is to be had, once.
struct Page<'a> {
    /// The authority that a browser has to name.
    host: String,
    path: String,
    /// Where it leads.
    url: &'a str,
}

/// A path nobody guesses.
fn path() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("/{}", hex(&bytes)))
}

/// Answers the one request that is right. Nobody who connects and says nothing
/// keeps others waiting: whose a connection is, is looked up for who asks.
fn send_on(listener: &TcpListener, page: &Page<'_>) -> io::Result<Handed> {
    listener.set_nonblocking(true)?;
    // Others can connect, too: that of `bind` is soon full.
    rustix::net::listen(listener, BACKLOG)?;
    let owners = Owners::of(listener)?;
    let end = Instant::now() + TIMEOUT;
    let mut visits = VecDeque::new();
    while Instant::now() < end {
        let came = take_in(listener, &mut visits, &owners)?;
        let mut is_sent = false;
        visits.retain_mut(|visit: &mut Visit| match visit.read(page, &owners) {
            // Of many who ask, to look each up takes a while.
            _ if is_sent || Instant::now() >= end => false,
            Asked::Nothing => visit.since.elapsed() < REQUEST,
            // Others are hung up on, whatever they say.
            _ if !is_ours(&owners, &visit.stream) => false,
            asked => {
                let is_right = asked == Asked::This;
                is_sent = visit.answer(asked, page.url).is_ok() && is_right;
                false
            }
        });
        if is_sent {
            return Ok(Handed::Over);
        }
        if !came {
            std::thread::sleep(LOOK);
        }
    }
    Ok(Handed::NobodyCame)
}

/// Lets in whoever has come, the oldest of too many making way, others before this
/// user's; whether anybody has.
fn take_in(
    listener: &TcpListener,
    visits: &mut VecDeque<Visit>,
    owners: &Owners,
) -> io::Result<bool> {
    for came in 0..MOST {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                visits.push_back(Visit {
                    stream,
                    head: Vec::new(),
                    since: Instant::now(),
                    is_kept: false,
                });
                if visits.len() > MOST {
                    evict(visits, owners);
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

/// Hangs up on the oldest that is others', else on the oldest.
fn evict(visits: &mut VecDeque<Visit>, owners: &Owners) {
    for _ in 0..visits.len() {
        let Some(mut oldest) = visits.pop_front() else {
            return;
        };
        // Each is looked up once.
        oldest.is_kept = oldest.is_kept || is_ours(owners, &oldest.stream);
        if !oldest.is_kept {
            return;
        }
        visits.push_back(oldest);
    }
    visits.pop_front();
}

/// Whether a program of this user connected, or of root's, who could take the
/// URL anyway.
fn is_ours(owners: &Owners, stream: &TcpStream) -> bool {
    let me = rustix::process::getuid().as_raw();
    let owner = owners.owner(stream).ok().flatten();
    owner.is_some_and(|owner| owner == me || owner == 0)
}

/// Somebody who has connected.
struct Visit {
    stream: TcpStream,
    head: Vec<u8>,
    since: Instant,
    /// It is known to be this user's.
    is_kept: bool,
}

/// What a visitor asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing yet.
    Nothing,
    /// The page there is.
    This,
    /// The same, as no browser does that was sent here.
    Astray,
    /// Something else, or it went.
    Else,
}

impl Visit {
    /// Reads what has come by now.
    fn read(&mut self, page: &Page<'_>, owners: &Owners) -> Asked {
        let mut chunk = [0; CHUNK];
        loop {
            let length = match self.stream.read(&mut chunk) {
                Ok(0) => return Asked::Else,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Asked::Nothing,
                Err(_) => return Asked::Else,
            };
            // An end may have come in two parts.
            let looked_at = self.head.len().saturating_sub(3);
            self.head.extend_from_slice(&chunk[..length]);
            let mut new = self.head[looked_at..].windows(4);
            if new.any(|end| end == b"\r\n\r\n") {
                return page.asked(&self.head);
            }
            let was_short = self.head.len() - length < MAX_STRANGERS_HEAD;
            let is_long = self.head.len() >= MAX_STRANGERS_HEAD;
            if self.head.len() >= MAX_HEAD || was_short && is_long && !is_ours(owners, &self.stream)
            {
                return Asked::Else;
            }
        }
    }

    /// Sends the visitor on, or says that there is nothing.
    fn answer(&mut self, asked: Asked, url: &str) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(REQUEST))?;
        let answer = match asked {
            Asked::This => format!(
                "HTTP/1.1 303 See Other\r\nLocation: {url}\r\nReferrer-Policy: no-referrer\r\n"
            ),
            Asked::Astray => "HTTP/1.1 403 Forbidden\r\n".to_owned(),
            Asked::Nothing | Asked::Else => "HTTP/1.1 404 Not Found\r\n".to_owned(),
        };
        let rest = "Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let answer = Zeroizing::new(answer + rest);
        self.stream.write_all(answer.as_bytes())
    }
}

impl Page<'_> {
    /// What a request asks for.
    fn asked(&self, head: &[u8]) -> Asked {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        if !request.parse(head).is_ok_and(|parsed| parsed.is_complete())
            || request.path != Some(&self.path)
        {
            return Asked::Else;
        }
        let said = request.headers.iter().map(|it| (it.name, it.value));
        if is_navigation(request.method.unwrap_or_default(), said, &self.host) {
            Asked::This
        } else {
            Asked::Astray
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::thread::JoinHandle;

    use super::*;

    /// A page, asked by whoever.
    struct Served {
        address: SocketAddr,
        path: String,
        thread: JoinHandle<io::Result<Handed>>,
    }

    /// A page at a port of its own, served once `before` has been done there.
    fn serve<T>(before: impl FnOnce(SocketAddr) -> T) -> (Served, T) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let path = path().unwrap();
        let page = Page {
            host: address.to_string(),
            path: path.clone(),
            url: "https://x/?secret",
        };
        let done = before(address);
        let thread = std::thread::spawn(move || send_on(&listener, &page));
        let served = Served {
            address,
            path,
            thread,
        };
        (served, done)
    }

    impl Served {
        /// What a request of these lines is answered.
        fn ask(&self, lines: &[&str]) -> String {
            let mut stream = TcpStream::connect(self.address).unwrap();
            let mut head = lines.join("\r\n");
            head += "\r\n\r\n";
            let head = head
                .replace("PATH", &self.path)
                .replace("HOST", &self.address.to_string());
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        }

        /// The one that is sent on, as the last.
        fn sends_on(self, lines: &[&str]) {
            let answer = self.ask(lines);
            let location = "Location: https://x/?secret\r\n";
            assert!(answer.contains(location), "{answer}");
            assert_eq!(self.thread.join().unwrap().unwrap(), Handed::Over);
        }
    }

    #[test]
    fn only_who_knows_the_path_sends_on_and_only_once() {
        let (served, ()) = serve(|_| ());
        let address = served.address;
        assert!(
            !served
                .ask(&["GET / HTTP/1.1", "Host: HOST"])
                .contains("secret")
        );
        served.sends_on(&["GET PATH HTTP/1.1", "Host: HOST"]);
        // Programs that other tests start hold it until they are executed.
        let until = Instant::now() + TIMEOUT;
        while TcpStream::connect(address).is_ok() {
            assert!(Instant::now() < until, "nobody is sent on twice");
        }
    }

    #[test]
    fn what_other_pages_make_a_browser_ask_is_refused_and_does_not_use_it_up() {
        let (served, ()) = serve(|_| ());
        for others in [
            &["GET PATH HTTP/1.1", "Host: evil.example"] as &[&str],
            &["GET PATH HTTP/1.1"],
            &[
                "GET PATH HTTP/1.1",
                "Host: HOST",
                "Origin: https://evil.example",
            ],
            &["GET PATH HTTP/1.1", "Host: HOST", "Sec-Fetch-Mode: no-cors"],
            &["GET PATH HTTP/1.1", "Host: HOST", "sec-fetch-dest: iframe"],
            &["GET PATH HTTP/1.1", "Host: HOST", "Sec-Purpose: prefetch"],
            &["POST PATH HTTP/1.1", "Host: HOST"],
        ] {
            let answer = served.ask(others);
            assert!(answer.starts_with("HTTP/1.1 403 "), "{others:?}: {answer}");
        }
        served.sends_on(&[
            "GET PATH HTTP/1.1",
            "Host: HOST",
            "Sec-Fetch-Site: none",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
        ]);
    }

    #[test]
    fn cookies_of_every_server_on_this_address_keep_nobody_out() {
        let (served, ()) = serve(|_| ());
        let cookies = format!("Cookie: {}", "of=others; ".repeat(64 * 1024));
        served.sends_on(&["GET PATH HTTP/1.1", "Host: HOST", &cookies]);
    }

    /// One at a time, they would take longer than a browser is waited for.
    #[test]
    fn who_connects_and_says_nothing_keeps_nobody_waiting() {
        let (served, _silent) = serve(|address| {
            let mut silent: Vec<_> = (0..100)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            for half in &mut silent[50..] {
                half.write_all(b"GET / HT").unwrap();
            }
            silent
        });
        served.sends_on(&["GET PATH HTTP/1.1", "Host: HOST"]);
    }
}
