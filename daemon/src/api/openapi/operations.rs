//! What every route does, by subject.
//!
//! A new route is a line here: the call that clients make for it (its method
//! and answer follow), its path and a summary; then the type of its body, and
//! the query parameters it reads.

use quilt_proto::call::{
    AcceptRegistry, AwaitWebLogin, ClearApiKey, CreateApiKey, CreateGrant, DeletePackage,
    ListApiKeys, ListPackages, Login, Logout, ReadApiKey, ReadAudit, ReadConfig, ReadConsoleUrl,
    ReadCredentials, ReadDiagnosis, ReadGateway, ReadHealth, ReadMe, ReadPackageVersions,
    ReadProfiles, ReadSession, ReadStatus, ReadToken, RevokeApiKey, RevokeApiKeySecret,
    RevokeGrant, RotateApiKey, RunSearch, SetUpGateway, Shutdown, StartWebLogin, SwitchRole,
    UndoGateway, UpdateConfig, UseApiKey, path,
};
use quilt_proto::wire::{
    ApiKeyFilter, ApiKeyHandover, ApiKeyRevocation, ApiKeyRotation, ConfigUpdate, GatewayRequest,
    GrantRequest, LoginCode, NDJSON, NewApiKey, PackageLine, RegistryAcceptance, RoleChoice,
    Search,
};
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

use super::operation::{Operation, of, reading};
use crate::api::router::one_of;
use crate::api::routes::metrics::OPEN_METRICS;
use crate::api::routes::{audit, aws, packages, session, web};

/// By which both lists of keys are narrowed.
const KEY_FILTERS: &[&str] = &["email", "name", "fingerprint", "status"];

/// Every operation.
pub(super) fn operations() -> Vec<Operation> {
    let subjects = [daemon(), logins(), api_keys(), credentials(), registries()];
    subjects.into_iter().flatten().collect()
}

