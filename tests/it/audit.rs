//! What the audit log says: of every endpoint that is in it, and whose doing
//! it was.

use std::collections::BTreeSet;
use std::fs;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use quilt_client::{Client, Error};
use quilt_proto::api::*;
use quilt_proto::wire::{
    ApiKeyRotation, AuditEntry, ConfigUpdate, Diagnosis, GatewayRequest, GrantRequest, LoginCode,
    NewApiKey, RegistryAcceptance,
};
use quilt_proto::{ApiKeyId, ProfileName, Secret};
use quilt_tests::fake_stack::{FakeStack, StackConfig};
#[cfg(target_os = "linux")]
use quilt_tests::harness::Users;
use quilt_tests::harness::{Daemon, Home, World};

use crate::roles::set;

/// Two stacks at which alice is logged in; the profile `there` is of the other.
struct Two {
    world: World,
    other: FakeStack,
}

impl Two {
    async fn start() -> Self {
        let home = Home::new();
        let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
        let other = FakeStack::bind(StackConfig::default()).await.unwrap();
        let there = format!("[profiles.there]\ncatalog = '{}'\n", other.catalog_url());
        set(&home, &there);
        let federation = other.federation_url();
        let variables = [
            ("AWS_ENDPOINT_URL_S3", other.s3_url()),
            ("QUILTD_CONSOLE_ENDPOINT", federation.as_str()),
        ];
        let daemon = Daemon::start_with(&home, &["--token-store", "file"], &variables).await;
        let daemon = Some(daemon);
        let world = World {
            stack,
            home,
            daemon,
        };
        world.login().await;
        world.ctl(&["config", world.stack.catalog_url()]).await.ok();
        let two = Self { world, other };
        two.there().send(&two.code()).await.unwrap();
        two
    }

    /// A client of the other stack.
    fn there(&self) -> Client {
        let catalog = self.other.catalog_url().parse().unwrap();
        self.world.client().with_catalog(&catalog)
    }

    /// A login at the other stack.
    fn code(&self) -> Login {
        Login(LoginCode {
            code: Secret::new(self.other.control().login_code("alice").unwrap()),
            accept_registry: None,
            page_registry: None,
        })
    }

    async fn entries(&self) -> Vec<AuditEntry> {
        let all = ReadAudit(AuditQuery::default());
        self.world.client().send(&all).await.unwrap()
    }

    /// What there is of an action: catalog, profile, how often.
    async fn of(&self, action: Action) -> Vec<(Option<String>, Option<String>, u64)> {
        let mut found: Vec<(_, _, u64)> = Vec::new();
        for entry in self.entries().await {
            if entry.action != action.as_str() {
                continue;
            }
            let same = found.iter_mut().find(|(catalog, profile, _)| {
                (catalog, profile) == (&entry.catalog_url, &entry.profile)
            });
            match same {
                Some((.., count)) => *count += entry.count,
                None => found.push((entry.catalog_url, entry.profile, entry.count)),
            }
        }
        found
    }
}

