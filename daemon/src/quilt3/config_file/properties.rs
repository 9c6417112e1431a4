//! `config.yml` as nobody would write it.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::config_keys::KEYS;
use super::*;

/// What may stand behind a key.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Texts that YAML reads as something else unless they are quoted, among others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-:#&*!|>'\"%@`{}\\[\\], ?~\n\r\t\\\\a0.]{0,12}",
        "(null|~|true|no|on|0x1F|0o7|012|1e3|1_0|\\.inf|-\\.nan|<<|=|---|\\.\\.\\.|1:30|2026-01-01)",
    ]
}

fn content() -> impl Strategy<Value = ConfigValues> {
    prop::collection::btree_map(text(), value(), 0..6)
        .prop_map(|values| values.into_iter().collect())
}

/// Any text, and such as is nearly YAML.
fn yaml() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-:#&*!|>'\"%@`{}\\[\\], ?~\n\r\t\\\\ab0-9._]{0,60}",
        "([a-z_]{1,6}: ?(&a |\\*a|!!?[a-z]{0,4} )?[\"'a-z0-9.+\\-{}\\[\\],:]{0,10}\n){0,5}",
    ]
}

fn in_folder(text: &str) -> (TempDir, ConfigFile) {
    let dir = TempDir::new().unwrap();
    let file = ConfigFile::new(dir.path().to_owned());
    fs::write(file.path(), text).unwrap();
    (dir, file)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(values in content()) {
        let file = ConfigFile::new("/nowhere".into());
        let text = file.render(&values).unwrap();
        let read: ConfigValues = file.parse(Some(&text)).unwrap().into_iter().collect();
        prop_assert_eq!(read, values, "{}", text);
    }
}

proptest! {
    // These write to the disk.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text_is_understood_or_left_as_it_is(text in yaml()) {
        let (_dir, file) = in_folder(&text);
        match file.known().map(|known| known.stored.clone()) {
            Ok(before) => {
                file.merge(&ConfigValues::new()).unwrap();
                let after = file.known().unwrap().stored.clone();
                for (key, value) in &before {
                    prop_assert_eq!(after.get(key), Some(value), "{}", key);
                }
            }
            Err(error) => {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
                prop_assert!(file.merge(&ConfigValues::new()).is_err());
                prop_assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
            }
        }
    }

    #[test]
    fn setting_a_key_keeps_every_other(values in content(), region in "[a-z]{2}-[a-z]{4}-[1-9]") {
        let (_dir, file) = in_folder("");
        fs::write(file.path(), file.render(&values).unwrap()).unwrap();
        let mut expected = file.read().unwrap();
        expected.insert("region".to_owned(), json!(region));
        file.merge(&ConfigValues::from([("region".to_owned(), json!(region))])).unwrap();
        prop_assert_eq!(file.read().unwrap(), expected);
        prop_assert!(KEYS.iter().all(|key| file.known().unwrap().stored.contains_key(*key)));
    }
}
