//! Whom the daemon talks to: the stack, and what it was told of, and nobody else.
//! No metadata service of a cloud is asked, whatever the SDKs would do by
//! themselves, and no name is looked up that nobody named.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, Run, World, binaries, can_look};
use tokio::process::Command;

use crate::roles::{arn, set};

/// Whom a program connected to, or sent something without.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Peer {
    address: String,
    port: String,
}

/// What leads to `program` past a tracer, which notes its way out of here.
fn traced(home: &Home, program: impl AsRef<Path>, trace: &Path) -> Command {
    let mut command = home.command("strace");
    command
        // The tracer is nobody's parent: what is started is the program.
        .args(["-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg"])
        .arg("-o")
        .arg(trace)
        .arg(home.program(program.as_ref()))
        // As on a machine of a cloud, where the SDKs ask for themselves.
        .env_remove("AWS_EC2_METADATA_DISABLED");
    command
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// Everybody of the Internet's families in a trace.
fn peers(trace: &Path) -> BTreeSet<Peer> {
    let text = fs::read_to_string(trace).unwrap();
    let peers = text.lines().filter_map(|line| {
        let port = between(line, "_port=htons(", ")")?;
        let address = between(line, "inet_addr(\"", "\")")
            .or_else(|| between(line, "inet_pton(AF_INET6, \"", "\""))?;
        Some(Peer {
            address: address.to_owned(),
            port: port.to_owned(),
        })
    });
    peers.collect()
}

fn ports(urls: &[&str]) -> BTreeSet<String> {
    let port = |url: &&str| url::Url::parse(url).unwrap().port().unwrap().to_string();
    urls.iter().map(port).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_talks_to_nobody_whom_nobody_named() {
    if !can_look("a look at whom the daemon talks to") {
        return;
    }
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let home = Home::new();
    let lake = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    set(&home, &lake);
    let federation = stack.federation_url();
    let trace = home.path().join("daemon.strace");
    let mut command = traced(&home, binaries::quiltd(), &trace);
    // No region, whose search leads the SDKs to metadata services.
    command.envs([
        ("AWS_ENDPOINT_URL_STS", stack.sts_url()),
        ("AWS_ENDPOINT_URL_S3", stack.s3_url()),
        ("QUILTD_CONSOLE_ENDPOINT", &federation),
    ]);
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    let mut world = World {
        stack,
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    let registry = format!("s3://{}", quilt_tests::fake_stack::DEMO_BUCKET);
    let everything: &[&[&str]] = &[
        &["whoami"],
        &["role", "list"],
        &["credential-process"],
        &["credential-process", "--profile", "lake"],
        &["env"],
        &["console", "--print"],
        &["packages", "list", &registry],
        &["search", "hello"],
        &["api-keys", "list"],
        &["setup", "aws"],
        &["setup", "quilt3"],
        &["exec", "--profile", "lake", "--", "true"],
        &["status"],
        &["doctor"],
        &["logout"],
    ];
    for args in everything {
        let own = world.home.path().join("quiltctl.strace");
        let mut command = traced(&world.home, binaries::quiltctl(), &own);
        command
            .env("QUILT_CATALOG", world.stack.catalog_url())
            .arg("--no-autostart")
            .args(*args);
        let run: Run = command.output().await.unwrap().into();
        assert!(run.code == 0 || *args == ["doctor"], "{args:?}: {run:?}");
        // It speaks to the daemon; doctor tries who listens on loopback.
        let far = peers(&own)
            .into_iter()
            .find(|peer| peer.address != "127.0.0.1");
        assert_eq!(far, None, "{args:?}");
    }
    assert!(world.daemon.take().unwrap().stop().await.success());

    let seen = peers(&trace);
    let strangers: Vec<_> = seen
        .iter()
        .filter(|peer| peer.address != "127.0.0.1")
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    // The tracer sees those it was led to.
    let stack = &world.stack;
    let named = ports(&[
        stack.catalog_url(),
        stack.registry_url(),
        stack.sts_url(),
        stack.s3_url(),
        &federation,
    ]);
    let seen: BTreeSet<_> = seen.into_iter().map(|peer| peer.port).collect();
    assert_eq!(seen, named);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metadata_service_that_is_asked_would_be_noticed() {
    let home = Home::new();
    for address in ["169.254.169.254", "fd00:ec2::254"] {
        let trace = home.path().join("probe.strace");
        let probe = format!(
            "import socket\n\
             kind = socket.AF_INET6 if ':' in '{address}' else socket.AF_INET\n\
             probe = socket.socket(kind, socket.SOCK_STREAM)\n\
             probe.setblocking(False)\n\
             probe.connect_ex(('{address}', 80))\n"
        );
        let mut command = traced(&home, "python3", &trace);
        let run: Run = command
            .args(["-I", "-c", &probe])
            .output()
            .await
            .unwrap()
            .into();
        run.ok();
        let seen: Vec<_> = peers(&trace).into_iter().collect();
        let [peer] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!((peer.address.as_str(), peer.port.as_str()), (address, "80"));
    }
}
