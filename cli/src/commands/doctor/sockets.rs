//! Which daemon it is that is asked: from here, and by programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use quilt_proto::locations;
use quilt_proto::wire::Finding;

use super::aws_profile::AwsProfile;
use super::mend;
use crate::context::Context;
use crate::exit::Failure;
use crate::owner;

/// Whether a profile asks the daemon that is asked here, in whatever
/// environment its program runs.
pub(super) fn check(context: &Context, profile: &AwsProfile) -> Result<Option<Finding>, Failure> {
    let here = context.socket()?;
    let Some(call) = profile.call() else {
        return Ok(None);
    };
    let Some(asked) = call.socket.or_else(|| locations::unnamed_socket().ok()) else {
        return Ok(None);
    };
    if same(&here, &asked) {
        return Ok(None);
    }
    let what = format!(
        "profile {} asks the daemon on {}, and this quiltctl the one on {}",
        profile.name,
        asked.display(),
        here.display()
    );
    let mut hint = mend::set_up_here(profile);
    if let Some(socket) = &context.global().socket {
        hint = format!(
            "{hint} --socket {}",
            mend::word(&socket.display().to_string())
        );
    }
    Ok(Some(Finding::error("socket_differs", what, hint)))
}

/// Another daemon in a place where programs look for one.
pub(super) fn second_daemon(context: &Context) -> Result<Vec<Finding>, Failure> {
    let here = context.socket()?;
    let others = usual()
        .into_iter()
        .filter(|socket| !same(socket, &here) && owner::is_there(socket));
    let finding = |socket: PathBuf| {
        let socket = socket.display().to_string();
        let what = format!(
            "a second quiltd runs on {socket}, and some programs ask that one; this quiltctl \
             asks the one on {}",
            here.display()
        );
        let hint = format!("quiltctl --socket {} daemon stop", mend::word(&socket));
        Finding::error("two_daemons", what, hint)
    };
    Ok(others.map(finding).collect())
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
