//! Memory that was freed and is kept for later.

/// Gives memory that is free back to the system, where the allocator keeps it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_memory() {
    // SAFETY: takes no pointer and is safe to call from any thread.
    unsafe { libc::malloc_trim(0) };
}

/// The allocator here does so by itself.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_memory() {}
