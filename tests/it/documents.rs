//! Links in the documents lead somewhere: files that are there, headings that
//! are there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document of ours.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in [root(), root().join("docs")] {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// A document without its code.
fn prose(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// What `[text](target)` leads to; code between backquotes is no link.
fn links(prose: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose.lines() {
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = outside.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else {
                break;
            };
            links.push(target.to_owned());
            rest = after;
        }
    }
    links
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|char| match char {
            ' ' | '-' => Some('-'),
            '_' => Some('_'),
            char if char.is_alphanumeric() => Some(char),
            _ => None,
        })
        .collect()
}

fn has_heading(document: &Path, anchor: &str) -> bool {
    prose(document)
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| slug(line.trim_start_matches('#').trim()) == anchor)
}

/// Why a link of a document leads nowhere, if it does.
fn broken(document: &Path, link: &str) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        document.to_owned()
    } else {
        document.parent().unwrap().join(file)
    };
    if !target.exists() {
        return Some(format!("{}: no file {link}", document.display()));
    }
    if !anchor.is_empty() && !has_heading(&target, anchor) {
        return Some(format!("{}: no heading {link}", document.display()));
    }
    None
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    let mut dead = Vec::new();
    for document in documents() {
        for link in links(&prose(&document)) {
            count += 1;
            dead.extend(broken(&document, &link));
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(count > 20, "links are found: {count}");
}

#[test]
fn a_dead_link_is_noticed() {
    let readme = root().join("README.md");
    assert!(broken(&readme, "docs/nowhere.md").is_some());
    assert!(broken(&readme, "docs/install.md#nowhere").is_some());
    assert!(broken(&readme, "docs/install.md#upgrading").is_none());
    assert_eq!(
        links("see [a](b.md#c), `[no](link)` and [d](https://e)"),
        ["b.md#c", "https://e"]
    );
}

/// The README leads to every document, directly or by one that it leads to.
#[test]
fn every_document_is_found_from_the_readme() {
    let readme = prose(&root().join("README.md"));
    let mut reached = links(&readme);
    for link in reached.clone() {
        let path = root().join(link.split('#').next().unwrap());
        if path.extension().is_some_and(|end| end == "md") && path.exists() {
            let dir = path
                .parent()
                .unwrap()
                .file_name()
                .unwrap_or_default()
                .to_owned();
            let prefix = if dir == "docs" { "docs/" } else { "" };
            reached.extend(
                links(&prose(&path))
                    .into_iter()
                    .map(|link| format!("{prefix}{link}")),
            );
        }
    }
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name();
        let name = format!("docs/{}", name.to_str().unwrap());
        assert!(
            reached
                .iter()
                .any(|link| link.split('#').next() == Some(&name)),
            "{name}"
        );
    }
}
