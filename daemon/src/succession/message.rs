//! What is said between one daemon and the next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quilt_proto::{ApiKeySecret, CatalogUrl, RegistryUrl, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{CarriedKey, SuccessionError};
use crate::raw::Locked;

/// What a taker says once the keys are in its hands.
pub(super) const KEPT: &str = "kept";

/// The first word of a giver, with the version of what follows.
pub(super) const GREETING: &str = "quiltd-keys-1";

/// The most that is read of the keys, in bytes.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How long either side waits for the other's next move.
pub(super) const MOVE: Duration = Duration::from_secs(2);

/// How long whoever carries them waits for the successor: until the one before
/// has ended, and another has started.
pub(super) const CARRY: Duration = Duration::from_mins(1);

/// The keys as they go over the socket.
#[derive(Serialize, Deserialize)]
pub(super) struct Message {
    /// The program that the one before was started from: the next one may be
    /// what is there now.
    program: Option<PathBuf>,
    keys: Vec<MessageKey>,
}

#[derive(Serialize, Deserialize)]
struct MessageKey {
    catalog: CatalogUrl,
    registry: Option<RegistryUrl>,
    key: Secret,
}

impl Message {
    pub(super) fn encode(
        program: Option<&Path>,
        keys: &[CarriedKey],
    ) -> io::Result<Zeroizing<Vec<u8>>> {
        let keys = keys.iter().map(|key| MessageKey {
            catalog: key.catalog.clone(),
            registry: key.registry.clone(),
            key: key.secret.copy(),
        });
        let message = Self {
            program: program.map(Path::to_owned),
            keys: keys.collect(),
        };
        Ok(Zeroizing::new(serde_json::to_vec(&message)?))
    }

    pub(super) fn decode(
        bytes: &[u8],
    ) -> Result<(Option<PathBuf>, Vec<CarriedKey>), SuccessionError> {
        let unfit = || SuccessionError::Unfit("what was handed over is no API keys".to_owned());
        let message: Self = serde_json::from_slice(bytes).map_err(|_| unfit())?;
        let keys = message.keys.into_iter().map(|key| {
            let secret: ApiKeySecret = key.key.expose().parse().map_err(|_| unfit())?;
            Ok(CarriedKey {
                catalog: key.catalog,
                registry: key.registry,
                secret: Locked::new(secret.secret()),
            })
        });
        Ok((message.program, keys.collect::<Result<_, _>>()?))
    }
}
