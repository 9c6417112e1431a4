//! A request that failed, handed on to `quiltctl`, which has the words for it:
//! so that a refusal is asked for once, and no wait is waited twice.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::time::Duration;

use quilt_client::Error;
use quilt_client::blocking::RawAnswer;
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};

/// The most that a pipe surely takes before anybody reads, in bytes (pipe(7)).
const MAX_BYTES: usize = 16 * 4096;

/// Why the request failed. Other failures are quick and leave no trace at the
/// daemon: `quiltctl` finds them out anew.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedAttempt {
    /// The daemon said no.
    Refused {
        /// As it said it (RFC 9110, section 15).
        status: u16,
        /// The problem document.
        body: String,
    },
    /// It said nothing for so long, in milliseconds.
    TimeoutMs(u64),
}

impl FailedAttempt {
    /// The first argument of a `quiltctl` that is handed one on its standard
    /// input.
    pub const ARGUMENT: &str = "__failed";

    /// Whether these arguments begin so; then the others.
    pub fn split<S: AsRef<OsStr>>(args: &[S]) -> Option<&[S]> {
        let (first, rest) = args.split_first()?;
        (first.as_ref() == Self::ARGUMENT).then_some(rest)
    }

    /// What is worth handing on of an answer: a refusal holds no secret.
    pub fn of_answer(answer: &RawAnswer) -> Option<Self> {
        let status = answer.status();
        let body = std::str::from_utf8(answer.body()).ok()?.to_owned();
        (status >= 400).then_some(Self::Refused { status, body })
    }

    /// What is worth handing on of an error.
    pub fn of_error(error: &Error) -> Option<Self> {
        let Error::Timeout(after) = error else {
            return None;
        };
        let millis = u64::try_from(after.as_millis()).ok()?;
        Some(Self::TimeoutMs(millis))
    }

    /// The end of a pipe that holds it; nothing where that has no room for it.
    pub fn in_a_pipe(&self) -> Option<OwnedFd> {
        let bytes = serde_json::to_vec(self).ok()?;
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        std::fs::File::from(writer).write_all(&bytes).ok()?;
        Some(reader)
    }

    /// The error that was handed on; nothing where it is none.
    pub fn read(input: impl Read) -> Option<Error> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_BYTES).ok()?;
        let read: io::Result<usize> = input.take(limit).read_to_end(&mut bytes);
        read.ok()?;
        match serde_json::from_slice(&bytes).ok()? {
            Self::Refused { status, body } => RawAnswer::new(status, body.into()).check().err(),
            Self::TimeoutMs(millis) => Some(Error::Timeout(Duration::from_millis(millis))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use quilt_proto::{ErrorCode, Problem};

    use super::*;

    fn handed_on(failed: Option<FailedAttempt>) -> Option<Error> {
        FailedAttempt::read(File::from(failed?.in_a_pipe()?))
    }

    fn refusal(detail: impl Into<String>) -> (Problem, RawAnswer) {
        let problem = Problem::new(401, ErrorCode::LoginRequired, detail);
        let body = serde_json::to_vec(&problem).unwrap();
        (problem, RawAnswer::new(401, body))
    }

    #[test]
    fn what_the_daemon_said_arrives_as_it_was_said() {
        let (problem, answer) = refusal("nobody is; run \"x\"\n");
        let arrived = handed_on(FailedAttempt::of_answer(&answer));
        let Some(Error::Problem(said)) = arrived else {
            panic!("{arrived:?}");
        };
        assert_eq!(*said, problem);
    }

    #[test]
    fn that_it_said_nothing_arrives_with_how_long_that_was() {
        let late = Error::Timeout(Duration::from_millis(3700));
        let arrived = handed_on(FailedAttempt::of_error(&late));
        assert_eq!(
            arrived.map(|error| error.to_string()),
            Some(late.to_string())
        );
    }

    #[test]
    fn what_is_not_worth_it_or_too_long_is_left_to_be_found_out_anew() {
        assert!(FailedAttempt::of_error(&Error::Stopped { pid: 1 }).is_none());
        let success = RawAnswer::new(200, b"{}".to_vec());
        assert!(FailedAttempt::of_answer(&success).is_none());
        let (_, long) = refusal("x".repeat(MAX_BYTES));
        assert!(handed_on(FailedAttempt::of_answer(&long)).is_none());
        for nonsense in [&b""[..], b"{", b"null", b"{\"timeout_ms\":-1}"] {
            assert!(FailedAttempt::read(nonsense).is_none(), "{nonsense:?}");
        }
    }
}
