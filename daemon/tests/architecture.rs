//! Which module may use which: the picture in docs/architecture.md, checked.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of the daemon and the modules it may use.
const MODULES: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "app",
            "audit",
            "aws",
            "body_memory",
            "catalog_resolver",
            "credential",
            "doctor",
            "files",
            "gateway",
            "state_dir_lock",
            "keys",
            "grant",
            "listen",
            "metrics",
            "notify",
            "package",
            "quilt3",
            "session",
            "stack",
            "token_store",
        ],
    ),
    (
        "app",
        &[
            "audit",
            "aws",
            "catalog_resolver",
            "changes",
            "clock",
            "credential",
            "doctor",
            "files",
            "gateway",
            "handover",
            "keys",
            "metrics",
            "notify",
            "package",
            "hardening",
            "own_program",
            "grant",
            "quilt3",
            "session",
            "settings",
            "stack",
            "token_store",
            "last_seen_users",
        ],
    ),
    ("audit", &["files"]),
    ("aws", &["metrics"]),
    ("catalog_resolver", &["quilt3", "settings"]),
    // Tests of several modules at once.
    (
        "chaos",
        &[
            "aws",
            "clock",
            "credential",
            "keys",
            "metrics",
            "quilt3",
            "refresh",
            "session",
            "settings",
            "stack",
            "token_store",
        ],
    ),
    ("changes", &[]),
    ("clock", &[]),
    (
        "credential",
        &[
            "aws",
            "catalog_resolver",
            "changes",
            "clock",
            "metrics",
            "quilt3",
            "refresh",
            "session",
            "settings",
            "stack",
        ],
    ),
    (
        "doctor",
        &[
            "clock",
            "credential",
            "files",
            "gateway",
            "keys",
            "hardening",
            "own_program",
            "session",
            "settings",
            "stack",
            "token_store",
        ],
    ),
    ("body_memory", &[]),
    ("files", &[]),
    // What fuzzers try.
    (
        "fuzz",
        &[
            "api",
            "app",
            "gateway",
            "grant",
            "listen",
            "package",
            "quilt3",
            "settings",
            "stack",
            "token_store",
        ],
    ),
    ("handover", &["hardening", "raw"]),
    ("state_dir_lock", &[]),
    (
        "gateway",
        &[
            "body_memory",
            "files",
            "grant",
            "json_document",
            "quilt3",
            "session",
            "stack",
        ],
    ),
    ("grant", &["changes", "clock", "files"]),
    ("json_document", &[]),
    ("keys", &["clock", "raw", "session", "stack"]),
    ("listen", &["files", "metrics", "raw"]),
    ("log", &[]),
    ("memory_release", &["raw"]),
    ("metrics", &[]),
    ("notify", &["files", "settings", "token_store"]),
    (
        "package",
        &["aws", "catalog_resolver", "credential", "quilt3", "session"],
    ),
    ("hardening", &["raw"]),
    ("own_program", &[]),
    // A grant is told by its looks in the SDK's files.
    ("quilt3", &["files", "grant", "raw", "blocked_threads"]),
    ("raw", &[]),
    ("refresh", &["changes", "clock", "metrics", "checked_sync"]),
    (
        "session",
        &[
            "changes",
            "clock",
            "files",
            "metrics",
            "raw",
            "refresh",
            "stack",
            "token_store",
        ],
    ),
    ("settings", &["files"]),
    // The whole daemon, in tests.
    (
        "simulation",
        &[
            "api",
            "app",
            "audit",
            "aws",
            "changes",
            "clock",
            "credential",
            "files",
            "grant",
            "keys",
            "metrics",
            "quilt3",
            "refresh",
            "session",
            "settings",
            "stack",
            "token_store",
        ],
    ),
    ("stack", &["json_document", "metrics"]),
    ("token_store", &["files", "blocked_threads"]),
    ("checked_sync", &[]),
    ("last_seen_users", &[]),
    ("blocked_threads", &[]),
];

/// Modules that know HTTP serving; the others must do without axum.
const SERVING: &[&str] = &["api", "chaos", "fuzz", "listen", "simulation"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of a module, with its text.
fn files(module: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let file = source().join(format!("{module}.rs"));
    if file.exists() {
        found.push(file);
    }
    found.extend(paths_below(&source().join(module)));
    read_all(found)
}

/// Every Rust file below a folder, with its text.
fn below(folder: &Path) -> Vec<(PathBuf, String)> {
    read_all(paths_below(folder))
}

fn paths_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn read_all(paths: Vec<PathBuf>) -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The modules a text names as `crate::module` or `crate::{module, …}`.
fn used(text: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let group = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split(['}', ';']).next());
        let names = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for name in names {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            modules.insert(name);
        }
    }
    modules
}

#[test]
fn every_module_is_on_the_map() {
    let known: BTreeSet<_> = MODULES
        .iter()
        .map(|(module, _)| (*module).to_owned())
        .collect();
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(source()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !["main", "lib", "args", "zeroing_allocator"].contains(&name.as_str()) {
            there.insert(name);
        }
    }
    assert_eq!(there, known);
}

