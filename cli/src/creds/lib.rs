//! `credential-process` where nothing is out of the ordinary: what both
//! `quiltctl-creds`, which AWS profiles run, and `quiltctl` do.

mod arguments;
mod failed_attempt;
pub mod programs;
mod request;

pub use self::arguments::Arguments;
pub use self::failed_attempt::{FailedAttempt, HandedOn};
pub use self::request::{TIMEOUT, ask, client, is_document, named_catalog};

use rustix::io::Errno;
use rustix::stdio::stdout;

/// No core dump and no tracer of the same user: a secret may pass through.
/// Programs this one starts are as they always are.
pub fn keep_to_ourselves() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where it is forbidden, everything else still protects the secret.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Writes to standard output, past the standard library's buffer, which would
/// keep a copy of a secret.
pub fn write_all(mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
