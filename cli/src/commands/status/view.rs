//! The status as a screen: sessions with what they give, what to do, the rest.

use quilt_proto::suggested_command::first_login;
use quilt_proto::wire::{
    CatalogStatus, Finding, KEY_ENDS_SOON, ProfileStatus, SessionState, SessionStatus, Severity,
    Status, TokenKind,
};
use quilt_proto::{Command, ErrorCode};

use crate::commands::key_at_hand::KeyAtHand;
use crate::look::{Column, Line, Look, Paint, Screen, Span, Symbol, Table, host, name, says, tied};

pub(in crate::commands) fn screen(
    look: &Look,
    status: &Status,
    profiles: &[ProfileStatus],
    key: Option<&KeyAtHand>,
) -> Screen {
    let mut screen = Screen::new();
    if status.catalogs.is_empty() {
        screen.say("Nobody is logged in.");
        screen.line(Line::command(4, &at_hand(key, first_login())));
    }
    for catalog in &status.catalogs {
        session(look, &mut screen, catalog, &called(status, catalog), key);
        credentials(look, &mut screen, catalog, profiles);
        users(&mut screen, status, catalog);
    }
    // Errors first, and nothing twice that stands at its session.
    let mut findings = not_at_a_session(&status.findings, &status.catalogs);
    findings.sort_by_key(|finding| finding.severity != Severity::Error);
    for finding in findings {
        self::findings(look, &mut screen, &[finding], key);
    }
    screen.gap();
    screen.line(footer(look, status));
    screen
}

/// What does not stand at a session already.
pub(in crate::commands) fn not_at_a_session<'a>(
    findings: &'a [Finding],
    catalogs: &[CatalogStatus],
) -> Vec<&'a Finding> {
    let errors = |finding: &Finding| {
        let mut all = catalogs
            .iter()
            .filter_map(|of| of.session.last_error.as_ref());
        // Elsewhere in it, another host's name may end like that of the session.
        all.any(|said| finding.summary.starts_with(said.as_str()))
    };
    let left = findings.iter().filter(|finding| !errors(finding));
    left.collect()
}

/// Things to mend by one command, which stands below them.
pub(in crate::commands) fn findings(
    look: &Look,
    screen: &mut Screen,
    findings: &[&Finding],
    key: Option<&KeyAtHand>,
) {
    for finding in findings {
        let symbol = match finding.severity {
            Severity::Error => Symbol::Bad,
            Severity::Warning => Symbol::Beware,
        };
        screen.line(Line::marked(0, look, symbol).with(says(&finding.summary)));
    }
    if let Some(finding) = findings.first() {
        // Nobody is refused there: a key that the environment has will do.
        let is_for_nobody = finding.code == ErrorCode::LoginRequired.as_str();
        let with_key = is_for_nobody.then(|| at_hand(key, finding.hint.clone()));
        screen.line(Line::command(4, with_key.as_ref().unwrap_or(&finding.hint)));
    }
}

/// What a catalog is called besides its address: ` (prod, default)`.
pub(in crate::commands) fn called(status: &Status, catalog: &CatalogStatus) -> String {
    let several = status.catalogs.len() > 1;
    let is_default = several && status.default_catalog.as_ref() == Some(&catalog.catalog_url);
    let alias = catalog.alias.as_deref();
    let names = alias.map(|alias| name(alias).to_string());
    let names: Vec<String> = names
        .into_iter()
        .chain(is_default.then(|| "default".to_owned()))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}

/// `✓ demo.quilt.example  alice · ReadWrite · renews itself`.
fn session(
    look: &Look,
    screen: &mut Screen,
    catalog: &CatalogStatus,
    called: &str,
    key_at_hand: Option<&KeyAtHand>,
) {
    let session = &catalog.session;
    let line = Line::marked(0, look, symbol(session)).strong(host(&catalog.catalog_url));
    let line = line.quiet(called).with("  ");
    let between = format!(" {} ", look.symbol(Symbol::Beside));
    let mut facts: Vec<String> = Vec::new();
    if session.state == SessionState::Active
        && let Some(user) = &catalog.user
    {
        facts.push(name(&user.name).to_string());
        facts.push(match user.role.as_deref() {
            Some(role) => name(role).to_string(),
            None => "no role".to_owned(),
        });
        facts.extend(user.is_admin.then(|| "admin".to_owned()));
    }
    facts.push(tied(&state(look, session)));
    screen.line(line.with(facts.join(&between)));
    if let Some(error) = &session.last_error {
        screen.line(Line::indented(4).with(says(error)));
    }
    // What mends it is the daemon's to know; one of an older version says it
    // in its errors alone.
    let login = || Command::of("quiltctl login").operand(host(&catalog.catalog_url));
    let hint = catalog.hint.clone();
    let hint = hint.or_else(|| (session.state != SessionState::Active).then(login));
    if let Some(hint) = hint {
        let with_key = key_at_hand.and_then(|key| {
            // It may be that one that was refused.
            if session.state == SessionState::LoggedOut {
                key.offered_first_for(&hint)
            } else {
                key.offered_for(&hint)
            }
        });
        let hint = with_key.unwrap_or(hint);
        screen.line(Line::command(4, &hint));
    }
}

