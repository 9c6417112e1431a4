//! Leads the Python SDK to the gateway, and back.
//!
//! `config.yml` names the gateway as the registry, `auth.json` holds a grant
//! in place of tokens, `credentials.json` a placeholder in place of
//! credentials. What was there before is noted in the state directory before
//! anything is changed, and each step can be done again: after an interruption
//! at any point, both setting up and undoing come to their end.

use std::path::{Path, PathBuf};

use quilt_proto::{CatalogUrl, RegistryUrl, Secret, python_sdk};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::auth_file::AuthFile;
use super::config_file::Turn;
use super::credentials_file::Placeholder;
use super::file_modes::FileModes;
use super::login_import_note::LoginImport;
use super::lost_redirection::LostRedirection;
use super::redirection_record::{Record, Redirection};
use super::{ConfigFile, SdkFileError};
use crate::files;

/// The SDK's files, and the record of what they were.
#[derive(Clone, Debug)]
pub struct SdkFiles {
    config: ConfigFile,
    auth: AuthFile,
    placeholder: Placeholder,
    record: Record,
    import: LoginImport,
}

/// What the SDK shall be led to.
#[derive(Debug)]
pub struct Target<'a> {
    /// The catalog.
    pub catalog: &'a CatalogUrl,
    /// Its registry.
    pub registry: &'a RegistryUrl,
    /// What it publishes about itself.
    pub published: &'a Map<String, Value>,
    /// Where the gateway is.
    pub gateway: &'a RegistryUrl,
}

impl SdkFiles {
    /// The files in the SDK's directory, the record in the daemon's own.
    pub fn new(sdk_dir: &Path, state_dir: &Path) -> Self {
        Self {
            config: ConfigFile::new(sdk_dir.to_owned()),
            auth: AuthFile::in_dir(sdk_dir),
            placeholder: Placeholder::in_dir(sdk_dir),
            record: Record::in_dir(state_dir),
            import: LoginImport::in_dir(state_dir),
        }
    }

    pub(super) fn config(&self) -> &ConfigFile {
        &self.config
    }

    /// What is redirected; nothing where nothing is. A record that cannot be
    /// understood is set aside.
    pub fn redirection(&self) -> Result<Option<Redirection>, SdkFileError> {
        self.record.read()
    }

    /// Notes whether API keys and logins are kept back, where the SDK is led to
    /// the gateway.
    pub fn set_without_api_keys(&self, keep_back: bool) -> Result<(), SdkFileError> {
        match self.redirection()? {
            Some(mut redirection) if redirection.without_api_keys != keep_back => {
                redirection.without_api_keys = keep_back;
                self.record.save(&redirection)
            }
            _ => Ok(()),
        }
    }

    /// The grant the SDK holds for the gateway.
    pub fn grant(&self, gateway: &RegistryUrl) -> Result<Option<Secret>, SdkFileError> {
        let login = self.auth.login(gateway.as_str())?;
        Ok(login.map(|login| login.access_token))
    }

    /// Has the SDK hold a grant for an address at the gateway.
    pub fn hold(
        &self,
        address: &RegistryUrl,
        token: &Secret,
        expires_at: i64,
    ) -> Result<(), SdkFileError> {
        self.auth.set(address.as_str(), token, expires_at)
    }

    /// The refresh token of a login the SDK made itself.
    pub fn own_login(&self, registry: &RegistryUrl) -> Result<Option<Secret>, SdkFileError> {
        let login = self.auth.login(registry.as_str())?;
        Ok(login.map(|login| login.refresh_token))
    }

    /// Notes that this login of the SDK's own is about to become the daemon's:
    /// should the daemon end in between, the next one knows.
    pub fn begin_import(&self, login: &Secret) -> Result<(), SdkFileError> {
        self.import.begin(login)
    }

    /// Whether that was begun with this login, and not ended.
    pub fn is_importing(&self, login: &Secret) -> bool {
        self.import.is_of(login)
    }

    /// The login stays the SDK's own.
    pub fn give_up_import(&self) -> Result<(), SdkFileError> {
        self.import.end()
    }

    /// Forgets a login the SDK made itself: it is the daemon's now.
    pub fn forget_own_login(&self, registry: &RegistryUrl) -> Result<(), SdkFileError> {
        self.auth.forget(registry.as_str())?;
        self.import.end()
    }