/// The methods and paths that read query parameters besides `catalog`, and the
/// names of these.
pub(in crate::api) fn query_parameters()
-> impl Iterator<Item = (&'static str, String, &'static [&'static str])> {
    operations().into_iter().filter_map(|operation| {
        let (_, names) = operation.query?;
        Some((operation.method.as_str(), operation.path, names))
    })
}

fn daemon() -> Vec<Operation> {
    vec![
        of::<ReadHealth>(path::HEALTH, "Whether the daemon is alive"),
        of::<ReadDiagnosis>(path::DOCTOR, "What is wrong, and the commands that mend it"),
        of::<ReadStatus>(path::STATUS, "What the daemon holds").more(
            "Every catalog somebody logged in to, and the configured one; with `catalog`, that one \
             alone. Never a secret.",
        ),
        reading::<String>(
            "text/event-stream",
            path::EVENTS,
            "The status, again whenever it changes",
        )
        .more(
            "Server-sent events named `status`; the data of each is what `GET /v1/status` answers. \
             Beyond a number of streams it answers 429 or 503 with `Retry-After`.",
        ),
        reading::<String>(
            OPEN_METRICS,
            path::METRICS,
            "Counts and durations for operators",
        ),
        reading::<Map<String, Value>>("application/json", path::OPENAPI, "This document"),
        of::<ReadConfig>(path::CONFIG, "The configuration shared with the Python SDK"),
        of::<UpdateConfig>(path::CONFIG, "Autoconfigure from a catalog, or set values")
            .takes::<ConfigUpdate>(),
        of::<ReadAudit>(path::AUDIT, "Which local process got what, when")
            .query::<audit::Extent>(&["since"]),
        of::<Shutdown>(path::SHUTDOWN, "Stop the daemon"),
    ]
}

fn logins() -> Vec<Operation> {
    vec![
        of::<ReadSession>(path::SESSION, "Where the login stands")
            .query::<session::Wish>(&["login_url", "accept_registry"]),
        of::<Login>(
            path::SESSION,
            "Log in with the code of the stack's login page",
        )
        .takes::<LoginCode>(),
        of::<Logout>(
            path::SESSION,
            "Forget session and API key, revoke where the stack can",
        )
        .query::<session::Extent>(&["all"]),
        of::<StartWebLogin>(path::WEB_LOGIN, "Begin a login through the browser")
            .query::<web::Where>(&["connect_url", "accept_registry"]),
        of::<AwaitWebLogin>(
            path::WEB_LOGIN_ID,
            "Wait some seconds for the end of such a login",
        ),
        of::<AcceptRegistry>(
            path::SESSION_REGISTRY,
            "Agree to where the catalog says that its registry is now",
        )
        .more(
            "A login or key goes to another registry than the one before only after this, or with \
             `accept_registry` in its own request. What is logged in stays where it is.",
        )
        .takes::<RegistryAcceptance>(),
        of::<UseApiKey>(path::SESSION_API_KEY, "Use an API key instead of the login")
            .takes::<ApiKeyHandover>(),
        of::<ClearApiKey>(
            path::SESSION_API_KEY,
            "Drop the API key, fall back to the login",
        ),
        of::<ReadToken>(path::TOKEN, "A bearer token, fresh for at least a minute"),
        of::<ReadMe>(path::ME, "Who the stack says you are"),
        of::<SwitchRole>(path::ME_ROLE, "Make another Quilt role active")
            .more("Every AWS credential of that stack is stale before this answers.")
            .takes::<RoleChoice>(),
    ]
}

fn api_keys() -> Vec<Operation> {
    vec![
        of::<ListApiKeys>(path::API_KEYS, "Your API keys").query::<ApiKeyFilter>(KEY_FILTERS),
        of::<CreateApiKey>(path::API_KEYS, "Make an API key")
            .more("The only time its secret is shown.")
            .takes::<NewApiKey>()
            .creates(),
        of::<ReadApiKey>(one_of(path::API_KEYS), "One of your API keys"),
        of::<RevokeApiKey>(one_of(path::API_KEYS), "Revoke one of your API keys"),
        of::<RevokeApiKeySecret>(path::API_KEYS_REVOKE, "Revoke an API key by its secret")
            .takes::<ApiKeyRevocation>(),
        of::<RotateApiKey>(path::API_KEYS_ROTATE, "Make an API key's successor")
            .more("The old key works until it is revoked: keep the successor first.")
            .takes::<ApiKeyRotation>()
            .creates(),
        of::<ListApiKeys>(path::ADMIN_API_KEYS, "Everybody's API keys; for admins")
            .query::<ApiKeyFilter>(KEY_FILTERS),
        of::<ReadApiKey>(
            one_of(path::ADMIN_API_KEYS),
            "Anybody's API key; for admins",
        ),
        of::<RevokeApiKey>(
            one_of(path::ADMIN_API_KEYS),
            "Revoke anybody's API key; for admins",
        ),
    ]
}

fn credentials() -> Vec<Operation> {
    vec![
        of::<ReadCredentials>(path::AWS_CREDENTIALS, "AWS credentials of a profile")
            .more("The document of the AWS SDKs' `credential_process`. Answers within 4 seconds.")
            .query::<aws::Wanted>(&["profile"]),
        of::<ReadConsoleUrl>(path::AWS_CONSOLE, "A URL that signs in to the AWS console")
            .query::<aws::Wanted>(&["profile", "destination"]),
        of::<CreateGrant>(
            path::AWS_GRANTS,
            "Let a program fetch credentials over loopback",
        )
        .more(
            "An expiring, revocable right to one profile's credentials, by the protocol of AWS \
             container credentials.",
        )
        .takes::<GrantRequest>()
        .creates(),
        of::<RevokeGrant>(path::AWS_GRANT, "Take a grant back"),
        of::<ReadProfiles>(path::PROFILES, "The profiles and what each last gave"),
        of::<ReadGateway>(path::GATEWAY, "How the Python SDK is led to this daemon"),
        of::<SetUpGateway>(path::GATEWAY, "Lead the Python SDK to this daemon")
            .takes::<GatewayRequest>(),
        of::<UndoGateway>(path::GATEWAY, "Put the Python SDK's files back"),
    ]
}

fn registries() -> Vec<Operation> {
    vec![
        of::<ListPackages>(path::PACKAGES, "The packages of a registry")
            .more(
                "As `application/x-ndjson`, for whoever accepts that, every line is such a value.",
            )
            .query::<packages::Where>(&["registry", "layout"])
            .answers_also(NDJSON, SchemaGenerator::subschema_for::<PackageLine>),
        of::<DeletePackage>(path::PACKAGE, "Delete a package or one version of it")
            .more("Removes pointers and manifests, never data. After an interruption, do it again.")
            .query::<packages::Where>(&["registry", "layout", "top_hash"]),
        of::<ReadPackageVersions>(path::PACKAGE_VERSIONS, "The versions of a package")
            .query::<packages::Where>(&["registry", "layout"]),
        of::<RunSearch>(
            path::SEARCH,
            "Search; the hits as the search service gives them",
        )
        .takes::<Search>(),
    ]
}
