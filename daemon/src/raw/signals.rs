//! What a signal does to this process, as it was started.

/// Whether whoever started the process has it ignore hangups, as nohup(1) does.
pub fn ignores_hangups() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action it only fills in the old one.
    let told = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: it was filled in where that is what was told.
    told == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
