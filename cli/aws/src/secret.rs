//! `login --api-key-secret`: the key comes from AWS Secrets Manager, with
//! whatever AWS credentials the user has, and goes straight to the daemon.

use quilt_client::Error;
use quilt_proto::api::UseApiKey;
use quilt_proto::wire::ApiKeyHandover;
use quilt_proto::{ApiKeySecret, CatalogUrl, Command, RegistryHost, Secret};
use serde::Deserialize;

use crate::failure::{Failure, note, one_line, print, shown_json};
use crate::{Daemon, network};

/// A secret that is a JSON object, as the AWS console makes them.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "QUILT_API_KEY")]
    key: Option<Secret>,
}

/// Which secret, and where it may go, as the user saw it before it was read.
#[derive(Debug, clap::Args)]
pub(crate) struct Handover {
    #[arg(long)]
    id: String,
    #[arg(long)]
    accept_registry: Option<RegistryHost>,
    /// The catalog that is meant where none is named
    #[arg(long)]
    default_catalog: Option<CatalogUrl>,
}

pub(crate) async fn use_it(daemon: &Daemon, handover: Handover) -> Result<(), Failure> {
    let id = &handover.id;
    let key = read(id).await?.secret().clone();
    let session = daemon
        .client()?
        .send(&UseApiKey(ApiKeyHandover {
            key,
            accept_registry: handover.accept_registry,
            default_catalog: handover.default_catalog,
        }))
        .await
        .map_err(|error| again(error, daemon, id))?;
    if let Some(problem) = &session.status.last_error {
        note(format_args!("warning: {problem}"));
    }
    if daemon.json {
        let body = serde_json::to_string(&session).map_err(Failure::unexpected)?;
        return print(&shown_json(body));
    }
    session.welcome().into_iter().for_each(note);
    print(&one_line(session.catalog_url.as_str()))
}

/// Whoever has to agree to a registry first can run this very command again.
fn again(error: Error, daemon: &Daemon, id: &str) -> Failure {
    let (mut problem, host) = match error {
        Error::Problem(problem) => match problem.registry_host.clone() {
            Some(host) => (problem, host),
            None => return Error::Problem(problem).into(),
        },
        error => return error.into(),
    };
    problem.hint = Some(
        Command::of("quiltctl login")
            .option("--api-key-secret", id)
            .option("--accept-registry", host)
            .option_if("--catalog", daemon.catalog.as_deref()),
    );
    Error::Problem(problem).into()
}

async fn read(id: &str) -> Result<ApiKeySecret, Failure> {
    let config = network::loader()?.load().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| Failure::aws("cannot read the secret", &error))?;
    let text = match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => Secret::from(text),
        (None, Some(bytes)) => std::str::from_utf8(bytes.as_ref())
            .map(Secret::new)
            .map_err(|_| Failure::input("the secret is not text"))?,
        (None, None) => Secret::new(""),
    };
    parse(&text)
}

/// The key: the secret itself, or its field of the variable's name.
fn parse(text: &Secret) -> Result<ApiKeySecret, Failure> {
    // Only an object: serde would read a list as a struct, too.
    let object = text.expose().trim_start().starts_with('{');
    let fields = object.then(|| serde_json::from_str::<Fields>(text.expose()).ok());
    let key = match fields.flatten() {
        Some(Fields { key: Some(key) }) => key,
        Some(Fields { key: None }) => {
            return Err(Failure::input("the secret has no field QUILT_API_KEY"));
        }
        None => text.clone(),
    };
    key.expose().parse().map_err(Failure::input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_key_or_has_it_in_a_field() {
        for text in [
            "qk_abc",
            " qk_abc\n",
            r#"{"QUILT_API_KEY": "qk_abc", "other": 1}"#,
        ] {
            let Ok(key) = parse(&Secret::new(text)) else {
                panic!("refused: {text}");
            };
            assert_eq!(key.secret().expose(), "qk_abc");
        }
        for text in [
            "",
            "abc",
            r#"{"other": "qk_canary"}"#,
            "[\"qk_canary\"]",
            "QK_canary",
        ] {
            let error = parse(&Secret::new(text)).map(drop);
            let line = format!("{:?}", error.expect_err("refused"));
            assert!(!line.contains("canary"), "{line}");
        }
    }
}
