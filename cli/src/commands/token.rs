//! `token`: the bearer token, for `curl` and other tools.

use quilt_proto::api::ReadToken;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.print(&ReadToken, |token| {
        let token = token.token.expose();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(quilt_client::Error::InvalidAnswer("a token that is none").into());
        }
        output::bytes(Zeroizing::new(format!("{token}\n")).as_bytes())
    })
}
