//! What a login settled is not moved by an attempt that began before: a key whose
//! answer comes late, a page that was shown while the catalog lied.

use std::fs;
use std::process::Stdio;

use quilt_tests::fake_stack::{Counts, Endpoint, FakeStack, Fault, FaultKind, KeySeed};
use tokio::process::Child;

use super::Two;
use super::terminal::Terminal;
use crate::gateway::files::until;

impl Two {
    /// Secrets go to the first stack's registry, also after a lie.
    async fn is_settled_here(&self) {
        let known = || fs::read_to_string(self.world.home.state().join("catalogs.json"));
        until(|| known().is_ok_and(|known| known.contains(self.world.stack.registry_url()))).await;
        let known = known().unwrap();
        assert!(!known.contains(self.other.registry_url()), "{known}");
        self.other.control().reset_counts();
        self.lie();
        self.refused(self.login(&[]).await, "login");
        self.truth();
    }

    /// A key of bob's at the other stack.
    fn key_there(&self) -> String {
        let seed = KeySeed::new("bob", "ci");
        self.other.control().add_key(&seed).unwrap().secret
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_accepted_late_moves_nothing() {
    let two = Two::start().await;
    let other = two.other.control();
    two.lie();
    // Not checked yet, and so not settled.
    other.plant(Endpoint::Graphql, Fault::once(FaultKind::status(503)));
    two.use_key(&two.key_there(), &[]).await.ok();
    let asked = other.calls(Endpoint::Graphql);
    let held = other.plant(Endpoint::Graphql, Fault::always(FaultKind::Hold));
    let mut listing = two.world.ctl_command(&["buckets"]);
    let listing = listing.stdout(Stdio::null()).stderr(Stdio::null());
    let mut listing = listing.spawn().unwrap();
    other
        .wait_for_counts(|now| now.calls(Endpoint::Graphql) > asked)
        .await;
    two.truth();
    two.login(&[]).await.ok();
    other.clear_fault(held);
    listing.wait().await.unwrap();
    two.world.ctl(&["clear-api-key"]).await.ok();
    two.is_settled_here().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_shown_is_no_agreement() {
    let two = Two::start().await;
    two.lie();
    let login = ["login", two.world.stack.catalog_url(), "--no-browser"];
    let ctl = Terminal::of(two.unnamed(&login)).shows("Code: ").await;
    two.truth();
    two.login(&[]).await.ok();
    two.lie();
    let code = two.other.control().login_code("bob").unwrap();
    let asked = ctl.types(&format!("{code}\r")).shows("[y/N]").await;
    let (code, shown) = asked.types("n\r").end().await;
    assert_ne!(code, 0, "{shown}");
    two.truth();
    two.is_settled_here().await;
}

/// A login with a code in a file, which is on its way.
fn begin(two: &Two, code: &str) -> Child {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, code).unwrap();
    let mut login = two.world.ctl_command(&["login", "--code-stdin"]);
    login.stdin(fs::File::open(&file).unwrap());
    login.stdout(Stdio::piped()).stderr(Stdio::piped());
    login.spawn().unwrap()
}

async fn exchanged(stack: &FakeStack) {
    let exchanged = |now: &Counts| now.calls(Endpoint::Token) > 0;
    stack.control().wait_for_counts(exchanged).await;
}

/// The catalog names one registry to one login, and another to the next.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_logins_the_later_moves_nothing() {
    // Each was told of no other when it began; the first is waited for where it
    // asks the stack, or where it is stored.
    for is_stored in [false, true] {
        let two = Two::start().await;
        let other = two.other.control();
        let code = other.login_code("bob").unwrap();
        let honest = two.world.stack.control().login_code("alice").unwrap();
        let late = if is_stored {
            fs::create_dir_all(two.world.home.state()).unwrap();
            let lock = fs::File::create(two.world.home.state().join("sessions.lock")).unwrap();
            lock.lock().unwrap();
            let first = begin(&two, &honest);
            exchanged(&two.world.stack).await;
            two.lie();
            let late = begin(&two, &code);
            exchanged(&two.other).await;
            drop(lock);
            let first = first.wait_with_output().await.unwrap();
            assert!(first.status.success(), "{first:?}");
            late
        } else {
            two.lie();
            let held = other.plant(Endpoint::Token, Fault::once(FaultKind::Hold));
            let late = begin(&two, &code);
            exchanged(&two.other).await;
            two.truth();
            two.login(&[]).await.ok();
            other.clear_fault(held);
            late
        };
        let late = late.wait_with_output().await.unwrap();
        assert!(!late.status.success(), "{late:?}");
        two.truth();
        two.is_settled_here().await;
    }
}

/// What was known in a file that others could write is not what was never known.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_is_no_first_use() {
    let mut two = Two::logged_in().await;
    two.world.ctl(&["logout"]).await.ok();
    two.world.daemon.take().unwrap().stop().await;
    let catalogs = two.world.home.state().join("catalogs.json");
    fs::rename(&catalogs, catalogs.with_extension("json.foreign")).unwrap();
    two.world.daemon = Some(quilt_tests::harness::Daemon::start(&two.world.home, &[]).await);
    two.lie();
    let line = two.login(&[]).await.failed(6);
    assert!(line.contains("which one it was before was lost"), "{line}");
    two.untouched();
}
