//! `quiltctl`: the command line of quiltd.
//!
//! It asks the daemon and prints; it holds no session, speaks to no stack and
//! keeps no secret longer than it takes to pass it on.

#![cfg_attr(fuzzing, no_main)]

mod args;
mod aws_files;
mod aws_helper;
mod aws_variables;
mod browser;
mod catalog_variable;
mod commands;
mod complete;
mod completion;
mod confirm;
mod context;
mod daemon_log;
mod detach;
#[cfg(test)]
mod every_command;
mod exit;
mod files;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod global;
mod grant_text;
mod help;
mod hot_path;
mod kept_port;
mod key_carrier;
mod key_source;
mod lock_file;
mod lock_holder;
mod look;
mod output;
mod program_path;
mod progress;
mod registry_consent;
mod report;
mod secret_prompt;
mod shown_once;
mod signals;
mod start;
mod version;

use std::alloc::System;
use std::env;
use std::ffi::OsString;
use std::io::stdin;
use std::process::ExitCode;

use clap::CommandFactory;
use quiltctl_creds::FailedAttempt;
pub(crate) use quiltctl_creds::programs;
use zeroizing_alloc::ZeroAlloc;

use crate::context::Context;
use crate::exit::Failure;

/// Wipes every allocation when it is freed: tokens and credentials pass
/// through buffers of libraries that do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

#[cfg(not(fuzzing))]
fn main() -> ExitCode {
    quiltctl_creds::keep_to_ourselves();
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    report::finish(run(&args), report::wants_json(&args))
}

fn run(args: &[OsString]) -> Result<(), Failure> {
    let (failed, args) = match FailedAttempt::split(args) {
        Some(rest) => (FailedAttempt::read(stdin()), rest),
        None => (None, args),
    };
    if let Some((global, command)) = hot_path::parse(args) {
        let context = Context::new(global);
        return commands::credential_process::run(&context, &command, failed)
            .map_err(|failure| explained(failure, &context, args));
    }
    if let Some((detach::ARGUMENT, command)) = args
        .split_first()
        .and_then(|(first, rest)| Some((first.to_str()?, rest)))
    {
        return detach::run(command);
    }
    if let Some(answered) = complete::answer(args) {
        return answered;
    }
    args::without_placeholders(args)?;
    match args::parse(args)? {
        Some(cli) => {
            let context = Context::new(cli.global);
            commands::run(
                &context,
                &cli.command,
                <args::Cli as CommandFactory>::command,
            )
            .map_err(|failure| explained(failure, &context, args))
        }
        None => Ok(()),
    }
}

/// A failure of what was typed: what it names to run is for the same catalog, and
/// asks the same daemon.
fn explained(failure: Failure, context: &Context, args: &[OsString]) -> Failure {
    let failure = catalog_variable::blamed(context, failure);
    let global = context.global();
    let catalog = failure.catalog.clone();
    let failure = args::about(failure, catalog.as_deref());
    let failure = args::about(failure, global.catalog.as_deref());
    let failure = args::of_typed(context, failure, args);
    let failure = args::at(failure, global.socket.as_deref());
    failure.or_hint(|| args::help_for(args))
}
