//! `env`: credentials as variables, for shells and for programs that know
//! nothing else. They end when they end: `exec` is better where it works.

use std::fmt::Write;
use std::io::{IsTerminal, stdout};

use quilt_proto::api::ReadCredentials;
use quilt_proto::aws::{AccessKeyId, NotAws, Region, SecretAccessKey, SessionToken};
use quilt_proto::wire::CredentialProcess;
use quilt_proto::{ErrorCode, ProfileName, Timestamp};
use zeroize::Zeroizing;

use crate::aws_variables::{ACCESS_KEY_ID, EXPIRATION, REGIONS, SECRET_ACCESS_KEY, SESSION_TOKEN};
use crate::context::Context;
use crate::exit::Failure;
use crate::{aws_variables, output};

/// Whose credentials, and for which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    profile: Option<ProfileName>,

    /// For which reader
    #[arg(long, value_enum, default_value = "bash")]
    format: Format,
}

/// Who reads the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// bash, zsh and every POSIX shell: eval "$(quiltctl env)"
    Bash,
    /// fish: quiltctl env --format fish | source
    Fish,
    /// csh and tcsh: eval `quiltctl env --format csh`
    Csh,
    /// PowerShell: quiltctl env --format powershell | Out-String | Invoke-Expression
    Powershell,
    /// A .env file
    Dotenv,
    /// One JSON object
    Json,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let result = print(context, args);
    if result.is_err() && !context.global().json && !stdout().is_terminal() {
        // Whoever evaluates this would go on with what an earlier run set.
        output::bytes(give_up(args.format).as_bytes())?;
    }
    result
}

/// What leaves no credentials behind, and fails: for shells, which evaluate
/// what is printed whatever the exit code. Nothing for what reads files.
fn give_up(format: Format) -> String {
    if matches!(format, Format::Dotenv | Format::Json) {
        return String::new();
    }
    let mut text = String::new();
    for name in aws_variables::all() {
        unset(&mut text, format, name);
    }
    match format {
        Format::Powershell => {}
        Format::Csh => text.push_str("false;\n"),
        _ => text.push_str("false\n"),
    }
    text
}

fn print(context: &Context, args: &Args) -> Result<(), Failure> {
    let profile = args.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let call = ReadCredentials(profile.clone().into());
    let reply = context.reply(&call)?;
    if context.global().json {
        return output::json(reply.body());
    }
    let credentials = Typed::parse(reply.answer()?)?;
    let region = context.profile(&profile)?.and_then(|known| known.region);
    let region: Option<Region> = region.and_then(|region| region.parse().ok());
    let text = write(args.format, &credentials, region.as_ref());
    if args.format == Format::Json {
        return output::json(text.trim_end().as_bytes());
    }
    output::bytes(text.as_bytes())
}

/// Credentials as the daemon gives them, looked at again: a shell reads them.
struct Typed {
    access_key_id: AccessKeyId,
    secret_access_key: SecretAccessKey,
    session_token: SessionToken,
    expiration: Timestamp,
}

impl Typed {
    fn parse(given: CredentialProcess) -> Result<Self, Failure> {
        let parse = || {
            Ok(Self {
                access_key_id: given.access_key_id.parse()?,
                secret_access_key: given.secret_access_key.try_into()?,
                session_token: given.session_token.try_into()?,
                expiration: given.expiration,
            })
        };
        parse().map_err(|what: NotAws| {
            let code = ErrorCode::AwsInvalid.exit_code();
            let what = format!("quiltd gave no AWS credentials: {what}");
            Failure::new(code, what).hint("quiltctl daemon restart")
        })
    }
}