/// Calls endpoints, and keeps what the log has to say of each.
struct Calls {
    client: Client,
    made: BTreeSet<(&'static str, &'static str)>,
    expected: Vec<(&'static str, String)>,
}

impl Calls {
    async fn call<E: Endpoint>(&mut self, request: E) -> Result<E::Answer, Error> {
        let answer = self.client.send(&request).await;
        let outcome = match &answer {
            Ok(_) => "ok".to_owned(),
            Err(Error::Problem(problem)) => problem.code.as_str().to_owned(),
            Err(error) => panic!("{} {}: {error}", E::METHOD.as_str(), E::PATH),
        };
        if let Some(action) = E::AUDIT {
            self.made.insert((E::METHOD.as_str(), E::PATH));
            self.expected.push((action.as_str(), outcome));
        }
        answer
    }
}

/// The endpoints that are declared to be in the log.
#[derive(Default)]
struct Audited(BTreeSet<(&'static str, &'static str)>);

impl Visit for Audited {
    fn endpoint<E: Endpoint>(&mut self) {
        if E::AUDIT.is_some() {
            self.0.insert((E::METHOD.as_str(), E::PATH));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_audited_endpoint_has_its_entry_of_the_catalog_it_was_resolved_to() {
    let two = Two::start().await;
    let mut calls = Calls {
        client: two.there(),
        made: BTreeSet::new(),
        expected: Vec::new(),
    };
    calls.call(two.code()).await.unwrap();
    let web = StartWebLogin(WebLoginQuery::default());
    calls.call(web).await.unwrap();
    let host = two.other.registry_url().split_once("://").unwrap().1;
    let accept_registry = host.parse().unwrap();
    let accept = AcceptRegistry(RegistryAcceptance { accept_registry });
    calls.call(accept).await.unwrap();
    calls.call(ReadToken).await.unwrap();
    let me = calls.call(ReadMe).await.unwrap();
    let role = me.role.unwrap();
    calls.call(SwitchRole(RoleChoice { role })).await.unwrap();

    let credentials = ReadCredentials(ProfileQuery::default());
    calls.call(credentials).await.unwrap();
    let console = ReadConsoleUrl(ConsoleQuery::default());
    calls.call(console).await.unwrap();
    let grant = calls.call(CreateGrant(GrantRequest::default())).await;
    calls.call(RevokeGrant(grant.unwrap().id)).await.unwrap();
    let gateway = SetUpGateway(GatewayRequest::default());
    calls.call(gateway).await.unwrap();
    calls.call(UndoGateway).await.unwrap();

    let new = |name: &str| {
        CreateApiKey(NewApiKey {
            name: name.to_owned(),
            expires_in_days: 30,
        })
    };
    let id = |id: &str| id.parse::<ApiKeyId>().unwrap();
    let one = calls.call(new("one")).await.unwrap();
    let two_ = calls.call(new("two")).await.unwrap();
    let three = calls.call(new("three")).await.unwrap();
    let rotation = ApiKeyRotation {
        id: Some(one.api_key.id.clone()),
        expires_in_days: None,
    };
    calls.call(RotateApiKey(rotation)).await.unwrap();
    let use_it = UseApiKey(one.secret.into());
    calls.call(use_it).await.unwrap();
    calls.call(ClearApiKey).await.unwrap();
    calls.call(RevokeApiKey(id(&one.api_key.id))).await.unwrap();
    // Alice is an admin or she is not: it is in the log either way.
    drop(calls.call(RevokeAnyApiKey(id(&two_.api_key.id))).await);
    let by_secret = RevokeApiKeySecret(three.secret.into());
    calls.call(by_secret).await.unwrap();

    let delete = DeletePackage {
        path: "ns/none".parse().unwrap(),
        query: DeletePackageQuery {
            layout: None,
            registry: Some("s3://private-bucket".to_owned()),
            top_hash: None,
        },
    };
    calls.call(delete).await.unwrap_err();
    let configure = UpdateConfig(ConfigUpdate::catalog(two.other.catalog_url()));
    calls.call(configure).await.unwrap();
    calls.call(Logout(LogoutQuery::default())).await.unwrap();
    calls.call(ReadToken).await.unwrap_err();

    let catalog = Some(two.other.catalog_url());
    let own = std::env::current_exe().unwrap().display().to_string();
    let entries = two.entries().await;
    for (action, outcome) in &calls.expected {
        let times = calls.expected.iter();
        let times = times.filter(|other| (other.0, &other.1) == (*action, outcome));
        let mut times = times.count() as u64;
        // The login before.
        times += u64::from(*action == "login");
        let alike = entries.iter().filter(|entry| {
            entry.action == *action
                && entry.outcome == *outcome
                && entry.catalog_url.as_deref() == catalog
                && (cfg!(not(target_os = "linux")) || entry.program.as_ref() == Some(&own))
        });
        let found: u64 = alike.map(|entry| entry.count).sum();
        assert_eq!(found, times, "{action} {outcome}: {entries:#?}");
    }

    // Read from the file: nobody answers afterwards.
    calls.call(OfferKeys).await.unwrap();
    calls
        .call(Shutdown(ShutdownQuery::default()))
        .await
        .unwrap();
    let Two { mut world, .. } = two;
    world.daemon.take().unwrap().stop().await;
    let file = fs::read_to_string(world.home.state().join("audit.jsonl")).unwrap();
    let last: AuditEntry = serde_json::from_str(file.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last.action.as_str(), last.outcome.as_str()),
        ("shutdown", "ok")
    );

    let mut declared = Audited::default();
    visit(&mut declared);
    let uncalled: Vec<_> = declared.0.difference(&calls.made).collect();
    assert!(uncalled.is_empty(), "call these, too: {uncalled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_says_of_which_catalog_and_nothing_is_merged_over_two() {
    let two = Two::start().await;
    let here = two.world.client();
    let there: ProfileName = "there".parse().unwrap();
    let (a, b) = (two.world.stack.catalog_url(), two.other.catalog_url());
    let text = |text: &str| Some(text.to_owned());
    for _ in 0..3 {
        here.send(&ReadCredentials(ProfileQuery::default()))
            .await
            .unwrap();
        here.send(&ReadCredentials(there.clone().into()))
            .await
            .unwrap();
        here.send(&ReadToken).await.unwrap();
        two.there().send(&ReadToken).await.unwrap();
        let grant = CreateGrant(GrantRequest {
            profile: Some(there.clone()),
            ..GrantRequest::default()
        });
        let grant = here.send(&grant).await.unwrap();
        here.send(&RevokeGrant(grant.id)).await.unwrap();
    }
    let credentials = two.of(Action::CREDENTIALS).await;
    let default = (text(a), text("default"), 3);
    let other = (text(b), text("there"), 3);
    assert_eq!(credentials, [default, other.clone()]);
    let tokens = two.of(Action::new("token")).await;
    assert_eq!(tokens, [(text(a), None, 3), (text(b), None, 3)]);
    assert_eq!(
        two.of(Action::new("grant")).await,
        std::slice::from_ref(&other)
    );
    assert_eq!(two.of(Action::new("grant_revoke")).await, [other]);
    let entries = two.entries().await;
    let grants: BTreeSet<_> = entries.iter().filter_map(|e| e.grant_id.as_ref()).collect();
    assert_eq!(grants.len(), 3, "each grant has entries of its own");

    let all = LogoutQuery { all: true };
    here.send(&Logout(all)).await.unwrap();
    let mut logouts = two.of(Action::new("logout")).await;
    logouts.sort();
    let mut both = [(text(a), None, 1), (text(b), None, 1)];
    both.sort();
    assert_eq!(logouts, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_configuration_and_deletions_are_in_it() {
    let two = Two::start().await;
    let (here, a) = (two.world.client(), two.world.stack.catalog_url());
    let (b, text) = (two.other.catalog_url(), |text: &str| Some(text.to_owned()));
    // The harness configured the first catalog.
    assert_eq!(
        two.of(Action::new("config_update")).await,
        [(text(a), None, 1)]
    );
    let set = ConfigUpdate::values([("telemetry_disabled".to_owned(), true.into())].into());
    here.send(&UpdateConfig(set)).await.unwrap();
    here.send(&UpdateConfig(ConfigUpdate::catalog(b)))
        .await
        .unwrap();
    here.send(&UpdateConfig(ConfigUpdate::catalog("")))
        .await
        .unwrap();
    let neither = ConfigUpdate::default();
    here.send(&UpdateConfig(neither)).await.unwrap_err();
    let changes = two.of(Action::new("config_update")).await;
    let expected = [(text(a), None, 2), (text(b), None, 2), (None, None, 1)];
    assert_eq!(changes, expected);

    let registry = two.world.home.path().join("registry");
    fs::create_dir_all(&registry).unwrap();
    let registry = format!("file://{}", registry.display());
    for name in ["ns/one", "ns/two"] {
        let delete = DeletePackage {
            path: name.parse().unwrap(),
            query: DeletePackageQuery {
                layout: None,
                registry: Some(registry.clone()),
                top_hash: None,
            },
        };
        here.send(&delete).await.unwrap_err();
    }
    let entries = two.entries().await;
    let deletions: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "package_delete")
        .map(|entry| (entry.outcome.as_str(), entry.request.clone().unwrap()))
        .collect();
    let line = |name: &str| format!("DELETE {registry} {name}");
    let expected = ["ns/one", "ns/two"].map(|name| ("not_found", line(name)));
    assert_eq!(deletions, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_in_order_of_time_although_repeats_are_gathered() {
    let two = Two::start().await;
    let client = two.world.client();
    let now = || quilt_proto::Timestamp::now().unix();
    client.send(&ReadToken).await.unwrap();
    client.send(&ReadToken).await.unwrap();
    let then = now();
    while now() == then {
        client.health().await.unwrap();
    }
    // Many at once, each of a kind of its own.
    let many = (0..20).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            let id = format!("none{n}");
            drop(client.send(&RevokeApiKey(id.parse().unwrap())).await);
            drop(client.send(&ReadCredentials(ProfileQuery::default())).await);
        })
    });
    for one in many.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let entries = two.entries().await;
    let times: Vec<_> = entries.iter().map(|entry| entry.time).collect();
    let seconds: BTreeSet<_> = times.iter().collect();
    assert!(seconds.len() > 1, "more than one second passed");
    assert!(times.is_sorted(), "{entries:#?}");
    let tokens = entries.iter().filter(|entry| entry.action == "token");
    assert!(tokens.count() > 1, "the repeat is a line of its own");
}

/// A program of this name that runs a script: a shell.
#[cfg(target_os = "linux")]
fn program(two: &Two, name: &str) -> PathBuf {
    let path = two.world.home.path().join(name);
    quilt_tests::harness::binaries::copy("/bin/sh".as_ref(), &path);
    path
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_the_one_that_called_quiltctl() {
    let two = Two::start().await;
    let quiltctl = two.world.ctl_command(&[]);
    let quiltctl = quiltctl.as_std().get_program().display();
    let (aws, terraform) = (program(&two, "aws"), program(&two, "terraform"));
    let ask = format!("{quiltctl} --no-autostart credential-process >&2; :");
    // As SDKs run it: through a shell.
    let through_sh = format!("sh -c '{ask}'; :");
    for (path, script) in [(&aws, &through_sh), (&terraform, &ask)] {
        let mut command = two.world.home.command(path);
        let ran = command.args(["-c", script]).output().await.unwrap();
        assert!(String::from_utf8_lossy(&ran.stderr).contains("AccessKeyId"));
    }
    let entries = two.entries().await;
    let programs: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "credentials")
        .map(|entry| PathBuf::from(entry.program.clone().unwrap()))
        .collect();
    assert_eq!(programs, [aws, terraform], "{entries:#?}");
}

/// What the system tells to root it does not tell to everybody.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_of_an_ordinary_user_names_the_program_too() {
    let Some(Users { a, .. }) = Users::find("a test of an ordinary user").await else {
        return;
    };
    let world = World::of(&a, StackConfig::default()).await;
    world.login().await;
    let quiltctl = world.ctl_command(&[]);
    let quiltctl = quiltctl
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let script = "import subprocess, sys\n\
                  subprocess.run([sys.argv[1], '--no-autostart', 'credential-process'], check=True)";
    world.home.python(script, &[&quiltctl]).await.ok();
    let said = world.ctl(&["audit", "--json"]).await.ok();
    let entries: Vec<AuditEntry> = serde_json::from_str(&said).unwrap();
    let asked = entries.iter().find(|entry| entry.action == "credentials");
    let program = asked.unwrap().program.clone().unwrap_or_default();
    assert!(program.contains("python3"), "{entries:#?}");
}

/// An interpreter says little of who asked; what else its command line holds is
/// nobody's business.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_script_has_its_name_in_the_log_and_its_arguments_are_in_no_file() {
    let two = Two::start().await;
    let world = &two.world;
    let script = world.home.path().join("train.py");
    let ask = "import os, subprocess, sys, urllib.request as http\n\
               if url := os.environ.get('AWS_CONTAINER_CREDENTIALS_FULL_URI'):\n\
               \x20   token = os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']\n\
               \x20   http.urlopen(http.Request(url, headers={'Authorization': token})).read()\n\
               else:\n\
               \x20   subprocess.run([*sys.argv[3:], 'credential-process'], check=True)\n";
    fs::write(&script, ask).unwrap();
    let script = script.to_str().unwrap();
    let quiltctl = world.ctl_command(&[]);
    let quiltctl = quiltctl.as_std().get_program().to_str().unwrap();
    let secret = ["--password", "hunter2"];
    let mut through_quiltctl = world.home.command("python3");
    through_quiltctl.arg(script).args(secret).arg(quiltctl);
    let ran = through_quiltctl.output().await.unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("AccessKeyId"));
    let exec = ["exec", "--", "python3", script, secret[0], secret[1]];
    world.ctl(&exec).await.ok();

