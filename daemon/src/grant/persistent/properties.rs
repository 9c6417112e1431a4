//! `grants.json` after whatever may have happened to it.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn kept() -> impl Strategy<Value = Persistent> {
    let times = (0i64..4_000_000_000, 0i64..4_000_000_000);
    let flags = (any::<bool>(), any::<bool>());
    let grant = (any::<String>(), any::<String>(), times, flags).prop_map(
        |(id, token, (created, expires), (is_superseded, without_api_keys))| PersistentGrant {
            id,
            token_sha256: TokenHash::of(&token),
            catalog_url: "https://demo.quilt.example".parse().unwrap(),
            created_at: Timestamp::from_unix(created),
            expires_at: Timestamp::from_unix(expires),
            is_superseded,
            without_api_keys,
        },
    );
    let grants = prop::collection::vec(grant, 1..4);
    (any::<Option<u16>>(), grants).prop_map(|(port, grants)| {
        let kept = Persistent {
            version: 0,
            port,
            grants,
        };
        Persistent {
            version: kept.layout(),
            ..kept
        }
    })
}

/// Any bytes, and a sound file that was cut or has something else in it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..8);
    let harmed = (kept(), any::<prop::sample::Index>(), 0usize..8, noise).prop_map(
        |(kept, at, length, with)| {
            let mut bytes = serde_json::to_vec(&kept).unwrap();
            let at = at.index(bytes.len());
            drop(bytes.splice(at..bytes.len().min(at + length), with));
            bytes
        },
    );
    prop_oneof![prop::collection::vec(any::<u8>(), 0..60), harmed]
}

proptest! {
    // Each syncs to the disk.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_kept_comes_back(kept in kept()) {
        let dir = TempDir::new().unwrap();
        let file = PersistentFile::in_dir(dir.path());
        file.update(|it| *it = kept.clone()).unwrap();
        prop_assert_eq!(file.load().unwrap(), kept);
    }

    #[test]
    fn any_file_is_understood_or_set_aside(bytes in bytes()) {
        let dir = TempDir::new().unwrap();
        let file = PersistentFile::in_dir(dir.path());
        std::fs::write(file.0.path(), &bytes).unwrap();
        let loaded = file.load().unwrap();
        if !file.0.path().exists() {
            prop_assert_eq!(&loaded, &Persistent::default());
        }
        let mut files = std::fs::read_dir(dir.path()).unwrap();
        let only = files.next().unwrap().unwrap().path();
        prop_assert_eq!(std::fs::read(only).unwrap(), bytes);
        // A new grant can be kept all the same.
        file.update(|kept| kept.port = Some(7)).unwrap();
        prop_assert_eq!(file.load().unwrap(), Persistent { version: loaded.layout(), port: Some(7), ..loaded });
    }
}