/// The variables in order, then what has to go.
fn write(format: Format, credentials: &Typed, region: Option<&Region>) -> Zeroizing<String> {
    let expiration = credentials.expiration.to_string();
    let secret = credentials.secret_access_key.secret().expose();
    let token = credentials.session_token.secret().expose();
    let mut set = vec![
        (ACCESS_KEY_ID, credentials.access_key_id.as_str()),
        (SECRET_ACCESS_KEY, secret),
        (SESSION_TOKEN, token),
        (EXPIRATION, &expiration),
    ];
    if let Some(region) = region {
        set.extend(REGIONS.map(|name| (name, region.as_str())));
    }
    let kept = |name: &str| set.iter().any(|(set, _)| *set == name);
    let gone = aws_variables::all().filter(|name| !kept(name));

    let mut text = Zeroizing::new(String::with_capacity(8192));
    if format == Format::Json {
        let object: serde_json::Map<_, _> = set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        text.push_str(&serde_json::Value::from(object).to_string());
        text.push('\n');
        return text;
    }
    // No value has a character that means anything to any of these readers.
    // `.env` files go without quotes: docker, GitHub and kubectl keep them.
    // Writing to a String cannot fail.
    for (name, value) in &set {
        let _ = match format {
            Format::Fish => writeln!(text, "set -gx {name} '{value}'"),
            // It makes one line of what a command prints.
            Format::Csh => writeln!(text, "setenv {name} '{value}';"),
            Format::Powershell => writeln!(text, "$Env:{name} = '{value}'"),
            Format::Dotenv => writeln!(text, "{name}={value}"),
            _ => writeln!(text, "export {name}='{value}'"),
        };
    }
    for name in gone {
        unset(&mut text, format, name);
    }
    text
}

/// The line that takes a variable away.
fn unset(text: &mut String, format: Format, name: &str) {
    // Writing to a String cannot fail.
    let _ = match format {
        Format::Fish => writeln!(text, "set -e {name}"),
        Format::Csh => writeln!(text, "unsetenv {name};"),
        Format::Powershell => {
            writeln!(text, "Remove-Item Env:{name} -ErrorAction SilentlyContinue")
        }
        // A file cannot take anything away.
        Format::Dotenv | Format::Json => Ok(()),
        Format::Bash => writeln!(text, "unset {name}"),
    };
}

#[cfg(test)]
mod tests {
    use quilt_proto::Secret;
    use quilt_proto::wire::CredentialProcessVersion;

    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE=";

    fn given(key: &str) -> CredentialProcess {
        CredentialProcess {
            version: CredentialProcessVersion,
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new(key),
            session_token: Secret::new("t/o+k=_-.,@%"),
            expiration: "2026-08-01T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn every_reader_gets_its_own_lines() {
        let credentials = Typed::parse(given(KEY)).unwrap();
        let region = "eu-west-1".parse().unwrap();
        for (format, line) in [
            (
                Format::Bash,
                format!("export AWS_SECRET_ACCESS_KEY='{KEY}'"),
            ),
            (Format::Bash, "unset AWS_PROFILE".to_owned()),
            (
                Format::Fish,
                format!("set -gx AWS_SECRET_ACCESS_KEY '{KEY}'"),
            ),
            (Format::Fish, "set -e AWS_PROFILE".to_owned()),
            (
                Format::Csh,
                format!("setenv AWS_SECRET_ACCESS_KEY '{KEY}';"),
            ),
            (Format::Csh, "unsetenv AWS_PROFILE;".to_owned()),
            (
                Format::Powershell,
                format!("$Env:AWS_SECRET_ACCESS_KEY = '{KEY}'"),
            ),
            (Format::Dotenv, format!("AWS_SECRET_ACCESS_KEY={KEY}")),
            (Format::Dotenv, "AWS_DEFAULT_REGION=eu-west-1".to_owned()),
        ] {
            let text = write(format, &credentials, Some(&region));
            assert!(text.lines().any(|found| found == line), "{line}: {}", *text);
        }
        let json = write(Format::Json, &credentials, Some(&region));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["AWS_SECRET_ACCESS_KEY"], KEY);
    }

    #[test]
    fn what_a_reader_could_obey_is_not_written() {
        for hostile in ["'", "\"", "`id`", "\\", "$(id)", "\n", "#", " "] {
            let failure = Typed::parse(given(&format!("{KEY}{hostile}"))).err();
            assert_eq!(failure.unwrap().code(), 5, "{hostile}");
        }
    }
}
