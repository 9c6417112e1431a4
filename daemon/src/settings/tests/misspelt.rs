//! One slip in a key is enough to be refused.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::settings::profile::{DEFAULT_KEYS, KEYS};

/// A table, and the keys it takes.
const TABLES: &[(&str, &[&str])] = &[
    ("", &["profiles", "console"]),
    ("profiles.lake", KEYS),
    ("profiles.default", DEFAULT_KEYS),
    ("console", &["endpoint", "destination"]),
];

#[derive(Clone, Debug)]
enum Slip {
    Lost,
    Doubled,
    Swapped,
    Added(char),
    Mistaken(char),
    Capital,
}

fn slip() -> impl Strategy<Value = Slip> {
    let letter = || proptest::char::range('a', 'z');
    prop_oneof![
        Just(Slip::Lost),
        Just(Slip::Doubled),
        Just(Slip::Swapped),
        letter().prop_map(Slip::Added),
        letter().prop_map(Slip::Mistaken),
        Just(Slip::Capital),
    ]
}

fn misspelt(key: &str, slip: &Slip, at: Index) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    let at = at.index(letters.len());
    match slip {
        Slip::Lost => drop(letters.remove(at)),
        Slip::Doubled => letters.insert(at, letters[at]),
        Slip::Swapped => letters.swap(at, (at + 1).min(key.len() - 1)),
        Slip::Added(letter) => letters.insert(at, *letter),
        Slip::Mistaken(letter) => letters[at] = *letter,
        Slip::Capital => letters[at] = letters[at].to_ascii_uppercase(),
    }
    letters.into_iter().collect()
}

proptest! {
    #[test]
    fn a_misspelt_key_is_refused_with_the_one_that_was_meant(
        (table, keys) in select(TABLES), which in any::<Index>(), slip in slip(), at in any::<Index>(),
    ) {
        let meant = keys[which.index(keys.len())];
        let key = misspelt(meant, &slip, at);
        prop_assume!(key != meant);
        let (text, place) = match table {
            "" => (format!("\n{key} = 1\n"), String::new()),
            _ => (format!("[{table}]\n{key} = 1\n"), format!(" in [{table}]")),
        };
        let expected = format!("line 2: unknown key '{key}'{place} (did you mean '{meant}'?)");
        prop_assert_eq!(error(&text), expected);
    }
}
