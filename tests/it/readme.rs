//! Every command in the README, run in order as it stands, in a home that has
//! nothing but it, by the real programs over a fake stack.

use std::fmt::Write as _;
use std::process::Stdio;

use quilt_tests::harness::toolchain::{Python, Venv, not_run};
use quilt_tests::harness::{Home, Run, binaries};
use quilt_tests::stack::{ACCOUNT, DEMO_BUCKET, FakeStack, StackConfig};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const README: &str = include_str!("../../README.md");
const ALIASES: &str = include_str!("../../.cargo/config.toml");
const CHECKS: &str = include_str!("../../.ci/run");

/// The blocks a reader runs.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = README;
    while let Some((_, after)) = rest.split_once("```sh\n") {
        let (block, after) = after.split_once("```").unwrap();
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// A reader: a home, what stands for their catalogs, and a path to programs.
struct Reader {
    home: Home,
    stack: FakeStack,
    other: FakeStack,
    path: String,
    /// The key that was made, as a service has it.
    key: Option<String>,
}

impl Reader {
    /// Nothing but `HOME`, `PATH`, and where this machine's AWS is.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("env");
        command
            .arg("-i")
            .arg(format!("HOME={}", self.home.path().display()))
            .arg(format!("PATH={}", self.path))
            .arg(format!("AWS_ENDPOINT_URL_S3={}", self.stack.s3_url()))
            .arg(format!("AWS_ENDPOINT_URL_STS={}", self.stack.sts_url()))
            .args(self.key.as_ref().map(|key| format!("QUILT_API_KEY={key}")))
            .arg(program)
            .current_dir(self.home.path())
            .kill_on_drop(true);
        command
    }

    fn filled_in(&self, block: &str) -> String {
        block
            .replace("OTHER-CATALOG", self.other.catalog_url())
            .replace("YOUR-CATALOG", self.stack.catalog_url())
            .replace("https://YOUR-REGISTRY", self.stack.registry_url())
            .replace("YOUR-BUCKET", DEMO_BUCKET)
            .replace("YOUR-ACCOUNT", ACCOUNT)
    }

    /// A code of the catalog that a block logs in to.
    fn code(&self, block: &str) -> String {
        let stack = if block.contains("login OTHER-CATALOG") {
            &self.other
        } else {
            &self.stack
        };
        stack.control().login_code("alice").unwrap()
    }

    async fn run(&self, block: &str) -> Run {
        let mut shell = self.command("sh");
        shell.args(["-e", "-u", "-c", &self.filled_in(block)]);
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if block.contains("quiltctl login ") && self.key.is_none() {
            stdin.write_all(self.code(block).as_bytes()).await.unwrap();
        }
        drop(stdin);
        child.wait_with_output().await.unwrap().into()
    }
}

impl Reader {
    /// Runs a block where the service is: in a home of its own, with the key
    /// that was shown before.
    async fn run_as_service(&mut self, block: &str, said: &str) -> Run {
        let secret = said.split("Secret: ").nth(1).expect("a key was shown");
        let own = std::mem::replace(&mut self.home, Home::new());
        self.key = secret.lines().next().map(str::to_owned);
        let run = self.run(block).await;
        let status = self.run("quiltctl status").await;
        let _ = self.run("quiltctl daemon stop").await;
        self.key = None;
        self.home = own;
        assert!(status.stdout.contains("API key qk_"), "{status:?}");
        run
    }
}

/// What cannot be run from within a test, and how else it is looked at; false
/// for what can.
fn is_looked_at(block: &str) -> bool {
    let cargo: Vec<&str> = block
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .collect();
    for line in &cargo {
        if let Some(path) = line.strip_prefix("cargo install --locked --path ") {
            let manifest = format!("{}/../{path}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
            assert!(std::fs::exists(manifest).unwrap(), "{line}");
        } else if *line == "cargo test --workspace" {
            assert!(CHECKS.contains(line), "what the checks run");
        } else {
            let alias = line.strip_prefix("cargo ").unwrap();
            assert!(ALIASES.contains(&format!("\n{alias} = ")), "{line}");
        }
    }
    !cargo.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_does_what_it_says() {
    let aws = Python::prepare(Venv::AwsCliV1);
    let sdk = Python::prepare(Venv::Sdk);
    let (Ok(aws), Ok(sdk)) = (aws, sdk) else {
        not_run("the README's commands", "the AWS CLI or quilt3 is missing");
        return;
    };
    let dir = |program: &std::path::Path| program.parent().unwrap().display().to_string();
    let mut reader = Reader {
        home: Home::new(),
        stack: FakeStack::bind(StackConfig::default()).await.unwrap(),
        other: FakeStack::bind(StackConfig::default()).await.unwrap(),
        key: None,
        path: format!(
            "{}:{}:{}:/usr/local/bin:/usr/bin:/bin",
            dir(binaries::quiltctl()),
            // Each has a Python; the one with quilt3 is the reader's.
            dir(&sdk.program("python")),
            dir(&aws.program("aws")),
        ),
    };
    let mut said = String::new();
    let mut ran = 0;
    for block in blocks() {
        if is_looked_at(&block) {
            continue;
        }
        let run = if block.contains("--api-key-env") {
            reader.run_as_service(&block, &said).await
        } else {
            reader.run(&block).await
        };
        if run.code != 0 {
            let _ = reader.run("quiltctl daemon stop").await;
            panic!("{block}\n{run:?}\nbefore:\n{said}");
        }
        ran += 1;
        let _ = writeln!(said, "{block}{}{}", run.stdout, run.stderr);
    }
    let _ = reader.run("quiltctl daemon stop").await;
    assert!(ran >= 9, "the README has commands: {ran}");
    for seen in [
        "as alice (role ReadWriteQuiltBucket)",
        "hello.txt",
        "my-service",
        "now uses quiltd's session",
        "\"email\"",
        "Undone: ",
        "alice@example.com",
        // What Quilt's MCP server needs, as the README shows it.
        "    QUILT_CATALOG_URL=http://",
        "    QUILT_REGISTRY_URL=http://127.0.0.1:",
    ] {
        assert!(said.contains(seen), "{seen}:\n{said}");
    }
    assert!(README.contains("\"QUILT_CATALOG_URL\"") && README.contains("\"QUILT_REGISTRY_URL\""));
    // All of it is gone again.
    let config = std::fs::read_to_string(reader.home.aws_config()).unwrap_or_default();
    assert!(!config.contains("quiltctl"), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_ends_well() {
    if let Err(reason) = Python::prepare(Venv::AwsCliV1) {
        not_run("the demonstration", reason);
        return;
    }
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let run: Run = demo.stdin(Stdio::null()).output().await.unwrap().into();
    let said = run.ok();
    for seen in [
        "[3/3]",
        "hello.txt",
        "Hello from the fake Quilt stack.",
        "alice",
        "lake",
    ] {
        assert!(said.contains(seen), "{seen}: {said}");
    }
    let last = said.rsplit("$ quiltctl status").next().unwrap();
    assert!(last.contains("min left") && last.contains("up "), "{last}");
}

#[test]
fn the_readme_is_short() {
    let words = README
        .lines()
        .filter(|line| !line.starts_with('|'))
        .flat_map(str::split_whitespace)
        .count();
    assert!(
        (900..=1300).contains(&words),
        "{words} words beside the tables"
    );
}
