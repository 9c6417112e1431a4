//! Which daemon it is that is asked: from here, and by programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use quilt_client::blocking::Client;
use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, instance, locations, quoted};

use super::aws_profile::AwsProfile;
use super::remedy;
use crate::context::Context;
use crate::lock_holder;

/// Whether a profile asks the daemon that is asked here, in whatever
/// environment its program runs.
pub(super) fn check(context: &Context, here: &Path, profile: &AwsProfile) -> Option<Finding> {
    let asked = profile.call()?.socket;
    let asked = asked.or_else(|| locations::unnamed_socket().ok())?;
    if same(here, &asked) || is_of_one(here, &asked) {
        return None;
    }
    let what = format!(
        "profile {} asks the daemon on {}, and this quiltctl the one on {}",
        quoted::name(&profile.name),
        quoted::path(&asked),
        quoted::path(here)
    );
    let hint = match &context.global().socket {
        Some(socket) => remedy::set_up_here(profile).path_option("--socket", socket),
        None => remedy::set_up_here(profile),
    };
    Some(Finding::error(FindingCode::SocketDiffers, what, hint))
}

/// A variable that leads this shell away from the daemon that programs without it
/// ask, and that is there.
pub(super) fn check_variable(context: &Context, here: &Path) -> Option<Finding> {
    const NAME: &str = locations::SOCKET_ENV;
    if context.global().socket.is_some() || !locations::is_socket_named() {
        return None;
    }
    let there = locations::unnamed_socket().ok()?;
    let answers = || lock_holder::is_there(&there) && Client::new(&there).probe().is_ok();
    if same(here, &there) || is_of_one(here, &there) || !answers() {
        return None;
    }
    let what = format!(
        "{NAME} names {} here, while the daemon of programs without it answers on {}",
        quoted::path(here),
        quoted::path(&there)
    );
    let hint = remedy::unset(&[NAME]);
    Some(Finding::error(FindingCode::SocketDiffers, what, hint))
}

/// Another daemon in a place where programs look for one.
pub(super) fn second_daemon(here: &Path) -> Vec<Finding> {
    let others = usual()
        .into_iter()
        .filter(|socket| !same(socket, here) && !is_of_one(socket, here))
        // What another machine that shares the home has locked answers nobody
        // here.
        .filter(|socket| lock_holder::is_there(socket) && Client::new(socket).probe().is_ok());
    let finding = |socket: PathBuf| {
        let what = format!(
            "a second quiltd runs on {}, and some programs ask that one; this quiltctl \
             asks the one on {}",
            quoted::path(&socket),
            quoted::path(here)
        );
        let hint = Command::to_daemon(Some(&socket), "daemon stop");
        Finding::error(FindingCode::TwoDaemons, what, hint)
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for socket in others {
        // It may listen in both places.
        if !found.iter().any(|known| is_of_one(known, &socket)) {
            found.push(socket);
        }
    }
    found.into_iter().map(finding).collect()
}

/// Where a daemon is looked for when nobody names a place: in this environment,
/// in one without a runtime directory, and in one with it.
fn usual() -> Vec<PathBuf> {
    let mut places = locations::usual_sockets();
    if cfg!(target_os = "linux") && env::var_os("XDG_RUNTIME_DIR").is_none() {
        let uid = rustix::process::getuid().as_raw();
        places.push(format!("/run/user/{uid}/quilt/quiltd.sock").into());
    }
    places
}

/// Whether both are places of one daemon: one process listens on both, or it
/// says so in the state directory.
fn is_of_one(a: &Path, b: &Path) -> bool {
    let listener = |socket: &Path| Client::new(socket).listener();
    if listener(a).is_some_and(|pid| listener(b) == Some(pid)) {
        return true;
    }
    let running = locations::state_dir().ok();
    let Some(running) = running.and_then(|dir| instance::running(&dir)) else {
        return false;
    };
    let is_its = |socket: &Path| {
        let mut its = [Some(&running.socket), running.also.as_ref()].into_iter();
        its.any(|its| its.is_some_and(|its| same(its, socket)))
    };
    is_its(a) && is_its(b)
}

fn same(a: &Path, b: &Path) -> bool {
    let real = |socket: &Path| {
        let dir = fs::canonicalize(socket.parent()?).ok()?;
        Some(dir.join(socket.file_name()?))
    };
    a == b || real(a).is_some_and(|a| real(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("b")).unwrap();
        assert!(same(&at("a/quiltd.sock"), &at("b/quiltd.sock")));
        assert!(!same(&at("a/quiltd.sock"), &at("quiltd.sock")));
        assert!(!same(Path::new("/nowhere/a"), Path::new("/nowhere/b")));
    }
}
