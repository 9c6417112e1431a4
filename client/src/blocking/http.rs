//! HTTP/1.1 answers from a server that may be hostile: every length is
//! bounded, every body says where it ends, nothing past its end is read.

use std::io::Read;

use zeroize::{Zeroize, Zeroizing};

use crate::error::Fault;

/// Room for the head of an answer, and for what arrives with it.
const BUFFER: usize = 16 * 1024;
/// As much of it as most answers need: what is not touched costs nothing.
const FIRST_BUFFER: usize = 4 * 1024;
/// The most headers an answer may have.
const MAX_HEADERS: usize = 64;
/// The longest line that starts a chunk, and the longest trailer line.
const MAX_LINE: usize = 1024;
/// The most interim (1xx) answers and trailer lines.
const MAX_REPEATS: usize = 16;

/// An answer whose head has been read.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    source: Buffered<R>,
    status: u16,
    body: Framing,
}

/// How the rest of the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// This many bytes are left.
    Length(u64),
    /// In a chunk with this many bytes left; 0 between chunks.
    Chunk(u64),
    /// Before the first chunk.
    Chunked,
    /// Until the server hangs up.
    Close,
    /// Nothing is left.
    Done,
}

impl<R: Read> Answer<R> {
    /// Reads the head of an answer.
    pub(crate) fn read(source: R) -> Result<Self, Fault> {
        let mut source = Buffered::new(source);
        for _ in 0..MAX_REPEATS {
            let (status, body) = head(&mut source)?;
            if !(100..200).contains(&status) {
                return Ok(Self {
                    source,
                    status,
                    body,
                });
            }
        }
        Err(Fault::Invalid("interim answers without end"))
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The connection, to change its deadline.
    pub(crate) fn source_mut(&mut self) -> &mut R {
        &mut self.source.inner
    }

    /// Reads the body to its end, up to `limit` bytes.
    pub(crate) fn into_body(mut self, limit: usize) -> Result<(u16, Zeroizing<Vec<u8>>), Fault> {
        let too_large = Fault::Invalid("a body without measure");
        let expected = match self.body {
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= limit => length,
                _ => return Err(too_large),
            },
            _ => 0,
        };
        let mut body = Zeroizing::new(Vec::with_capacity(expected.min(BUFFER)));
        loop {
            let bytes = self.next()?;
            if bytes.is_empty() {
                return Ok((self.status, body));
            }
            if body.len() + bytes.len() > limit {
                return Err(too_large);
            }
            append(&mut body, bytes);
        }
    }

    /// The next bytes of the body, empty at its end.
    pub(crate) fn next(&mut self) -> Result<&[u8], Fault> {
        if self.body == Framing::Chunked {
            self.body = self.chunk_head()?;
        } else if self.body == Framing::Chunk(0) {
            if !self.source.line(MAX_LINE)?.is_empty() {
                return Err(Fault::Invalid("a chunk of another length"));
            }
            self.body = self.chunk_head()?;
        }
        let left = match &mut self.body {
            Framing::Done | Framing::Length(0) => return Ok(&[]),
            Framing::Close => {
                return self.source.take(u64::MAX);
            }
            Framing::Length(left) | Framing::Chunk(left) => left,
            Framing::Chunked => return Err(Fault::Invalid("no chunk")),
        };
        let bytes = self.source.take(*left)?;
        if bytes.is_empty() {
            return Err(Fault::Invalid("an answer cut short"));
        }
        *left -= bytes.len() as u64;
        Ok(bytes)
    }

    /// Reads the line before a chunk, and the trailers after the last one.
    fn chunk_head(&mut self) -> Result<Framing, Fault> {
        let line = self.source.line(MAX_LINE)?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size =
            number(digits.trim_ascii(), 16).ok_or(Fault::Invalid("a chunk without length"))?;
        if size > 0 {
            return Ok(Framing::Chunk(size));
        }
        for _ in 0..MAX_REPEATS {
            if self.source.line(MAX_LINE)?.is_empty() {
                return Ok(Framing::Done);
            }
        }
        Err(Fault::Invalid("trailers without end"))
    }
}

