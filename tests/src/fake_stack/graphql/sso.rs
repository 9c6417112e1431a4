//! Single sign-on, as admins configure it.

use async_graphql::{SimpleObject, Union};

use super::api_keys::Datetime;
use super::outcome::{InvalidInput, OperationError};
use super::users::User;
use crate::fake_stack::administration::SsoSettings;
use crate::fake_stack::identity::users::User as Known;
use crate::fake_stack::state::Core;

#[derive(SimpleObject)]
pub(crate) struct SsoConfig {
    text: String,
    timestamp: Datetime,
    uploader: User,
}

#[derive(Union)]
pub(crate) enum SetSsoConfigResult {
    SsoConfig(SsoConfig),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

impl SsoConfig {
    /// What is configured.
    pub(super) fn now(core: &Core) -> async_graphql::Result<Option<Self>> {
        let Some(settings) = core.administration.lock().sso.clone() else {
            return Ok(None);
        };
        let users = core.users.lock();
        let uploader = users.user(&settings.uploader).cloned();
        let gone = || async_graphql::Error::new("whoever set it is gone");
        Ok(Some(Self {
            text: settings.text,
            timestamp: Datetime(settings.timestamp),
            uploader: User(uploader.ok_or_else(gone)?),
        }))
    }

    /// Configures it, or removes what is configured.
    pub(super) fn set(
        core: &Core,
        user: &Known,
        text: Option<String>,
    ) -> async_graphql::Result<Option<SetSsoConfigResult>> {
        if let Some(text) = &text
            && !text.contains("version:")
        {
            let refused = InvalidInput::new("config", "ValidationError", "It has no version");
            return Ok(Some(SetSsoConfigResult::InvalidInput(refused)));
        }
        core.administration.lock().sso = text.map(|text| SsoSettings {
            text,
            timestamp: core.clock.now(),
            uploader: user.name.clone(),
        });
        Ok(Self::now(core)?.map(SetSsoConfigResult::SsoConfig))
    }
}
