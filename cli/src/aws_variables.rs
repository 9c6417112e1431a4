//! The variables by which AWS programs find credentials (AWS SDKs and Tools
//! Reference Guide).

pub(crate) const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub(crate) const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub(crate) const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// When static credentials end; the AWS CLI writes it too.
pub(crate) const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";
/// Names a web identity's token.
pub(crate) const WEB_IDENTITY_TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The role that a web identity assumes.
pub(crate) const ROLE_ARN: &str = "AWS_ROLE_ARN";
pub(crate) const CONTAINER_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(crate) const CONTAINER_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// SDKs read the first, some programs only the second.
pub(crate) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The same token in a file; object_store (polars, deltalake) reads nothing else.
pub(crate) const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

pub(crate) const AWS_PROFILE: &str = "AWS_PROFILE";
pub(crate) const AWS_DEFAULT_PROFILE: &str = "AWS_DEFAULT_PROFILE";
/// A path below the address that every ECS container asks.
pub(crate) const CONTAINER_RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(crate) const ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
/// botocore and boto 2: the session token's older name.
pub(crate) const SECURITY_TOKEN: &str = "AWS_SECURITY_TOKEN";

/// The profile that a program under `exec` acts as, for prompts.
pub(crate) const PROFILE: &str = "QUILT_PROFILE";

/// Everything that says where credentials come from, in the SDKs of every
/// generation. Whoever sets some of it has to unset the rest: SDKs differ in
/// what they look at first, pair one way's key id with another's secret, and
/// refuse two ways at once.
pub(crate) fn all() -> impl Iterator<Item = &'static str> + Clone {
    TODAY.iter().chain(FILES).chain(OLDER).copied()
}

/// Those that every SDK of today knows (AWS SDKs and Tools Reference Guide).
const TODAY: &[&str] = &[
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    EXPIRATION,
    "AWS_ACCOUNT_ID",
    AWS_PROFILE,
    AWS_DEFAULT_PROFILE,
    CONTAINER_URI,
    CONTAINER_RELATIVE_URI,
    CONTAINER_TOKEN,
    CONTAINER_TOKEN_FILE,
    WEB_IDENTITY_TOKEN,
    ROLE_ARN,
    ROLE_SESSION_NAME,
    // A bearer token that Bedrock clients prefer to any signature.
    "AWS_BEARER_TOKEN_BEDROCK",
    SECURITY_TOKEN,
];

/// Those that name files of keys, to botocore and boto 2.
const FILES: &[&str] = &["AWS_CREDENTIAL_FILE", "BOTO_CONFIG"];

/// Those that hold keys for some programs and mean nothing to others.
pub(crate) const OLDER: &[&str] = &[
    // SDKs for Java 1, Go 1, Ruby and PHP 2.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    // SDKs for JavaScript 2 and Ruby, whose prefix may be another.
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    // SDK for Rust, where AWS_SECRET_ACCESS_KEY is not set.
    "SECRET_ACCESS_KEY",
    // object_store.
    "AWS_TOKEN",
    "AWS_SKIP_SIGNATURE",
    // GDAL.
    "AWS_NO_SIGN_REQUEST",
    // s3fs-fuse.
    "AWSACCESSKEYID",
    "AWSSECRETACCESSKEY",
    "AWSSESSIONTOKEN",
    // The EC2 command line tools, and what still imitates them.
    "EC2_ACCESS_KEY",
    "EC2_SECRET_KEY",
];
