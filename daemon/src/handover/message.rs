//! What is said between one daemon and the next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quilt_proto::{ApiKeySecret, CatalogUrl, RegistryUrl, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{HandoverError, HandoverKey};

/// What a taker says once the keys are in its hands.
pub(super) const KEPT: &str = "kept";

/// The first word of a giver, with the version of what follows.
pub(super) const GREETING: &str = "quiltd-keys-1";

/// The most that is read of the keys, in bytes.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How long either side waits for the other's next move, on a machine that is busy
/// with its start.
pub(super) const MOVE: Duration = Duration::from_secs(5);

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
        keys: &[HandoverKey],
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
    ) -> Result<(Option<PathBuf>, Vec<HandoverKey>), HandoverError> {
        let unfit = || HandoverError::Unfit("what was handed over is no API keys".to_owned());
        let message: Self = serde_json::from_slice(bytes).map_err(|_| unfit())?;
        let keys = message.keys.into_iter().map(|key| {
            let secret: ApiKeySecret = key.key.expose().parse().map_err(|_| unfit())?;
            let (catalog, registry) = (key.catalog, key.registry);
            Ok(HandoverKey::new(catalog, registry, secret.secret()))
        });
        Ok((message.program, keys.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_arrive_as_they_were_sent_and_nothing_else_does() {
        let key = HandoverKey::new(
            "https://demo.quilt.example".parse().unwrap(),
            Some("https://registry.quilt.example".parse().unwrap()),
            &Secret::new("qk_abcdefghijklmnop"),
        );
        let program = Path::new("/usr/bin/quiltd");
        let sent = Message::encode(Some(program), &[key]).unwrap();
        let (found, keys) = Message::decode(&sent).unwrap();
        assert_eq!(found.as_deref(), Some(program));
        assert_eq!(keys.len(), 1);
        assert!(keys[0].secret.is(&Secret::new("qk_abcdefghijklmnop")));
        assert_eq!(
            keys[0].registry.as_ref().unwrap().as_str(),
            "https://registry.quilt.example"
        );
        assert!(!format!("{keys:?}").contains("abcdefgh"));

        let broken = [
            &sent[..sent.len() - 1],
            b"",
            b"qk_canary",
            br#"{"program":null,"keys":[{"catalog":"https://x.example","registry":null,"key":"canary"}]}"#,
            br#"{"program":null,"keys":[{"catalog":"canary","registry":null,"key":"qk_abcdefghijklmnop"}]}"#,
        ];
        for broken in broken {
            let error = Message::decode(broken).unwrap_err().to_string();
            assert_eq!(error, "what was handed over is no API keys");
        }
    }
}
