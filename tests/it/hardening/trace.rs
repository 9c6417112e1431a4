//! Everything there is, done at log level TRACE, with hostile answers in
//! between: no secret is in the log, in the audit log, or in what quiltctl
//! says of failures.

mod steps;

use std::collections::BTreeSet;
use std::fs;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Canaries, Run, World, shown_of_start};
use serde_json::{Value, json};

use super::whole_world;
use crate::roles::arn;

/// No secret: it has to be found by the same look.
const MARKER: &str = "marker-0123456789abcdefghijklmnopqrstuvwxyz";

/// What was told to somebody, and what must not be in it.
struct Story {
    world: World,
    secrets: Vec<(String, String)>,
    shown: Vec<u8>,
}

impl Story {
    async fn begin() -> Self {
        let more = format!("[profiles.{MARKER}]\nrole_arn = '{}'\n", arn("lake"));
        let world = whole_world(&more, &["--log", "trace"]).await;
        Self {
            world,
            secrets: Vec::new(),
            shown: Vec::new(),
        }
    }

    fn secret(&mut self, what: &str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 16, "{what} is long enough to be found");
        if !self.secrets.iter().any(|(_, known)| *known == secret) {
            self.secrets.push((what.to_owned(), secret));
        }
    }

    /// Something secret of no use, for where it does not belong.
    fn invented(&mut self, what: &str) -> String {
        let [a, b] = [(); 2].map(|()| getrandom::u64().unwrap());
        let random = format!("{a:016x}{b:016x}");
        self.secret(what, &random);
        random
    }

    fn show(&mut self, run: &Run) {
        self.shown.extend_from_slice(run.stdout.as_bytes());
        self.shown.extend_from_slice(run.stderr.as_bytes());
    }

    /// Runs quiltctl; all it says is to be free of secrets.
    async fn ctl(&mut self, args: &[&str]) -> Run {
        let run = self.world.ctl(args).await;
        self.show(&run);
        run
    }

    /// The same with something on its standard input.
    async fn ctl_with_input(&mut self, args: &[&str], input: &str) -> Run {
        let run = self.world.ctl_with_input(args, input).await;
        self.show(&run);
        run
    }

    /// Runs quiltctl to get a secret; only what it says besides is to be free
    /// of any.
    async fn secret_by_ctl(&mut self, args: &[&str]) -> String {
        let run = self.world.ctl(args).await;
        self.shown.extend_from_slice(run.stderr.as_bytes());
        run.ok()
    }

    /// Takes note of the tokens that are stored now.
    fn stored(&mut self) {
        let text = fs::read_to_string(self.world.home.sessions_file()).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        let record = &state["sessions"][self.world.stack.catalog_url()];
        for key in ["refresh_token", "access_token"] {
            if let Some(secret) = record[key].as_str() {
                self.secret(key, secret);
            }
        }
    }

    fn last(&self, what: &str) -> String {
        let mut all = self.secrets.iter().rev();
        all.find(|(name, _)| name == what).unwrap().1.clone()
    }

    fn plant(&self, endpoint: Endpoint, status: u16, body: String) {
        let fault = FaultKind::Status { status, body };
        self.world
            .stack
            .control()
            .plant(endpoint, Fault::times(fault, 2));
    }

    fn calm(&self) {
        self.world.stack.control().clear_faults();
    }

    /// Lets an endpoint say secrets in every way while quiltctl asks.
    async fn quoted(&mut self, endpoint: Endpoint, secrets: &[String], args: &[&str], input: &str) {
        for secret in secrets {
            for (status, body) in answers(secret) {
                if endpoint == Endpoint::GetCredentials {
                    self.nothing_held().await;
                }
                self.plant(endpoint, status, body);
                self.ctl_with_input(args, input).await;
                self.calm();
            }
        }
    }

    /// Switches the role: no credentials are held any more, and no failure.
    async fn nothing_held(&mut self) {
        let control = self.world.stack.control();
        let role = match control.active_role("alice").as_deref() {
            Some("ReadQuiltBucket") => "ReadWriteQuiltBucket",
            _ => "ReadQuiltBucket",
        };
        if self.ctl(&["role", "switch", role]).await.code != 0 {
            self.alive().await;
        }
    }

    /// The credentials of a profile.
    async fn vend(&mut self, profile: &str) {
        let args = ["credential-process", "--profile", profile];
        let document = self.secret_by_ctl(&args).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        for key in ["SecretAccessKey", "SessionToken"] {
            self.secret(key, document[key].as_str().unwrap());
        }
    }

    /// Logs in again, if a hostile answer has ended the login.
    async fn alive(&mut self) {
        if self.ctl(&["whoami"]).await.code != 0 {
            self.world.login().await;
        }
        self.stored();
    }

    /// The places nothing secret may be in: what quiltctl said, and the
    /// daemon's files but those that keep secrets by design.
    async fn everything_said(&self) -> Vec<(String, Vec<u8>)> {
        let home = self.world.home.path();
        let mut places = vec![
            ("quiltctl".to_owned(), self.shown.clone()),
            ("the log".to_owned(), self.world.log().into_bytes()),
        ];
        for entry in fs::read_dir(self.world.home.state()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name != "sessions.json" && entry.file_type().unwrap().is_file() {
                places.push((name, fs::read(entry.path()).unwrap()));
            }
        }
        let pid = self.world.daemon.as_ref().unwrap().pid();
        for (file, bytes) in shown_of_start(pid) {
            places.push((file.to_owned(), bytes));
        }
        for target in [
            "/metrics",
            "/v1/status",
            "/v1/audit",
            "/v1/profiles",
            "/v1/config",
        ] {
            let answer = self.world.ask("GET", target, "*/*", None).await;
            places.push((target.to_owned(), answer.body.to_vec()));
        }
        assert!(
            places.iter().any(|(name, _)| name == "audit.jsonl"),
            "{}",
            home.display()
        );
        places
    }
}