    let entries = two.entries().await;
    let vends = |action: Action| {
        let of = move |entry: &&AuditEntry| entry.action == action.as_str();
        entries
            .iter()
            .filter(of)
            .map(|entry| entry.script.as_deref())
    };
    let scripts: Vec<_> = vends(Action::CREDENTIALS).collect();
    assert_eq!(scripts, [Some("train.py"); 2], "{entries:#?}");
    // What is no interpreter has none.
    assert!(vends(Action::LOGIN).all(|script| script.is_none()));
    let screen = world.ctl(&["audit"]).await.ok();
    let line = screen.lines().find(|line| line.contains("credentials"));
    assert!(line.unwrap().contains(" train.py ("), "{screen}");
    let file = fs::read_to_string(world.home.state().join("audit.jsonl")).unwrap();
    assert!(
        file.contains("train.py") && !file.contains("hunter2"),
        "{file}"
    );
}

/// Puts something else where a file was.
type Plant = fn(&std::path::Path);

/// What is not noted is said, wherever somebody would look.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_is_told_of() {
    let mut world = World::start().await;
    world.login().await;
    let log = world.home.state().join("audit.jsonl");
    let codes = async |world: &World| {
        let status = world.client().status().await.unwrap();
        let diagnosis = world.ctl(&["doctor", "--json"]).await.stdout;
        let diagnosis: Diagnosis = serde_json::from_str(&diagnosis).unwrap();
        let said = [status.findings, diagnosis.findings];
        // A file that others may have planted is told of as that.
        let codes = ["audit_unwritten", "file_not_trusted"];
        said.map(|found| found.iter().any(|it| codes.contains(&it.code.as_str())))
    };
    let plants: [(&str, Plant); 3] = [
        ("a directory", |log| fs::create_dir(log).unwrap()),
        ("a link", |log| {
            std::os::unix::fs::symlink("/dev/null", log).unwrap();
        }),
        ("a pipe", |log| {
            let made = std::process::Command::new("mkfifo").arg(log).status();
            assert!(made.unwrap().success());
        }),
    ];
    for (what, plant) in plants {
        // The file is there by then.
        world.ctl(&["audit"]).await.ok();
        fs::remove_file(&log).unwrap();
        plant(&log);
        world.ctl(&["token"]).await.ok();
        // What was asked for before is noted by then.
        let listed = world.ctl(&["audit"]).await;
        assert!(listed.code != 0 && !listed.stderr.is_empty(), "{listed:?}");
        assert_eq!(codes(&world).await, [true; 2], "{what}");
        world.crash_and_restart().await;
        assert_eq!(codes(&world).await, [true; 2], "{what}, after a restart");
        let is_dir = log.symlink_metadata().unwrap().is_dir();
        let remove = if is_dir {
            fs::remove_dir
        } else {
            fs::remove_file
        };
        remove(&log).unwrap();
        // The control: it is written again, and nothing more is said.
        world.ctl(&["token"]).await.ok();
        let listed = world.ctl(&["audit"]).await;
        assert!(!listed.stderr.contains("Not all is here"), "{listed:?}");
        assert!(listed.ok().contains("token"), "{what}");
        assert_eq!(codes(&world).await, [false; 2], "{what}");
    }
}

