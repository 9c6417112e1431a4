//! `sessions.json` after whatever may have happened to it.

use proptest::prelude::*;

use super::*;

fn login() -> impl Strategy<Value = Record> {
    let method = prop_oneof![
        Just(LoginMethod::Code),
        (any::<String>(), any::<String>(), any::<Option<String>>()).prop_map(
            |(client_id, token_endpoint, revocation_endpoint)| LoginMethod::OAuth {
                client_id,
                token_endpoint,
                revocation_endpoint,
            }
        ),
    ];
    let texts = any::<[String; 3]>();
    (texts, method, 0i64..4_000_000_000, any::<bool>()).prop_map(
        |([login_id, refresh, access], method, time, ended)| Record {
            login_id,
            method,
            refresh_token: Secret::new(refresh),
            access_token: Secret::new(access),
            access_token_expires_at: Timestamp::from_unix(time),
            obtained_at: Timestamp::from_unix(time / 2),
            ended,
            ..record("")
        },
    )
}

fn document() -> impl Strategy<Value = Document> {
    let client = (any::<String>(), any::<String>(), any::<Vec<String>>()).prop_map(
        |(client_id, redirect_uri, unused_redirect_uris)| OAuthClient {
            client_id,
            redirect_uri,
            unused_redirect_uris,
        },
    );
    let catalog = "[a-z]{1,8}".prop_map(|name| format!("https://{name}.example").parse().unwrap());
    (
        prop::collection::btree_map(catalog, login(), 0..4),
        prop::collection::btree_map(any::<String>(), client, 0..3),
    )
        .prop_map(|(sessions, oauth_clients)| Document {
            sessions,
            oauth_clients,
            ..Document::default()
        })
}

/// Any bytes, and a sound file that was cut or has something else in it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = || prop::collection::vec(any::<u8>(), 0..8);
    let harmed = (
        document(),
        any::<prop::sample::Index>(),
        0usize..8,
        noise(),
        any::<bool>(),
    );
    let harmed = harmed.prop_map(|(document, at, length, with, cut)| {
        let mut bytes = serde_json::to_vec(&document).unwrap();
        let at = at.index(bytes.len());
        let end = if cut {
            bytes.len()
        } else {
            bytes.len().min(at + length)
        };
        drop(bytes.splice(at..end, with));
        bytes
    });
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (0u32.., "(, ?\"news\": ?[0-9]+)?").prop_map(|(version, more)| {
            format!("{{\"version\": {version}{more}}}").into_bytes()
        }),
        4 => harmed,
    ]
}

/// Whether a later quiltd wrote this: whatever else there is in it.
fn is_newer(bytes: &[u8]) -> bool {
    let text: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    text.is_ok_and(|text| text["version"].as_u64().is_some_and(|version| version > 1))
}

/// The content of every file in the directory.
fn files_in(dir: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap();
    entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn block_on(task: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(task)
}

proptest! {
    // Each syncs to the disk.
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_written_is_read_back(document in document()) {
        block_on(async {
            let dir = TempDir::new().unwrap();
            let store = file_store(dir.path()).await;
            let written = store.update(Reservation::default(), |it| {
                *it = document.clone();
                Some(())
            });
            written.await.unwrap();
            prop_assert_eq!(file_store(dir.path()).await.load().await.unwrap(), document);
            prop_assert!(store.notes().is_empty());
            Ok(())
        })?;
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written(length in 0usize..3 * 1024 * 1024, fill in any::<char>()) {
        block_on(async {
            let dir = TempDir::new().unwrap();
            let store = file_store(dir.path()).await;
            let write = |name: &str, token: &str| {
                let (catalog, record) = (format!("https://{name}.example"), record(token));
                store.update(Reservation::default(), move |document: &mut Document| {
                    document.sessions.insert(catalog.parse().unwrap(), record);
                    Some(())
                })
            };
            write("first", "token").await.unwrap();
            let before = store.load().await.unwrap();
            let written = write("other", &fill.to_string().repeat(length)).await;
            let after = file_store(dir.path()).await.load().await.unwrap();
            if written.is_ok() {
                prop_assert_eq!(after.sessions.len(), 2);
            } else {
                prop_assert!(matches!(written, Err(StoreError::TooLarge(_))), "{written:?}");
                prop_assert_eq!(after, before);
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_lost_whatever_the_file_holds(bytes in bytes()) {
        block_on(async {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join("sessions.json");
            fs::write(&path, &bytes).unwrap();
            // That others could read it is another note's subject.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let store = file_store(dir.path()).await;
            let loaded = store.load().await;
            prop_assert!(files_in(dir.path()).contains(&bytes), "reading changes nothing");
            let notes = store.notes();
            let written = store.update(Reservation::default(), |document| {
                document.sessions.insert(catalog(), record("new"));
                Some(())
            });
            let written = written.await;
            if is_newer(&bytes) {
                prop_assert!(matches!(loaded, Err(StoreError::Newer(_))));
                prop_assert!(written.is_err());
                prop_assert_eq!(fs::read(&path).unwrap(), bytes);
                return Ok(());
            }
            prop_assert!(written.is_ok());
            let loaded = loaded.unwrap();
            if let Ok(sound) = serde_json::from_slice::<Document>(&bytes) {
                prop_assert_eq!(&loaded, &sound);
                prop_assert!(notes.is_empty());
            } else {
                prop_assert_eq!(&loaded, &Document::default());
                prop_assert!(notes[0].to_string().contains("could not be understood"));
                prop_assert!(files_in(dir.path()).contains(&bytes), "kept aside");
            }
            let mut expected = loaded;
            expected.sessions.insert(catalog(), record("new"));
            prop_assert_eq!(store.load().await.unwrap(), expected);
            Ok(())
        })?;
    }
}
