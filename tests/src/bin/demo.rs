//! The main job in one command: a fake stack, a daemon in a throw-away home, a
//! login, a `credential_process` document, and an S3 object read with it by an
//! unmodified AWS program.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::process::Stdio;

use anyhow::{Context, ensure};
use clap::Parser;
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Home, Run, binaries};
use quilt_tests::stack::{DEMO_BUCKET, DEMO_KEY, FakeStack, StackConfig};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Shows what quiltd does, on a Quilt stack that runs on this machine only.
#[derive(Debug, Parser)]
struct Args {
    /// Keep everything running afterwards, and print how to use it
    #[arg(long)]
    stay: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!("Building quiltd and quiltctl, and installing the AWS CLI from PyPI (once) …");
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::AwsCliV1)).await?;
    let python = python.map_err(|reason| anyhow::anyhow!("{reason}"))?;
    let stack = FakeStack::bind(StackConfig::default())
        .await
        .context("cannot listen on loopback")?;
    let demo = Demo {
        stack,
        home: Home::new(),
    };
    let outcome = demo.show(&python).await;
    if outcome.is_ok() && args.stay {
        demo.stay(&python).await?;
    }
    demo.ctl(&["daemon", "stop"], None).await?;
    outcome?;
    println!(
        "
That was everything in a throw-away home, which is gone now. To keep it running and try more:
  cargo demo --stay
To use quiltd with your own Quilt catalog, read on in README.md under \"Use it\"."
    );
    Ok(())
}

struct Demo {
    stack: FakeStack,
    home: Home,
}

impl Demo {
    async fn show(&self, python: &Python) -> anyhow::Result<()> {
        let catalog = self.stack.catalog_url();
        println!("\nA complete Quilt stack is running at {catalog}");

        println!("\n$ quiltctl config {catalog}");
        self.ctl(&["config", catalog], None).await?;
        println!("$ quiltctl login            # the daemon starts by itself");
        let code = self.stack.control().login_code("alice")?;
        print!(
            "{}",
            self.ctl(&["login", "--code-stdin"], Some(&code)).await?
        );
        println!("$ quiltctl whoami");
        print!("{}", self.ctl(&["whoami"], None).await?);
        println!("$ quiltctl credential-process");
        println!("{}", self.ctl(&["credential-process"], None).await?);

        println!("$ quiltctl setup aws        # once: writes [profile quilt] to ~/.aws/config");
        self.ctl(&["setup", "aws"], None).await?;
        let object = format!("s3://{DEMO_BUCKET}/{DEMO_KEY}");
        println!("$ aws --profile quilt s3 cp {object} -");
        let mut aws = self.command(python.program("aws"));
        let read = aws
            .args(["--profile", "quilt", "s3", "cp", &object, "-"])
            .output()
            .await?;
        let read = Run::from(read);
        ensure!(
            read.code == 0,
            "the AWS CLI could not read the object: {}",
            read.stderr
        );
        print!("{}", read.stdout);
        Ok(())
    }

    /// Waits for Ctrl-C.
    async fn stay(&self, python: &Python) -> anyhow::Result<()> {
        println!("\nStill running, until Ctrl-C. In another terminal:\n");
        for (name, value) in self.home.environment() {
            if name.starts_with("XDG_") || name == "HOME" {
                println!("  export {name}={}", value.to_string_lossy());
            }
        }
        println!("  export AWS_ENDPOINT_URL_S3={}", self.stack.s3_url());
        println!("  export AWS_ENDPOINT_URL_STS={}", self.stack.sts_url());
        let here = |program: &std::path::Path| {
            program
                .parent()
                .map(|dir| dir.display().to_string())
                .unwrap_or_default()
        };
        let (ours, theirs) = (here(binaries::quiltctl()), here(&python.program("aws")));
        println!("  export PATH={ours}:{theirs}:$PATH");
        println!("  quiltctl status");
        println!("  aws --profile quilt s3 ls s3://{DEMO_BUCKET}/");
        tokio::signal::ctrl_c()
            .await
            .context("cannot wait for Ctrl-C")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.home.command(program);
        command
            .env("AWS_ENDPOINT_URL_S3", self.stack.s3_url())
            .stdin(Stdio::null());
        command
    }

    async fn ctl(&self, args: &[&str], input: Option<&str>) -> anyhow::Result<String> {
        let mut command = self.command(binaries::quiltctl());
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start quiltctl")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(input.unwrap_or_default().as_bytes())
                .await?;
        }
        let run = Run::from(child.wait_with_output().await?);
        ensure!(
            run.code == 0,
            "quiltctl {} failed: {}",
            args.join(" "),
            run.stderr
        );
        Ok(run.stdout)
    }
}
