//! In a process of its own: hardening cannot be undone.

#![cfg(target_os = "linux")]

use quiltd::hardening::harden;

#[test]
fn leaves_nothing_open() {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    use rustix::thread::no_new_privs;

    let attempts = harden();
    assert_eq!(attempts.len(), 5);
    let open: Vec<_> = attempts
        .iter()
        .filter_map(quiltd::hardening::ProtectionAttempt::warning)
        .collect();
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    assert_eq!(no_new_privs(), Ok(true));
}
