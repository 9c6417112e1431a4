//! Setting the gateway up for the Python SDK, and undoing it.

use std::path::PathBuf;
use std::sync::Arc;

use quilt_proto::wire::{GatewayRequest, GrantKind};
use quilt_proto::{CatalogUrl, RegistryUrl};

use super::login_import::{Imported, import_login};
use super::{Gateway, GatewayDiagnostic, GatewayError, OpenListener};
use crate::grant::Right;
use crate::grant::without_api_keys;
use crate::quilt3::{LostRedirection, Redirection, SdkFileError, Target};
use crate::session::{Session, SessionError};
use crate::stack::StackConfig;

/// How setting up went.
#[derive(Debug)]
pub struct Configured {
    /// Whether any file was changed.
    pub changed: bool,
    /// Whether what the SDK's grants open was changed.
    pub rights_changed: bool,
    /// The login that the SDK made, where it was taken over now, or was before
    /// by a daemon that was killed meanwhile.
    pub imported: Option<Imported>,
    /// Whether a login that the SDK made is still in its files.
    pub own_login: bool,
}

/// How the gateway stands.
#[derive(Debug)]
pub struct State {
    /// What the SDK is led to; nothing where it is not.
    pub redirection: Option<Redirection>,
    /// Whether requests are taken.
    pub listening: bool,
    /// How the SDK's files no longer lead here.
    pub drifts: Vec<LostRedirection>,
    /// The SDK's files.
    pub files: Vec<PathBuf>,
    /// Whether API keys and logins are kept back.
    pub without_api_keys: bool,
}

impl Gateway {
    /// Leads the SDK to the gateway of a session's catalog, and gives each of
    /// the others that are logged in an address there.
    pub async fn set_up(
        &self,
        session: &Arc<Session>,
        logged_in: &[CatalogUrl],
        options: GatewayRequest,
        open: OpenListener,
    ) -> Result<Configured, GatewayError> {
        let published = session.registry_trust().published().await?;
        let trusted = session
            .registry_trust()
            .verify_published(published, None)
            .await?;
        let _alone = self.changing.lock().await;
        let imported = import_login(&self.sdk_files, session, &trusted, options.import).await?;
        let was = self.kept_back();
        // Before anything else: what fails later must not leave a right behind
        // that was to be kept back.
        if options.without_api_keys {
            self.sdk_files.set_without_api_keys(true)?;
            without_api_keys::set(&self.grants, true).await?;
        }
        let published = trusted.published();
        let lead = self.lead(
            session.catalog(),
            published,
            &open,
            options.without_api_keys,
        );
        let mut changed = lead.await?;
        if let Some(redirection) = self.sdk_files.redirection()? {
            for catalog in logged_in {
                let gateway = &redirection.gateway_url;
                let given = self.give_address(catalog, gateway, &open, options.without_api_keys);
                changed |= given.await?;
            }
        }
        // Whatever ends it in between, the stricter of both holds.
        self.sdk_files
            .set_without_api_keys(options.without_api_keys)?;
        without_api_keys::set(&self.grants, options.without_api_keys).await?;
        self.start_guard();
        let own_login = self.sdk_files.own_login(trusted.registry())?.is_some();
        Ok(Configured {
            changed,
            rights_changed: was.is_some_and(|was| was != options.without_api_keys),
            imported,
            own_login,
        })
    }

    /// Leads the SDK to another catalog, if it is led to one.
    pub async fn follow(
        &self,
        catalog: &CatalogUrl,
        published: &StackConfig,
        open: OpenListener,
    ) -> Result<(), GatewayError> {
        let _alone = self.changing.lock().await;
        if self.sdk_files.redirection()?.is_some() {
            let keep_back = self.keeps_back_api_keys();
            self.lead(catalog, published, &open, keep_back).await?;
            self.start_guard();
        }
        Ok(())
    }

    /// Puts the SDK's files back and takes its grants back. Answers whether
    /// there was anything to undo. `session` is of the configured catalog: it
    /// is asked for its registry where the record of that is lost.
    pub async fn undo(&self, session: Option<&Arc<Session>>) -> Result<bool, GatewayError> {
        let _alone = self.changing.lock().await;
        self.stop_guard().await;
        let undone = self.undo_files(session).await;
        if undone.is_err() {
            self.start_guard();
        }
        Ok(undone? | (self.grants.revoke_kind(GrantKind::Registry).await? > 0))
    }

    async fn undo_files(&self, session: Option<&Arc<Session>>) -> Result<bool, GatewayError> {
        if self.sdk_files.undo()? {
            return Ok(true);
        }
        let known = self.grants.port().map(RegistryUrl::on_loopback);
        let is_known = match &known {
            Some(known) => self.sdk_files.redirects_to(known)? || self.sdk_files.has_placeholder(),
            None => false,
        };
        // With the grants lost too, the files alone tell which one it was.
        let gateway = match known.filter(|_| is_known) {
            Some(known) => Some(known),
            None => self.sdk_files.orphan()?,
        };
        let Some(gateway) = gateway else {
            return Ok(false);
        };
        let session = session.ok_or(GatewayError::RecordLost)?;
        let trusted = session.registry_trust().verify(None).await?;
        if gateway == *trusted.registry() {
            return Ok(false);
        }
        self.sdk_files
            .undo_without_record(&gateway, trusted.registry())?;
        Ok(true)
    }

