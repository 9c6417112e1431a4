//! Bodies of requests and answers, one file a subject.

mod api_key;
mod audit;
mod aws;
mod bucket;
mod config;
mod doctor;
mod finding_code;
mod gateway;
mod grant;
mod key_offer;
mod me;
mod packages;
mod profile;
mod session;
mod since;
mod status;
mod welcome;

pub use api_key::*;
pub use audit::*;
pub use aws::*;
pub use bucket::*;
pub use config::*;
pub use doctor::*;
pub use finding_code::*;
pub use gateway::*;
pub use grant::*;
pub use key_offer::*;
pub use me::*;
pub use packages::*;
pub use profile::*;
pub use session::*;
pub use since::*;
pub use status::*;
