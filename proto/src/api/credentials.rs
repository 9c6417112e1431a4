//! AWS credentials: handed out, granted to programs, lent to the Python SDK.

use serde::{Deserialize, Serialize};

use super::Action;
use crate::ProfileName;
use crate::wire::{
    ConsoleUrl, CredentialProcess, Gateway, GatewayRequest, Grant, GrantRequest, ProfileStatus,
};

/// Whose credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileQuery {
    /// A profile of `quiltd.toml`; the stack's own role when absent.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub profile: Option<ProfileName>,
}

impl From<ProfileName> for ProfileQuery {
    fn from(profile: ProfileName) -> Self {
        let profile = Some(profile);
        Self { profile }
    }
}

/// With whose credentials, and where to, in the AWS console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsoleQuery {
    /// A profile of `quiltd.toml`; the stack's own role when absent.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub profile: Option<ProfileName>,
    /// The page to open, instead of the console's first.
    pub destination: Option<String>,
}

endpoints! {
    /// AWS credentials of a profile.
    ReadCredentials(query: ProfileQuery): Get "/v1/aws/credentials" -> CredentialProcess {
        const DESCRIPTION: Option<&'static str> = Some(
            "The document of the AWS SDKs' `credential_process`. Answers within 4 seconds.",
        );
        const AUDIT: Option<Action> = Some(Action::CREDENTIALS);
        const SECRET: bool = true;
    }

    /// A URL that signs in to the AWS console.
    ReadConsoleUrl(query: ConsoleQuery): Get "/v1/aws/console" -> ConsoleUrl {
        const AUDIT: Option<Action> = Some(Action::new("console"));
        const SECRET: bool = true;
    }

    /// Let a program fetch credentials over loopback.
    ///
    /// Makes a grant.
    CreateGrant(body: GrantRequest): Post "/v1/aws/grants" -> Grant {
        const DESCRIPTION: Option<&'static str> = Some(
            "An expiring, revocable right to one profile's credentials, by the protocol of AWS \
             container credentials.",
        );
        const AUDIT: Option<Action> = Some(Action::new("grant"));
        const SECRET: bool = true;
        const CREATES: bool = true;
    }

    /// Take a grant back.
    RevokeGrant(path: String): Delete "/v1/aws/grants/{id}" -> () {
        const AUDIT: Option<Action> = Some(Action::new("grant_revoke"));
    }

    /// The profiles and what each last gave.
    ReadProfiles: Get "/v1/profiles" -> Vec<ProfileStatus> {}

    /// How the Python SDK is led to this daemon.
    ///
    /// How the gateway stands.
    ReadGateway: Get "/v1/gateway" -> Gateway {}

    /// Lead the Python SDK to this daemon.
    ///
    /// To its gateway.
    SetUpGateway(body: GatewayRequest): Put "/v1/gateway" -> Gateway {
        const AUDIT: Option<Action> = Some(Action::new("gateway_set_up"));
    }

    /// Put the Python SDK's files back.
    UndoGateway: Delete "/v1/gateway" -> Gateway {
        const AUDIT: Option<Action> = Some(Action::new("gateway_undo"));
    }
}
