//! Secrets from the person or the program on stdin, never shown.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quilt_proto::Secret;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;
use zeroize::Zeroizing;

use crate::exit::{self, Failure};
use crate::{look, output};

/// The longest secret accepted, in bytes. Codes are tokens of some kilobytes.
const MAX_SECRET: usize = 64 * 1024;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const CTRL_Z: u8 = 26;
const DELETE: u8 = 127;

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
    for line in question.split_inclusive('\n') {
        let (text, end) = match line.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (line, ""),
        };
        let text = output::clean(text);
        // Room for the answer as well.
        let room = look::width_of_stderr().unwrap_or(usize::MAX);
        let lines = look::wrap(&text, room.saturating_sub(4));
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
            Ok(0) => break,
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
    let mut signals = Signals::watch().map_err(cannot_hide)?;
    let mut mode = HiddenInput::begin(terminal).map_err(|errno| cannot_hide(errno.into()))?;
    output::remark(label);
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
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
            Ok(0) => break Ok(bytes),
            Ok(_) => {}
        }
        match key[0] {
            b'\r' | b'\n' | CTRL_D => break Ok(bytes),
            CTRL_C => break Err(Failure::quiet(exit::INTERRUPTED)),
            CTRL_Z => {
                obey(SIGTSTP, mode);
                mode = HiddenInput::begin(terminal).map_err(|errno| cannot_hide(errno.into()))?;
                output::remark(label);
            }
            CTRL_U => bytes.clear(),
            BACKSPACE | DELETE => {
                bytes.pop();
            }
            _ if bytes.len() == MAX_SECRET => break Err(too_long()),
            key => bytes.push(key),
        }
    };
    drop(mode);
    output::note("");
    result
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
struct Signals {
    last: Arc<AtomicUsize>,
    wake: UnixStream,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?;
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self { last, wake })
    }

    /// Waits for a key or a signal; the signal, if it was one.
    fn before_key(&mut self, terminal: BorrowedFd<'_>) -> Option<i32> {
        let mut ready = [
            PollFd::from_borrowed_fd(terminal, PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        // Where waiting fails, reading waits.
        while poll(&mut ready, None) == Err(Errno::INTR) {}
        let _ = self.wake.read(&mut [0; 64]);
        match self.last.swap(0, Ordering::SeqCst) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}

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
        Ok(Self { terminal, before })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
