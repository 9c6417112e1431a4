//! Server-sent events (WHATWG HTML, "Server-sent events"), read one at a time.

use std::path::PathBuf;
use std::time::Duration;

use super::connect::Connection;
use super::http::Answer;
use crate::Error;
use crate::error::Fault;

/// The longest event accepted, in bytes.
const MAX_EVENT: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What happened; `message` where the daemon names nothing.
    pub name: String,
    /// The event's data, a JSON document.
    pub data: String,
}

/// The events of one daemon, until it ends.
#[derive(Debug)]
pub struct Events {
    answer: Answer<Connection>,
    socket: PathBuf,
    lines: Lines,
}

impl Events {
    pub(super) fn new(answer: Answer<Connection>, socket: PathBuf) -> Self {
        Self {
            answer,
            socket,
            lines: Lines::default(),
        }
    }

    fn read(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            if let Some(event) = self.lines.event() {
                return Ok(Some(event));
            }
            let bytes = self.answer.next()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.lines.push(bytes)?;
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    /// Waits for the next event; `None` when the daemon ended the stream.
    fn next(&mut self) -> Option<Self::Item> {
        self.read()
            .map_err(|fault| fault.into_error(&self.socket, Duration::ZERO))
            .transpose()
    }
}

/// Bytes received, taken apart into events.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
    event: Event,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.pending.len() + self.event.data.len() + bytes.len() > MAX_EVENT {
            return Err(Fault::Invalid("an event without measure"));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// The next complete event among the bytes received.
    fn event(&mut self) -> Option<Event> {
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.is_empty() {
                self.field(line);
            } else if !self.event.data.is_empty() {
                let mut event = std::mem::take(&mut self.event);
                event.data.pop();
                if event.name.is_empty() {
                    "message".clone_into(&mut event.name);
                }
                return Some(event);
            } else {
                self.event = Event::default();
            }
        }
        None
    }

    /// Takes one `field: value` line; comments and unknown fields are ignored.
    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                self.event.data.push_str(value);
                self.event.data.push('\n');
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(bytes: &[u8], size: usize) -> Vec<(String, String)> {
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            lines.push(piece).unwrap();
            while let Some(event) = lines.event() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = b": hi\n\nevent: a\ndata: 1\ndata:2\n\nid: 7\r\ndata: {}\r\n\r\ndata: lost";
        for size in [1, 2, 5, 100] {
            assert_eq!(
                events(text, size),
                [("a".into(), "1\n2".into()), ("message".into(), "{}".into())]
            );
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'a'; MAX_EVENT + 1]).is_err());
        for _ in 0..MAX_EVENT / 100 {
            if lines.push(b"data: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\n").is_err() {
                return;
            }
            assert_eq!(lines.event(), None);
        }
        panic!("grew without end");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            events(&bytes, 7);
        }
    }
}
