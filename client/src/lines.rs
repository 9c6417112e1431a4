//! A streamed listing, taken apart into lines.

use quilt_proto::wire::PackageLine;

use crate::Error;
use crate::error::Fault;

/// The longest line accepted, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// Bytes received and not yet handed out.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
    start: usize,
}

impl Lines {
    /// Takes more bytes, however they are cut.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.pending.drain(..self.start);
        self.start = 0;
        let last = self.pending.len();
        if last + bytes.len() > MAX_LINE && !bytes.contains(&b'\n') {
            return Err(Fault::Invalid("a line without end"));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether a whole line is there.
    #[cfg(feature = "blocking")]
    pub(crate) fn is_ready(&self) -> bool {
        self.pending[self.start..].contains(&b'\n')
    }

    /// Whether a line was begun and not ended.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.start < self.pending.len()
    }

    /// The next whole line: a name, or the problem that ends the listing.
    pub(crate) fn next(&mut self) -> Option<Result<String, Error>> {
        let rest = &self.pending[self.start..];
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        let line = serde_json::from_slice(&rest[..length]);
        self.start += length + 1;
        Some(match line {
            Ok(PackageLine::Name(name)) => Ok(name),
            Ok(PackageLine::Problem(problem)) => Err(Error::Problem(problem)),
            Err(_) => Err(Error::InvalidAnswer("a line of another shape")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quilt_proto::{ErrorCode, Problem};

    use super::*;

    fn read(bytes: &[u8], size: usize) -> Vec<Result<String, String>> {
        let mut lines = Lines::default();
        let mut read = Vec::new();
        for piece in bytes.chunks(size) {
            if lines.push(piece).is_err() {
                break;
            }
            while let Some(line) = lines.next() {
                read.push(line.map_err(|error| error.to_string()));
            }
        }
        read
    }

    #[test]
    fn lines_are_read_however_they_are_cut() {
        let problem = Problem::new(503, ErrorCode::AwsUnreachable, "gone");
        let text = format!(
            "\"a/b\"\n\"c/d\"\n{}\n\"cut",
            serde_json::to_string(&problem).unwrap()
        );
        for size in [1, 3, 1000] {
            let expected = [
                Ok("a/b".to_owned()),
                Ok("c/d".to_owned()),
                Err("gone".to_owned()),
            ];
            assert_eq!(read(text.as_bytes(), size), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'a'; MAX_LINE]).is_ok());
        assert!(lines.is_cut_short());
        assert!(lines.push(b"a").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes, 7);
        }
    }
}
