//! `doctor`: proves that programs get their credentials from quiltd, and finds
//! what keeps them from it. One file a check; each finding ends with the
//! command that mends it.
//!
//! It only looks: it starts no daemon and changes no file.

mod aws_files_elsewhere;
mod aws_profile;
mod broken_lines;
mod catalog_variable;
mod competing_sources;
mod container;
mod credential_process;
mod daemon;
mod dead_gateway;
#[cfg(test)]
mod documented;
mod environment_keys;
mod foreign_home;
mod gateway_elsewhere;
mod issued_keys;
mod loopback_proxy;
mod loose_files;
mod named_profile;
mod network;
mod no_aws_profile;
mod older_environment_keys;
mod programs;
mod readable_secrets;
mod region;
mod remedy;
mod repeated_keys;
mod repeated_sections;
mod report;
mod sockets;
mod units;
mod variables;
mod web_identity;

use quilt_proto::wire::Finding;

use self::aws_profile::{AwsFiles, AwsProfile};
use self::report::Report;
use self::variables::Variables;
use crate::context::Context;
use crate::exit::Failure;
use crate::progress::Progress;

/// What the help says beyond the flags.
pub(super) const HELP: &str = "\
Exits with 0 when nothing keeps programs from quiltd's credentials, warnings \
aside, and with 1 when something does. The results are on standard output either way.

Where the AWS CLI or botocore is installed it is run, to see where it takes the \
credentials of each profile from; not where others could choose what they run.";

/// A proxy that keeps programs started here from this machine's endpoints.
pub(super) fn proxy_in_the_way() -> Option<Finding> {
    loopback_proxy::check(&Variables::from_environment())
}

/// How much is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also list what was checked and is well
    #[arg(long)]
    verbose: bool,
}

/// The short form, for somebody who watches.
pub(super) fn briefly(context: &Context) -> Result<(), Failure> {
    run(context, &Args { verbose: false })
}

/// Whether an AWS profile that follows the default catalog is set up for another
/// region than this.
pub(super) fn has_profile_of_another_region(region: &str) -> bool {
    let files = AwsFiles::read(&mut Report::default());
    let follows = |profile: &&AwsProfile| {
        let call = profile.call();
        call.is_some_and(|call| call.catalog.is_none() && call.recipe.is_none())
    };
    let profiles = files.profiles();
    let mut lines = profiles.iter().filter(follows).flat_map(|it| &it.settings);
    lines.any(|line| line.key == "region" && line.value != region)
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let progress = Progress::working("Looking at logins, files and programs");
    let variables = Variables::from_environment();
    let mut report = Report::default();
    // First: what else there is to say of daemons may all be due to it.
    let socket = context.socket()?;
    let astray = sockets::check_variable(context, &socket);
    let is_astray = astray.is_some();
    report.add(astray);
    report.add(foreign_home::check());
    let files = AwsFiles::read(&mut report);
    let profiles = files.profiles();

    let loose = [loose_files::check(), loose_files::check_programs(&profiles)].concat();
    // Others may have chosen what programs would run for them.
    let is_ours_alone = loose.is_empty();
    report.add(loose);
    report.add(readable_secrets::check());
    report.add(environment_keys::check(&variables, |key| {
        issued_keys::is_ours(key, context, &profiles)
    }));
    report.add(older_environment_keys::check(&variables));
    report.add(web_identity::check(&variables));
    report.add(container::check(&variables));
    report.add(loopback_proxy::check(&variables));
    report.add(named_profile::check(&variables, &files));
    let elsewhere = aws_files_elsewhere::check(&variables, &files);
    let is_elsewhere = elsewhere.is_some();
    report.add(elsewhere);
    report.add(files.each().flat_map(broken_lines::check));
    report.add(files.each().flat_map(repeated_sections::check));
    report.add(files.each().flat_map(repeated_keys::check));
    for profile in &profiles {
        report.add(competing_sources::check(profile));
        report.add(credential_process::check(profile));
        if !is_astray {
            report.add(sockets::check(context, &socket, profile));
        }
    }
    if !is_astray {
        report.add(sockets::second_daemon(&socket));
        report.add(units::check(context, &socket)?);
    }

    let daemon = daemon::examine(context, &profiles, is_astray, &mut report)?;
    report.add(foreign_home::check_state(daemon.is_some()));
    report.add(loose_files::check_daemon(&socket, daemon.is_some()));
    if let Some(daemon) = daemon {
        report.add(network::check(context, &daemon));
        report.add(dead_gateway::check(&daemon));
        report.add(gateway_elsewhere::check(&variables, context));
        if !is_elsewhere {
            report.add(no_aws_profile::check(&profiles, &daemon));
        }
        for profile in &profiles {
            report.add(credential_process::check_recipe(profile, &daemon));
            report.add(region::check(context, &variables, profile, &daemon));
        }
        if is_ours_alone {
            programs::prove(context, &variables, &profiles, &mut report);
        }
    }
    report.by_profile(named_profile::to_be_named(&variables, &files));
    drop(progress);
    report.print(context, args.verbose)
}
