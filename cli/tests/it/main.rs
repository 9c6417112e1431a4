//! Drives the real binary against servers that play the daemon.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod autostart;
mod calls;
mod completion;
mod creds;
mod doctor;
mod errors;
#[cfg(target_os = "linux")]
mod hot_path;
mod login;
#[cfg(target_os = "linux")]
mod owner;
mod screens;
mod server;
mod setup_aws;
mod setup_units;
mod terminal;
mod versions;
mod watch;
