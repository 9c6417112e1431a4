//! SECURITY.md and docs/reliability.md name tests that are there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_security_md_names_exists() {
    let folders = ["tests/it", "daemon", "cli", "client", "proto", "network"];
    let text = names_tests("SECURITY.md", &folders, 30);
    // Every row has its tests.
    for row in text.lines().filter(|line| line.starts_with("| ")).skip(2) {
        assert!(row.contains("::"), "{row}");
    }
}

#[test]
fn every_test_that_reliability_md_names_exists() {
    names_tests("docs/reliability.md", &["daemon", "tests/it"], 15);
}

/// The text of a document that names more than so many tests, all of which are
/// in these folders.
fn names_tests(document: &str, folders: &[&str], least: usize) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join(document)).unwrap();
    let mut sources = String::new();
    for folder in folders {
        read(&root.join(folder), &mut sources);
    }
    let names: Vec<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        // Commands have names of tests in them, too.
        .filter(|word| !word.contains(' '))
        .filter_map(|word| word.rsplit_once("::").map(|(_, name)| name))
        .collect();
    assert!(names.len() > least, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    text
}

fn read(dir: &Path, into: &mut String) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
