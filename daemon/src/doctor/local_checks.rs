//! The checks that ask nobody: files, protections, the program, the gateway, keys.

use quilt_network::plain_endpoints;

use super::{Diagnostic, DoctorContext, Report, settings};
use crate::files::FileError;
use crate::hardening::ProtectionAttempt;
use crate::keys::key_diagnostic;
use crate::own_program::Program;
use crate::token_store::{StoreError, StoreNote};

/// What is known without asking anyone: all that the status shows, and more
/// that is well. Reads no certificates, as a shell's prompt waits for it.
pub fn known(context: &DoctorContext<'_>) -> Report {
    // Whose file it is may be told of already.
    let is_told = |error: &FileError| matches!(error, FileError::Distrusted(it) if context.distrusted.contains(it));
    let notes = context.sessions.store().notes().into_iter();
    let notes = notes.filter(|note| match note {
        StoreNote::Unread(StoreError::File(error)) => !is_told(error),
        _ => true,
    });
    let mut found = Report {
        diagnostics: notes.map(Diagnostic::StoreNote).collect(),
        ..Report::default()
    };
    let diagnostics = &mut found.diagnostics;
    diagnostics.extend(settings::check(context.settings));
    let distrusted = context.distrusted.iter().cloned();
    diagnostics.extend(distrusted.map(Diagnostic::Distrusted));
    let unaudited = context.unaudited.as_ref().filter(|error| !is_told(error));
    diagnostics.extend(unaudited.cloned().map(Diagnostic::Unaudited));
    let protections = ProtectionAttempt::now(context.protections).into_iter();
    let refused = protections.filter(|it| it.refusal.is_some());
    diagnostics.extend(refused.map(Diagnostic::Unprotected));
    let plain = plain_endpoints().into_iter();
    diagnostics.extend(plain.map(Diagnostic::PlainEndpoint));
    let replaced = context.program.and_then(Program::replaced);
    diagnostics.extend(replaced.map(Diagnostic::Replaced));
    match context.gateway.check() {
        Ok(passed) => found.passed.extend(passed),
        Err(of_gateway) => {
            let again = context.gateway.set_up_again();
            let news = of_gateway.into_iter();
            let news = news.filter(|found| !found.is_about(&context.distrusted));
            diagnostics.extend(news.map(|source| Diagnostic::Gateway { source, again }));
        }
    }
    let not_taken = context.keys_not_taken.iter().cloned();
    diagnostics.extend(not_taken.map(|(from, error)| Diagnostic::NotTaken { from, error }));
    for session in context.sessions.all() {
        let notices = key_diagnostic::all(context.keys, &session).into_iter();
        diagnostics.extend(notices.map(Diagnostic::Key));
    }
    found
}
