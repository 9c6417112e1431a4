//! Every finding is in the document about trouble.

use quilt_proto::wire::FindingCode;

#[test]
fn every_finding_is_in_the_document_about_trouble() {
    let document = include_str!("../../../../docs/troubleshooting.md");
    let row = |code: &FindingCode| format!("\n| `{}` |", code.as_str());
    let missing = FindingCode::ALL
        .iter()
        .filter(|code| !document.contains(&row(code)));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&FindingCode>::new());
}
