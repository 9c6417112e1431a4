//! The one place with unsafe code: what the system offers and no safe library
//! wraps.
#![allow(unsafe_code, reason = "raw pages and a raw system call; nothing else")]

mod lease;
mod locked;

pub use self::lease::ReadLease;
pub use self::locked::Locked;
