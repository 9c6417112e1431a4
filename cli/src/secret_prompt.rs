//! Secrets from the person or the program on stdin, never shown.

use std::io::{self, Read};

use quilt_proto::Secret;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::stdio::stdin;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;
use zeroize::Zeroizing;

use crate::exit::{self, Failure};
use crate::look::width;
use crate::output;
use crate::signals::Signals;

/// The longest secret accepted, in bytes. Codes are tokens of some kilobytes.
const MAX_SECRET: usize = 64 * 1024;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const CTRL_Z: u8 = 26;
const ESCAPE: u8 = 27;
const DELETE: u8 = 127;

/// Has a terminal say where a paste begins and ends (xterm, "Bracketed Paste
/// Mode"), and no more.
const TELL_PASTES: &str = "\x1b[?2004h";
const TELL_NO_PASTES: &str = "\x1b[?2004l";
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// How long the rest of a paste may take, where the terminal does not say where
/// one ends: what comes later is read by a shell, which runs it.
const REST: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Reads a secret: typed without echo after `label` when stdin is a terminal,
/// else all of stdin. Surrounding white space is dropped.
pub(crate) fn secret(label: &str) -> Result<Secret, Failure> {
    let bytes = if isatty(stdin()) {
        typed(label)?
    } else {
        piped()?
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::new(exit::INPUT, "what was given is not text"))?
        .trim();
    if text.is_empty() {
        return Err(Failure::new(exit::INPUT, "nothing was given"));
    }
    Ok(Secret::new(text))
}

/// Whether somebody sits at a terminal, who reads questions and can answer.
pub(crate) fn is_somebody_there() -> bool {
    isatty(stdin()) && isatty(rustix::stdio::stderr())
}

/// Asks somebody who is there a yes-or-no question. Reads no further than the
/// answer: a secret may be typed next.
pub(crate) fn agreed(question: &str) -> Result<bool, Failure> {
    // Nobody agrees to what was not shown yet.
    let _ = tcflush(stdin(), QueueSelector::IFlush);
    for line in question.split_inclusive('\n') {
        let (text, end) = match line.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (line, ""),
        };
        let text = output::clean(text);
        // Room for the answer as well.
        let room = width::of_stderr().unwrap_or(usize::MAX);
        let lines = width::wrap(&text, room.saturating_sub(4));
        output::remark(&format!("{}{end}", lines.join("\n")));
    }
    let mut answer = Vec::new();
    let mut key = [0];
    loop {
        match rustix::io::read(stdin(), &mut key) {
            Err(Errno::INTR) => {}
            Err(error) => {
                let what = format!("cannot read the terminal: {error}");
                return Err(Failure::new(exit::UNEXPECTED, what));
            }
            Ok(0) => {
                // Nobody has ended the line.
                output::remark("\n");
                break;
            }
            Ok(_) if key == *b"\n" => break,
            Ok(_) => answer.extend(key),
        }
    }
    let answer = answer.trim_ascii().to_ascii_lowercase();
    Ok(answer == b"y" || answer == b"yes")
}

fn piped() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
    io::stdin()
        .lock()
        .take(MAX_SECRET as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(exit::UNEXPECTED, format!("cannot read stdin: {error}")))?;
    if bytes.len() > MAX_SECRET {
        return Err(too_long());
    }
    Ok(bytes)
}

/// Reads a line key by key: line mode would cut it at 4096 bytes, and would
/// leave the terminal without echo when Ctrl-C ends the program.
fn typed(label: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let terminal = stdin();
    let cannot_hide =
        |error: io::Error| Failure::new(exit::UNEXPECTED, format!("cannot hide input: {error}"));
    let mut signals = Signals::watch(&LEAVING).map_err(cannot_hide)?;
    let mut mode = HiddenInput::begin(terminal).map_err(|errno| cannot_hide(errno.into()))?;
    output::remark(label);
    let mut line = Line::default();
    let result = loop {
        let mut key = [0];
        if let Some(signal) = signals.before_key(terminal) {
            obey(signal, mode);
            mode = HiddenInput::begin(terminal).map_err(|errno| cannot_hide(errno.into()))?;
            output::remark(label);
            continue;
        }
        match rustix::io::read(terminal, &mut key) {
            Err(Errno::INTR) => continue,
            Err(error) => {
                let what = format!("cannot read the terminal: {error}");
                break Err(Failure::new(exit::UNEXPECTED, what));
            }
            Ok(0) => break Ok(()),
            Ok(_) => {}
        }
        match line.take(key[0]) {
            Typed::More => {}
            Typed::Whole => break Ok(()),
            Typed::Interrupt => break Err(Failure::quiet(exit::INTERRUPTED)),
            Typed::Suspend => {
                discard_rest(terminal, &mut line);
                obey(SIGTSTP, mode);
                mode = HiddenInput::begin(terminal).map_err(|errno| cannot_hide(errno.into()))?;
                output::remark(label);
            }
            Typed::TooLong => break Err(too_long()),
        }
    };
    discard_rest(terminal, &mut line);
    drop(mode);
    output::note("");
    result?;
    if line.excess == Some(Excess::Lines) {
        let what = "more than one line was pasted, and nothing of it was used";
        return Err(Failure::new(exit::INPUT, what));
    }
    Ok(line.bytes)
}

/// A line as it is typed or pasted.
struct Line {
    bytes: Zeroizing<Vec<u8>>,
    /// The beginning of what may be said by the terminal.
    escape: Zeroizing<Vec<u8>>,
    is_pasting: bool,
    /// A line of a paste has ended.
    has_ended: bool,
    excess: Option<Excess>,
}