/// A login of somebody, by the API key that the environment has, where it has one.
fn at_hand(key: Option<&KeyAtHand>, login: Command) -> Command {
    key.and_then(|key| key.offered_first_for(&login))
        .unwrap_or(login)
}

/// How it is, at a glance.
pub(in crate::commands) fn symbol(session: &SessionStatus) -> Symbol {
    match session.state {
        SessionState::Active if session.last_error.is_none() => Symbol::Good,
        SessionState::Active => Symbol::Beware,
        SessionState::LoggedOut => Symbol::Beside,
        SessionState::Expired => Symbol::Bad,
    }
}

/// How long it lasts.
pub(in crate::commands) fn state(look: &Look, session: &SessionStatus) -> String {
    match (session.state, session.kind) {
        (SessionState::LoggedOut, _) => "logged out".to_owned(),
        (SessionState::Expired, Some(TokenKind::ApiKey)) => format!("{} refused", key(session)),
        (SessionState::Expired, _) => "ended: the stack refused it".to_owned(),
        (SessionState::Active, Some(TokenKind::ApiKey)) => match session.api_key_expires_at {
            Some(end) => {
                let soon = end.seconds_since(look.now) < KEY_ENDS_SOON;
                let mark = if soon { " !" } else { "" };
                format!("{}, ends {}{mark}", key(session), look.when(end))
            }
            None => key(session),
        },
        (SessionState::Active, _) if session.last_error.is_some() => {
            "cannot be renewed now".to_owned()
        }
        (SessionState::Active, _) => "renews itself".to_owned(),
    }
}

/// The key in use.
fn key(session: &SessionStatus) -> String {
    match session.api_key_fingerprint.as_deref() {
        Some(fingerprint) => format!("API key {}", name(fingerprint)),
        None => "API key".to_owned(),
    }
}

/// What is held for each profile, and until when.
fn credentials(
    look: &Look,
    screen: &mut Screen,
    catalog: &CatalogStatus,
    profiles: &[ProfileStatus],
) {
    let mut table = Table::new([
        Column::key("PROFILE"),
        Column::key("LEFT"),
        Column::of_importance("REGION", 1),
        Column::of_importance("ROLE", 2),
    ])
    .bare(4);
    let is_renewed = catalog.session.state == SessionState::Active;
    for held in &catalog.credentials {
        let profile = profiles.iter().find(|profile| {
            let of = profile.catalog_url.as_ref();
            profile.name == held.profile && of == Some(&catalog.catalog_url)
        });
        let region = profile.and_then(|profile| profile.region.as_deref());
        let role = profile.and_then(|profile| profile.role_arn.last());
        let role = role.map(|role| format!("{} {}", look.symbol(Symbol::Leads), name(role)));
        let left = match (held.expires_at, held.next_refresh_at) {
            (Some(end), Some(next)) if next > look.now && !look.utc && is_renewed => {
                format!("{}, renewed {}", look.left(end), look.when(next))
            }
            (Some(end), _) => look.left(end),
            (None, _) => "nothing held".to_owned(),
        };
        table.row([
            Span::painted(name(held.profile.as_str()), Paint::Strong),
            left.into(),
            Span::painted(
                region.map_or_else(String::new, |region| name(region).into()),
                Paint::Quiet,
            ),
            Span::painted(role.unwrap_or_default(), Paint::Quiet),
        ]);
    }
    screen.table(table);
    // What has ended for all of them is said above.
    for held in catalog.credentials.iter().filter(|_| is_renewed) {
        if let Some(error) = &held.last_error {
            let line = Line::marked(4, look, Symbol::Beware).with(name(held.profile.as_str()));
            screen.line(line.with(": ").with(says(error)));
        }
    }
}

/// Who lives from this login beside the programs with credentials.
fn users(screen: &mut Screen, status: &Status, catalog: &CatalogStatus) {
    let is_gateway = |grant: &&quilt_proto::wire::GrantStatus| {
        grant.kind == quilt_proto::wire::GrantKind::Registry
            && grant.catalog_url == catalog.catalog_url
            && catalog.session.state == SessionState::Active
    };
    if let Some(grant) = status.grants.iter().find(is_gateway) {
        // It acts as the default catalog; from 8.1 on it can be led to others.
        let other = status.default_catalog.as_ref();
        let other = other.filter(|default| **default != catalog.catalog_url);
        let mut line = Line::indented(4)
            .strong("quilt3")
            .with(other.map_or("   uses this login", |_| "   8.1 can use this login, too"));
        if grant.without_api_keys {
            line = line.quiet(": registry without API keys");
        }
        screen.line(line);
    }
}

/// `3 programs hold grants · quiltd 0.2.0, up 3 days, tokens in keyring`.
fn footer(look: &Look, status: &Status) -> Line {
    let grants = match status.grants.len() {
        0 => "no grants".to_owned(),
        1 => "1 grant".to_owned(),
        count => format!("{count} grants"),
    };
    let between = look.symbol(Symbol::Beside);
    Line::default().quiet(format!("{grants} {between} {}", daemon(look, status)))
}

/// `quiltd 0.2.0, up 3 days, tokens in keyring`.
pub(in crate::commands) fn daemon(look: &Look, status: &Status) -> String {
    format!(
        "quiltd {}, {}, tokens in {}",
        name(&status.version),
        look.age(status.started_at),
        name(&status.token_store)
    )
}

#[cfg(test)]
pub(in crate::commands) mod tests;
