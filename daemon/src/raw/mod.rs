//! The one place with unsafe code: what the system offers and no safe library
//! wraps.
#![allow(
    unsafe_code,
    reason = "raw pages, raw system calls and the allocator; nothing else"
)]

mod inherited;
mod lease;
mod locked;
mod malloc_tuning;
mod program_text;
mod signals;

pub use self::inherited::inherited;
pub use self::lease::ReadLease;
pub use self::locked::Locked;
pub use self::malloc_tuning::{give_free_memory_back, give_large_blocks_back};
pub use self::program_text::give_code_back;
pub use self::signals::{ignores_hangups, outlive_file_limits};
