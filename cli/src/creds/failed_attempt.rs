//! A request that failed, handed on to `quiltctl`, which has the words for it:
//! so that a refusal is asked for once, and all of it takes no longer than one
//! attempt may.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::RawAnswer;
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};

use crate::TIMEOUT;

/// The most that a pipe surely takes before anybody reads, in bytes (pipe(7)).
const MAX_BYTES: usize = 16 * 4096;

/// The least time for another attempt, which is quick where nobody is there.
const LEAST_TIME: Duration = Duration::from_millis(200);

/// What came of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedAttempt {
    /// The daemon said no.
    Refused {
        /// As it said it (RFC 9110, section 15).
        status: u16,
        /// The problem document, which holds no secret.
        body: String,
    },
    /// It said nothing for so long, in milliseconds.
    TimeoutMs(u64),
    /// Something else, which is found out anew: there is so much time left for
    /// that, in milliseconds.
    LeftMs(u64),
}

/// What `quiltctl` makes of it.
#[derive(Debug)]
pub enum HandedOn {
    /// That is how it ends.
    Failed(Error),
    /// It is tried once more, for so long.
    Again(Duration),
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

    /// Of a request that was made at `began`, and failed in no way that says all.
    pub fn since(began: Instant) -> Self {
        let left = TIMEOUT.saturating_sub(began.elapsed()).max(LEAST_TIME);
        Self::LeftMs(millis(left))
    }

    /// The same of one that got this answer.
    pub fn of_answer(answer: &RawAnswer, began: Instant) -> Self {
        let status = answer.status();
        match std::str::from_utf8(answer.body()) {
            Ok(body) if status >= 400 => Self::Refused {
                status,
                body: body.to_owned(),
            },
            _ => Self::since(began),
        }
    }

    /// The same of one that got none.
    pub fn of_error(error: &Error, began: Instant) -> Self {
        match error {
            Error::Timeout(after) => Self::TimeoutMs(millis(*after)),
            _ => Self::since(began),
        }
    }

    /// The end of a pipe that holds it; nothing where that has no room for it.
    pub fn in_a_pipe(&self) -> Option<OwnedFd> {
        let bytes = serde_json::to_vec(self).ok()?;
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let (reader, mut writer) = std::io::pipe().ok()?;
        writer.write_all(&bytes).ok()?;
        Some(reader.into())
    }

    /// What was handed on; nothing where that makes no sense.
    pub fn read(input: impl Read) -> Option<HandedOn> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_BYTES).ok()?;
        input.take(limit).read_to_end(&mut bytes).ok()?;
        Some(match serde_json::from_slice(&bytes).ok()? {
            Self::Refused { status, body } => {
                HandedOn::Failed(RawAnswer::new(status, body.into()).check().err()?)
            }
            Self::TimeoutMs(after) => {
                HandedOn::Failed(Error::Timeout(Duration::from_millis(after)))
            }
            Self::LeftMs(left) => HandedOn::Again(Duration::from_millis(left).min(TIMEOUT)),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use quilt_proto::{ErrorCode, Problem};

    use super::*;

    fn handed_on(failed: &FailedAttempt) -> Option<HandedOn> {
        FailedAttempt::read(File::from(failed.in_a_pipe()?))
    }

    fn refusal(detail: impl Into<String>) -> (Problem, FailedAttempt) {
        let problem = Problem::new(401, ErrorCode::LoginRequired, detail);
        let body = serde_json::to_vec(&problem).unwrap();
        let answer = RawAnswer::new(401, body);
        (problem, FailedAttempt::of_answer(&answer, Instant::now()))
    }

    #[test]
    fn what_the_daemon_said_arrives_as_it_was_said() {
        let (problem, failed) = refusal("nobody is; run \"x\"\n");
        let arrived = handed_on(&failed);
        let Some(HandedOn::Failed(Error::Problem(said))) = arrived else {
            panic!("{arrived:?}");
        };
        assert_eq!(*said, problem);
    }

    #[test]
    fn that_it_said_nothing_arrives_with_how_long_that_was() {
        let late = Error::Timeout(Duration::from_millis(3700));
        let arrived = handed_on(&FailedAttempt::of_error(&late, Instant::now()));
        let Some(HandedOn::Failed(error)) = arrived else {
            panic!("{arrived:?}");
        };
        assert_eq!(error.to_string(), late.to_string());
    }

    #[test]
    fn what_else_failed_is_tried_again_for_the_time_that_is_left() {
        let left = |failed: &FailedAttempt| match handed_on(failed) {
            Some(HandedOn::Again(left)) => left,
            arrived => panic!("{arrived:?}"),
        };
        let now = Instant::now();
        let stopped = FailedAttempt::of_error(&Error::Stopped { pid: 1 }, now);
        assert!(left(&stopped) <= TIMEOUT && left(&stopped) > TIMEOUT / 2);
        let success = RawAnswer::new(200, b"<html>".to_vec());
        assert!(left(&FailedAttempt::of_answer(&success, now)) > TIMEOUT / 2);
        if let Some(long_ago) = now.checked_sub(2 * TIMEOUT) {
            assert_eq!(left(&FailedAttempt::since(long_ago)), LEAST_TIME);
        }
        assert_eq!(left(&FailedAttempt::LeftMs(u64::MAX)), TIMEOUT);
    }

    #[test]
    fn what_is_too_long_or_makes_no_sense_is_nothing() {
        let (_, long) = refusal("x".repeat(MAX_BYTES));
        assert!(handed_on(&long).is_none());
        for nonsense in [&b""[..], b"{", b"null", b"{\"timeout_ms\":-1}"] {
            assert!(FailedAttempt::read(nonsense).is_none(), "{nonsense:?}");
        }
    }
}
