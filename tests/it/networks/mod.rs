//! How the daemon reaches the network, and what is said where it does not: told
//! apart by real servers and proxies, in the error, by `status` and by `doctor`.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "not every test needs every server"
)]
#[path = "../../../network/tests/servers/mod.rs"]
mod servers;

mod environment;
mod planted;
mod redirects;
mod strangers;

use std::fs;
use std::path::PathBuf;

use quilt_client::{Client, Error};
use quilt_proto::api::UpdateConfig;
use quilt_proto::wire::{ConfigUpdate, Diagnosis, Finding};
use quilt_proto::{NetworkFailure as Kind, Problem};
use quilt_tests::harness::{Daemon, Home, Run, binaries};
use tokio::net::TcpListener;

use crate::roles::set;

/// What shows whether a server answers, and nothing of what it says.
const HEAD: &str = "curl -sSI -m 10 -o /dev/null -w '%{http_code}\\n'";
use servers::{Authority, Days, Proxy, Socks, Tls};

/// A daemon that knows nobody, in a home of its own.
struct Machine {
    home: Home,
    _daemon: Daemon,
}

impl Machine {
    async fn start(settings: &str, variables: &[(&str, &str)]) -> Self {
        let home = Home::new();
        set(&home, settings);
        let daemon = Daemon::start_with(&home, &["--token-store", "memory"], variables).await;
        Self {
            home,
            _daemon: daemon,
        }
    }

    async fn ctl(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.home.command(binaries::quiltctl());
        command
            .arg("--no-autostart")
            .args(args)
            .envs(variables.iter().copied());
        command.output().await.unwrap().into()
    }

    /// What came of configuring a catalog that is not well.
    async fn problem(&self, catalog: &str) -> Problem {
        let update = UpdateConfig(ConfigUpdate::catalog(catalog.to_owned()));
        let problem = match Client::new(self.home.socket()).send(&update).await {
            Err(Error::Problem(problem)) => *problem,
            other => panic!("{catalog}: no problem: {other:?}"),
        };
        let run = self.ctl(&["config", catalog], &[]).await;
        let line = run.failed(problem.code.exit_code().into());
        assert!(line.contains(&problem.detail), "{line}");
        problem
    }

    async fn kind(&self, catalog: &str) -> Option<Kind> {
        self.problem(catalog).await.network
    }

    async fn findings(&self, catalog: &str, variables: &[(&str, &str)]) -> Vec<Finding> {
        let run = self
            .ctl(&["--json", "--catalog", catalog, "doctor"], variables)
            .await;
        let diagnosis: Diagnosis =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no diagnosis: {run:?}"));
        diagnosis.findings
    }

