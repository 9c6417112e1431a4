//! `exec --for`: whether what a long job lives on outlives it.

use quilt_proto::Command;
use quilt_proto::api::ReadStatus;
use quilt_proto::wire::{CatalogStatus, ProfileStatus, SessionState, TokenKind};
use quilt_proto::{ProfileName, Timestamp, time};

use crate::context::Context;
use crate::look::{Look, host, name, span};
use crate::output;

/// The longest job asked about, in seconds: ten years.
const MAX: i64 = 10 * 365 * time::DAY;

/// A length of time: `14h`, `90m`, `1h30m`, `2d`.
pub(super) fn length(text: &str) -> Result<i64, String> {
    let wrong = "a length is a number and s, m, h or d, such as 14h or 1h30m";
    let length = time::length(text).filter(|length| (1..=MAX).contains(length));
    length.ok_or_else(|| wrong.to_owned())
}

/// Says it, a line for each, on stderr. The job starts either way.
pub(super) fn tell(context: &Context, profile: Option<&ProfileName>, length: i64) {
    let profile = profile.cloned();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let used = context.profile(&profile).ok().flatten();
    let status = context.of_all_catalogs().send(&ReadStatus).ok();
    let (Some(used), Some(status)) = (used, status) else {
        output::note("whether login and roles last that long cannot be told");
        return;
    };
    let of_it = |catalog: &&CatalogStatus| Some(&catalog.catalog_url) == used.catalog_url.as_ref();
    let look = context.look();
    let catalogs: Vec<_> = status.catalogs.iter().filter(of_it).collect();
    for catalog in &catalogs {
        match session(&look, catalog, Timestamp::now(), length) {
            (what, Some(hint)) => output::advise(&what, &hint),
            (what, None) => output::note(what),
        }
    }
    let is_active = |catalog: &&CatalogStatus| catalog.session.state == SessionState::Active;
    if catalogs.iter().all(is_active) {
        output::note(roles(&used));
    }
}

/// Whether the login or key lasts, and what mends it where it does not.
fn session(
    look: &Look,
    catalog: &CatalogStatus,
    now: Timestamp,
    length: i64,
) -> (String, Option<Command>) {
    let at = catalog.alias.as_deref().map_or_else(
        || host(&catalog.catalog_url),
        |alias| name(alias).to_string(),
    );
    let job = span(length);
    let session = &catalog.session;
    let key = || {
        let fingerprint = session.api_key_fingerprint.as_deref().unwrap_or_default();
        format!("the API key {} at {at}", name(fingerprint))
    };
    if session.state != SessionState::Active {
        let what = match (session.state, session.kind) {
            (SessionState::Expired, Some(TokenKind::ApiKey)) => {
                format!("! the stack refuses {}", key())
            }
            (SessionState::Expired, _) => format!("! the login at {at} has ended"),
            _ => format!("! nobody is logged in to {at}"),
        };
        // What the status names; a daemon of an older version names nothing.
        let login = || Command::of("quiltctl login").option("--catalog", &catalog.catalog_url);
        let hint = catalog.hint.clone().unwrap_or_else(login);
        return (what, Some(hint));
    }
    if session.kind != Some(TokenKind::ApiKey) {
        let what = format!(
            "the login at {at} renews itself for {job} and longer, unless the stack ends it"
        );
        return (what, None);
    }
    let key = key();
    match session.api_key_expires_at {
        Some(end) if end.seconds_since(now) < length => {
            let rotate = Command::of("quiltctl api-keys rotate --current")
                .option("--catalog", &catalog.catalog_url);
            let when = look.when(end);
            let what = format!("! {key} ends {when}, before {job} are over");
            (what, Some(rotate))
        }
        Some(end) => (
            format!("{key} ends {}, later than {job} from now", look.when(end)),
            None,
        ),
        None => (format!("when {key} ends, the stack has not said"), None),
    }
}

/// Whether the roles do. What the program fetches is renewed, however short it
/// lives.
fn roles(profile: &ProfileStatus) -> String {
    let roles = match profile.role_arn.len() {
        0 => String::new(),
        1 => ", its role assumed anew each time".to_owned(),
        count => format!(", its {count} roles assumed anew each time"),
    };
    format!(
        "credentials of profile {} are renewed as long as the program runs{roles}",
        profile.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_is_said_as_the_status_says_it() {
        use quilt_proto::suggested_command::sentence;

        use crate::commands::status::view::tests::status;
        use crate::look::tests::look;

        let said = |state, kind, hint: Option<&'static str>| {
            let mut catalog = status().catalogs.remove(2);
            catalog.session.state = state;
            catalog.session.kind = kind;
            catalog.hint = hint.map(Command::of);
            let (what, hint) = session(&look(200, false), &catalog, Timestamp::now(), 50_400);
            sentence(&what, hint.as_ref())
        };
        let key = Some(TokenKind::ApiKey);
        let clear = "quiltctl clear-api-key --catalog https://key.quilt.example";
        assert_eq!(
            said(SessionState::Expired, key, Some(clear)),
            format!(
                "! the stack refuses the API key qk_1a2...f9c at key.quilt.example; run: {clear}"
            )
        );
        let login = "quiltctl login --catalog https://key.quilt.example";
        assert_eq!(
            said(SessionState::Expired, Some(TokenKind::Interactive), None),
            format!("! the login at key.quilt.example has ended; run: {login}")
        );
        assert_eq!(
            said(SessionState::LoggedOut, None, None),
            format!("! nobody is logged in to key.quilt.example; run: {login}")
        );
    }

    #[test]
    fn lengths_are_numbers_with_units() {
        for (text, seconds) in [
            ("14h", 50_400),
            ("90m", 5_400),
            ("2d", 172_800),
            ("1h30m", 5_400),
            ("45s", 45),
        ] {
            assert_eq!(length(text), Ok(seconds), "{text}");
        }
        for wrong in [
            "",
            "14",
            "h",
            "-1h",
            "1.5h",
            "0h",
            "99999999999999999999h",
            "1h30",
            "9999999d",
            "é",
        ] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