/// What there was more of than can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    Lines,
    Bytes,
}

/// What a key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    More,
    Whole,
    Interrupt,
    Suspend,
    TooLong,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(MAX_SECRET)),
            escape: Zeroizing::new(Vec::with_capacity(PASTE_ENDS.len())),
            is_pasting: false,
            has_ended: false,
            excess: None,
        }
    }
}

impl Line {
    fn take(&mut self, key: u8) -> Typed {
        if key == ESCAPE || !self.escape.is_empty() {
            self.escape.push(key);
            if self.escape.as_slice() == PASTE_BEGINS {
                self.is_pasting = true;
            } else if self.escape.as_slice() == PASTE_ENDS {
                self.is_pasting = false;
            } else if PASTE_BEGINS.starts_with(&self.escape) || PASTE_ENDS.starts_with(&self.escape)
            {
                return Typed::More;
            } else {
                return self.escaped_nothing(key);
            }
            self.escape.clear();
            // A line that was copied with its end is whole.
            return match self.excess {
                _ if self.is_pasting => Typed::More,
                Some(Excess::Bytes) => Typed::TooLong,
                _ if self.has_ended => Typed::Whole,
                _ => Typed::More,
            };
        }
        self.plain(key)
    }

    /// What came was nothing that a terminal says: keys, of which the last may
    /// mean something.
    fn escaped_nothing(&mut self, key: u8) -> Typed {
        self.escape.pop();
        let keys = std::mem::take(&mut self.escape);
        match self.put(&keys) {
            Typed::More if key == ESCAPE && !keys.is_empty() => self.take(key),
            Typed::More => self.plain(key),
            ended => ended,
        }
    }

    fn plain(&mut self, key: u8) -> Typed {
        if self.is_pasting {
            self.paste(key)
        } else {
            self.typed(key)
        }
    }

    /// Whatever is pasted is text.
    fn paste(&mut self, key: u8) -> Typed {
        match key {
            b'\r' | b'\n' => self.has_ended |= !self.bytes.is_empty(),
            _ if self.has_ended => self.note_behind(&[key]),
            key => return self.put(&[key]),
        }
        Typed::More
    }

    fn typed(&mut self, key: u8) -> Typed {
        match key {
            b'\r' | b'\n' | CTRL_D => return Typed::Whole,
            CTRL_C => return Typed::Interrupt,
            CTRL_Z => return Typed::Suspend,
            CTRL_U => self.bytes.clear(),
            BACKSPACE | DELETE => {
                self.bytes.pop();
            }
            key => return self.put(&[key]),
        }
        Typed::More
    }

    /// Takes note of what stands behind the line.
    fn note_behind(&mut self, text: &[u8]) {
        if !text.iter().all(u8::is_ascii_whitespace) {
            self.excess.get_or_insert(Excess::Lines);
        }
    }

    fn put(&mut self, keys: &[u8]) -> Typed {
        if self.bytes.len() + keys.len() > MAX_SECRET {
            self.excess = Some(Excess::Bytes);
            // The rest of a paste must not be left for a shell, which runs it.
            return if self.is_pasting {
                Typed::More
            } else {
                Typed::TooLong
            };
        }
        self.bytes.extend_from_slice(keys);
        Typed::More
    }
}

/// Takes what was typed or pasted while nobody read it: a shell would run it. What is
/// on the clipboard may be a page's.
pub(crate) struct UnreadKeys;

impl Drop for UnreadKeys {
    fn drop(&mut self) {
        if isatty(stdin()) {
            // Nothing can be done about a terminal that is gone.
            let _ = tcflush(stdin(), QueueSelector::IFlush);
        }
    }
}

/// Reads what comes behind a line without a pause: the rest of a paste, of which
/// a shell would run each line.
fn discard_rest(terminal: BorrowedFd<'_>, line: &mut Line) {
    let mut rest = Zeroizing::new([0; 4096]);
    loop {
        let mut ready = [PollFd::from_borrowed_fd(terminal, PollFlags::IN)];
        match poll(&mut ready, Some(&REST)) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match rustix::io::read(terminal, &mut *rest) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return,
            Ok(read) => {
                line.note_behind(&rest[..read]);
            }
        }
    }
}

/// Does what a signal does to a program that knows nothing of it, with the
/// terminal as it was before. Returns where that was to stop for a while.
fn obey(signal: i32, mode: HiddenInput) {
    drop(mode);
    output::note("");
    // Without a default action there is nothing to obey.
    let _ = emulate_default_handler(signal);
}

/// Signals that would end or stop the program and leave the terminal without
/// echo.
const LEAVING: [i32; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];

fn too_long() -> Failure {
    Failure::new(exit::INPUT, "what was given is too long").hint("quiltctl login")
}

/// A terminal without echo, until dropped.
struct HiddenInput {
    terminal: BorrowedFd<'static>,
    before: Termios,
}

impl HiddenInput {
    fn begin(terminal: BorrowedFd<'static>) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        tell_terminal(TELL_PASTES);
        Ok(Self { terminal, before })
    }
}

/// Steers the terminal that the prompt is shown on, if it can be.
fn tell_terminal(what: &str) {
    if !width::is_dumb() && isatty(rustix::stdio::stderr()) {
        output::remark(what);
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        tell_terminal(TELL_NO_PASTES);
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests;
