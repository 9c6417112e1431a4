use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;

use tokio_util::sync::CancellationToken;

use quilt_proto::{ProfileName, Timestamp};

use super::*;
use crate::changes::Changes;
use crate::clock::manual::ManualClock;
use crate::clock::{Clock, SharedClock};

struct Bench {
    grants: Arc<Grants>,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

fn kept_in(dir: &Path, clock: SharedClock) -> Arc<Grants> {
    let socket = dir.join("quiltd.sock");
    Arc::new(Grants::new(dir, &socket, clock, Changes::default()))
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let dir = tempfile::TempDir::new().unwrap();
        Self {
            grants: kept_in(dir.path(), Arc::clone(&clock) as _),
            clock,
            _dir: dir,
            stop: CancellationToken::new(),
        }
    }

    fn issue(&self, life: Life) -> Issued {
        self.try_issue(life).unwrap()
    }

    fn try_issue(&self, life: Life) -> Result<Issued, GrantError> {
        let right = Right::Credentials {
            catalog: "https://demo.quilt.example".parse().unwrap(),
            profile: ProfileName::default_profile(),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let open = |_| Ok(Endpoint::new(address, self.stop.clone()));
        let issued = self.grants.issue(right, life, open).now_or_never();
        issued.expect("nothing is written down")
    }

    async fn until(&self, done: impl Fn(&Grants) -> bool) {
        while !done(&self.grants) {
            tokio::task::yield_now().await;
        }
    }
}

fn registry_right() -> Right {
    Right::Registry {
        catalog: "https://demo.quilt.example".parse().unwrap(),
        without_api_keys: false,
    }
}

#[tokio::test]
async fn a_token_opens_what_it_was_given_for_until_it_is_taken_back() {
    let bench = Bench::new();
    let one = bench.issue(Life::Seconds(60));
    let two = bench.issue(Life::Seconds(60));
    assert_eq!(one.token.expose().len(), 64);
    assert_ne!(one.token, two.token);
    assert!(bench.grants.open(one.token.expose()).is_some());
    assert!(bench.grants.open("").is_none());
    assert!(bench.grants.open(&one.token.expose()[1..]).is_none());
    assert!(bench.grants.revoke(&one.id).await.unwrap());
    assert!(!bench.grants.revoke(&one.id).await.unwrap());
    assert!(bench.grants.open(one.token.expose()).is_none());
    assert!(bench.grants.open(two.token.expose()).is_some());
}

#[tokio::test]
async fn the_listener_goes_with_the_last_grant() {
    let bench = Bench::new();
    assert!(bench.grants.address(Kind::Credentials).is_none());
    let (one, two) = (
        bench.issue(Life::Seconds(60)),
        bench.issue(Life::Seconds(60)),
    );
    bench.grants.revoke(&one.id).await.unwrap();
    assert!(bench.grants.address(Kind::Credentials).is_some() && !bench.stop.is_cancelled());
    bench.grants.revoke(&two.id).await.unwrap();
    assert!(bench.grants.address(Kind::Credentials).is_none() && bench.stop.is_cancelled());
}

#[tokio::test]
async fn a_grant_ends_by_itself() {
    let bench = Bench::new();
    let issued = bench.issue(Life::Seconds(60));
    bench.clock.advance(59);
    assert!(bench.grants.open(issued.token.expose()).is_some());
    bench.clock.advance(1);
    assert!(bench.grants.open(issued.token.expose()).is_none());
    bench
        .until(|grants| grants.address(Kind::Credentials).is_none())
        .await;
    assert!(bench.stop.is_cancelled());
}

#[tokio::test]
async fn a_grant_of_a_process_lives_exactly_as_long() {
    let bench = Bench::new();
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let issued = bench.issue(Life::While(ProcessHandle::watch(Some(child.id())).unwrap()));
    for _ in 0..5 {
        let before = bench.grants.list()[0].expires_at;
        bench.clock.advance(1800);
        bench
            .until(|grants| grants.list()[0].expires_at > before)
            .await;
    }
    assert!(bench.grants.open(issued.token.expose()).is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    bench.until(|grants| grants.list().is_empty()).await;
    assert!(bench.grants.open(issued.token.expose()).is_none());
}

#[tokio::test]
async fn a_kept_grant_survives_restarts_and_lives_by_being_used() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let start = || kept_in(dir.path(), Arc::clone(&clock) as _);
    let right = registry_right();
    let at = |port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let issued = start()
        .issue(right.clone(), Life::Persistent, |known| {
            assert_eq!(known, None);
            at(7)
        })
        .await
        .unwrap();
    for _ in 0..3 {
        clock.advance(89 * 24 * 3600);
        let grants = start();
        assert!(grants.resume());
        grants.reopen(at).unwrap();
        let address = grants.address(Kind::Registry).unwrap();
        assert_eq!(address.port(), 7, "programs know the port");
        let opened = grants.open(issued.token.expose()).unwrap();
        assert_eq!(opened.right, right);
        let renewed = clock.now().wall.plus_seconds(89 * 24 * 3600);
        while kept_until(dir.path()) < Some(renewed) {
            tokio::task::yield_now().await;
        }
    }
    clock.advance(90 * 24 * 3600);
    let grants = start();
    grants.resume();
    assert!(
        grants.open(issued.token.expose()).is_none(),
        "nobody used it"
    );
    assert!(grants.list().is_empty());
    clock.advance(25 * 3600);
    while kept_until(dir.path()).is_some() {
        tokio::task::yield_now().await;
    }
    let grants = start();
    grants
        .issue(right, Life::Persistent, |_| at(8))
        .await
        .unwrap();
    assert_eq!(grants.revoke_kind(Kind::Registry).await.unwrap(), 1);
    assert!(!start().resume());
    assert!(!dir.path().join("grants.json").exists());
}

#[tokio::test]
async fn what_was_taken_back_and_not_written_down_is_tried_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let grants = kept_in(dir.path(), Arc::clone(&clock) as _);
    let at = |_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let right = registry_right();
    grants.issue(right, Life::Persistent, at).await.unwrap();
    // Nothing can be written where no lock can be had.
    let lock = dir.path().join("grants.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    grants.revoke_kind(Kind::Registry).await.unwrap_err();
    assert!(kept_until(dir.path()).is_some());
    std::fs::remove_dir(&lock).unwrap();
    while kept_until(dir.path()).is_some() {
        clock.advance(31);
        tokio::task::yield_now().await;
    }
}

/// Until when the first grant that is written down is good.
fn kept_until(dir: &Path) -> Option<Timestamp> {
    let kept = persistent::PersistentFile::in_dir(dir).load().unwrap();
    kept.grants.first().map(|grant| grant.expires_at)
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_a_while_ends_nothing() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let start = || kept_in(dir.path(), Arc::clone(&clock) as _);
    let right = registry_right();
    let at = |_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let bench = Bench::new();
    let timed = bench.issue(Life::Seconds(3600));
    let grants = start();
    let kept = grants.issue(right, Life::Persistent, at).await.unwrap();
    let hundred_days = 100 * 24 * 3600;
    let good = |grants: &Arc<Grants>, issued: &Issued| grants.open(issued.token.expose()).is_some();
    // The second time, the daemon is started while the clock is wrong.
    for grants in [Arc::clone(&grants), start()] {
        for clock in [&clock, &bench.clock] {
            clock.set_wall_by(hundred_days);
        }
        grants.resume();
        for _ in 0..5 {
            clock.advance(1);
            bench.clock.advance(1);
            assert!(!good(&grants, &kept) && !good(&bench.grants, &timed));
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        for clock in [&clock, &bench.clock] {
            clock.set_wall_by(-hundred_days);
        }
        assert!(good(&grants, &kept) && good(&bench.grants, &timed));
        assert!(kept_until(dir.path()).is_some());
    }
    // The end comes all the same, and so where the clock stays there.
    bench.clock.advance(3600);
    assert!(!good(&bench.grants, &timed));
    bench
        .until(|grants| grants.address(Kind::Credentials).is_none())
        .await;
    clock.set_wall_by(hundred_days);
    for _ in 0..25 {
        clock.advance(3600);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    while kept_until(dir.path()).is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_held_lock_is_not_waited_for_without_end_and_keeps_nobody_waiting() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let grants = kept_in(dir.path(), Arc::clone(&clock) as _);
    let right = || Right::Registry {
        catalog: "https://demo.quilt.example".parse().unwrap(),
        without_api_keys: false,
    };
    let at = |_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let issued = grants.issue(right(), Life::Persistent, at).await.unwrap();
    let lock = std::fs::File::open(dir.path().join("grants.lock")).unwrap();
    lock.lock().unwrap();
    let (revoking, looking) = tokio::join!(grants.revoke(&issued.id), async {
        // On the one thread that there is: nobody waits on it.
        tokio::task::yield_now().await;
        (grants.list().len(), grants.open(issued.token.expose()))
    });
    assert_eq!(looking, (0, None), "it is taken back at once");
    let error = revoking.unwrap_err();
    assert!(matches!(error, GrantError::HalfRevoked { .. }), "{error}");
    assert!(
        error.to_string().contains("another program holds"),
        "{error}"
    );
    assert!(grants.issue(right(), Life::Persistent, at).await.is_err());
    assert!(grants.list().is_empty(), "none that would be lost");
    assert!(kept_until(dir.path()).is_some());
    lock.unlock().unwrap();
    assert!(grants.revoke(&issued.id).await.unwrap(), "again, for good");
    assert!(kept_until(dir.path()).is_none());
}

/// Another daemon has changed the file meanwhile, and somebody looks.
#[tokio::test]
async fn a_grant_that_is_being_written_down_is_not_taken_for_one_that_was_taken_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let start = || kept_in(dir.path(), Arc::clone(&clock) as _);
    let grants = start();
    let at = |_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let issue = || grants.issue(registry_right(), Life::Persistent, at);
    let first = issue().await.unwrap();
    let other = start();
    assert!(other.resume());
    let lock = std::fs::File::open(dir.path().join("grants.lock")).unwrap();
    lock.lock().unwrap();
    let (second, ()) = tokio::join!(issue(), async {
        while grants.list().len() < 2 {
            tokio::task::yield_now().await;
        }
        // The same text is another version of the file.
        let file = dir.path().join("grants.json");
        let text = std::fs::read(&file).unwrap();
        crate::files::replace_private(&file, &text).unwrap();
        assert!(grants.open(first.token.expose()).is_some());
        lock.unlock().unwrap();
    });
    let second = second.unwrap();
    assert!(grants.open(second.token.expose()).is_some());
    assert!(other.revoke(&first.id).await.unwrap());
    assert!(grants.open(first.token.expose()).is_none(), "the control");
}

/// Setting up again makes a new grant then, and does not say that all is well.
#[tokio::test]
async fn a_file_that_is_gone_takes_all_that_was_in_it_along() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let grants = kept_in(dir.path(), clock as _);
    let at = |_| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let issue = || grants.issue(registry_right(), Life::Persistent, at);
    let issued = issue().await.unwrap();
    assert!(grants.right(issued.token.expose()).is_some());
    std::fs::remove_file(dir.path().join("grants.json")).unwrap();
    assert!(grants.right(issued.token.expose()).is_none());
    assert_eq!(grants.list(), []);
    assert_eq!(without_api_keys::is_on(&grants), None);
    let again = issue().await.unwrap();
    assert!(grants.open(again.token.expose()).is_some());
    assert!(kept_until(dir.path()).is_some());
}

#[tokio::test]
async fn api_keys_are_kept_back_at_once_and_for_good() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(1_000_000));
    let state = dir.path().join("state");
    let start = || kept_in(&state, Arc::clone(&clock) as _);
    let right = registry_right();
    let at = |port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Endpoint::new(address, CancellationToken::new()))
    };
    let grants = start();
    assert_eq!(without_api_keys::is_on(&grants), None);
    // The first is superseded by the second; a program may still have it.
    let issue = async || {
        let issued = grants
            .issue(right.clone(), Life::Persistent, |_| at(7))
            .await;
        issued.unwrap()
    };
    let issued = [issue().await, issue().await];
    let are_kept_back = |grants: &Arc<Grants>| {
        issued
            .each_ref()
            .map(|issued| grants.open(issued.token.expose()).unwrap())
            .map(|opened| opened.right.without_api_keys())
    };
    for keep_back in [true, false, true] {
        assert!(without_api_keys::set(&grants, keep_back).await.unwrap());
        assert!(
            !without_api_keys::set(&grants, keep_back).await.unwrap(),
            "it was"
        );
        assert_eq!(without_api_keys::is_on(&grants), Some(keep_back));
        assert_eq!(are_kept_back(&grants), [keep_back; 2]);
        let later = start();
        assert!(later.resume());
        assert_eq!(are_kept_back(&later), [keep_back; 2], "after a restart");
    }
    // What cannot be written down is not lifted.
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    assert!(without_api_keys::set(&grants, false).await.is_err());
    assert_eq!(are_kept_back(&grants), [true; 2]);
}

#[tokio::test]
async fn nobody_takes_the_room_of_programs_that_run() {
    let bench = Bench::new();
    let timed = (0..1000).map_while(|_| bench.try_issue(Life::Seconds(60)).ok());
    assert_eq!(timed.count(), 500);
    let own = std::process::id();
    let held = || ProcessHandle::watch(Some(own)).unwrap();
    let of_one = (0..500).map_while(|_| bench.try_issue(Life::While(held())).ok());
    assert_eq!(of_one.count(), 64);
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let of_other = ProcessHandle::watch(Some(other.id())).unwrap();
    assert!(bench.try_issue(Life::While(of_other)).is_ok());
    other.kill().unwrap();
    other.wait().unwrap();
}
