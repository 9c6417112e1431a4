use proptest::prelude::*;

use super::*;

const LINE: &str = r#""/opt/quiltctl" credential-process"#;

fn config_lines() -> Vec<(String, String)> {
    vec![
        ("credential_process".to_owned(), LINE.to_owned()),
        ("region".to_owned(), "eu-west-1".to_owned()),
    ]
}

fn plan(file: &[u8], profile: &str) -> Result<Edit, String> {
    let lines = &config_lines();
    Edit::plan(file, &DesiredProfile { profile, lines })
}

fn set_up(file: &str, profile: &str) -> String {
    let edit = plan(file.as_bytes(), profile).unwrap();
    String::from_utf8(edit.apply(file.as_bytes())).unwrap()
}

fn section(header: &str, eol: &str) -> String {
    format!("{header}{eol}credential_process = {LINE}{eol}region = eu-west-1{eol}")
}

#[test]
fn a_missing_section_is_added_at_the_end() {
    assert_eq!(set_up("", "quilt"), section("[profile quilt]", "\n"));
    assert_eq!(set_up("", "default"), section("[default]", "\n"));
    let ours = section("[profile quilt]", "\n");
    assert_eq!(set_up("[a]\nx=1\n", "quilt"), format!("[a]\nx=1\n\n{ours}"));
    assert_eq!(set_up("[a]\nx=1", "quilt"), format!("[a]\nx=1\n\n{ours}"));
    let ours = section("[profile quilt]", "\r\n");
    assert_eq!(set_up("[a]\r\n", "quilt"), format!("[a]\r\n\r\n{ours}"));
}

#[test]
fn a_section_of_the_user_keeps_its_values() {
    let file = "# mine\n[profile  \"quilt\" ] ; x\nregion=us-east-1\noutput = json\n[b]\n";
    assert_eq!(
        set_up(file, "quilt"),
        format!(
            "# mine\n[profile  \"quilt\" ] ; x\ncredential_process = {LINE}\n\
             region=us-east-1\noutput = json\n[b]\n"
        )
    );
    let file = "[default]";
    assert_eq!(
        set_up(file, "default"),
        format!("[default]\ncredential_process = {LINE}\nregion = eu-west-1")
    );
}

#[test]
fn indented_lines_do_not_become_part_of_ours() {
    let file = "[default]\n  output = json\n";
    assert_eq!(
        set_up(file, "default"),
        format!(
            "[default]\n  credential_process = {LINE}\n  region = eu-west-1\n  output = json\n"
        )
    );
}

#[test]
fn a_header_may_be_indented() {
    let file = " [profile quilt]\n output = json\n";
    assert_eq!(
        set_up(file, "quilt"),
        format!(
            " [profile quilt]\n credential_process = {LINE}\n region = eu-west-1\n output = json\n"
        )
    );
    // Ours must not swallow the next header either.
    let file = "[profile quilt]\n  [b]\n";
    assert_eq!(
        set_up(file, "quilt"),
        format!("[profile quilt]\n  credential_process = {LINE}\n  region = eu-west-1\n  [b]\n")
    );
    // Part of a value, not a header.
    let file = "[a]\nx = 1\n  [profile quilt]\n";
    let ours = section("[profile quilt]", "\n");
    assert_eq!(set_up(file, "quilt"), format!("{file}\n{ours}"));
}

#[test]
fn an_older_line_of_ours_is_replaced() {
    let file = "[default]\nregion=x\ncredential_process = \"/old/quiltctl\" credential-process\n";
    assert_eq!(
        set_up(file, "default"),
        format!("[default]\nregion=x\ncredential_process = {LINE}\n")
    );
}

#[test]
fn other_ways_to_credentials_are_left_alone() {
    for line in [
        "aws_access_key_id=A",
        "SSO_session = s",
        "role_arn: arn",
        "credential_process = /usr/bin/other",
        "  source_profile = x",
    ] {
        for file in [
            format!("[profile quilt]\nregion = x\n{line}\n"),
            format!("[profile quilt]\n[b]\n[profile quilt]\n{line}"),
        ] {
            assert!(plan(file.as_bytes(), "quilt").is_err(), "{file:?}");
        }
        let others = format!("[profile quilt2]\n{line}\n[quilt]\n{line}\n");
        assert!(plan(others.as_bytes(), "quilt").is_ok(), "{others:?}");
    }
}

#[test]
fn keys_in_the_credentials_file_are_seen() {
    let file = b"[a]\nx=1\n[quilt]\naws_access_key_id = A\n";
    assert_eq!(
        other_way(file, "quilt").as_deref(),
        Some("aws_access_key_id")
    );
    assert_eq!(other_way(file, "a"), None);
}

#[test]
fn an_edit_is_taken_back_though_the_file_changed_around_it() {
    let file = "[a]\nx=1\n";
    let edit = plan(file.as_bytes(), "quilt").unwrap();
    let later = format!("# new\n{}[z]\n", set_up(file, "quilt"));
    let expected = "# new\n[a]\nx=1\n[z]\n";
    assert_eq!(edit.revert(later.as_bytes()).unwrap(), expected.as_bytes());
    assert_eq!(edit.revert(b"# something else"), None);
}

/// Files of pieces that matter, in any order and state of ruin.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "[profile quilt]",
            "[default]",
            "[ profile \"quilt\" ]",
            "[other]",
            "[",
            "]",
            "\n",
            "\n",
            "\r\n",
            "\r",
            "region = x",
            "  indented = 1",
            "\toutput=json",
            "# comment",
            "; c",
            " ",
            "=",
            "credential_process = \"/old/quiltctl\" credential-process",
            "\u{feff}",
            "s3 =\n  a = b\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn set_up_then_undo_gives_the_same_bytes(file in files(), default in any::<bool>()) {
        let profile = if default { "default" } else { "quilt" };
        if let Ok(edit) = plan(&file, profile) {
            let done = edit.apply(&file);
            prop_assert!(is_set_up(&done, profile));
            prop_assert_eq!(edit.revert(&done), Some(file));
            let stored = serde_json::to_string(&edit).unwrap();
            prop_assert_eq!(serde_json::from_str::<Edit>(&stored).unwrap(), edit);
        }
    }

    #[test]
    fn set_up_without_a_record_changes_nothing_more(file in files()) {
        if let Ok(edit) = plan(&file, "quilt") {
            let once = edit.apply(&file);
            // Several of our lines are a file broken before: one is mended a time.
            let ours = lines(&file).iter().filter(|line| is_ours(line.text)).count();
            if ours <= 1 {
                let again = plan(&once, "quilt").unwrap();
                prop_assert!(again.apply(&once).len() >= once.len());
            }
        }
    }
}
