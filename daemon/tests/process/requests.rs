//! Requests no client of ours would send.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::{Home, assert_serves, get, health};

#[test]
fn refuses_what_a_web_page_could_send() {
    let home = Home::new();
    let _daemon = home.start();
    for headers in [
        "",
        "host: evil.example\r\n",
        "host: localhost\r\nhost: evil.example\r\n",
        "host: localhost\r\norigin: http://localhost\r\n",
        "host: localhost\r\nreferer: http://localhost/\r\n",
        "host: localhost\r\nsec-fetch-site: none\r\n",
    ] {
        let answer = health(&home.socket(), headers);
        assert!(answer.starts_with("HTTP/1.1 403"), "{headers:?}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains(r#""code":"denied""#), "{answer}");
    }
    // Where there is nothing as well: a page learns of no path.
    let nothing = get(&home.socket(), "/none", "host: localhost\r\n");
    assert!(nothing.starts_with("HTTP/1.1 404"), "{nothing}");
    let refused = get(&home.socket(), "/none", "host: evil.example\r\n");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
}

#[test]
fn survives_huge_headers_and_bodies() {
    let home = Home::new();
    let _daemon = home.start();
    let huge = format!("host: localhost\r\nx: {}\r\n", "x".repeat(64 * 1024));
    let mut stream = UnixStream::connect(home.socket()).unwrap();
    // It may hang up before it has read everything.
    let _ = stream.write_all(format!("GET /v1/health HTTP/1.1\r\n{huge}\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));

    let mut stream = UnixStream::connect(home.socket()).unwrap();
    let head = "POST /v1/health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(
        answer.starts_with(b"HTTP/1.1 413"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_serves(&home.socket());
}
