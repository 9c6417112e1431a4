use quilt_proto::wire::{CredentialStatus, GrantKind, GrantStatus, SessionUser};

use super::*;
use crate::look::tests::{at, widths};

fn session(state: SessionState, kind: Option<TokenKind>) -> SessionStatus {
    SessionStatus {
        state,
        kind,
        access_token_expires_at: None,
        last_error: None,
        api_key_fingerprint: None,
        api_key_expires_at: None,
    }
}

fn catalog(host: &str, session: SessionStatus) -> CatalogStatus {
    CatalogStatus {
        catalog_url: format!("https://{host}").parse().unwrap(),
        registry_url: None,
        session,
        credentials: Vec::new(),
        alias: None,
        user: None,
        hint: None,
    }
}

fn held(profile: &str, minutes: i64) -> CredentialStatus {
    CredentialStatus {
        profile: profile.parse().unwrap(),
        expires_at: Some(at(minutes * 60)),
        next_refresh_at: Some(at((minutes - 30) * 60)),
        last_error: None,
    }
}

/// A status with something of everything.
pub(in crate::commands) fn status() -> Status {
    let mut demo = catalog(
        "demo.quilt.example",
        session(SessionState::Active, Some(TokenKind::Interactive)),
    );
    demo.alias = Some("prod".to_owned());
    demo.user = Some(SessionUser {
        name: "alice".to_owned(),
        role: Some("Read Write; run: id".to_owned()),
        is_admin: true,
        seen_at: at(0),
    });
    demo.credentials = vec![held("default", 47), held("lake", 52)];
    let mut lab = catalog(
        "lab.quilt.example",
        session(SessionState::Expired, Some(TokenKind::Interactive)),
    );
    lab.session.last_error = Some("the stack says “\u{1b}[31mno”".to_owned());
    let mut key = catalog(
        "key.quilt.example",
        session(SessionState::Active, Some(TokenKind::ApiKey)),
    );
    key.session.api_key_fingerprint = Some("qk_1a2...f9c".to_owned());
    key.session.api_key_expires_at = Some(at(9 * 86_400 + 60));
    Status {
        network: quilt_proto::wire::NetworkStatus::default(),
        version: "0.2.0".to_owned(),
        pid: 7,
        started_at: at(-3 * 86_400 - 60),
        socket: "/run/user/1000/quilt/quiltd.sock".to_owned(),
        token_store: "keyring".to_owned(),
        warnings: Vec::new(),
        findings: vec![
            Finding::warning(
                quilt_proto::wire::FindingCode::ApiKey,
                "the API key ci-nightly of https://key.quilt.example expires in 9 days",
                "quiltctl api-keys rotate --current",
            ),
            Finding::error(
                quilt_proto::wire::FindingCode::FileNotTrusted,
                "others may write to ~/.aws",
                "chmod go-w ~/.aws",
            ),
        ],
        protections: Vec::new(),
        grants: vec![GrantStatus {
            id: "g1".to_owned(),
            kind: GrantKind::Registry,
            catalog_url: demo.catalog_url.clone(),
            profile: None,
            created_at: at(0),
            expires_at: at(3600),
            last_used_at: None,
            pid: None,
            without_api_keys: false,
        }],
        audited: 0,
        default_catalog: Some(demo.catalog_url.clone()),
        catalogs: vec![demo, lab, key],
    }
}

#[test]
fn what_stands_at_a_session_is_not_said_again() {
    let mut status = status();
    let said = "the API key for https://key.quilt.example was forgotten";
    status.catalogs[2].session.last_error = Some(said.to_owned());
    let hint = "quiltctl login --api-key";
    let finding = Finding::warning(quilt_proto::wire::FindingCode::ApiKey, said, hint);
    status.findings.push(finding);
    let of_another = Finding::warning(ErrorCode::StackUnreachable, format!("no: {said}"), hint);
    status.findings.push(of_another);
    let left = not_at_a_session(&status.findings, &status.catalogs);
    assert_eq!(left.len(), status.findings.len() - 1);
    assert!(left.iter().all(|finding| finding.summary != said));
}

#[test]
fn the_screen_at_every_width() {
    let lake = ProfileStatus {
        name: "lake".parse().unwrap(),
        catalog_url: status().default_catalog,
        role_arn: vec!["arn:aws:iam::222222222222:role/lake".to_owned()],
        region: Some("eu-west-1".to_owned()),
        expires_at: None,
        next_refresh_at: None,
        last_error: None,
    };
    let profiles = [lake];
    insta::assert_snapshot!(widths(|look| screen(look, &status(), &profiles, None)));
    let mut nobody = status();
    nobody.catalogs.clear();
    nobody.findings.clear();
    nobody.grants.clear();
    insta::assert_snapshot!(
        "status_nobody",
        widths(|look| screen(look, &nobody, &[], None))
    );
}
