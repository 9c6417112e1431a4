//! Where API keys rest: pages of their own, locked into memory, kept out of
//! core files, fenced by guard pages and wiped when given back.
//!
//! A page is locked and unlocked as a whole, so secrets that shared one would
//! unlock each other. Copies made to use a secret are ordinary memory; the
//! allocator wipes those when they are freed.

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use quilt_proto::{Secret, process_status};

/// The system would not lock a secret.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// A secret at rest.
pub struct Locked {
    bytes: NonNull<[u8]>,
}

// SAFETY: the pages belong to this value alone and change only when it is made.
unsafe impl Send for Locked {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Locked {}

impl Locked {
    /// Puts a secret to rest. The caller's copy is the caller's to drop.
    ///
    /// # Panics
    /// When there is no memory, as every allocation does.
    pub fn new(secret: &Secret) -> Self {
        let source = secret.expose().as_bytes();
        // SAFETY: the size is that of a slice that exists, so it is in range.
        let pages = unsafe { memsec::malloc_sized(source.len()) };
        let Some(mut bytes) = pages else {
            std::alloc::handle_alloc_error(std::alloc::Layout::for_value(source));
        };
        // SAFETY: `malloc_sized` gave initialised, writable memory of exactly
        // this length that nobody else knows of.
        unsafe { bytes.as_mut() }.copy_from_slice(source);
        // Locked already, unless that was refused, which it does not tell.
        // SAFETY: these are pages of this value's own.
        let locked = unsafe { rustix::mm::mlock(bytes.as_ptr().cast(), source.len()) };
        if locked.is_err() {
            REFUSED.store(true, Ordering::Relaxed);
        }
        Self { bytes }
    }

    /// Whether some secret is not locked since the start: the limit is used up.
    pub fn was_refused() -> bool {
        REFUSED.load(Ordering::Relaxed)
    }

    /// Whether what rests is locked, as far as the system tells: it may have
    /// been refused.
    pub fn holds() -> bool {
        let locked = || {
            let status = std::fs::read_to_string("/proc/self/status").ok()?;
            process_status::word(&status, "VmLck")?.parse::<u64>().ok()
        };
        let Some(before) = locked() else {
            return true;
        };
        let probe = Self::new(&Secret::new("?"));
        let after = locked();
        drop(probe);
        after.is_none_or(|after| after > before)
    }

    /// A copy to use and drop.
    pub fn copy(&self) -> Secret {
        // SAFETY: the memory stays ours and unchanged until `drop`.
        let bytes = unsafe { self.bytes.as_ref() };
        // It was a `str` when it came.
        Secret::new(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether this is that secret, in time that does not depend on where they
    /// differ.
    pub fn is(&self, other: &Secret) -> bool {
        use subtle::ConstantTimeEq;
        // SAFETY: as in `copy`.
        let bytes = unsafe { self.bytes.as_ref() };
        bytes.ct_eq(other.expose().as_bytes()).into()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: from `malloc_sized`, and freed only here. Unlocking wipes.
        unsafe { memsec::free(self.bytes) };
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_can_be_used_and_compared() {
        let secret = Secret::new("qk_canary");
        let locked = Locked::new(&secret);
        assert_eq!(locked.copy(), secret);
        assert!(locked.is(&secret));
        assert!(!locked.is(&Secret::new("qk_canarx")));
        assert_eq!(format!("{locked:?}"), "Locked(…)");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn giving_one_back_leaves_its_neighbours_locked() {
        let kept: Vec<_> = (0..4)
            .map(|n| Locked::new(&Secret::new(format!("qk_{n}"))))
            .collect();
        let before = locked_kib();
        drop(Locked::new(&Secret::new("qk_gone")));
        assert_eq!(locked_kib(), before);
        assert!(before >= 4 * 4, "{before} KiB are locked");
        drop(kept);
    }

    #[cfg(target_os = "linux")]
    fn locked_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.unwrap().parse().unwrap()
    }
}