    /// Leads the SDK to the gateway. `grant` is a new grant, or nothing where
    /// the SDK holds a good one. Answers whether anything changed. What fails
    /// the first time leaves nothing behind.
    pub fn set_up(
        &self,
        lead: &Target<'_>,
        grant: Option<(&Secret, i64)>,
    ) -> Result<bool, SdkFileError> {
        let before = self.redirection()?;
        let is_new = before.as_ref().is_none_or(|redirection| {
            redirection.catalog_url != *lead.catalog || redirection.gateway_url != *lead.gateway
        });
        if !is_new && grant.is_none() && self.drifts(lead.gateway)?.is_empty() {
            self.placeholder.set_up()?;
            return Ok(false);
        }
        // Looked at before anything is written, like the other file below.
        self.auth.login(lead.gateway.as_str())?;
        let turn = self.config.turn();
        let text = self
            .config
            .redirected(lead.catalog, lead.published, lead.gateway)?;
        let redirection = Redirection {
            version: Redirection::VERSION,
            catalog_url: lead.catalog.clone(),
            registry_url: lead.registry.clone(),
            gateway_url: lead.gateway.clone(),
            config_before: self.config_before(lead, before.as_ref())?,
            // Before it is: afterwards would be too late, were this the end.
            config_written: Some(text.0.clone()),
            config_found: self.config.text()?,
            modes_before: before.as_ref().map_or_else(
                || FileModes::of(&self.config.path(), self.auth.path()),
                |before| before.modes_before.clone(),
            ),
            without_api_keys: before
                .as_ref()
                .is_some_and(|before| before.without_api_keys),
        };
        self.record.save(&redirection)?;
        let written = self.write(lead, grant, before.as_ref(), &text);
        drop(turn);
        if written.is_err() {
            // That can fail for the same reason; the first is to be told.
            let _ = self.take_back(before.as_ref(), &redirection);
        }
        written.map(|()| true)
    }

    /// Has the record say again what is so, after a set-up that failed.
    fn take_back(
        &self,
        before: Option<&Redirection>,
        failed: &Redirection,
    ) -> Result<(), SdkFileError> {
        if let Some(before) = before {
            return self.record.save(before);
        }
        self.undo().map(drop).or_else(|error| {
            // Nothing leads here: there is nothing to undo later.
            let is_as_found = self.config.text()? == failed.config_found;
            let holds_grant = self.auth.login(failed.gateway_url.as_str())?.is_some();
            if is_as_found && !holds_grant {
                return self.record.remove();
            }
            Err(error)
        })
    }

    fn write(
        &self,
        lead: &Target<'_>,
        grant: Option<(&Secret, i64)>,
        before: Option<&Redirection>,
        (config, is_replaced): &(String, bool),
    ) -> Result<(), SdkFileError> {
        // First: a daemon that finds a grant keeps the placeholder in its place,
        // and would overwrite what the SDK has there.
        self.placeholder.set_up()?;
        match before {
            Some(before) if before.gateway_url != *lead.gateway => {
                self.auth.forget_at(&before.gateway_url)?;
            }
            Some(_) => {}
            // What a daemon whose record is lost left there opens nothing.
            None => self.auth.forget_grants_but(lead.gateway)?,
        }
        if let Some((token, expires_at)) = grant {
            self.auth.set(lead.gateway.as_str(), token, expires_at)?;
        }
        if self.config.text()?.as_ref() != Some(config) {
            self.config.write(config, *is_replaced)?;
        }
        Ok(())
    }

    /// The `config.yml` that undoing puts back: never one that names a gateway.
    fn config_before(
        &self,
        lead: &Target<'_>,
        before: Option<&Redirection>,
    ) -> Result<Option<String>, SdkFileError> {
        let led_before = match before {
            Some(before) => self.redirects_to(&before.gateway_url)?,
            None => self.orphan()?.is_some_and(|found| found != *lead.registry),
        };
        if !led_before && !self.redirects_to(lead.gateway)? {
            return Ok(self.config.text()?);
        }
        match before {
            Some(before) if self.is_as_written(before)? => Ok(before.config_before.clone()),
            Some(before) => Ok(Some(self.config.with_registry(&before.registry_url)?)),
            None => Ok(Some(self.config.with_registry(lead.registry)?)),
        }
    }

    /// Whether nobody but us has changed a `config.yml` that leads here.
    fn is_as_written(&self, redirection: &Redirection) -> Result<bool, SdkFileError> {
        let text = self.config.text()?;
        if text == redirection.config_written || text == redirection.config_found {
            return Ok(true);
        }
        match &redirection.config_before {
            Some(before) => Ok(self.config.differs_in_registry_only(before)?),
            None => Ok(false),
        }
    }

