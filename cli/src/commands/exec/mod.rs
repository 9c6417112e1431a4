//! `exec`: a program that gets fresh credentials as long as it runs.
//!
//! quiltctl becomes the program (execve): terminal, job control, signals and
//! exit code are the program's own, and nothing stays behind that could fail.
//! The daemon watches the process and takes the grant back when it ends, by
//! whatever means.
//!
//! The program acts as the profile asked for, or does not start: the endpoint
//! comes last in every SDK's chain, so that whatever stands before it, be it a
//! variable or a file, is taken out of the program's sight.

#[cfg(target_os = "linux")]
mod deaf_socket;
mod files;
mod lasts_for;
mod port;
mod proxy;

use std::env;
use std::ffi::OsString;
use std::io;
use std::net::{SocketAddrV4, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use quilt_proto::api::{CreateGrant, ReadProfiles};
use quilt_proto::wire::GrantRequest;
use quilt_proto::{CatalogUrl, ProfileName, locations, quoted};

use crate::aws_variables;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// How long a connection over loopback may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to run, and with whose credentials.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    profile: Option<ProfileName>,

    /// Hand on the daemon's socket instead of an endpoint: for containers
    #[arg(long)]
    socket_only: bool,

    /// Say first whether login, key and roles outlive a job of this length,
    /// such as 14h, 90m or 2d
    #[arg(long = "for", value_name = "LENGTH", value_parser = lasts_for::length)]
    length: Option<i64>,

    /// The program and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        add = crate::completion::programs()
    )]
    command: Vec<OsString>,
}

const HELP: &str = "\
The right to the credentials lasts as long as the daemon: after `quiltctl \
daemon restart`, programs under exec must be started again. Programs that use \
a profile through credential_process are unaffected.

Ends as the program does; with 127 where there is no such program, and with \
126 where it cannot be run.

A container has a loopback of its own, so the endpoint of a plain exec is not \
there. Mount the daemon's socket and a static quiltctl instead, run as the \
same user, and let the SDKs inside ask through credential_process:

  quiltctl exec --socket-only -- sh -c 'docker run --user \"$(id -u)\" \\
    --volume \"$QUILTD_SOCKET:/run/quiltd.sock\" \\
    --volume \"$(command -v quiltctl):/usr/local/bin/quiltctl:ro\" \\
    --env QUILTD_SOCKET=/run/quiltd.sock --env QUILT_CATALOG --env AWS_REGION IMAGE'

with this ~/.aws/config in the image:

  [default]
  credential_process = /usr/local/bin/quiltctl credential-process --no-autostart
";

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::new(exit::USAGE, "no command given").hint("quiltctl exec --help"));
    };
    let mut command = Command::new(program);
    command.args(rest);
    for name in aws_variables::all() {
        command.env_remove(name);
    }
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    // One that the user has set is meant.
    let is_chosen = aws_variables::REGIONS.into_iter().any(is_set);
    let (region, catalog) = if args.socket_only {
        (hand_on_socket(context, args, &mut command)?, None)
    } else {
        grant(context, args, &mut command)?
    };
    let region = region.filter(|_| !is_chosen);
    let mut is_in_file = false;
    if !args.socket_only {
        is_in_file = files::hide_default_credentials(&mut command, region.as_deref())?;
        proxy::exempt_loopback(&mut command);
    }
    if let Some(region) = region.filter(|_| !is_in_file) {
        for name in aws_variables::REGIONS {
            command.env(name, &region);
        }
    }
    name_what_it_is(context, args, catalog, &mut command);
    if let Some(length) = args.length {
        lasts_for::tell(context, args.profile.as_ref(), length);
    }
    let error = command.exec();
    let name = program.to_string_lossy();
    let shown = quoted::name(&name);
    let (code, what) = match error.kind() {
        io::ErrorKind::NotFound if !name.contains('/') => {
            let what = format!("there is no program {shown} in PATH");
            (exit::NO_PROGRAM, what)
        }
        io::ErrorKind::NotFound => {
            let what = format!("{shown} is not there, or what its first line names is not");
            (exit::NO_PROGRAM, what)
        }
        kind => {
            let what = format!("cannot run {shown}: {kind}");
            (exit::NOT_RUNNABLE, what)
        }
    };
    Err(Failure::new(code, what).hint("quiltctl exec --help"))
}

/// Tells prompts and programs below as which profile of which catalog they act.
fn name_what_it_is(
    context: &Context,
    args: &Args,
    granted: Option<CatalogUrl>,
    command: &mut Command,
) {
    let profile = args.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    command.env(aws_variables::PROFILE, profile.as_str());
    // Where the daemon does not say, whoever asks below says which they mean.
    let asked = || context.profile(&profile).ok()??.catalog_url;
    // Not another one that is the default by now.
    if let Some(catalog) = granted.or_else(asked) {
        command.env(locations::CATALOG_ENV, catalog.as_str());
    }
}

/// A grant for this process, in the variables SDKs read.
/// Its region and its catalog.
fn grant(
    context: &Context,
    args: &Args,
    command: &mut Command,
) -> Result<(Option<String>, Option<CatalogUrl>), Failure> {
    let grant = context.send(&CreateGrant(GrantRequest {
        profile: args.profile.clone(),
        ttl_seconds: None,
        while_running: true,
        ready: true,
    }))?;
    reach(&grant.uri)?;
    command
        .env(aws_variables::CONTAINER_URI, grant.uri)
        .env(aws_variables::CONTAINER_TOKEN, grant.token.expose());
    if let Some(file) = grant.token_file {
        command.env(aws_variables::CONTAINER_TOKEN_FILE, file);
    }
    Ok((grant.region, grant.catalog_url))
}

/// That the endpoint is there for the program, and nobody else's later: in a
/// network of its own, as a container or a sandbox has, the loopback is another.
fn reach(uri: &str) -> Result<(), Failure> {
    let authority = uri.split('/').nth(2).and_then(|it| it.parse().ok());
    let Some(endpoint): Option<SocketAddrV4> = authority else {
        return Ok(());
    };
    let fail = |what| Failure::new(exit::DAEMON, what).hint("quiltctl exec --help");
    TcpStream::connect_timeout(&endpoint.into(), PATIENCE).map_err(|error| {
        fail(format!(
            "quiltd's endpoint cannot be reached from here ({}): this is a network of its own, as \
             containers and sandboxes have",
            error.kind()
        ))
    })?;
    if let Err(error) = port::keep(endpoint) {
        // A daemon of an earlier version does not let us.
        output::note(format_args!(
            "the port of quiltd's endpoint is not kept ({}): should quiltd end first, another \
             user could answer there",
            error.kind()
        ));
    }
    Ok(())
}

/// Where the daemon is, for a quiltctl or a client library on the other side.
fn hand_on_socket(
    context: &Context,
    args: &Args,
    command: &mut Command,
) -> Result<Option<String>, Failure> {
    let wanted = args.profile.clone();
    let wanted = wanted.unwrap_or_else(ProfileName::default_profile);
    let profiles = context.send(&ReadProfiles)?;
    let profile = super::profile_named::profile_named(context, profiles, &wanted)?;
    command.env(locations::SOCKET_ENV, context.socket()?);
    Ok(profile.region)
}

#[cfg(any(test, fuzzing))]
pub(super) use self::files::fuzz_aws_config;