/// Reads status line and headers.
fn head<R: Read>(source: &mut Buffered<R>) -> Result<(u16, Framing), Fault> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(source.bytes()) {
            Ok(httparse::Status::Complete(length)) => {
                let status = answer.code.unwrap_or_default();
                let framing = framing(status, answer.headers)?;
                source.consume(length);
                return Ok((status, framing));
            }
            Ok(httparse::Status::Partial) => {
                let started = !source.bytes().is_empty();
                if source.fill("headers without end")? == 0 {
                    return Err(if started {
                        Fault::Invalid("headers cut short")
                    } else {
                        Fault::Io(std::io::ErrorKind::UnexpectedEof.into())
                    });
                }
            }
            Err(_) => return Err(Fault::Invalid("no HTTP")),
        }
    }
}

/// How the body after these headers is delimited (RFC 9112, section 6.3). A
/// server that contradicts itself is not ours.
fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<Framing, Fault> {
    let values = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    };
    let mut encodings = values("transfer-encoding");
    let mut lengths = values("content-length");
    let framing = match (encodings.next(), lengths.next()) {
        (None, None) => Framing::Close,
        (Some(encoding), None) if encoding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        (None, Some(length)) => {
            Framing::Length(number(length, 10).ok_or(Fault::Invalid("a bad length"))?)
        }
        _ => return Err(Fault::Invalid("a body of unknown length")),
    };
    if encodings.next().is_some() || lengths.next().is_some() {
        return Err(Fault::Invalid("a body of two lengths"));
    }
    let bodiless = matches!(status, 100..=199 | 204 | 304);
    Ok(if bodiless { Framing::Done } else { framing })
}

/// A number of digits alone, where the standard library takes a sign as well.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    let is_plain = digits.chars().all(|c| c.is_digit(radix));
    u64::from_str_radix(digits, radix).ok().filter(|_| is_plain)
}

/// A reader with a buffer of bounded size, of which what was ever used is wiped
/// when dropped.
#[derive(Debug)]
struct Buffered<R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// As far as anything was read into the buffer.
    used: usize,
}

impl<R> Drop for Buffered<R> {
    fn drop(&mut self) {
        self.buffer[..self.used].zeroize();
    }
}

impl<R: Read> Buffered<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: vec![0; FIRST_BUFFER],
            start: 0,
            end: 0,
            used: 0,
        }
    }

    /// What was read and not consumed.
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
    }

    /// Reads once more; 0 at the end. Fails with `full` when there is no room.
    fn fill(&mut self, full: &'static str) -> Result<usize, Fault> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() >= BUFFER {
                return Err(Fault::Invalid(full));
            }
            self.grow();
        }
        let length = self.inner.read(&mut self.buffer[self.end..])?;
        self.end += length;
        self.used = self.used.max(self.end);
        Ok(length)
    }

    /// Takes all the room there is; what was outgrown is wiped.
    fn grow(&mut self) {
        let mut grown = vec![0; BUFFER];
        grown[..self.end].copy_from_slice(&self.buffer[..self.end]);
        self.buffer[..self.used].zeroize();
        self.buffer = grown;
    }

    /// Up to `limit` bytes, reading only when none are buffered; empty at the end.
    fn take(&mut self, limit: u64) -> Result<&[u8], Fault> {
        if self.bytes().is_empty() {
            self.fill("no room")?;
        }
        let length = usize::try_from(limit)
            .map_or(self.bytes().len(), |limit| limit.min(self.bytes().len()));
        let start = self.start;
        self.consume(length);
        Ok(&self.buffer[start..start + length])
    }

    /// The next line without its ending.
    fn line(&mut self, limit: usize) -> Result<&[u8], Fault> {
        let length = loop {
            match self.bytes().iter().position(|byte| *byte == b'\n') {
                Some(length) if length <= limit => break length,
                None if self.bytes().len() <= limit => {}
                _ => return Err(Fault::Invalid("a line without end")),
            }
            if self.fill("a line without end")? == 0 {
                return Err(Fault::Invalid("an answer cut short"));
            }
        };
        let start = self.start;
        self.consume(length + 1);
        let line = &self.buffer[start..start + length];
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Appends; where the vector must grow, the outgrown copy is wiped.
fn append(body: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = body.len() + bytes.len();
    if needed > body.capacity() {
        let mut grown = Vec::with_capacity(needed.next_power_of_two());
        grown.extend_from_slice(body);
        *body = Zeroizing::new(grown);
    }
    body.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
