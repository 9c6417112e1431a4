use super::*;

/// What is read, and what the last key did.
fn read(keys: &[u8]) -> (Vec<u8>, Typed) {
    let mut line = Line::default();
    let done = keys.iter().map(|key| line.take(*key)).last().unwrap();
    (line.bytes.to_vec(), done)
}

#[test]
fn an_escape_that_says_nothing_keeps_no_key_from_its_work() {
    assert_eq!(read(b"a\x1b\r"), (b"a\x1b".to_vec(), Typed::Whole));
    assert_eq!(read(b"\x1b[A\x03"), (b"\x1b[A".to_vec(), Typed::Interrupt));
    assert_eq!(
        read(b"\x1b\x1b[200~b\x03\x1b[201~"),
        (b"\x1bb\x03".to_vec(), Typed::More)
    );
    let long = [&b"\x1b[200~"[..], &vec![b'a'; MAX_SECRET + 1]].concat();
    assert_eq!(read(&long).1, Typed::More);
    let (ended, behind) = (
        [&long, PASTE_ENDS].concat(),
        [&long, &b"\ntouch x\n"[..]].concat(),
    );
    assert_eq!(
        (read(&ended).1, read(&behind).1),
        (Typed::TooLong, Typed::More)
    );
    assert_eq!(read(&vec![b'a'; MAX_SECRET + 1]).1, Typed::TooLong);
    assert_eq!(
        read(b"\x1b[200~b\r\n\x1b[201~"),
        (b"b".to_vec(), Typed::Whole)
    );
}
