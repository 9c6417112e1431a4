//! API keys: one's own, and everybody's for admins.

use super::Action;
use crate::ApiKeyId;
use crate::wire::{
    ApiKey, ApiKeyFilter, ApiKeyRevocation, ApiKeyRotation, CreatedApiKey, NewApiKey, RotatedApiKey,
};

endpoints! {
    /// List one's own API keys.
    ListApiKeys(query: ApiKeyFilter): Get "/v1/api-keys" -> Vec<ApiKey> {
        const SUMMARY: &'static str = "Your API keys";
    }

    /// Make a key.
    CreateApiKey(body: NewApiKey): Post "/v1/api-keys" -> CreatedApiKey {
        const SUMMARY: &'static str = "Make an API key";
        const DESCRIPTION: Option<&'static str> = Some("The only time its secret is shown.");
        const AUDIT: Option<Action> = Some(Action::ApiKeyCreate);
        const SECRET: bool = true;
        const LAST: bool = true;
        const CREATES: bool = true;
    }

    /// Read one of one's own API keys.
    ReadApiKey(path: ApiKeyId): Get "/v1/api-keys/{id}" -> ApiKey {
        const SUMMARY: &'static str = "One of your API keys";
    }

    /// Revoke one of one's own API keys.
    RevokeApiKey(path: ApiKeyId): Delete "/v1/api-keys/{id}" -> () {
        const SUMMARY: &'static str = "Revoke one of your API keys";
        const AUDIT: Option<Action> = Some(Action::ApiKeyRevoke);
    }

    /// Revoke a key by its secret.
    RevokeApiKeySecret(body: ApiKeyRevocation): Post "/v1/api-keys/revoke" -> () {
        const SUMMARY: &'static str = "Revoke an API key by its secret";
        const AUDIT: Option<Action> = Some(Action::ApiKeyRevoke);
        const SECRET: bool = true;
        const LAST: bool = true;
    }

    /// Make a key's successor.
    RotateApiKey(body: ApiKeyRotation): Post "/v1/api-keys/rotate" -> RotatedApiKey {
        const SUMMARY: &'static str = "Make an API key's successor";
        const DESCRIPTION: Option<&'static str> =
            Some("The old key works until it is revoked: keep the successor first.");
        const AUDIT: Option<Action> = Some(Action::ApiKeyRotate);
        const SECRET: bool = true;
        const LAST: bool = true;
        const CREATES: bool = true;
    }

    /// List everybody's API keys; for admins.
    ListAllApiKeys(query: ApiKeyFilter): Get "/v1/admin/api-keys" -> Vec<ApiKey> {
        const SUMMARY: &'static str = "Everybody's API keys; for admins";
    }

    /// Read anybody's API key; for admins.
    ReadAnyApiKey(path: ApiKeyId): Get "/v1/admin/api-keys/{id}" -> ApiKey {
        const SUMMARY: &'static str = "Anybody's API key; for admins";
    }

    /// Revoke anybody's API key; for admins.
    RevokeAnyApiKey(path: ApiKeyId): Delete "/v1/admin/api-keys/{id}" -> () {
        const SUMMARY: &'static str = "Revoke anybody's API key; for admins";
        const AUDIT: Option<Action> = Some(Action::ApiKeyRevoke);
    }
}
