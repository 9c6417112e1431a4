//! The variables by which AWS programs find credentials (AWS SDKs and Tools
//! Reference Guide).

pub(crate) const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub(crate) const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub(crate) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// When static credentials end; the AWS CLI writes it too.
pub(crate) const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";
pub(crate) const CONTAINER_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(crate) const CONTAINER_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// SDKs read the first, some programs only the second.
pub(crate) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Everything that says where credentials come from. Whoever sets some of it
/// has to unset the rest: SDKs differ in what they look at first, and refuse
/// two ways at once.
pub(crate) const ALL: &[&str] = &[
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    "AWS_SECURITY_TOKEN",
    EXPIRATION,
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    CONTAINER_URI,
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    CONTAINER_TOKEN,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
];
