//! The side that gets the keys.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quilt_proto::SocketAddress;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::give::pid_of;
use super::message::{GREETING, KEPT, MAX_BYTES, MOVE, Message};
use super::peer_check::is_quiltd;
use super::{HandoverError, HandoverKey};

/// The longest greeting, in bytes.
const MAX_GREETING: u64 = 128;

/// A giver that has seen who comes, and where it gives the keys.
#[derive(Debug)]
pub struct KeyTaker {
    place: PathBuf,
    giver: u32,
}

impl KeyTaker {
    /// Shows this process to whoever offers keys at `path`. Call it before the
    /// process protects itself: after that nobody can see what it is. `None`
    /// where nobody offers any.
    pub fn announce(path: &Path) -> Option<Self> {
        // Most starts follow nobody.
        fs::symlink_metadata(path).ok()?;
        match Self::meet(path) {
            Ok(visit) => Some(visit),
            // Left behind by one that was killed.
            Err(error) if error.is_nobody() => {
                let _ = fs::remove_file(path);
                None
            }
            Err(error) => {
                error.tell_not_taken();
                None
            }
        }
    }

    fn meet(path: &Path) -> Result<Self, HandoverError> {
        let (stream, giver) = connect(path)?;
        let speak = || HandoverError::io("cannot speak to who offers API keys");
        let mut line = String::new();
        BufReader::new(Until::of(&stream, MOVE).take(MAX_GREETING))
            .read_line(&mut line)
            .map_err(speak())?;
        let name = line.trim_end().strip_prefix(GREETING).map(str::trim);
        let is_name = |name: &&str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        };
        let unfit = || {
            let what = "who offers API keys does not give them to this process";
            HandoverError::Unfit(what.to_owned())
        };
        let name = name.filter(is_name).ok_or_else(unfit)?;
        let place = path.with_file_name(name);
        Ok(Self { place, giver })
    }

    /// Takes the keys, and the program that the one before was started from. Call
    /// it once the process has protected itself.
    pub fn take(self) -> Result<(Option<PathBuf>, Vec<HandoverKey>, Receipt), HandoverError> {
        let (stream, giver) = connect(&self.place)?;
        if giver != self.giver {
            let what = "API keys are offered by two processes at once";
            return Err(HandoverError::Unfit(what.to_owned()));
        }
        let speak = || HandoverError::io("cannot take the API keys");
        let mut bytes = Zeroizing::new(Vec::new());
        let mut limited = Until::of(&stream, MOVE).take(MAX_BYTES);
        limited.read_to_end(&mut bytes).map_err(speak())?;
        let (program, keys) = Message::decode(&bytes)?;
        Ok((program, keys, Receipt { stream, giver }))
    }
}

/// What comes on a connection within a time, however slowly it is sent.
struct Until<'a> {
    stream: &'a UnixStream,
    deadline: Instant,
}

impl<'a> Until<'a> {
    fn of(stream: &'a UnixStream, time: Duration) -> Self {
        let deadline = Instant::now() + time;
        Self { stream, deadline }
    }
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

/// Says that the keys are in good hands; the giver forgets them then. Where it
/// is dropped without that, the keys are offered again.
#[derive(Debug)]
pub struct Receipt {
    stream: UnixStream,
    giver: u32,
}

impl Receipt {
    /// The process that gave them.
    pub fn giver(&self) -> u32 {
        self.giver
    }

    /// Says so.
    pub fn say(mut self) {
        let said = writeln!(self.stream, "{KEPT}");
        if let Err(error) = said {
            tracing::debug!(%error, "who handed the API keys over is gone");
        }
    }
}

/// A connection to a quiltd of this user, at a socket of this user alone.
fn connect(path: &Path) -> Result<(UnixStream, u32), HandoverError> {
    let speak = || HandoverError::io("cannot reach who offers API keys");
    quilt_trust::locate(path).map_err(|it| HandoverError::Unfit(it.to_string()))?;
    let about = fs::symlink_metadata(path).map_err(speak())?;
    if !about.file_type().is_socket() || about.uid() != geteuid().as_raw() {
        let what = "the socket where API keys are offered is not this user's";
        return Err(HandoverError::Unfit(what.to_owned()));
    }
    let address = SocketAddress::of(path).map_err(speak())?;
    let stream = UnixStream::connect(address.path()).map_err(speak())?;
    let giver = pid_of(&stream)?;
    is_quiltd(giver)?;
    Ok((stream, giver))
}
