//! Certificates that anybody could have put where they are named.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use quilt_tests::harness::{Daemon, Home, Run, Users, binaries};

use super::servers::{Authority, Days, Tls};
use crate::user_namespaces::{SANDBOX, can_be_made, led};

/// What comes of a catalog for a daemon with this bundle, led to by words.
async fn line(home: &Home, catalog: &str, bundle: &Path, words: &[&str]) -> String {
    let mut quiltd = led(home, words, binaries::quiltd());
    quiltd.env("SSL_CERT_FILE", bundle);
    let daemon = Daemon::start_by(quiltd, home, &["--token-store", "memory"]).await;
    let mut command = home.command(binaries::quiltctl());
    command.args(["--no-autostart", "config", catalog]);
    let run: Run = command.output().await.unwrap().into();
    daemon.stop().await;
    run.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_another_user_could_have_planted_is_not_believed() {
    let Some(users) = Users::find("certificates of another user").await else {
        return;
    };
    let authority = Authority::new();
    let stack = Tls::start(&authority, "localhost", Days::Now).await;
    let catalog = format!("https://localhost:{}", stack.port);
    let home = Home::of(&users.a);
    // Nobody else's, whoever runs the tests, and everybody gets there.
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let (shared, kept) = (place.path().join("shared"), place.path().join("kept"));
    for (dir, mode) in [(place.path(), 0o755), (&shared, 0o1777), (&kept, 0o755)] {
        if dir != place.path() {
            fs::create_dir(dir).unwrap();
        }
        fs::set_permissions(dir, Permissions::from_mode(mode)).unwrap();
    }
    for dir in [&shared, &kept] {
        let bundle = dir.join("ca.pem");
        fs::write(&bundle, authority.pem()).unwrap();
        fs::set_permissions(&bundle, Permissions::from_mode(0o644)).unwrap();
    }
    users.a.give(&shared.join("ca.pem")).unwrap();
    users.b.give(&kept).unwrap();
    // The controls: it is the place that makes the difference; and what one
    // other user keeps for others is what programs of theirs are.
    for bundle in [&shared, &kept].map(|dir| dir.join("ca.pem")) {
        let said = line(&home, &catalog, &bundle, &[]).await;
        assert!(said.contains("is not JSON"), "{}: {said}", bundle.display());
    }
    users.b.give(&shared.join("ca.pem")).unwrap();
    let said = line(&home, &catalog, &shared.join("ca.pem"), &[]).await;
    assert!(said.contains("cannot be trusted"), "{said}");
    assert!(said.contains("belongs to "), "{said}");
    // Nor what was put into a directory of the user's while others could write to it.
    let own = place.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
    let bundle = own.join("ca.pem");
    fs::write(&bundle, authority.pem()).unwrap();
    fs::set_permissions(&bundle, Permissions::from_mode(0o644)).unwrap();
    users.a.give(&own).unwrap();
    let said = line(&home, &catalog, &bundle, &[]).await;
    assert!(said.contains("is not JSON"), "the control: {said}");
    users.b.give(&bundle).unwrap();
    let said = line(&home, &catalog, &bundle, &[]).await;
    assert!(said.contains("belongs to "), "{said}");
}

/// There, root looks like any other user.
#[tokio::test(flavor = "multi_thread")]
async fn nor_is_it_in_a_user_namespace() {
    let what = "certificates of another user in a user namespace";
    let Some(users) = Users::find(what).await else {
        return;
    };
    let home = Home::of(&users.a);
    if !can_be_made(&home, what).await {
        return;
    }
    let authority = Authority::new();
    let stack = Tls::start(&authority, "localhost", Days::Now).await;
    let catalog = format!("https://localhost:{}", stack.port);
    let bundle = tempfile::Builder::new()
        .suffix(".pem")
        .tempfile_in("/tmp")
        .unwrap();
    let bundle = bundle.path();
    fs::write(bundle, authority.pem()).unwrap();
    fs::set_permissions(bundle, Permissions::from_mode(0o644)).unwrap();
    users.a.give(bundle).unwrap();
    let said = line(&home, &catalog, bundle, SANDBOX).await;
    assert!(said.contains("is not JSON"), "the probe works: {said}");
    users.b.give(bundle).unwrap();
    let said = line(&home, &catalog, bundle, SANDBOX).await;
    assert!(said.contains("cannot be trusted"), "{said}");
    assert!(said.contains("belongs to "), "{said}");
    // The system's own are root's there as everywhere.
    let systems = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if systems.exists() {
        let said = line(&home, &catalog, systems, SANDBOX).await;
        assert!(!said.contains("belongs to "), "{said}");
    }
}

/// It used to be waited for, by every command there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_the_place_of_certificates_keeps_nobody_waiting() {
    let home = Home::new();
    let pipe = home.path().join("ca.pem");
    let made = home.command("mkfifo").arg(&pipe).status().await.unwrap();
    assert!(made.success());
    let stack = Tls::start(&Authority::new(), "localhost", Days::Now).await;
    let catalog = format!("https://localhost:{}", stack.port);
    let said = line(&home, &catalog, &pipe, &[]).await;
    assert!(said.contains("it is no file"), "{said}");
}
