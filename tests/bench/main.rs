//! Measures quiltd beside what people would run without it.
//!
//! Every comparison is paired: both programs run in turn, in one process tree on one machine,
//! so that load and clock speed weigh on both alike.

#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

mod agent;
mod binaries;
mod crowd;
mod memory;
mod packages;
mod pair;
mod report;
mod session;
mod window;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::Parser;
use quilt_tests::harness::toolchain;

use agent::SshAgent;
use binaries::Binaries;
use crowd::Crowd;
use memory::Memory;
use packages::Packages;
use pair::Pair;
use report::Report;
use session::Session;
use window::Window;

/// Measures quiltd and quiltctl beside other programs, paired in one run.
#[derive(Debug, Parser)]
struct Options {
    /// A built quiltctl; without it a static one is built for release.
    #[arg(long, value_name = "PATH")]
    quiltctl: Option<PathBuf>,
    /// A built quiltd; without it one is built for release.
    #[arg(long, value_name = "PATH")]
    quiltd: Option<PathBuf>,
    /// Pairs of runs in a comparison with a fast program.
    #[arg(long, default_value_t = 500)]
    rounds: usize,
    /// Pairs of runs in a comparison with a program that takes long to start.
    #[arg(long, default_value_t = 15)]
    slow_rounds: usize,
    /// Runs of each program over a registry of 10,000 packages.
    #[arg(long, default_value_t = 5)]
    package_rounds: usize,
    /// Rotations of the refresh token whose storing is timed.
    #[arg(long, default_value_t = 100)]
    rotations: usize,
    /// Vends alone, and as many beside a crowd.
    #[arg(long, default_value_t = 1000)]
    vends: usize,
    /// Be the crowd on this socket: what this program runs itself for.
    #[arg(long, value_name = "SOCKET", hide = true)]
    crowd_on: Option<PathBuf>,
    /// Print one JSON document in place of the table.
    #[arg(long)]
    json: bool,
    /// Fail if a target is missed, or something could not be measured.
    #[arg(long)]
    check: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if let Some(socket) = &options.crowd_on {
        crowd::gather(socket)?;
        return Ok(ExitCode::SUCCESS);
    }
    let binaries = Binaries::find_or_build(options.quiltctl.clone(), options.quiltd.clone())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let session = runtime.block_on(Session::start(&binaries))?;
    let report = measure(&options, &session)?;

    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if options.check && !report.targets_met() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn measure(options: &Options, session: &Session) -> anyhow::Result<Report> {
    // Before anything else: what the daemon holds after a login and a first vend.
    let document = document(session)?;
    let memory = Memory::of(session.daemon_pid())?;

    let credential_process = || session.quiltctl(&["credential-process"]);
    let mut comparisons = vec![
        Pair::new(
            "/bin/cat of the same document",
            &credential_process,
            &|| cat(session, &document),
        )
        .at_most(1.5)
        .run(options.rounds)?,
    ];
    let mut skipped = Vec::new();

    match SshAgent::start(session.home()).context("ssh-agent") {
        Ok(agent) => comparisons.push(
            Pair::new("ssh-add -l", &credential_process, &|| agent.list()).run(options.rounds)?,
        ),
        Err(error) => skipped.push(format!("ssh-add -l: {error:#}")),
    }
    match toolchain::aws_cli_v2() {
        Ok(aws) => comparisons.push(
            Pair::new(
                "aws configure export-credentials",
                &credential_process,
                &|| export_credentials(session, &aws),
            )
            .run(options.slow_rounds)?,
        ),
        Err(error) => skipped.push(format!("aws configure export-credentials: {error}")),
    }
    let packages = match Packages::measure(session, options.package_rounds, &mut skipped) {
        Ok(packages) => Some(packages),
        Err(error) => {
            skipped.push(format!("packages: {error:#}"));
            None
        }
    };
    let window = match Window::measure(session, options.rotations) {
        Ok(window) => Some(window),
        Err(error) => {
            skipped.push(format!("rotations: {error:#}"));
            None
        }
    };
    // Last: what it leaves behind would count for the others.
    let crowd = match Crowd::measure(session, options.vends) {
        Ok(crowd) => Some(crowd),
        Err(error) => {
            skipped.push(format!("a crowd: {error:#}"));
            None
        }
    };
    Ok(Report {
        comparisons,
        packages,
        window,
        crowd,
        memory,
        skipped,
    })
}

/// A file with what `credential-process` prints.
fn document(session: &Session) -> anyhow::Result<PathBuf> {
    let path = session.home().join("document.json");
    std::fs::write(&path, session.must(&["credential-process"], "")?)?;
    Ok(path)
}

fn cat(session: &Session, document: &Path) -> Command {
    let mut command = session.command("/bin/cat");
    command.arg(document);
    command
}

/// The AWS CLI's own way to print the credentials of the same profile.
fn export_credentials(session: &Session, aws: &Path) -> Command {
    let mut command = session.command(aws);
    command.args(["configure", "export-credentials", "--profile", "quilt"]);
    command
}
