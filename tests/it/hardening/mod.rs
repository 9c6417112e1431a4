//! What SECURITY.md promises, attacked: each attack is also made on something
//! that is not protected, where it has to succeed.

mod disk;
mod document;
#[cfg(target_os = "linux")]
mod growing_answers;
mod interim_answers;
mod memory;
mod other_user;
mod process;
mod same_user;
#[cfg(target_os = "linux")]
mod session_bus;
mod trace;
mod upstream;

use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, World};

use crate::roles::{arn, set};

/// A world with everything of AWS, and a profile `lake`; nobody is logged in.
async fn whole_world(more: &str, args: &[&str]) -> World {
    let mut config = StackConfig::default();
    config.settings.connect.auto_approve = Some("alice".to_owned());
    let stack = FakeStack::bind(config).await.unwrap();
    let home = Home::new();
    let lake = arn("lake");
    let lake = format!("[profiles.lake]\nrole_arn = '{lake}'\nregion = 'eu-west-1'\n{more}");
    set(&home, &lake);
    let federation = stack.federation_url();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", stack.sts_url()),
        ("AWS_ENDPOINT_URL_S3", stack.s3_url()),
        ("QUILTD_CONSOLE_ENDPOINT", federation.as_str()),
    ];
    let args = [&["--token-store", "file"], args].concat();
    let daemon = Daemon::start_with(&home, &args, &variables).await;
    World {
        stack,
        home,
        daemon: Some(daemon),
    }
}
