//! What a signal does to this process, as it was started, and what it may not.

/// Has a write beyond the limit of a file's length (`RLIMIT_FSIZE`) fail in place
/// of ending the process: what fails is told of, and nothing is left half written.
pub fn outlive_file_limits() {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whether whoever started the process has it ignore hangups, as nohup(1) does.
pub fn ignores_hangups() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action it only fills in the old one.
    let told = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: it was filled in where that is what was told.
    told == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
