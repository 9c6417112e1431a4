//! What the integration tests stand on.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up fails by panicking"
)]

mod ask;
pub mod binaries;
mod browser;
mod canaries;
mod daemon;
mod home;
mod other_machine;
mod secret_service;
mod session_bus;
mod small_disk;
mod terminal;
mod timing;
pub mod toolchain;
mod users;
mod world;

pub use self::ask::Answer;
pub use self::browser::Browser;
pub use self::canaries::{Canaries, Sighting, can_look, shown_of_start};
pub use self::daemon::Daemon;
pub use self::home::Home;
pub use self::secret_service::SecretService;
pub use self::session_bus::SessionBus;
pub use self::small_disk::SmallDisk;
pub use self::terminal::terminal;
pub use self::timing::within;
pub use self::users::{User, Users, can_be_anybody};
pub use self::world::{Run, World};
