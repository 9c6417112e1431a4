//! `whoami`: who the stack says you are.

use quilt_proto::api::ReadMe;
use quilt_proto::wire::Me;

use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Line, Paint, Screen, Span, name};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.show(&ReadMe, |_, me| screen(me))
}

fn screen(me: &Me) -> Screen {
    let mut screen = Screen::new();
    let mut field = |label: &str, value: Span| {
        screen.line(Line::default().quiet(format!("{label:7}")).with(value));
    };
    field("name:", Span::painted(name(&me.name), Paint::Strong));
    field("email:", name(&me.email).into());
    field("admin:", if me.is_admin { "yes" } else { "no" }.into());
    match me.role.as_deref() {
        Some(role) => field("role:", name(role).into()),
        None => field("role:", "none".into()),
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
            name: "alice\nadmin: yes".to_owned(),
            email: "alice@quilt.example".to_owned(),
            is_admin: false,
            role: Some("Read Write; run: id".to_owned()),
            roles: Vec::new(),
        };
        insta::assert_snapshot!(widths(|_| screen(&me)));
    }
}
