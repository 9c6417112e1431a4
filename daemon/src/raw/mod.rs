//! The one place with unsafe code: what the system offers and no safe library
//! wraps.
#![allow(unsafe_code, reason = "raw pages and raw system calls; nothing else")]

mod heap;
mod lease;
mod locked;

pub use self::heap::give_back_memory;
pub use self::lease::ReadLease;
pub use self::locked::Locked;
