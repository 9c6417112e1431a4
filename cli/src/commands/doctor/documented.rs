//! The table of findings in the document about trouble, made from the codes.

use std::path::Path;
use std::{env, fs};

use quilt_proto::ErrorCode;
use quilt_proto::wire::FindingCode;

/// What precedes the table, and nothing else does.
const HEAD: &str = "| code | it means |\n| --- | --- |\n";

/// What requests fail with, as a finding says it.
const PROBLEMS: [(ErrorCode, &str); 5] = [
    (
        ErrorCode::LoginRequired,
        "Nobody is logged in, or a role can no longer be given.",
    ),
    (ErrorCode::ClockSkew, "The clock is wrong."),
    (
        ErrorCode::StackUnreachable,
        "The stack does not answer, and why.",
    ),
    (ErrorCode::StackInvalid, "What answers is no Quilt stack."),
    (ErrorCode::StoreFailed, "The token store does not work."),
];

/// A sentence as a part of one: its first word is small, unless it is a name.
fn row(code: &str, meaning: &str) -> String {
    let meaning = meaning.trim_end_matches('.');
    let is_name = meaning.starts_with(|c: char| !c.is_ascii_uppercase())
        || meaning[1..].starts_with(|c: char| c.is_ascii_uppercase());
    let first = meaning[..1].to_ascii_lowercase();
    let meaning = if is_name {
        meaning.to_owned()
    } else {
        first + &meaning[1..]
    };
    format!("| `{code}` | {meaning} |\n")
}

#[test]
fn the_document_about_trouble_has_every_finding() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, after) = document.split_once(HEAD).unwrap();
    let end = after.find("\n\n").map_or(after.len(), |at| at + 1);
    let problems = PROBLEMS
        .iter()
        .map(|(code, meaning)| row(code.as_str(), meaning));
    let own = FindingCode::ALL
        .iter()
        .map(|code| row(code.as_str(), code.meaning().unwrap_or_default()));
    let rows: String = problems.chain(own).collect();
    let made = format!("{before}{HEAD}{rows}{}", &after[end..]);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, made).unwrap();
        return;
    }
    assert_eq!(
        document, made,
        "make docs/troubleshooting.md anew: UPDATE_DOCS=1 cargo test -p quiltctl --bin quiltctl \
         documented::"
    );
}
