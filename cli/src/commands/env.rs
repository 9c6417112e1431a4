//! `env`: credentials as variables, for shells and for programs that know
//! nothing else. They end when they end: `exec` is better where it works.

use std::fmt::Write;

use quilt_proto::ProfileName;
use quilt_proto::call::{ReadCredentials, ReadProfiles};
use quilt_proto::wire::CredentialProcess;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Failure;
use crate::{output, variables};

/// Whose credentials, and for which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE")]
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
    /// PowerShell: quiltctl env --format powershell | Out-String | Invoke-Expression
    Powershell,
    /// A .env file
    Dotenv,
    /// One JSON object
    Json,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let profile = args.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let call = ReadCredentials {
        profile: profile.clone(),
    };
    let reply = context.reply(&call)?;
    if context.global().json {
        return output::json(reply.body());
    }
    let credentials = reply.answer()?;
    let profiles = context.send(&ReadProfiles)?;
    let region = profiles
        .into_iter()
        .find(|known| known.name == profile)
        .and_then(|known| known.region);
    output::bytes(write(args.format, &credentials, region.as_deref()).as_bytes())
}

/// The variables in order, then what has to go.
fn write(
    format: Format,
    credentials: &CredentialProcess,
    region: Option<&str>,
) -> Zeroizing<String> {
    let expiration = credentials.expiration.to_string();
    let mut set = vec![
        (variables::ACCESS_KEY_ID, credentials.access_key_id.as_str()),
        (
            variables::SECRET_ACCESS_KEY,
            credentials.secret_access_key.expose(),
        ),
        (variables::SESSION_TOKEN, credentials.session_token.expose()),
        (variables::EXPIRATION, &expiration),
    ];
    set.extend(
        region
            .into_iter()
            .flat_map(|region| variables::REGIONS.map(|name| (name, region))),
    );
    let kept = |name: &str| set.iter().any(|(set, _)| *set == name);
    let unset = variables::ALL.iter().filter(|name| !kept(name));

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
    // Writing to a String cannot fail.
    for (name, value) in &set {
        let _ = match format {
            Format::Fish => writeln!(
                text,
                "set -gx {name} {}",
                single_quoted(value, Format::Fish)
            ),
            Format::Powershell => writeln!(text, "$Env:{name} = {}", single_quoted(value, format)),
            Format::Dotenv => writeln!(text, "{name}={}", single_quoted(value, format)),
            _ => writeln!(text, "export {name}={}", single_quoted(value, format)),
        };
    }
    for name in unset {
        let _ = match format {
            Format::Fish => writeln!(text, "set -e {name}"),
            Format::Powershell => {
                writeln!(text, "Remove-Item Env:{name} -ErrorAction SilentlyContinue")
            }
            // A file cannot take anything away.
            Format::Dotenv => Ok(()),
            _ => writeln!(text, "unset {name}"),
        };
    }
    text
}

/// A value that means itself to its reader, whatever is in it.
fn single_quoted(value: &str, format: Format) -> String {
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    match format {
        Format::Fish => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        Format::Powershell => {
            // It takes typographic quotes for quotes as well.
            let doubled = value.chars().fold(String::new(), |mut text, c| {
                text.push(c);
                if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
                    text.push(c);
                }
                text
            });
            format!("'{doubled}'")
        }
        Format::Dotenv if value.contains('\'') => {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('$', "\\$");
            format!("\"{value}\"")
        }
        _ => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;
    use quilt_proto::Secret;
    use quilt_proto::wire::CredentialProcessVersion;

    use super::*;

    fn credentials() -> CredentialProcess {
        CredentialProcess {
            version: CredentialProcessVersion,
            access_key_id: "ASIA1".to_owned(),
            secret_access_key: Secret::new("s'e$c\"r\\e`t"),
            session_token: Secret::new("t/o+k="),
            expiration: "2026-08-01T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_shell_ends_up_with_these_and_no_other_way() {
        let text = write(Format::Bash, &credentials(), Some("eu-west-1"));
        let script = format!(
            "{}printf '%s|' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_REGION\" \"${{AWS_PROFILE-gone}}\"",
            *text
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("AWS_PROFILE", "other")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "s'e$c\"r\\e`t|eu-west-1|gone|");
    }

    #[test]
    fn every_reader_has_its_own_quotes() {
        let line = |format, start: &str| {
            let text = write(format, &credentials(), None);
            let line = text.lines().find(|line| line.contains("SECRET_ACCESS_KEY"));
            line.unwrap().strip_prefix(start).unwrap().to_owned()
        };
        assert_eq!(
            line(Format::Fish, "set -gx AWS_SECRET_ACCESS_KEY "),
            r#"'s\'e$c"r\\e`t'"#
        );
        assert_eq!(
            line(Format::Powershell, "$Env:AWS_SECRET_ACCESS_KEY = "),
            r#"'s''e$c"r\e`t'"#
        );
        assert_eq!(
            line(Format::Dotenv, "AWS_SECRET_ACCESS_KEY="),
            r#""s'e\$c\"r\\e`t""#
        );
        let json = write(Format::Json, &credentials(), Some("r"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["AWS_SECRET_ACCESS_KEY"], "s'e$c\"r\\e`t");
        assert_eq!(json["AWS_DEFAULT_REGION"], "r");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_back_any_value(value in "[ -~é]{0,20}") {
            let script = format!("printf %s {}", single_quoted(&value, Format::Bash));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
