//! Real programs, where they are installed, in the environment as it is: where
//! do they take a profile's credentials from?

mod aws_cli;
mod botocore;
mod process;
mod source;

use std::thread;

use quilt_proto::api::ReadCredentials;
use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, ProfileName, quoted};

use self::source::Source;
use super::aws_profile::AwsProfile;
use super::environment_keys;
use super::remedy;
use super::report::Report;
use super::variables::Variables;
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV};
use crate::aws_variables::{
    ACCESS_KEY_ID, AWS_DEFAULT_PROFILE, AWS_PROFILE, CONTAINER_TOKEN, CONTAINER_URI, ROLE_ARN,
    SECRET_ACCESS_KEY, SESSION_TOKEN, WEB_IDENTITY_TOKEN,
};
use crate::context::Context;
use crate::exit::Failure;

/// What botocore calls `credential_process`.
const OURS: &str = "custom-process";

/// Runs the programs for every profile.
pub(super) fn prove(
    context: &Context,
    variables: &Variables,
    profiles: &[AwsProfile],
    report: &mut Report,
) {
    let refusal = |profile: &AwsProfile| {
        let call = profile.call()?;
        let recipe = call.recipe.unwrap_or_else(ProfileName::default_profile);
        let vend = ReadCredentials(recipe.into());
        match call.catalog {
            Some(catalog) => context.of_catalog(&catalog).send(&vend).err(),
            None => context.send(&vend).err(),
        }
    };
    let (version, sources) = thread::scope(|scope| {
        let version = scope.spawn(aws_cli::version);
        let sources = profiles.iter().map(|profile| {
            let botocore = scope.spawn(|| {
                let mut version = String::new();
                let source = source::ask(profile, || {
                    let source;
                    (source, version) = botocore::ask(&profile.name);
                    source
                });
                (source, version)
            });
            let aws = source::ask(profile, || aws_cli::ask(&profile.name));
            (aws, botocore.join().unwrap_or_default())
        });
        let sources: Vec<_> = sources.collect();
        (version.join().unwrap_or_default(), sources)
    });
    for (profile, (aws, (botocore, botocore_version))) in profiles.iter().zip(sources) {
        let name = &profile.name;
        let program = Program {
            name: format!("AWS CLI{version}"),
            command: Command::of("aws configure list").option("--profile", name),
        };
        judge(&program, aws, profile, variables, &refusal, report);
        let program = Program {
            name: format!("botocore{botocore_version}"),
            command: Command::with_variable(AWS_PROFILE, name).words("aws configure list"),
        };
        judge(&program, botocore, profile, variables, &refusal, report);
    }
}

/// How a program is called, and the command that shows what it does.
struct Program {
    name: String,
    command: Command,
}

fn judge(
    program: &Program,
    source: Source,
    profile: &AwsProfile,
    variables: &Variables,
    refusal: &impl Fn(&AwsProfile) -> Option<Failure>,
    report: &mut Report,
) {
    let (who, whose) = (
        &program.name,
        format!("profile {}", quoted::name(&profile.name)),
    );
    let elsewhere = |from: &str, hint: Command| {
        let what = format!("{who} takes the credentials of {whose} {from}, not from quiltd");
        Finding::error(FindingCode::ProgramElsewhere, what, hint)
    };
    let finding = match source {
        Source::NotInstalled | Source::Renewed => return,
        Source::Quiltd => {
            report.prove(format!("{who} resolves {whose} through quiltd"));
            return;
        }
        // Why is told by whatever else was found.
        Source::Fails
        | Source::OtherProcess {
            quiltd_gives: false,
        } if report.has_errors() => return,
        Source::OtherProcess { .. } => {
            let hint = profile.other_process().map_or_else(
                || remedy::set_up_again(profile),
                |line| Command::edit(&line.file),
            );
            elsewhere("from another credential_process", hint)
        }
        // A warning tells of them.
        Source::Found { method, .. } if method == "env" && report.has(&environment_keys::OURS) => {
            return;
        }
        Source::Found { method, .. } => {
            let hint = end_of(&method, profile, variables);
            elsewhere(&format!("from {}", quoted::name(&method)), hint)
        }
        Source::Nowhere => elsewhere("from nowhere", remedy::set_up_again(profile)),
        Source::Fails => {
            let what = format!("{who} asks quiltd for {whose} and gets nothing");
            let show = Command::of("quiltctl profiles");
            let (what, hint) = match refusal(profile).map(Failure::apart) {
                Some((why, hint)) => (format!("{what}: {why}"), hint.unwrap_or(show)),
                None => (what, show),
            };
            Finding::error(FindingCode::ProgramFails, what, hint)
        }
        Source::Broken => {
            let what = format!("{who} cannot use {whose}");
            Finding::error(FindingCode::ProgramFails, what, &program.command)
        }
        Source::Slow => {
            let what = format!("{who} does not say in time where {whose} comes from");
            Finding::warning(FindingCode::ProgramSlow, what, &program.command)
        }
    };
    report.add([finding]);
}

/// What ends a way to credentials by botocore's name of it.
fn end_of(method: &str, profile: &AwsProfile, variables: &Variables) -> Command {
    let edit = |variable| {
        aws_files::place(variable).map_or_else(
            || remedy::set_up_again(profile),
            |path| Command::edit(&path),
        )
    };
    let other = variables.get(AWS_DEFAULT_PROFILE);
    match method {
        "env" => remedy::unset(&[ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN]),
        _ if other.is_some_and(|other| other != profile.name) => {
            remedy::unset(&[AWS_DEFAULT_PROFILE])
        }
        "shared-credentials-file" => edit(CREDENTIALS_ENV),
        "assume-role-with-web-identity" if variables.get(WEB_IDENTITY_TOKEN).is_some() => {
            remedy::unset(&[WEB_IDENTITY_TOKEN, ROLE_ARN])
        }
        "container-role" => remedy::unset(&[CONTAINER_URI, CONTAINER_TOKEN]),
        _ => edit(CONFIG_ENV),
    }
}
