//! `whoami`: who the stack says you are.

use quilt_proto::api::ReadMe;

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{self, or_dash};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.print(&ReadMe, |me| {
        output::line(format_args!("name:  {}", me.name))?;
        output::line(format_args!("email: {}", me.email))?;
        output::line(format_args!(
            "admin: {}",
            if me.is_admin { "yes" } else { "no" }
        ))?;
        output::line(format_args!("role:  {}", or_dash(me.role)))
    })
}
