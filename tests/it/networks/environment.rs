//! What variables say, and doctor's word where a shell's are not the daemon's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quilt_proto::NetworkFailure as Kind;
use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, World, binaries};

use super::servers::{Authority, Days, Proxy, Socks, Tls, silent};
use super::{Machine, is_reached};
use crate::roles::{arn, set};

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_any_variable_are_trusted() {
    let ours = Authority::new();
    let stack = Tls::start(&ours, "localhost", Days::Now).await;
    let catalog = format!("https://localhost:{}", stack.port);
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("ca.pem");
    std::fs::write(&bundle, ours.pem()).unwrap();
    let (file, folder) = (bundle.to_str().unwrap(), dir.path().to_str().unwrap());
    let without = Machine::start("", &[]).await;
    assert_eq!(without.kind(&catalog).await, Some(Kind::UnknownCertificate));
    for (name, value) in [
        ("SSL_CERT_FILE", file),
        ("SSL_CERT_DIR", folder),
        ("REQUESTS_CA_BUNDLE", file),
        ("REQUESTS_CA_BUNDLE", folder),
        ("CURL_CA_BUNDLE", file),
        ("AWS_CA_BUNDLE", file),
    ] {
        let machine = Machine::start("", &[(name, value)]).await;
        assert!(
            is_reached(&machine.problem(&catalog).await),
            "{name}={value}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_any_variable_are_asked() {
    let ours = Authority::new();
    let stack = Tls::start(&ours, "stack.test", Days::Now).await;
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("ca.pem");
    std::fs::write(&bundle, ours.pem()).unwrap();
    let ca = ("SSL_CERT_FILE", bundle.to_str().unwrap());
    let proxy = Proxy::start(stack.port, None).await;
    let socks = Socks::start(Some(stack.port), None).await;
    let http = format!("http://localhost:{}", proxy.port);
    let bare = format!("localhost:{}", proxy.port);
    let socks = format!("socks5h://localhost:{}", socks.port);
    let catalog = "https://stack.test";
    for (name, value) in [
        ("HTTPS_PROXY", http.as_str()),
        ("https_proxy", &http),
        ("ALL_PROXY", &bare),
        ("all_proxy", &socks),
    ] {
        let machine = Machine::start("", &[ca, (name, value)]).await;
        assert!(
            is_reached(&machine.problem(catalog).await),
            "{name}={value}"
        );
    }
    for name in ["NO_PROXY", "no_proxy"] {
        let variables = [ca, ("HTTPS_PROXY", http.as_str()), (name, ".test")];
        let machine = Machine::start("", &variables).await;
        assert_eq!(machine.kind(catalog).await, Some(Kind::NameNotFound));
    }
    // As Go and Python read them, which other programs here are written in.
    for (exceptions, is_asked) in [
        ("stack.test:443", false),
        ("*.test", false),
        ("stack.test:8443", true),
        ("*.tes", true),
    ] {
        let variables = [ca, ("HTTPS_PROXY", http.as_str()), ("NO_PROXY", exceptions)];
        let machine = Machine::start("", &variables).await;
        let problem = machine.problem(catalog).await;
        assert_eq!(is_reached(&problem), is_asked, "{exceptions}: {problem:?}");
    }
    // Past what is no proxy's address nobody is asked.
    let machine = Machine::start("", &[("HTTPS_PROXY", "ftp://x")]).await;
    let problem = machine.problem(catalog).await;
    assert_eq!(problem.network, Some(Kind::ProxySettings));
    assert!(
        problem
            .detail
            .contains("HTTPS_PROXY is not the URL of a proxy"),
        "{problem:?}"
    );
    machine.finding(catalog, "proxy_settings").await;
}

/// One that takes connections and says nothing is named by doctor, too, which
/// has less time than the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_says_nothing_is_told_from_a_stack_that_does() {
    let proxy = format!("http://localhost:{}", silent().await);
    let machine = Machine::start("", &[("HTTPS_PROXY", &proxy)]).await;
    let problem = machine.problem("https://stack.test").await;
    assert_eq!(problem.network, Some(Kind::ProxyUnreachable), "{problem:?}");
    let found = machine
        .finding("https://stack.test", "stack_unreachable")
        .await;
    assert_eq!(found.summary, problem.detail);
    assert!(found.hint.to_string().contains("--proxy"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_used_are_told_of() {
    let machine = Machine::start("", &[("REQUESTS_CA_BUNDLE", "/nowhere/corp.pem")]).await;
    let log = std::fs::read_to_string(machine.home.log()).unwrap();
    let line = "REQUESTS_CA_BUNDLE names “/nowhere/corp.pem”";
    assert!(log.contains("REQUESTS_CA_BUNDLE names"), "{log}");
    let found = machine.finding("http://127.0.0.1:1", "ca_bundle").await;
    assert!(
        found.summary.starts_with(line) || found.summary.contains("/nowhere/corp.pem"),
        "{found:?}"
    );
    let words = machine.file("words.pem", "no certificate\n");
    set(
        &machine.home,
        &format!("[network]\nca_bundle = '{}'\n", words.display()),
    );
    let findings = machine.findings("http://127.0.0.1:1", &[]).await;
    let of_settings = findings
        .iter()
        .find(|found| found.summary.contains("words.pem"))
        .unwrap();
    assert!(
        of_settings.summary.contains("holds no certificate"),
        "{of_settings:?}"
    );
    assert!(
        of_settings.hint.to_string().starts_with("${EDITOR:-vi} "),
        "{of_settings:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_goes_another_way_than_the_daemon_is_told_and_a_restart_mends_it() {
    let world = World::start().await;
    let world = World {
        daemon: None,
        ..world
    };
    let home = &world.home;
    let ctl = async |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(binaries::quiltctl());
        command.env("QUILTD_BIN", home.program(binaries::quiltd()));
        command.args(args).envs(variables.iter().copied());
        quilt_tests::harness::Run::from(command.output().await.unwrap())
    };
    ctl(&["daemon", "start"], &[]).await.ok();
    let later = [("HTTPS_PROXY", "http://me:geheim@proxy.example:3128")];
    let differs = async |variables: &[(&str, &str)]| {
        let said = ctl(&["doctor", "--json"], variables).await.stdout;
        assert!(!said.contains("geheim"), "{said}");
        let diagnosis: quilt_proto::wire::Diagnosis = serde_json::from_str(&said).unwrap();
        let mut found = diagnosis.findings.into_iter();
        found.find(|finding| finding.code == "network_differs")
    };
    assert_eq!(differs(&[]).await, None);
    let found = differs(&later).await.expect("a finding");
    assert!(
        found.summary.contains("HTTPS_PROXY") && found.summary.contains("not set for the daemon")
    );
    let hint = found.hint.to_string();
    assert_eq!(hint, "quiltctl daemon restart");
    ctl(&["daemon", "restart"], &later).await.ok();
    assert_eq!(differs(&later).await, None);
    // A password alone is another way, too, and none is shown.
    let changed = [("HTTPS_PROXY", "http://me:geheimer@proxy.example:3128")];
    let found = differs(&changed).await.expect("a finding");
    let what = "HTTPS_PROXY has another password here";
    assert!(found.summary.contains(what), "{found:?}");
    ctl(&["daemon", "restart"], &changed).await.ok();
    assert_eq!(differs(&changed).await, None);
    ctl(&["daemon", "stop"], &[]).await.ok();
}

/// The SDK and S3 go the same way as the stack: the certificate of a server in
/// AWS's place is judged alike.
#[tokio::test(flavor = "multi_thread")]
async fn aws_is_reached_the_same_way() {
    let ours = Authority::new();
    let tls = Tls::start(&ours, "localhost", Days::Now).await;
    let at = format!("https://localhost:{}", tls.port);
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let home = Home::new();
    let bundle = home.path().join("ca.pem");
    std::fs::write(&bundle, ours.pem()).unwrap();
    let profile = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    set(&home, &profile);
    let variables = [
        ("AWS_ENDPOINT_URL_STS", at.as_str()),
        ("AWS_ENDPOINT_URL", at.as_str()),
        ("QUILTD_CONSOLE_ENDPOINT", at.as_str()),
    ];
    let daemon = Daemon::start_with(&home, &["--token-store", "memory"], &variables).await;
    let world = World {
        stack,
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    let asks: [&[&str]; 3] = [
        &["credential-process", "--profile", "lake"],
        &["packages", "list", "s3://some-bucket"],
        &["console", "--json"],
    ];
    for ask in asks {
        let run = world.ctl(ask).await;
        assert!(
            run.stderr
                .contains("an authority that this machine does not know"),
            "{ask:?}: {run:?}"
        );
        assert_eq!(run.code, 5, "{ask:?}: {run:?}");
    }
    let text = format!("{profile}[network]\nca_bundle = '{}'\n", bundle.display());
    set(&world.home, &text);
    for ask in asks {
        // What failed just now is not tried again at once.
        let deadline = Instant::now() + Duration::from_secs(90);
        let run = loop {
            let run = world.ctl(ask).await;
            if !run.stderr.contains("an authority that") {
                break run;
            }
            assert!(Instant::now() < deadline, "{ask:?}: {run:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_ne!(run.code, 0, "{ask:?}: it is not AWS: {run:?}");
    }
}

/// Credentials go to no other machine in the clear, whoever names one. The
/// address that stands for all of this machine's is no loopback address, and
/// leads here all the same.
#[tokio::test(flavor = "multi_thread")]
async fn no_credentials_go_to_another_machine_in_the_clear() {
    let aws = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = aws.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = aws.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let asks: [(&str, &[&str]); 4] = [
        (
            "AWS_ENDPOINT_URL_STS",
            &["credential-process", "--profile", "lake"],
        ),
        (
            "AWS_ENDPOINT_URL",
            &["credential-process", "--profile", "lake"],
        ),
        (
            "AWS_ENDPOINT_URL_S3",
            &["packages", "list", "s3://some-bucket"],
        ),
        ("QUILTD_CONSOLE_ENDPOINT", &["console", "--json"]),
    ];
    for (variable, ask) in asks {
        let home = Home::new();
        set(
            &home,
            &format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake")),
        );
        let mut world = World {
            stack: FakeStack::bind(StackConfig::default()).await.unwrap(),
            home,
            daemon: None,
        };
        let start = async |world: &mut World, host: &str| {
            let at = format!("http://{host}:{port}");
            let variables = [(variable, at.as_str())];
            let args = ["--token-store", "memory"];
            world.daemon = Some(Daemon::start_with(&world.home, &args, &variables).await);
            world.login().await;
        };
        start(&mut world, "0.0.0.0").await;
        let run = world.ctl(ask).await;
        assert_eq!(run.code, 5, "{variable}: {run:?}");
        assert!(run.stderr.contains("http"), "{variable}: {run:?}");
        assert_eq!(connections.swap(0, Ordering::SeqCst), 0, "{variable}");
        let said = world.ctl(&["doctor", "--json"]).await;
        let diagnosis: quilt_proto::wire::Diagnosis = serde_json::from_str(&said.stdout).unwrap();
        let mut findings = diagnosis.findings.iter();
        let found = findings.find(|finding| finding.code == "endpoint_plain");
        let found = found.unwrap_or_else(|| panic!("{variable}: {diagnosis:?}"));
        assert!(found.summary.contains(variable), "{found:?}");
        let mends = format!("unset {variable} && quiltctl daemon restart");
        assert_eq!(found.hint.to_string(), mends);
        // The control: the same is asked over loopback.
        world.daemon.take().unwrap().stop().await;
        start(&mut world, "127.0.0.1").await;
        world.ctl(ask).await.failed(5);
        assert!(connections.swap(0, Ordering::SeqCst) > 0, "{variable}");
        let status = world.client().status().await.unwrap();
        let mut findings = status.findings.iter();
        assert!(findings.all(|finding| finding.code != "endpoint_plain"));
    }
}
