//! What the doctor gets to look at.

use std::sync::Arc;

use quilt_proto::CatalogUrl;

use super::App;
use crate::doctor::{self, Diagnostic, DoctorContext, Report};
use crate::session::Session;

impl App {
    /// What is wrong as far as the daemon knows without asking anyone.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        doctor::known(&self.context(None, None)).diagnostics
    }

    fn context<'a>(
        &'a self,
        session: Option<&'a Arc<Session>>,
        default_catalog: Option<CatalogUrl>,
    ) -> DoctorContext<'a> {
        DoctorContext {
            session,
            sessions: &self.sessions,
            stack: &self.stack,
            network: &self.network,
            vault: &self.vault,
            keys: &self.keys,
            default_catalog,
            keys_not_taken: self.keys_not_taken(),
            gateway: &self.gateway,
            settings: &self.settings,
            protections: &self.protections,
            program: self.program.as_ref(),
            distrusted: self.distrusted(),
            unaudited: self.audit.failure(),
            state_dir: &self.state_dir,
            clock: &self.clock,
        }
    }

    /// Looks for what is wrong: with a session, where there is one to look at,
    /// and with what every session needs.
    pub async fn run_checks(&self, session: Option<&Arc<Session>>) -> Report {
        doctor::run_checks(&self.context(session, self.catalog(None).ok())).await
    }
}
