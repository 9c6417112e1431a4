//! `quiltctl-aws`: the commands of `quiltctl` that speak to AWS themselves.
//!
//! `quiltctl` starts it; it is not meant to be typed. It is a program of its
//! own so that the AWS SDKs stay out of `quiltctl`, which every AWS SDK on the
//! machine starts again and again for `credential-process`.

mod athena;
mod failure;
mod network;
mod place;
mod secret;

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use quilt_client::Client;
use zeroizing_alloc::ZeroAlloc;

use crate::failure::Failure;

/// Wipes every allocation when it is freed: an API key passes through the
/// SDK's buffers.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

#[derive(Debug, Parser)]
#[command(name = "quiltctl-aws", version = quilt_proto::build::long_version())]
struct Args {
    #[command(subcommand)]
    task: Task,
}

/// What every task is told.
#[derive(Debug, clap::Args)]
struct Daemon {
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    catalog: Option<String>,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Let the daemon use the API key in AWS Secrets Manager
    UseSecret {
        #[command(flatten)]
        daemon: Daemon,
        #[command(flatten)]
        handover: secret::Handover,
    },
    /// Run a query with the session's AWS credentials
    Athena {
        #[command(flatten)]
        daemon: Daemon,
        #[command(flatten)]
        query: athena::Query,
    },
}

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where it is forbidden, everything else still protects the secret.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let Args { task } = Args::parse();
    let (Task::UseSecret { daemon, .. } | Task::Athena { daemon, .. }) = &task;
    let json = daemon.json;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(task)),
        Err(error) => Err(Failure::unexpected(error)),
    };
    failure::finish(result, json)
}

async fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::UseSecret { daemon, handover } => secret::use_it(&daemon, handover).await,
        Task::Athena { daemon, query } => athena::run(&daemon, &query).await,
    }
}

impl Daemon {
    fn client(&self) -> Result<Client, Failure> {
        let client = Client::new(&self.socket);
        Ok(match &self.catalog {
            Some(catalog) => client.with_catalog(&catalog.parse().map_err(Failure::input)?),
            None => client,
        })
    }
}
