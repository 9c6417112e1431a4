use super::*;

/// Whoever has a code looks for it there.
#[test]
fn every_code_is_in_the_document_about_trouble() {
    let document = include_str!("../../../docs/troubleshooting.md");
    let own = (0..=u8::MAX).map(|exit| kind(exit).1);
    for code in ErrorCode::all().chain(own) {
        let heading = format!("\n### `{code}`\n");
        assert!(document.contains(&heading), "{code}");
    }
    for (code, what) in crate::help::EXIT_CODES {
        assert!(
            document.contains(&format!("| {code} | {what}")),
            "{code} {what}"
        );
    }
}

#[test]
fn what_a_run_for_a_catalog_names_is_for_that_catalog() {
    let about = |hint: &'static str, catalog: &str| {
        let failure = Failure::new(REFUSED, "x").hint(hint);
        let failure = crate::args::about(failure, Some(catalog));
        failure.hint.unwrap().to_string()
    };
    for (hint, said) in [
        (
            "quiltctl login",
            "quiltctl login --catalog lab.quilt.example",
        ),
        (
            "quiltctl login --web",
            "quiltctl login --web --catalog lab.quilt.example",
        ),
        (
            "quiltctl role list",
            "quiltctl role list --catalog lab.quilt.example",
        ),
        ("quiltctl login prod", "quiltctl login prod"),
        ("quiltctl login --all", "quiltctl login --all"),
        (
            "quiltctl role list --catalog a",
            "quiltctl role list --catalog a",
        ),
        ("quiltctl role switch --help", "quiltctl role switch --help"),
        ("quiltctl status", "quiltctl status"),
        ("curl -sSI https://x", "curl -sSI https://x"),
    ] {
        assert_eq!(about(hint, "lab.quilt.example"), said);
    }
    assert_eq!(
        about("quiltctl login", "prod"),
        "quiltctl login --catalog prod"
    );
    for secret in ["qk_canary", "eyJ.canary", "can ary", ""] {
        assert_eq!(about("quiltctl login", secret), "quiltctl login");
    }
}

#[test]
fn every_code_of_the_daemon_names_a_command() {
    for code in ErrorCode::all() {
        let exit = code.exit_code();
        let failure = Failure::from(Problem::new(400, code, "it failed\n\u{1b}[31mred"))
            .or_hint(|| "quiltctl x --help".into());
        assert_eq!(failure.code(), exit);
        let line = failure.to_string();
        assert!(
            line.starts_with("it failed [31mred; run: quiltctl "),
            "{line}"
        );
    }
}
