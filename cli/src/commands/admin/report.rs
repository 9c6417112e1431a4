//! `admin api-keys report`: the guide's usage report.

use std::collections::BTreeMap;

use quilt_proto::wire::{ApiKey, ApiKeyStatus};
use serde::Serialize;

use super::api_keys::all;
use crate::commands::api_keys::view;
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Line, Look, Screen, Table, name};
use crate::output;

/// How many of the newest keys are shown.
const NEWEST: usize = 10;

#[derive(Debug, Serialize)]
struct Report {
    total: usize,
    active: usize,
    expired: usize,
    by_owner: BTreeMap<String, usize>,
    newest: Vec<ApiKey>,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let report = Report::of(all(context, None)?);
    if context.global().json {
        return output::computed(&report);
    }
    let look = context.look();
    screen(&look, &report).print(&look)
}

fn screen(look: &Look, report: &Report) -> Screen {
    let mut screen = Screen::new();
    screen.line(Line::default().strong("API Key Usage Report"));
    for (what, count) in [
        ("Total keys", report.total),
        ("Active", report.active),
        ("Expired", report.expired),
    ] {
        screen.say(format!("{what}: {count}"));
    }
    if report.total == 0 {
        return screen;
    }
    let mut owners = Table::new([Column::key("OWNER"), Column::key("KEYS").right()]);
    for (owner, keys) in &report.by_owner {
        owners.row([name(owner).into(), keys.to_string().into()]);
    }
    screen.gap();
    screen.table(owners);
    screen.gap();
    screen.say("Recently created keys:");
    screen.table(view::table(look, &report.newest, view::Whose::Anybodys));
    screen
}

impl Report {
    fn of(mut keys: Vec<ApiKey>) -> Self {
        let count = |status| keys.iter().filter(|key| key.status == status).count();
        let (active, expired) = (count(ApiKeyStatus::Active), count(ApiKeyStatus::Expired));
        let mut by_owner = BTreeMap::new();
        for key in &keys {
            *by_owner.entry(key.user_email.clone()).or_default() += 1;
        }
        let total = keys.len();
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        keys.truncate(NEWEST);
        Self {
            total,
            active,
            expired,
            by_owner,
            newest: keys,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_at_every_width() {
        use crate::commands::api_keys::view::tests::key;
        let report = Report::of(vec![key("ci", 9), key("ci 2", 80), key("old", -2)]);
        let widths = crate::look::tests::widths(|look| screen(look, &report));
        insta::assert_snapshot!(widths);
    }

    #[test]
    fn keys_are_counted_and_the_ten_newest_kept() {
        let keys = (0..12)
            .map(|n| ApiKey {
                id: n.to_string(),
                name: "ci".to_owned(),
                fingerprint: "qk_abc...xyz".to_owned(),
                created_at: quilt_proto::Timestamp::from_unix(n),
                expires_at: quilt_proto::Timestamp::from_unix(n + 1),
                last_used_at: None,
                status: if n < 3 {
                    ApiKeyStatus::Expired
                } else {
                    ApiKeyStatus::Active
                },
                user_email: format!("{}@example.com", n % 2),
            })
            .collect();
        let report = Report::of(keys);
        assert_eq!((report.total, report.active, report.expired), (12, 9, 3));
        assert_eq!(report.by_owner["0@example.com"], 6);
        assert_eq!(report.newest.len(), 10);
        assert_eq!(report.newest[0].id, "11");
    }
}