    /// Puts back what was there. Answers whether anything was redirected.
    pub fn undo(&self) -> Result<bool, SdkFileError> {
        let Some(redirection) = self.redirection()? else {
            return Ok(false);
        };
        let turn = self.config.turn();
        if self.redirects_to(&redirection.gateway_url)? {
            if self.is_as_written(&redirection)? {
                self.config.put_back(redirection.config_before.as_deref())?;
            } else {
                self.point_to(&turn, &redirection.registry_url)?;
            }
        }
        self.auth.forget_at(&redirection.gateway_url)?;
        let modes = redirection.modes_before;
        modes.restore(&self.config.path(), self.auth.path())?;
        self.clear(&redirection.gateway_url)?;
        Ok(true)
    }

    /// The same where the record is lost: the SDK's files are cleared of what
    /// leads to this gateway, and `config.yml` names `registry`.
    pub fn undo_without_record(
        &self,
        gateway: &RegistryUrl,
        registry: &RegistryUrl,
    ) -> Result<(), SdkFileError> {
        if self.redirects_to(gateway)? {
            self.point_to(&self.config.turn(), registry)?;
        }
        self.auth.forget_grants_but(gateway)?;
        self.clear(gateway)
    }

    /// The gateway that `config.yml` names, by the looks of the SDK's files:
    /// with the record lost, nothing else tells that it was ours.
    pub fn orphan(&self) -> Result<Option<RegistryUrl>, SdkFileError> {
        let named = self.config.registry()?;
        let named = named.and_then(|url| url.parse::<RegistryUrl>().ok());
        let is_ours = |url: &RegistryUrl| {
            url.gateway_port().is_some()
                && (self.placeholder.is_there() || self.auth.holds_grant(url.as_str()))
        };
        Ok(named.filter(is_ours))
    }

    /// Whether `config.yml` names this gateway.
    pub fn redirects_to(&self, gateway: &RegistryUrl) -> Result<bool, SdkFileError> {
        Ok(self.config.registry()?.as_deref() == Some(gateway.as_str()))
    }

    /// Whether the placeholder lies in its place.
    pub fn has_placeholder(&self) -> bool {
        self.placeholder.is_there()
    }

    fn point_to(&self, turn: &Turn<'_>, registry: &RegistryUrl) -> Result<(), SdkFileError> {
        let changes = [(python_sdk::REGISTRY_URL.to_owned(), json!(registry))];
        self.config
            .merge_in_turn(turn, &changes.into_iter().collect())?;
        Ok(())
    }

    fn clear(&self, gateway: &RegistryUrl) -> Result<(), SdkFileError> {
        self.auth.forget_at(gateway)?;
        self.placeholder.undo()?;
        self.record.remove()
    }

    /// How the files no longer lead to the gateway; nothing where they do.
    pub fn drifts(&self, gateway: &RegistryUrl) -> Result<Vec<LostRedirection>, SdkFileError> {
        let mut drifts = Vec::new();
        if !self.redirects_to(gateway)? {
            drifts.push(LostRedirection::Config);
        }
        if self.grant(gateway)?.is_none() {
            drifts.push(LostRedirection::Auth);
        }
        Ok(drifts)
    }

    /// Keeps credentials out of the SDK's files until `stop`.
    pub async fn guard(self, stop: CancellationToken) {
        let sdk_files = self.clone();
        // In doubt, as while the SDK writes its files, it is.
        let is_wanted = move || match sdk_files.redirection() {
            Ok(Some(redirection)) => !matches!(sdk_files.grant(&redirection.gateway_url), Ok(None)),
            Ok(None) => false,
            Err(_) => true,
        };
        self.placeholder.keep(is_wanted, stop).await;
    }

    /// Leads the SDK back where `config.yml` names the catalog's own registry
    /// again, as `quilt3.config(URL)` writes it. Not where `auth.json` was
    /// emptied: that is the user's word, and the caller's to look for, with what
    /// is redirected. Answers whether it did.
    pub fn redirect_again(&self, redirection: &Redirection) -> Result<bool, SdkFileError> {
        let _turn = self.config.turn();
        let (from, to) = (&redirection.registry_url, &redirection.gateway_url);
        let text = self.config.led_back(&redirection.catalog_url, from, to)?;
        if let Some(text) = &text {
            self.config.write_at_once(text)?;
        }
        Ok(text.is_some())
    }

    /// Removes what a daemon that was killed was writing.
    pub fn sweep(&self) {
        for file in self.files().iter().chain([self.record.path()]) {
            file.parent().map(files::sweep);
        }
    }

    /// The files it changes.
    pub fn files(&self) -> Vec<PathBuf> {
        vec![
            self.config.path(),
            self.auth.path().to_owned(),
            self.placeholder.path().to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests;
