//! What the C library's allocator does with memory that was freed (mallopt(3),
//! malloc_trim(3)).

/// The smallest block that is a mapping of its own, in bytes: what the GNU C
/// library starts with, and would raise to the size of what was freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 128 * 1024;

/// Has memory of large blocks go back to the system as soon as they are freed.
/// Else, one burst of requests would have the process keep what it once used.
/// Answers whether that is so now.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_large_blocks_back() -> bool {
    // SAFETY: changes a number in the allocator, under its own lock.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) == 1 }
}

/// Other C libraries' allocators do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_large_blocks_back() -> bool {
    true
}

/// Gives whole pages that nothing is in back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_free_memory_back() {
    // SAFETY: looks at blocks that are free, under the allocator's own locks.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries' allocators do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_free_memory_back() {}
