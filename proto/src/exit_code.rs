//! How the programs of this project end, as they say it to their callers. Which
//! failure of the daemon ends how stands in `error_code.rs`.

use crate::ErrorCode;

/// Something nobody expected, and whatever else has no code of its own.
pub const UNEXPECTED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// A login is needed.
pub const LOGIN: u8 = 3;
/// The daemon does not answer.
pub const DAEMON: u8 = 4;
/// The stack, or AWS, cannot be reached or does not speak its protocol.
pub const UPSTREAM: u8 = 5;
/// The stack, AWS or the daemon said no.
pub const REFUSED: u8 = 6;
/// The thing named does not exist.
pub const NOT_FOUND: u8 = 7;
/// The input cannot be used.
pub const INPUT: u8 = 8;

/// The HTTP status and the code that stand for how a program ended, where the
/// failure is its own.
pub fn as_problem(exit: u8) -> (u16, ErrorCode) {
    let own = |name: &str| ErrorCode::Unknown(name.to_owned());
    match exit {
        USAGE => (400, own("usage")),
        LOGIN => (401, ErrorCode::LoginRequired),
        DAEMON => (503, own("daemon_unreachable")),
        UPSTREAM => (502, ErrorCode::StackUnreachable),
        REFUSED => (403, ErrorCode::Denied),
        NOT_FOUND => (404, ErrorCode::NotFound),
        INPUT => (422, ErrorCode::InvalidInput),
        _ => (500, ErrorCode::Internal),
    }
}
