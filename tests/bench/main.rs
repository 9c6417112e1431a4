//! Measures quiltd beside what people would run without it.
//!
//! Every comparison is paired: both programs run in turn, in one process tree on one machine,
//! so that load and clock speed weigh on both alike.

#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

mod agent;
mod binaries;
mod crowd;
mod day;
mod gateway;
mod growth;
mod idle;
mod instructions;
mod load;
mod many;
mod memory;
mod nginx;
mod packages;
mod pair;
mod plot;
mod programs;
mod report;
mod row;
mod session;
mod throughput;
mod vault;
mod window;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::Parser;
use quilt_tests::harness::toolchain;

use agent::SshAgent;
use binaries::Binaries;
use crowd::Crowd;
use instructions::Instructions;
use memory::Memory;
use packages::Packages;
use pair::Pair;
use report::Report;
use row::Row;
use session::Session;
use vault::AwsVault;
use window::Window;

/// Measures quiltd and quiltctl beside other programs, paired in one run.
#[derive(Debug, Parser)]
struct Options {
    /// A built quiltctl, with quiltctl-creds beside it; without it static ones are built.
    #[arg(long, value_name = "PATH")]
    quiltctl: Option<PathBuf>,
    /// A built quiltd; without it one is built as it is shipped.
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
    /// Half seconds of load on each server.
    #[arg(long, default_value_t = 9)]
    load_rounds: usize,
    /// How long to count wake-ups, in seconds.
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// Clients that come at once where nothing is cached.
    #[arg(long, default_value_t = 10_000)]
    cold_clients: usize,
    /// Profiles that are cached at once.
    #[arg(long, default_value_t = 10_000)]
    profiles: usize,
    /// Where to write a picture of each row.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Vends alone, and as many beside a crowd.
    #[arg(long, default_value_t = 1000)]
    vends: usize,
    /// Be the crowd on this socket: what this program runs itself for.
    #[arg(long, value_name = "SOCKET", hide = true)]
    crowd_on: Option<PathBuf>,
    #[arg(long, default_value = "holding", hide = true)]
    crowd_kind: crowd::Kind,
    #[command(flatten)]
    counting: Counting,
    /// Print one JSON document in place of the table.
    #[arg(long)]
    json: bool,
    /// Fail if a target is missed, or something could not be measured.
    #[arg(long)]
    check: bool,
}

/// How instructions are counted, in place of everything else.
#[derive(Debug, clap::Args)]
struct Counting {
    /// Count instructions alone, by callgrind, and hold them to what is recorded.
    #[arg(long)]
    instructions: bool,
    /// Record what was counted.
    #[arg(long, requires = "instructions")]
    record: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if let Some(socket) = &options.crowd_on {
        crowd::gather(socket, options.crowd_kind)?;
        return Ok(ExitCode::SUCCESS);
    }
    let binaries = Binaries::find_or_build(options.quiltctl.clone(), options.quiltd.clone())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut session = runtime.block_on(Session::start(&binaries))?;
    if options.counting.instructions {
        let counted = Instructions::count(&mut session)?;
        print!("{counted}");
        if options.counting.record {
            counted.record()?;
        }
        counted.hold(&Instructions::recorded()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = measure(&options, &session)?;
    report.take("sizes", binaries::sizes());
    report.take("growth", growth::measure(&mut session));
    drop(session);
    let cold = || {
        runtime
            .block_on(Session::start(&binaries))
            .and_then(|session| many::cold(&session, options.cold_clients))
    };
    report.take("a cold crowd", cold());

    if let Some(dir) = &options.plots {
        plot::write(dir, &report.rows)?;
    }
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

/// `credential-process` beside programs that start fast.
fn beside_fast_programs(
    options: &Options,
    session: &Session,
    document: &Path,
    credential_process: &dyn Fn() -> Command,
    skipped: &mut Vec<String>,
) -> anyhow::Result<Vec<pair::Comparison>> {
    let mut comparisons = vec![
        Pair::new("/bin/cat of the same document", credential_process, &|| {
            cat(session, document)
        })
        .at_most(0.75)
        .run(options.rounds)?,
    ];
    match programs::noop(session.home()).context("a program that does nothing") {
        Ok(noop) => comparisons.push(
            Pair::new("a program that does nothing", credential_process, &|| {
                session.command(&noop)
            })
            .at_most(2.0)
            .run(options.rounds)?,
        ),
        Err(error) => skipped.push(format!("{error:#}")),
    }
    match SshAgent::start(session.home()).context("ssh-agent") {
        Ok(agent) => comparisons.push(
            Pair::new("ssh-add -l", credential_process, &|| agent.list())
                .at_most(0.2)
                .run(options.rounds)?,
        ),
        Err(error) => skipped.push(format!("ssh-add -l: {error:#}")),
    }
    match AwsVault::with_a_profile(session) {
        Ok(vault) => comparisons.push(
            Pair::new("aws-vault export", credential_process, &|| vault.export())
                .at_most(0.1)
                .run(options.slow_rounds)?,
        ),
        Err(error) => skipped.push(format!("aws-vault export: {error:#}")),
    }
    Ok(comparisons)
}

fn measure(options: &Options, session: &Session) -> anyhow::Result<Report> {
    // Before anything else: what the daemon holds after a login and a first vend.
    let document = document(session)?;
    let memory = Memory::of(session.daemon_pid())?;

    let line = session.profile_line()?;
    let credential_process = || {
        let mut command = session.command(&line[0]);
        command.args(&line[1..]);
        command
    };
    let mut skipped = Vec::new();
    let mut rows = vec![memory.row()];
    let mut comparisons = beside_fast_programs(
        options,
        session,
        &document,
        &credential_process,
        &mut skipped,
    )?;
    rows.extend(comparisons.iter().filter_map(pair::Comparison::row));
    let mut take = |what: &str, found: anyhow::Result<Vec<Row>>| match found {
        Ok(found) => rows.extend(found),
        Err(error) => skipped.push(format!("{what}: {error:#}")),
    };
    take(
        "python3 -c pass",
        programs::first_answer(session, options.slow_rounds),
    );
    take(
        "64 clients",
        throughput::measure(session, options.load_rounds),
    );
    take(
        "memory after 64 clients",
        memory::after_load(session.daemon_pid()),
    );
    take("idle", idle::measure(session, options.idle_seconds));
    take("a simulated day", day::measure());
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
    if let Some(packages) = &packages {
        rows.extend(packages.beside_quilt3());
    }
    // Last of those with packages: it has one of its own.
    match gateway::measure(session, options.slow_rounds) {
        Ok(found) => rows.extend(found),
        Err(error) => skipped.push(format!("quilt3 through the gateway: {error:#}")),
    }
    // A status says something of every profile that is cached: first the crowds.
    let crowds = crowds(options, session, &mut skipped);
    match many::profiles(session, options.profiles) {
        Ok(found) => rows.extend(found),
        Err(error) => skipped.push(format!("profiles: {error:#}")),
    }
    Ok(Report {
        comparisons,
        packages,
        window,
        crowds,
        memory,
        rows,
        skipped,
    })
}

fn crowds(options: &Options, session: &Session, skipped: &mut Vec<String>) -> Vec<Crowd> {
    let measure = |kind| {
        Crowd::measure(session, kind, options.vends)
            .map_err(|error| skipped.push(format!("a crowd: {error:#}")))
            .ok()
    };
    crowd::Kind::ALL.into_iter().filter_map(measure).collect()
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
