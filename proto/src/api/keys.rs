//! API keys: one's own, and everybody's for admins.

use super::Action;
use crate::wire::{
    ApiKey, ApiKeyFilter, ApiKeyLookup, ApiKeyRevocation, ApiKeyRotation, CreatedApiKey, NewApiKey,
    RotatedApiKey,
};
use crate::{ApiKeyId, CatalogUrl};

endpoints! {
    /// Your API keys.
    ListApiKeys(query: ApiKeyFilter): Get "/v1/api-keys" -> Vec<ApiKey> {}

    /// Make an API key.
    CreateApiKey(body: NewApiKey): Post "/v1/api-keys" -> CreatedApiKey {
        const DESCRIPTION: Option<&'static str> = Some("The only time its secret is shown.");
        const AUDIT: Option<Action> = Some(Action::new("api_key_create"));
        const SECRET: bool = true;
        const LAST: bool = true;
        const CREATES: bool = true;
    }

    /// One of your API keys.
    ReadApiKey(path: ApiKeyId): Get "/v1/api-keys/{id}" -> ApiKey {}

    /// Revoke one of your API keys.
    RevokeApiKey(path: ApiKeyId): Delete "/v1/api-keys/{id}" -> () {
        const AUDIT: Option<Action> = Some(Action::API_KEY_REVOKE);
        const CHANGES_KEYS: bool = true;
    }

    /// Where an API key has worked, or is in use.
    FindApiKey(body: ApiKeyLookup): Post "/v1/api-keys/find" -> Vec<CatalogUrl> {
        const DESCRIPTION: Option<&'static str> =
            Some("No stack is asked: what this daemon, or another of the home, knows.");
    }

    /// Revoke an API key by its secret.
    RevokeApiKeySecret(body: ApiKeyRevocation): Post "/v1/api-keys/revoke" -> () {
        const AUDIT: Option<Action> = Some(Action::API_KEY_REVOKE);
        const CHANGES_KEYS: bool = true;
        const SECRET: bool = true;
        const LAST: bool = true;
    }

    /// Make an API key's successor.
    RotateApiKey(body: ApiKeyRotation): Post "/v1/api-keys/rotate" -> RotatedApiKey {
        const DESCRIPTION: Option<&'static str> =
            Some("The old key works until it is revoked: keep the successor first.");
        const AUDIT: Option<Action> = Some(Action::new("api_key_rotate"));
        const CHANGES_KEYS: bool = true;
        const SECRET: bool = true;
        const LAST: bool = true;
        const CREATES: bool = true;
    }

    /// Everybody's API keys; for admins.
    ListAllApiKeys(query: ApiKeyFilter): Get "/v1/admin/api-keys" -> Vec<ApiKey> {}

    /// Anybody's API key; for admins.
    ReadAnyApiKey(path: ApiKeyId): Get "/v1/admin/api-keys/{id}" -> ApiKey {}

    /// Revoke anybody's API key; for admins.
    RevokeAnyApiKey(path: ApiKeyId): Delete "/v1/admin/api-keys/{id}" -> () {
        const AUDIT: Option<Action> = Some(Action::API_KEY_REVOKE);
        const CHANGES_KEYS: bool = true;
    }
}