/// As a disk that is full leaves it: what was noted before can still be read.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_whole_says_so() {
    let world = World::start().await;
    world.login().await;
    let log = world.home.state().join("audit.jsonl");
    world.ctl(&["token"]).await.ok();
    world.ctl(&["audit"]).await.ok();
    let mark = async |how: &str| {
        let marked = world
            .home
            .command("chattr")
            .arg(how)
            .arg(&log)
            .output()
            .await;
        marked.is_ok_and(|marked| marked.status.success())
    };
    if !mark("+i").await {
        quilt_tests::harness::toolchain::not_run("immutable files", "chattr +i does not work here");
        return;
    }
    world.ctl(&["whoami"]).await.ok();
    world.ctl(&["credential-process"]).await.ok();
    world.ctl(&["audit"]).await;
    let listed = world.ctl(&["audit"]).await;
    let status = world.client().status().await.unwrap();
    assert!(mark("-i").await);
    let mut findings = status.findings.iter();
    let found = findings.find(|it| it.code == "audit_unwritten");
    let found = found.expect("a finding");
    assert!(found.summary.contains("marked as immutable"), "{found:?}");
    assert_eq!(
        found.hint.to_string(),
        format!("lsattr -d {}", log.display())
    );
    assert!(listed.stderr.contains("Not all is here"), "{listed:?}");
    assert!(listed.ok().contains("token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_named_has_its_entries_alone() {
    let two = Two::start().await;
    two.world.client().send(&ReadToken).await.unwrap();
    two.there().send(&ReadToken).await.unwrap();
    let both = two.world.ctl(&["audit", "--json"]).await.ok();
    for (of, other) in [
        (two.world.stack.catalog_url(), two.other.catalog_url()),
        (two.other.catalog_url(), two.world.stack.catalog_url()),
    ] {
        assert!(both.contains(of), "{both}");
        let host = of.trim_start_matches("http://");
        let asked = ["audit", "--json", "--catalog", host];
        let one = two.world.ctl(&asked).await.ok();
        assert!(one.contains(of) && !one.contains(other), "{one}");
    }
    let unknown = ["audit", "--catalog", "no such catalog"];
    two.world.ctl(&unknown).await.failed(8);
}
