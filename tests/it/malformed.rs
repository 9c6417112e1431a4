//! Requests that are none, or nearly one, by the thousand over the real socket:
//! the daemon answers or hangs up, lives on, and holds no more memory.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quilt_tests::harness::{Daemon, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// How many, where `QUILT_MALFORMED` says nothing else.
const REQUESTS: u64 = 20_000;

/// How many at a time.
const AT_ONCE: u64 = 16;

/// How long to wait for the beginning of an answer.
const MOMENT: Duration = Duration::from_millis(20);

/// What memory may grow by between the first tenth and the end, in KiB: what
/// the allocator keeps.
const GROWTH: u64 = 24 * 1024;

/// Sound requests that the others are made of. None of them ends the daemon or
/// deletes anything.
const SOUND: &[&str] = &[
    "GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /v1/status?catalog=https://demo.quilt.example HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    "GET /v1/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /v1/aws/credentials?profile=default HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /v1/audit?since=2026-11-26T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"code\":\" \"}",
    "PUT /v1/session/api-key HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"key\":\"qk\"}",
    "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"que\r\n8\r\nry\":[]}\n\r\n0\r\n\r\n",
    "PUT /v1/me/role HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n{\"role\":{}}",
];

/// What is put where it does not belong.
const ODD: &[&str] = &[
    "\0",
    "\r",
    "\n",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    "\u{feff}",
    "%00",
    "%zz",
    "../",
    "//",
    "?",
    "#",
    "{",
    "[[[[",
    "\"",
    "\\ud800",
    "1e999",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: x, chunked\r\n",
    "Host: evil.example\r\n",
    "Host: localhost\r\n",
    " folded\r\n",
    "HTTP/9.9",
    "HTTP/0.9",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "Upgrade: h2c\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\n",
    "\u{16}\u{3}\u{1}",
    "CONNECT localhost:1 ",
    "GET http://localhost/v1/health ",
    "FFFFFFFFFFFFFFFF\r\n",
    "0\r\n\r\n",
    "-1\r\n",
    "Expect: 200-ok\r\n",
    "Range: bytes=0-\r\n",
];

/// A number from the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers that a seed decides (splitmix64).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a [u8] {
        all[self.below(all.len())].as_bytes()
    }
}

/// The request of a number under a seed.
fn request(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
    if random.below(20) == 0 {
        return (0..random.below(400))
            .map(|_| random.draw().to_le_bytes()[0])
            .collect();
    }
    let mut bytes = random.one_of(SOUND).to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, random.one_of(ODD).iter().copied())),
            2 => {
                let end = (at + random.below(20)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            3 if !bytes.is_empty() => bytes[at] = random.draw().to_le_bytes()[0],
            4 => {
                let end = (at + random.below(60)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            5 => {
                // After a line, where headers are.
                let line = bytes[at..].windows(2).position(|two| two == b"\r\n");
                let at = line.map_or(at, |line| at + line + 2);
                drop(bytes.splice(at..at, random.one_of(ODD).iter().copied()));
            }
            6 => {
                let many = vec![b'a' + random.draw().to_le_bytes()[0] % 26; random.below(70_000)];
                drop(bytes.splice(at..at, many));
            }
            _ => bytes.extend_from_slice(random.one_of(SOUND)),
        }
    }
    bytes
}

/// Sends it, and reads whatever comes to its end.
async fn answer(socket: &Path, request: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // It may hang up before it has read all.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    // One that is whole is answered; of one that is not, this is the end.
    let _ = tokio::time::timeout(MOMENT, stream.read_buf(&mut answer)).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// Whether all that is in there are answers, none of which is a failure of the
/// daemon's own.
fn is_sound(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let is_http = answer.is_empty() || text.starts_with("HTTP/1.");
    let ours = ["HTTP/1.1 500", "HTTP/1.0 500"];
    is_http && !ours.iter().any(|ours| text.contains(ours))
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_end_nothing_and_fill_no_memory() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    let args = ["--token-store", "file", "--log", "warn"];
    world.daemon = Some(Daemon::start(&world.home, &args).await);
    let seed = number("QUILT_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    let total = number("QUILT_MALFORMED").unwrap_or(REQUESTS);
    println!("QUILT_SEED={seed} QUILT_MALFORMED={total}");
    let daemon = world.daemon.as_ref().unwrap();
    let pid = daemon.pid();
    let socket: Arc<Path> = world.home.socket().into();
    // Sound ones are answered: the look sees something.
    world.client().health().await.unwrap();
    let (next, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut early = 0;
    for end in [total / 10, total] {
        let senders: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (socket, next) = (Arc::clone(&socket), Arc::clone(&next));
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            return;
                        }
                        let request = request(seed, number);
                        let patience = Duration::from_mins(2);
                        let answer = answer(&socket, &request);
                        let answer = tokio::time::timeout(patience, answer).await;
                        let answer = answer.unwrap_or_else(|_| panic!("{number} hangs"));
                        answered.fetch_add(u64::from(!answer.is_empty()), Ordering::Relaxed);
                        let shown = String::from_utf8_lossy(&answer);
                        assert!(is_sound(&answer), "request {number} of {seed}: {shown}");
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        next.store(end, Ordering::Relaxed);
        if early == 0 {
            early = daemon.resident_kib();
        }
    }
    let late = daemon.resident_kib();
    let answered = answered.load(Ordering::Relaxed);
    println!("{answered} of {total} were answered; {early} KiB, then {late} KiB");
    assert!(answered > total / 10, "many of them get an answer");
    assert!(late < early + GROWTH, "{early} KiB, then {late} KiB");
    assert_eq!(daemon.pid(), pid);
    world.ctl(&["status"]).await.ok();
}
