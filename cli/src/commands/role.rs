//! `role`: the active role, which decides what the credentials may do.

use quilt_proto::api::{ReadMe, RoleChoice, SwitchRole};
use quilt_proto::wire::Me;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{Line, Paint, Screen, Span, name};
use crate::{completion, look, output};

/// What to do about roles.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List your roles, the active one marked
    List,
    /// Make another role active, for every login of yours to the catalog
    #[command(alias = "use")]
    Switch {
        /// The role
        #[arg(add = completion::roles())]
        name: String,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => context.show(&ReadMe, |_, me| screen(me)),
        Command::Switch { name } => {
            let role = name.clone();
            let switched = context.print(&SwitchRole(RoleChoice { role }), |me| {
                let host = context.catalog()?;
                let place = host.map_or_else(String::new, |at| format!(" on {}", look::name(&at)));
                match me.role.as_deref() {
                    Some(role) => {
                        output::note(format_args!(
                            "Your role{place} is {} now, for every login of yours there; programs \
                             get its credentials from their next request on.",
                            look::name(role)
                        ));
                        // A person has read it; a script reads the name alone.
                        if look::is_seen() {
                            return Ok(());
                        }
                        output::line(look::name(role))
                    }
                    None => output::line("none"),
                }
            });
            switched.map_err(|failure| with_roles(context, name, failure))
        }
    }
}

/// The failure, with the roles there are where `asked` is none of them.
fn with_roles(context: &Context, asked: &str, failure: Failure) -> Failure {
    if failure.code() != exit::REFUSED && failure.code() != exit::INPUT {
        return failure;
    }
    match context.send(&ReadMe) {
        Ok(me) if me.role.as_deref() == Some(asked) => {
            let is = format!("your role is {} all the same", name(asked));
            failure.with_choice(&is)
        }
        Ok(me) if me.roles.is_empty() => failure.with_choice("you have no role"),
        Ok(me) if !me.roles.iter().any(|role| role == asked) => {
            failure.with_choice(&format!("your roles: {}", look::names(&me.roles, ", ")))
        }
        _ => failure,
    }
}

/// The roles, the active one marked.
fn screen(me: &Me) -> Screen {
    if me.roles.is_empty() {
        let none = "You have no role; an administrator of the stack gives one.";
        return Screen::nothing(none, None);
    }
    let mut screen = Screen::new();
    for role in &me.roles {
        let line = if me.role.as_ref() == Some(role) {
            Line::default()
                .with(Span::painted("* ", Paint::Good))
                .strong(name(role))
        } else {
            Line::default().with("  ").with(name(role))
        };
        screen.line(line);
    }
    screen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::widths;

    #[test]
    fn the_screen_at_every_width() {
        let me = Me {
            name: "me".to_owned(),
            email: String::new(),
            is_admin: false,
            role: Some("b".to_owned()),
            roles: ["a", "b", "Read Write", "* b", "漢字"]
                .map(str::to_owned)
                .to_vec(),
        };
        insta::assert_snapshot!(widths(|_| screen(&me)));
    }
}