/// Status and body of answers that quote a secret.
fn answers(secret: &str) -> Vec<(u16, String)> {
    let said = format!("you sent {secret} and \"{secret}\", which is bad");
    let objects = [
        json!({ "message": said }),
        json!({ "error": said }),
        json!({ "error": { "reason": said }, "detail": said }),
        json!({ "error_description": said, "error": "invalid_request" }),
        json!({ "errors": [{ "message": said, "path": [said] }] }),
        json!({ "data": { "me": said }, "errors": [{ "message": said }] }),
        json!({ "access_token": [said], "AccessKeyId": [said], "hits": said }),
    ];
    let xml = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error>\
             </ErrorResponse>"
        )
    };
    let bodies = objects.iter().map(Value::to_string).chain([
        said.clone(),
        format!("<html><title>{said}</title></html>"),
        xml(secret),
        xml("AccessDenied"),
        format!("{{\"message\": \"{said}"),
    ]);
    let statuses = [200, 400, 404, 500];
    let mut answers: Vec<_> = statuses.into_iter().cycle().zip(bodies).collect();
    let plain = objects[0].to_string();
    answers.extend(statuses.map(|status| (status, plain.clone())));
    answers.push((403, xml("AccessDenied")));
    // It may end the login.
    answers.push((403, plain));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_at_the_most_talkative_level() {
    let mut story = Story::begin().await;
    steps::log_in(&mut story).await;
    steps::be_refused(&mut story).await;
    steps::use_aws(&mut story).await;
    steps::use_keys(&mut story).await;
    steps::use_loopback(&mut story).await;
    steps::be_clumsy(&mut story).await;
    steps::import(&mut story).await;
    steps::log_in_by_web(&mut story).await;
    story.ctl(&["logout", "--all"]).await.ok();

    let places = story.everything_said().await;
    let log = &places.iter().find(|(name, _)| name == "the log").unwrap().1;
    the_log_is_talkative(log);
    let socket = story.world.home.socket();
    let socket = socket.to_str().unwrap();
    for (place, control) in [("the log", socket), ("quiltctl", MARKER)] {
        let (_, bytes) = places.iter().find(|(name, _)| name == place).unwrap();
        let found = Canaries::in_every_form([control]).within(bytes);
        assert!(!found.is_empty(), "the control is found: {place}");
    }
    assert!(story.secrets.len() > 30, "{}", story.secrets.len());
    let secrets = story.secrets.iter().map(|(_, secret)| secret);
    let canaries = Canaries::in_every_form(secrets);
    let mut told = BTreeSet::new();
    for (place, bytes) in &places {
        for (at, secret) in canaries.within(bytes) {
            let begin = bytes[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let line = &bytes[begin..(begin + 300).min(bytes.len())];
            let line = String::from_utf8_lossy(line)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            told.insert(format!("{} in {place}: {line}", story.secrets[secret].0));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

/// Checks that libraries did speak: what they say at TRACE was looked at.
fn the_log_is_talkative(log: &[u8]) {
    let log = String::from_utf8_lossy(log);
    let crates: BTreeSet<_> = log
        .lines()
        .filter_map(|line| line.split_once(" TRACE "))
        .filter_map(|(_, line)| line.split([':', '{', ' ']).find(|word| !word.is_empty()))
        .map(str::to_owned)
        .collect();
    for library in ["hyper_util", "aws_smithy_runtime"] {
        assert!(
            crates.contains(library),
            "{library} is not among {crates:?}"
        );
    }
}
