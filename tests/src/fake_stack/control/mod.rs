//! Steering a running stack: in the same process through [`Control`], from anywhere else
//! through `/_control`.

mod handle;
pub(crate) mod http;

pub use handle::{Control, UserChange};