#[test]
fn modules_use_only_what_is_below_them() {
    let map: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, allowed) in MODULES {
        for (path, text) in files(module) {
            for other in used(&text) {
                if map.contains_key(other.as_str())
                    && other != *module
                    && !allowed.contains(&other.as_str())
                {
                    wrong.push(format!("{}: {module} must not use {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_map_has_no_cycles_and_no_dead_lines() {
    let map: BTreeMap<_, _> = MODULES.iter().copied().collect();
    for (module, allowed) in MODULES {
        let mut below = allowed.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(other) = below.pop() {
            assert_ne!(other, *module, "{module} is below itself");
            if seen.insert(other) {
                below.extend(map[other]);
            }
        }
        let really: BTreeSet<_> = files(module)
            .iter()
            .flat_map(|(_, text)| used(text))
            .collect();
        for other in *allowed {
            assert!(
                really.contains(*other),
                "{module} does not use {other} any more"
            );
        }
    }
}

#[test]
fn only_the_upper_modules_know_http_serving() {
    for (module, _) in MODULES
        .iter()
        .filter(|(module, _)| !SERVING.contains(module))
    {
        for (path, text) in files(module) {
            assert!(!text.contains("axum"), "{} knows axum", path.display());
        }
    }
}

#[test]
fn what_the_page_on_architecture_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<_> = rows.filter_map(|row| row.split(" | ").next()).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let mut named = row.split(['`', ',']).map(str::trim);
        let first = Path::new(named.next().unwrap());
        let beside = first.parent().unwrap();
        let others = named.filter(|name| !name.is_empty());
        let there = others.filter(|name| !name.starts_with('/'));
        for name in [first.to_owned()].into_iter().chain(there.map(|name| {
            // From the top, where that is another folder.
            let path = beside.join(name);
            if root.join(&path).exists() {
                path
            } else {
                name.into()
            }
        })) {
            assert!(root.join(&name).exists(), "{} is not there", name.display());
        }
    }
}

/// What stands above the commands of `quiltctl`: everything else is below them.
const ABOVE_COMMANDS: &[&str] = &[
    "args.rs",
    "args/hint_rewrite.rs",
    "every_command.rs",
    "fuzz.rs",
    "hot_path.rs",
    "main.rs",
];

#[test]
fn commands_stand_between_the_whole_line_and_all_else() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/src");
    let is_test = |path: &Path| path.to_str().unwrap().contains("tests");
    for (path, text) in below(&cli).into_iter().filter(|(path, _)| !is_test(path)) {
        let name = path.strip_prefix(&cli).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        if name.starts_with("commands") {
            assert!(!code.contains("crate::args"), "{} names it", name.display());
        } else if !ABOVE_COMMANDS.iter().any(|above| name == Path::new(above)) {
            let names = code.contains("crate::commands");
            assert!(!names, "{} names a command", name.display());
        }
    }
}

/// The files in which a type of a module has methods: whoever reads it reads them all.
#[test]
fn no_type_has_its_methods_in_more_than_four_files() {
    for (module, _) in MODULES {
        let mut types: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
        for (path, text) in files(module) {
            let blocks = text.lines().filter_map(|line| line.strip_prefix("impl"));
            for block in blocks.filter(|block| !block.contains(" for ")) {
                let name = behind_parameters(block).trim();
                let name = name.split(['<', ' ']).next().unwrap().to_owned();
                types.entry(name).or_default().insert(path.clone());
            }
        }
        let wide = types.into_iter().find(|(_, files)| files.len() > 4);
        assert!(wide.is_none(), "{module}: {wide:#?}");
    }
}

/// `Flight<T> {` of `<T: Into<U>> Flight<T> {`.
fn behind_parameters(block: &str) -> &str {
    let mut depth = 0;
    let end = block.find(|c| {
        depth += match c {
            '<' => 1,
            '>' => -1,
            _ => 0,
        };
        depth == 0
    });
    let parameters = end.filter(|_| block.starts_with('<'));
    parameters.map_or(block, |end| &block[end + 1..])
}

#[test]
fn crates_depend_one_way_and_the_command_line_stays_small() {
    let manifest = |folder: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(folder);
        fs::read_to_string(path.join("Cargo.toml")).unwrap()
    };
    let forbidden: [(&str, &[&str]); 4] = [
        ("proto/trust", &["quilt-client", "quiltd.", "tokio"]),
        (
            "proto",
            &["quilt-client", "quiltd.", "tokio", "reqwest", "hyper"],
        ),
        ("client", &["quiltd.", "reqwest", "axum"]),
        (
            "cli",
            &[
                "quiltd.", "tokio", "reqwest", "hyper", "aws-", "zbus", "keyring",
            ],
        ),
    ];
    for (folder, names) in forbidden {
        let manifest = manifest(folder);
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
        let dependencies = dependencies.split("[dev-dependencies]").next().unwrap();
        for name in names {
            let found = dependencies.lines().any(|line| line.starts_with(name));
            assert!(!found, "{folder} must not depend on {name}");
        }
    }
}
