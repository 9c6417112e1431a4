use std::io;

use proptest::prelude::*;

use super::*;

/// Hands out its pieces one read at a time, then ends.
struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.first_mut() else {
            return Ok(0);
        };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            self.0.remove(0);
        }
        Ok(length)
    }
}

fn split(bytes: &[u8], size: usize) -> Pieces {
    Pieces(bytes.chunks(size.max(1)).map(<[u8]>::to_vec).collect())
}

fn body(bytes: &[u8], size: usize) -> Result<(u16, Vec<u8>), Fault> {
    Answer::read(split(bytes, size))?
        .into_body(1 << 20)
        .map(|(status, body)| (status, body.to_vec()))
}

fn refusal(bytes: &[u8]) -> &'static str {
    match body(bytes, 4096) {
        Err(Fault::Invalid(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn bodies_end_where_they_say() {
    for size in [1, 2, 3, 7, 4096] {
        let length = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}trailing";
        assert_eq!(body(length, size).unwrap(), (200, b"{}".to_vec()));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nmore";
        assert_eq!(body(chunked, size).unwrap().1, b"abc0123456789");
        let close = b"HTTP/1.1 500 Oh\r\n\r\nto the end";
        assert_eq!(body(close, size).unwrap(), (500, b"to the end".to_vec()));
        let empty = b"HTTP/1.1 204 No Content\r\n\r\nignored";
        assert_eq!(body(empty, size).unwrap(), (204, Vec::new()));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
        assert_eq!(body(interim, size).unwrap(), (200, b"x".to_vec()));
    }
}

#[test]
fn a_head_larger_than_most_is_read_and_one_without_end_is_not() {
    let head = |length: usize| {
        let padding = "x".repeat(length);
        format!("HTTP/1.1 200 OK\r\nx: {padding}\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
    };
    for size in [7, 1000, FIRST_BUFFER, BUFFER] {
        for length in [0, FIRST_BUFFER - 60, FIRST_BUFFER, 2 * FIRST_BUFFER] {
            assert_eq!(body(&head(length), size).unwrap(), (200, b"{}".to_vec()));
        }
        assert!(matches!(body(&head(BUFFER), size), Err(Fault::Invalid(_))));
    }
}

#[test]
fn hostile_answers_are_refused() {
    let ok = "HTTP/1.1 200 OK\r\n";
    for (rest, why) in [
        ("content-length: 5\r\n\r\nabc", "an answer cut short"),
        (
            "content-length: 99999999999\r\n\r\n",
            "a body without measure",
        ),
        ("content-length: +2\r\n\r\nab", "a bad length"),
        (
            "content-length: 2\r\ncontent-length: 2\r\n\r\nab",
            "a body of two lengths",
        ),
        (
            "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
            "a body of unknown length",
        ),
        (
            "transfer-encoding: gzip\r\n\r\n",
            "a body of unknown length",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n",
            "a chunk of another length",
        ),
        (
            "transfer-encoding: chunked\r\n\r\nzz\r\n",
            "a chunk without length",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
            "a chunk without length",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n5\r\nabc",
            "an answer cut short",
        ),
        (
            "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "an answer cut short",
        ),
        ("x: y", "headers cut short"),
    ] {
        assert_eq!(refusal(format!("{ok}{rest}").as_bytes()), why, "{rest:?}");
    }
    assert_eq!(refusal(b"SSH-2.0-OpenSSH\r\n"), "no HTTP");
    let long = format!("{ok}x: {}\r\n\r\n", "a".repeat(BUFFER));
    assert_eq!(refusal(long.as_bytes()), "headers without end");
    let many = format!("{ok}{}\r\n", "x: y\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(refusal(many.as_bytes()), "no HTTP");
    let huge = format!("{ok}\r\n{}", "a".repeat((1 << 20) + 1));
    assert_eq!(refusal(huge.as_bytes()), "a body without measure");
}

#[test]
fn a_server_that_says_nothing_is_unreachable() {
    assert!(matches!(body(b"", 1), Err(Fault::Io(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_over_read(
        head in prop_oneof![
            Just(Vec::new()),
            Just(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n".to_vec()),
        ],
        rest in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'5')], 0..200),
        size in 1_usize..64,
    ) {
        let bytes = [head, rest].concat();
        if let Ok((_, body)) = body(&bytes, size) {
            prop_assert!(body.len() <= bytes.len());
        }
    }

    #[test]
    fn however_it_is_cut_a_chunked_body_arrives_whole(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 0..8),
        size in 1_usize..5000,
    ) {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in &chunks {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        prop_assert_eq!(body(&bytes, size).unwrap().1, chunks.concat());
    }
}
