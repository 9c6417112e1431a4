//! Bodies of requests and answers, one file a subject.

mod api_key;
mod audit;
mod aws;
mod bucket;
mod config;
mod doctor;
mod finding_code;
mod gateway;
mod grant;
mod key_offer;
mod me;
mod packages;
mod profile;
mod session;
mod since;
mod status;
mod welcome;

pub use api_key::{
    ApiKey, ApiKeyFilter, ApiKeyHandover, ApiKeyRevocation, ApiKeyRotation, ApiKeyStatus,
    CreatedApiKey, DEFAULT_KEY_LIFETIME_DAYS, KEY_ENDS_SOON, KEY_LIFETIME_DAYS, NewApiKey,
    RotatedApiKey, bad_key_lifetime,
};
pub use audit::{Ambiguity, AuditEntry};
pub use aws::{CredentialProcess, CredentialProcessVersion};
pub use bucket::Bucket;
pub use config::{ConfigUpdate, ConfigValues};
pub use doctor::{Diagnosis, Finding, Severity};
pub use finding_code::FindingCode;
pub use gateway::{Gateway, GatewayAddress, GatewayRequest};
pub use grant::{ConsoleUrl, ContainerCredentials, Grant, GrantKind, GrantRequest, GrantStatus};
pub use key_offer::{CARRIED, CARRY_KEYS, HANDED_OVER, KeyOffer};
pub use me::{Me, RoleChoice};
pub use packages::{DeletedPackage, NDJSON, PackageLine, PackageVersion, Search, SearchQuery};
pub use profile::ProfileStatus;
pub use session::{
    LoggedOut, LoginCode, RegistryAcceptance, Session, Token, TokenKind, WebLogin,
    WebLoginProgress, WebLoginState,
};
pub use since::{Since, SinceError};
pub use status::{
    CatalogStatus, CredentialStatus, Health, NetworkStatus, PasswordComparison, Protection,
    ProxyPasswords, SessionState, SessionStatus, SessionUser, Status,
};
