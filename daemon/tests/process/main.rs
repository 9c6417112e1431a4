//! The daemon's outer shell, driven through the real program: who may own the
//! socket, who may talk to it, and what the process leaves behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

#[cfg(target_os = "linux")]
mod activation;
mod life;
mod place;
mod requests;
mod support;