    /// How it stands.
    pub fn state(&self) -> Result<State, GatewayError> {
        let redirection = self.sdk_files.redirection()?;
        let drifts = match &redirection {
            Some(redirection) => self.drifts(redirection)?,
            None => Vec::new(),
        };
        Ok(State {
            redirection,
            listening: self.grants.address(GrantKind::Registry).is_some(),
            drifts,
            files: self.sdk_files.files(),
            without_api_keys: self.keeps_back_api_keys(),
        })
    }

    /// The catalog the SDK is led to, if it is to one.
    pub fn catalog(&self) -> Option<CatalogUrl> {
        let redirection = self.sdk_files.redirection().ok()?;
        redirection.map(|redirection| redirection.catalog_url)
    }

    /// Whether API keys and logins are kept back from the SDK, and from programs
    /// with keys of their own: by a grant, or as the user said when there was one.
    pub fn keeps_back_api_keys(&self) -> bool {
        self.kept_back().unwrap_or_default()
    }

    /// The same; nothing where the SDK is not led here, and has no grant.
    fn kept_back(&self) -> Option<bool> {
        let by_record = match self.sdk_files.redirection() {
            Ok(redirection) => redirection.map(|it| it.without_api_keys),
            // In doubt, it is so.
            Err(_) => Some(true),
        };
        let both = without_api_keys::is_on(&self.grants)
            .into_iter()
            .chain(by_record);
        both.reduce(|one, other| one || other)
    }

    /// The command that sets it up as it is.
    pub fn set_up_again(&self) -> &'static str {
        if self.keeps_back_api_keys() {
            "quiltctl setup quilt3 --without-api-keys"
        } else {
            "quiltctl setup quilt3"
        }
    }

    /// That the SDK's files lead here with a grant that is good, where they
    /// should; else what keeps them from it.
    pub fn check(&self) -> Result<Option<String>, Vec<GatewayDiagnostic>> {
        let state = self.state();
        let state = state.map_err(|error| vec![GatewayDiagnostic::Unreadable(error)])?;
        let Some(redirection) = state.redirection else {
            if self.sdk_files.has_placeholder() {
                return Err(vec![GatewayDiagnostic::RecordLost]);
            }
            return Ok(None);
        };
        let mut diagnostics = Vec::new();
        if !state.listening && !state.drifts.contains(&LostRedirection::Auth) {
            diagnostics.push(GatewayDiagnostic::Deaf(redirection.gateway_url));
        }
        diagnostics.extend(state.drifts.into_iter().map(GatewayDiagnostic::Drifted));
        if diagnostics.is_empty() {
            let catalog = redirection.catalog_url;
            Ok(Some(format!(
                "quilt3 is led to quiltd's session of {catalog}"
            )))
        } else {
            Err(diagnostics)
        }
    }

    /// Files that lead elsewhere, and a grant that is none any more.
    fn drifts(&self, redirection: &Redirection) -> Result<Vec<LostRedirection>, SdkFileError> {
        let mut drifts = self.sdk_files.drifts(&redirection.gateway_url)?;
        if !drifts.contains(&LostRedirection::Auth)
            && !self.holds_grant(&redirection.catalog_url, &redirection.gateway_url)?
        {
            drifts.push(LostRedirection::Auth);
        }
        Ok(drifts)
    }

    pub(super) fn holds_grant(
        &self,
        catalog: &CatalogUrl,
        gateway: &RegistryUrl,
    ) -> Result<bool, SdkFileError> {
        let held = self.sdk_files.grant(gateway)?;
        let right = held.and_then(|token| self.grants.right(token.expose()));
        Ok(right.is_some_and(
            |right| matches!(right, Right::Registry { catalog: of, .. } if of == *catalog),
        ))
    }

    async fn lead(
        &self,
        catalog: &CatalogUrl,
        published: &StackConfig,
        open: &OpenListener,
        without_api_keys: bool,
    ) -> Result<bool, GatewayError> {
        self.is_not_here(catalog, published)?;
        let here = self.here();
        let lead = |gateway| Target {
            catalog,
            registry: &published.registry_url,
            published: &published.values,
            gateway,
        };
        if let Some(gateway) = &here
            && self.holds_grant(catalog, gateway)?
        {
            return Ok(self.sdk_files.set_up(&lead(gateway), None)?);
        }
        if let Some(gateway) = &here
            && let Some((token, until)) = self.held_at_own(catalog, gateway)?
        {
            return Ok(self
                .sdk_files
                .set_up(&lead(gateway), Some((&token, until)))?);
        }
        let issued = self.issue(catalog, open, without_api_keys).await?;
        let gateway = RegistryUrl::on_loopback(issued.address.port());
        let grant = (&issued.token, issued.expires_at.unix());
        let changed = self.sdk_files.set_up(&lead(&gateway), Some(grant));
        if changed.is_err() {
            // What failed first is told; this is logged.
            let _ = self.grants.revoke(&issued.id).await;
        }
        changed?;
        self.give_address(catalog, &gateway, open, without_api_keys)
            .await
    }

    /// A registry that is the gateway itself is never followed, however it is
    /// spelt.
    fn is_not_here(
        &self,
        catalog: &CatalogUrl,
        published: &StackConfig,
    ) -> Result<(), GatewayError> {
        let port = published.registry_url.loopback_port();
        if port.is_some_and(|port| self.grants.listens_at(port)) {
            return Err(SessionError::RegistryIsHere(catalog.clone()).into());
        }
        Ok(())
    }
}