    async fn finding(&self, catalog: &str, code: &str) -> Finding {
        let findings = self.findings(catalog, &[]).await;
        let found = findings.iter().find(|finding| finding.code == code);
        found
            .unwrap_or_else(|| panic!("no {code}: {findings:?}"))
            .clone()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command as it was printed, with an editor that writes `text`.
    async fn run_hint(&self, hint: &str, text: &str) -> Run {
        let wanted = self.file("wanted", text);
        let editor = self.home.path().join("editor");
        binaries::script(&editor, "#!/bin/sh\ncat \"$WANTED\" > \"$1\"\n");
        let mut command = self.home.command("sh");
        command
            .args(["-c", hint])
            .env("EDITOR", editor)
            .env("WANTED", wanted);
        command.output().await.unwrap().into()
    }
}

/// What is said where TLS, proxies and all are well, and the server is none of
/// Quilt's.
fn is_reached(problem: &Problem) -> bool {
    problem.network.is_none() && problem.detail.contains("is not JSON")
}

async fn answering(answer: &'static [u8]) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_of_its_own_kind_and_names_a_command_that_shows_it() {
    let ours = Authority::new();
    let machine = Machine::start("", &[]).await;
    let bundle = machine.file("ca.pem", &ours.pem());
    set(
        &machine.home,
        &format!("[network]\nca_bundle = '{}'\n", bundle.display()),
    );
    let well = Tls::start(&ours, "localhost", Days::Now).await;
    let at = |scheme: &str, port: u16| format!("{scheme}://localhost:{port}");
    assert!(is_reached(&machine.problem(&at("https", well.port)).await));

    let foreign = Tls::start(&Authority::new(), "localhost", Days::Now).await;
    let past = Tls::start(&ours, "localhost", Days::Past).await;
    let future = Tls::start(&ours, "localhost", Days::Future).await;
    let other = Tls::start(&ours, "other.example", Days::Now).await;
    let plain = servers::plain().await;
    let closed = servers::closed().await;
    let portal =
        answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
            .await;
    let firewall = answering(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    )
    .await;
    let away = answering(
        b"HTTP/1.1 302 Found\r\nLocation: http://login.corp.example/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let rude = servers::rude().await;
    let cases = [
        (
            at("https", foreign.port),
            Kind::UnknownCertificate,
            "quiltctl doctor",
        ),
        (at("https", past.port), Kind::ExpiredCertificate, "curl "),
        (at("https", future.port), Kind::FutureCertificate, "sudo "),
        (at("https", other.port), Kind::WrongCertificateName, "curl "),
        (at("https", plain), Kind::NotTls, "curl "),
        (at("http", well.port), Kind::UnexpectedTls, "curl "),
        (at("http", closed), Kind::ConnectionRefused, "curl "),
        (at("http", rude), Kind::BrokenAnswer, "curl "),
        (at("http", firewall), Kind::FirewallPage, "curl "),
        (at("http", away), Kind::Redirected, "curl "),
        (
            "https://no-such-host.invalid".to_owned(),
            Kind::NameNotFound,
            "getent ",
        ),
    ];
    for (catalog, kind, hint) in cases {
        let problem = machine.problem(&catalog).await;
        assert_eq!(problem.network, Some(kind), "{catalog}: {problem:?}");
        assert_eq!(problem.code.as_str(), "stack_unreachable", "{problem:?}");
        let command = problem.hint.unwrap().to_string();
        assert!(command.starts_with(hint), "{kind:?}: {command}");
        // Doctor says the same, and never sends anybody to itself.
        let found = machine.finding(&catalog, "stack_unreachable").await;
        assert_eq!(found.summary, problem.detail);
        let command = found.hint.to_string();
        assert!(!command.contains("doctor"), "{command}");
        let shows =
            command.starts_with("curl ") && !matches!(kind, Kind::FirewallPage | Kind::Redirected);
        if shows || command.starts_with("getent ") {
            let run = machine.run_hint(&command, "").await;
            assert_ne!(run.code, 0, "it shows no failure: {command}: {run:?}");
        }
    }
    // A page may as well be of a site that is no catalog at all.
    let problem = machine.problem(&at("http", portal)).await;
    assert_eq!(problem.network, Some(Kind::CaptivePortal));
    assert_eq!(problem.code.as_str(), "invalid_input");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_doctor_names_mends_what_settings_mend() {
    let ours = Authority::new();
    let machine = Machine::start("", &[]).await;
    let bundle = machine.file("ca.pem", &ours.pem());
    let stack = Tls::start(&ours, "localhost", Days::Now).await;
    let catalog = format!("https://localhost:{}", stack.port);
    let found = machine.finding(&catalog, "stack_unreachable").await;
    assert!(
        found.summary.contains("ca_bundle under [network]"),
        "{found:?}"
    );
    let text = format!("[network]\nca_bundle = '{}'\n", bundle.display());
    machine.run_hint(&found.hint.to_string(), &text).await.ok();
    assert!(is_reached(&machine.problem(&catalog).await));

    // Behind a proxy that wants a password.
    let stack = Tls::start(&ours, "stack.test", Days::Now).await;
    let proxy = Proxy::start(stack.port, Some("me:secret")).await;
    let with = |user: &str| format!("{text}proxy = 'http://{user}localhost:{}'\n", proxy.port);
    set(&machine.home, &with(""));
    let catalog = "https://stack.test";
    assert_eq!(machine.kind(catalog).await, Some(Kind::ProxyPassword));
    let found = machine.finding(catalog, "stack_unreachable").await;
    machine
        .run_hint(&found.hint.to_string(), &with("me:secret@"))
        .await
        .ok();
    assert!(is_reached(&machine.problem(catalog).await));
    let status = machine.ctl(&["--json", "status"], &[]).await.ok();
    assert!(!status.contains("secret"), "{status}");

    // One that is dead, one that refuses, and one by SOCKS.
    let closed = servers::closed().await;
    set(
        &machine.home,
        &format!("{text}proxy = 'http://localhost:{closed}'\n"),
    );
    let problem = machine.problem(catalog).await;
    assert_eq!(problem.network, Some(Kind::ProxyUnreachable));
    let line = format!("{HEAD} --proxy http://localhost:{closed} {catalog}");
    assert_eq!(problem.hint.unwrap().to_string(), line);
    let refusing = Proxy::refusing().await;
    set(
        &machine.home,
        &format!("{text}proxy = 'http://localhost:{}'\n", refusing.port),
    );
    assert_eq!(machine.kind(catalog).await, Some(Kind::ProxyRefused));
    let socks = Socks::start(Some(stack.port), None).await;
    set(
        &machine.home,
        &format!("{text}proxy = 'socks5h://localhost:{}'\n", socks.port),
    );
    assert!(is_reached(&machine.problem(catalog).await));
    let asked = socks.asked();
    assert!(!asked.is_empty() && asked.iter().all(|it| it == "stack.test:443"));
    // With an exception nobody asks it, and nobody else knows the name.
    let text = format!("{text}proxy = 'socks5h://localhost:{}'\n", socks.port);
    set(&machine.home, &format!("{text}no_proxy = '.test'\n"));
    assert_eq!(machine.kind(catalog).await, Some(Kind::NameNotFound));
}
