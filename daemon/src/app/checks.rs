//! What the doctor gets to look at.

use std::sync::Arc;

use quilt_proto::CatalogUrl;
use quilt_trust::Distrust;

use super::App;
use crate::doctor::{self, Diagnostic, DoctorContext, KeyNotTaken, Report};
use crate::files::FileError;
use crate::session::Session;

impl App {
    /// What is wrong as far as the daemon knows without asking anyone.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let (not_taken, distrusted) = (self.keys_not_taken(), self.distrusted());
        let unaudited = self.audit.failure();
        let context = self.context(None, None, &not_taken, &distrusted, unaudited.as_ref());
        doctor::known(&context).diagnostics
    }

    fn context<'a>(
        &'a self,
        session: Option<&'a Arc<Session>>,
        default_catalog: Option<&'a CatalogUrl>,
        keys_not_taken: &'a [KeyNotTaken],
        distrusted: &'a [Distrust],
        unaudited: Option<&'a FileError>,
    ) -> DoctorContext<'a> {
        DoctorContext {
            session,
            sessions: &self.sessions,
            stack: &self.stack,
            network: &self.network,
            vault: &self.vault,
            keys: &self.keys,
            default_catalog,
            keys_not_taken,
            gateway: &self.gateway,
            settings: &self.settings,
            protections: &self.protections,
            program: self.program.as_ref(),
            distrusted,
            unaudited,
            state_dir: &self.state_dir,
            clock: &self.clock,
        }
    }

    /// Looks for what is wrong: with a session, where there is one to look at,
    /// and with what every session needs.
    pub async fn run_checks(&self, session: Option<&Arc<Session>>) -> Report {
        let (not_taken, distrusted) = (self.keys_not_taken(), self.distrusted());
        let unaudited = self.audit.failure();
        let default = self.catalog(None).ok();
        let default = default.as_ref();
        let unaudited = unaudited.as_ref();
        let context = self.context(session, default, &not_taken, &distrusted, unaudited);
        doctor::run_checks(context).await
    }
}
