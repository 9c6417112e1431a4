//! `grants`: rights to use something over loopback.

use clap::builder::NonEmptyStringValueParser;
use quilt_proto::api::{ReadStatus, RevokeGrant};
use quilt_proto::wire::GrantStatus;

use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Look, Paint, Screen, Span, Table, name};
use crate::{grant_text, output};

/// What to do with grants.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the grants, and which process holds each
    List,
    /// Take a grant back: whoever holds it gets nothing more
    Revoke {
        /// Its name, as `quiltctl grants list` shows it
        #[arg(add = crate::completion::grants(), value_parser = NonEmptyStringValueParser::new())]
        id: String,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => list(context),
        Command::Revoke { id } => context.print(&RevokeGrant(id.clone()), |()| {
            output::line("The grant is revoked: whoever holds it gets nothing more.")
        }),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let status = context.of_all_catalogs().send(&ReadStatus)?;
    if context.global().json {
        return output::computed(&status.grants);
    }
    let look = context.look().naming(&status.catalogs);
    screen(&look, &status.grants).print(&look)
}

fn screen(look: &Look, grants: &[GrantStatus]) -> Screen {
    let mut table = Table::new([
        Column::key("FOR"),
        Column::of_importance("HELD BY", 4),
        Column::of_importance("ENDS", 2),
        Column::of_importance("LAST USED", 1),
        Column::of_importance("CATALOG", 3).unless_same(),
        Column::key("ID"),
    ]);
    for grant in grants {
        let used = grant.last_used_at;
        table.row([
            Span::painted(grant_text::opens(grant), Paint::Strong),
            grant_text::holder(grant).into(),
            if grant.pid.is_some() {
                Span::painted("with it", Paint::Quiet)
            } else {
                look.when(grant.expires_at).into()
            },
            used.map_or_else(|| "never".to_owned(), |used| look.when(used))
                .into(),
            Span::painted(look.catalog(grant.catalog_url.as_str()), Paint::Quiet),
            name(&grant.id).into(),
        ]);
    }
    Screen::listing(
        table,
        "No grants: programs under quiltctl exec and quilt3 hold one each.",
    )
}

#[cfg(test)]
mod tests {
    use quilt_proto::wire::GrantKind;

    use super::*;
    use crate::look::tests::{at, widths};

    #[test]
    fn the_screen_at_every_width() {
        let grant = |kind, profile: Option<&str>, pid| GrantStatus {
            id: "0b9e7a526b1f4f0e".to_owned(),
            kind,
            catalog_url: "https://demo.quilt.example".parse().unwrap(),
            profile: profile.map(|profile| profile.parse().unwrap()),
            created_at: at(-3600),
            expires_at: at(3600),
            last_used_at: Some(at(-40)),
            pid,
            without_api_keys: pid.is_none(),
        };
        let grants = [
            grant(GrantKind::Credentials, Some("lake"), Some(4242)),
            grant(GrantKind::Credentials, Some("default"), None),
            grant(GrantKind::Registry, None, None),
        ];
        insta::assert_snapshot!(widths(|look| screen(look, &grants)));
        insta::assert_snapshot!("no_grants", widths(|look| screen(look, &[])));
    }
}
