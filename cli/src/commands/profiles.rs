//! `profiles`: the profiles of quiltd.toml and what each last gave.

use quilt_proto::api::ReadProfiles;
use quilt_proto::locations;
use quilt_proto::wire::ProfileStatus;

use super::status;
use crate::context::Context;
use crate::exit::Failure;
use crate::look::{
    self, Column, Line, Look, Paint, Screen, Span, Symbol, Table, name, names, says,
};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let file = locations::settings().ok();
    let file = file.map_or_else(|| "quiltd.toml".to_owned(), |file| look::file(&file));
    context.show_naming(&ReadProfiles, |look, profiles| {
        screen(look, profiles, &file)
    })?;
    if !context.global().json {
        status::warn_of_settings(context);
    }
    Ok(())
}

fn screen(look: &Look, profiles: &[ProfileStatus], file: &str) -> Screen {
    let mut screen = Screen::new();
    let mut table = Table::new([
        Column::key("PROFILE"),
        Column::of_importance("CREDENTIALS", 3),
        Column::of_importance("REGION", 2),
        Column::of_importance("CATALOG", 1).unless_same(),
        Column::key("ROLE"),
    ]);
    for profile in profiles {
        let between = format!(" {} ", look.symbol(Symbol::Leads));
        let held = match (profile.expires_at, &profile.last_error) {
            (Some(end), _) => look.left(end).into(),
            (None, Some(_)) => {
                Span::painted(format!("{} none", look.symbol(Symbol::Bad)), Paint::Bad)
            }
            (None, None) => Span::painted("not asked for yet", Paint::Quiet),
        };
        let role = if profile.role_arn.is_empty() {
            Span::painted("the stack's own", Paint::Quiet)
        } else {
            names(&profile.role_arn, &between).into()
        };
        let region = profile.region.as_deref().map(name);
        let catalog = profile.catalog_url.as_ref();
        let catalog = catalog.map(|url| look.catalog(url.as_str()));
        table.row([
            Span::painted(name(profile.name.as_str()), Paint::Strong),
            held,
            region.map_or_else(Span::default, Into::into),
            Span::painted(catalog.unwrap_or_default(), Paint::Quiet),
            role,
        ]);
    }
    screen.table(table);
    for profile in profiles {
        if let Some(error) = &profile.last_error {
            let line = Line::marked(0, look, Symbol::Bad).with(name(profile.name.as_str()));
            screen.line(line.with(": ").with(says(error)));
        }
    }
    if profiles.len() < 2 {
        screen.line(Line::default().quiet(format!("Roles of yours are profiles in {file}:")));
        for line in [
            "[profiles.NAME]",
            "role_arn = \"arn:aws:iam::ACCOUNT:role/ROLE\"",
        ] {
            screen.line(Line::indented(4).with(line));
        }
    }
    screen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{at, widths};

    const FILE: &str = "~/.config/quilt/quiltd.toml";

    #[test]
    fn the_screen_at_every_width() {
        let profile = |name: &str, roles: &[&str]| ProfileStatus {
            name: name.parse().unwrap(),
            catalog_url: Some("https://demo.quilt.example".parse().unwrap()),
            role_arn: roles.iter().map(|role| (*role).to_owned()).collect(),
            region: Some("eu-west-1".to_owned()),
            expires_at: Some(at(47 * 60)),
            next_refresh_at: None,
            last_error: None,
        };
        let mut profiles = vec![
            profile("default", &[]),
            profile(
                "lake",
                &[
                    "arn:aws:iam::111111111111:role/hop",
                    "arn:aws:iam::222222222222:role/lake",
                ],
            ),
        ];
        insta::assert_snapshot!(
            "profiles_one",
            widths(|look| screen(look, &profiles[..1], FILE))
        );
        profiles.push(ProfileStatus {
            expires_at: None,
            last_error: Some("AWS says “no \u{1b}[31mluck”".to_owned()),
            catalog_url: Some("https://lab.quilt.example".parse().unwrap()),
            ..profile("broken", &["arn:aws:iam::222222222222:role/broken"])
        });
        insta::assert_snapshot!(widths(|look| screen(look, &profiles, FILE)));
    }
}
