use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::wire::{ApiKeyFilter, ApiKeyStatus, LoginCode};

#[derive(Default)]
struct Declared(Vec<(&'static str, &'static str, Vec<&'static str>)>);

impl Visit for Declared {
    fn endpoint<E: Endpoint>(&mut self) {
        let names = E::Path::NAMES.iter().map(|(name, _)| *name);
        self.0.push((E::METHOD.as_str(), E::PATH, names.collect()));
    }
}

fn declared() -> Declared {
    let mut declared = Declared::default();
    visit(&mut declared);
    declared
}

#[test]
fn no_two_endpoints_are_at_one_place() {
    let Declared(declared) = declared();
    let places: BTreeSet<_> = declared
        .iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    assert_eq!(places.len(), declared.len());
    assert!(declared.len() > 30, "the visitor sees few of them");
}

#[test]
fn a_path_has_the_names_of_its_parameters() {
    for (_, path, names) in declared().0 {
        let in_braces: Vec<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(in_braces, names, "{path}");
    }
}

#[test]
fn paths_and_queries_are_encoded_and_joined() {
    let name = "né/b-1".parse().unwrap();
    let versions = ReadPackageVersions {
        path: name,
        query: RegistryQuery::default(),
    };
    assert_eq!(target(&versions, None), "/v1/packages/n%C3%A9/b-1/versions");
    let deletion = DeletePackage {
        path: "a/b".parse().unwrap(),
        query: DeletePackageQuery {
            layout: None,
            registry: Some("s3://lake".to_owned()),
            top_hash: Some("abc123".parse().unwrap()),
        },
    };
    assert_eq!(
        target(&deletion, None),
        "/v1/packages/a/b?registry=s3%3A%2F%2Flake&top_hash=abc123"
    );
    let profile: ProfileQuery = "lake".parse::<crate::ProfileName>().unwrap().into();
    assert_eq!(
        target(&ReadCredentials(profile), Some("https://x.example/é?a=b&c")),
        "/v1/aws/credentials?profile=lake\
         &catalog=https%3A%2F%2Fx.example%2F%C3%A9%3Fa%3Db%26c"
    );
    assert_eq!(target(&ReadToken, None), "/v1/token");
}

#[test]
fn no_value_can_break_out_of_its_place() {
    assert_eq!(
        target(&ReadToken, Some(" HTTP/1.1\r\nHost: evil")),
        "/v1/token?catalog=%20HTTP%2F1.1%0D%0AHost%3A%20evil"
    );
    assert_eq!(
        target(&RevokeGrant("a/../b?c#d e%".to_owned()), None),
        "/v1/aws/grants/a%2F..%2Fb%3Fc%23d%20e%25"
    );
}

#[test]
fn secret_bodies_are_kept_apart_from_the_head() {
    let login = Login(LoginCode {
        code: Secret::new("canary"),
        accept_registry: None,
        page_registry: None,
    });
    let text = body(&login).unwrap();
    assert!(text.expose().starts_with(&" ".repeat(BLANKS)));
    assert!(text.expose().contains("canary"));
    let role = "r".to_owned();
    let open = body(&SwitchRole(RoleChoice { role })).unwrap();
    assert_eq!(open.expose(), r#"{"role":"r"}"#);
    assert!(body(&ReadToken).is_none());
}

#[test]
fn parameters_are_known_by_their_type() {
    assert_eq!(
        parameters::<DeletePackageQuery>(),
        ["registry", "layout", "top_hash"]
    );
    assert_eq!(
        parameters::<SessionQuery>(),
        ["login_url", "accept_registry"]
    );
    assert!(parameters::<()>().is_empty());
}

#[test]
fn what_nobody_reads_is_refused_in_one_short_line() {
    let long = format!("a%0A{}=1", "b".repeat(99));
    let refused = parse_query::<ProfileQuery>(&long).unwrap_err();
    let quoted = format!("a {}…", "b".repeat(37));
    assert_eq!(
        refused.to_string(),
        format!("there is no query parameter “{quoted}” here, only: catalog, profile")
    );
    assert_eq!(
        parse_query::<()>("profile=lake").unwrap_err().to_string(),
        "there is no query parameter “profile” here, only: catalog"
    );
}

#[test]
fn values_are_parsed_once_and_refused_in_their_own_words() {
    let malformed = |query: &str| {
        let error = parse_query::<SessionQuery>(query).unwrap_err();
        assert_eq!(error, QueryError::Malformed, "{query}");
    };
    malformed("login_url=yes");
    malformed("login_url=true&login_url=true");
    malformed("catalog=a&catalog=b");
    let status = parse_query::<ApiKeyFilter>("status=qk_canary").unwrap_err();
    assert_eq!(status, QueryError::Malformed);
    let profile = parse_query::<ProfileQuery>("profile=a%20b").unwrap_err();
    assert!(profile.to_string().starts_with("invalid profile name"));
    let hash = parse_query::<DeletePackageQuery>("top_hash=xyz").unwrap_err();
    assert!(hash.to_string().starts_with("Invalid hash"), "{hash}");
    assert_eq!(parse_query::<()>(""), Ok((None, ())));
}

proptest! {
    #[test]
    fn what_a_client_writes_the_daemon_reads(
        name in proptest::option::of(".*"),
        email in proptest::option::of(".*"),
        catalog in proptest::option::of(".*"),
        active in proptest::option::of(any::<bool>()),
    ) {
        let status = active.map(|active| {
            if active { ApiKeyStatus::Active } else { ApiKeyStatus::Expired }
        });
        let filter = ApiKeyFilter { email, name, fingerprint: None, status };
        let written = target(&ListApiKeys(filter.clone()), catalog.as_deref());
        let query = written.split_once('?').map_or("", |(_, query)| query);
        prop_assert_eq!(parse_query::<ApiKeyFilter>(query), Ok((catalog, filter)));
    }
}
