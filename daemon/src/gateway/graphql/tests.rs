use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::stack::Payload;

fn request(method: Method, target: &str, content_type: &str, body: &[u8]) -> Forward {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        let value = HeaderValue::from_str(content_type).unwrap();
        headers.insert(http::header::CONTENT_TYPE, value);
    }
    Forward {
        method,
        target: target.to_owned(),
        headers,
        body: Payload::from(body.to_vec()),
    }
}

fn read(method: Method, target: &str, content_type: &str, body: &[u8]) -> GraphqlRequest {
    envelope::open(&request(method, target, content_type, body))
        .map_or_else(GraphqlRequest::unclear, envelope::Envelope::read)
}

fn posted(body: &[u8]) -> GraphqlRequest {
    read(Method::POST, "/graphql", "application/json", body)
}

fn document(text: &str) -> GraphqlRequest {
    posted(json!({ "query": text }).to_string().as_bytes())
}

fn is_kept_back(asked: &GraphqlRequest) -> bool {
    asked.leaves_logins_alone().is_err()
}

/// Many at once would take the processors from those who ask for credentials.
#[tokio::test]
async fn few_documents_are_read_at_a_time() {
    let asked = request(Method::POST, "/graphql", "application/json", b"{}");
    let all = READING.acquire_many(2).await.unwrap();
    let mut read = std::pin::pin!(GraphqlRequest::of(&asked));
    let mut once = std::pin::pin!(tokio::time::sleep(Duration::from_millis(50)));
    tokio::select! {
        _ = &mut read => panic!("it was read"),
        () = &mut once => {}
    }
    drop(all);
    read.await;
}

#[test]
fn what_makes_keys_or_ends_logins_is_told_however_it_is_written() {
    for text in [
        "mutation { apiKeyCreate(input: {name: \"x\"}) { __typename } }",
        "mutation M($i: I!) { me: apiKeyCreate(input: $i) { __typename } }",
        "mutation{switchRole(roleName:\"x\"){__typename}a:apiKeyRevoke(id:\"1\"){__typename}}",
        "mutation { ... { ... on Mutation { apiKeyCreate { x } } } }",
        "mutation { ...A } fragment A on Mutation { ...B } fragment B on Mutation { apiKeyCreate }",
        "fragment A on Mutation { ...B } fragment B on Mutation { ...A apiKeyCreate } \
         mutation { ...A }",
        "mutation($no: Boolean = true) { apiKeyCreate @skip(if: $no) { x } }",
        "mutation { # }\r apiKeyCreate\r\n }",
        "mutation { switchRole(roleName: \"\"\"# \\\"\"\" \"\"\") { x } apiKeyCreate }",
        "mutation,,,\u{feff}{,apiKeyCreate,}",
        "mutation { admin { apiKeys { revoke(id: \"1\") { x } } } }",
        "mutation { admin { ... { k: apiKeys { ...R } } } } fragment R on X { revoke }",
        "mutation { admin { user { create(input: {}) { x } } } }",
        "mutation { admin { user { mutate(name: \"x\") { setRole(role: \"r\") {x} delete {x} } } } }",
        "mutation { admin { user { mutate(name: \"x\") { resetPassword { x } } } } }",
        "mutation { admin { user { mutate(name: \"x\") { setActive(active: false) { x } } } } }",
        "mutation { admin { user { mutate(name: \"x\") { setEmail(email: \"e\") { x } } } } }",
        "mutation { admin { setSsoConfig(config: \"x\") { x } } }",
        "mutation { admin }",
        "mutation { somethingNew { x } }",
        "subscription { apiKeyCreate { x } }",
    ] {
        let asked = document(text);
        assert_eq!(asked.unclear, None, "{text}");
        assert!(is_kept_back(&asked), "{text}: {asked:?}");
    }
}

#[test]
fn what_leaves_logins_alone_is_let_through() {
    for text in [
        "{ me { name apiKeys { id } apiKeyCreate: email } }",
        "query Q { admin { apiKeys { list { id } } ssoConfig { text } } }",
        "mutation { switchRole(roleName: \"x\") { __typename } }",
        "mutation apiKeyCreate { switchRole(roleName: \"apiKeyCreate\") { __typename } }",
        "mutation { apiKeyCreate: switchRole(roleName: \"x\") { ... on Me { apiKeyCreate } } }",
        "mutation { packageConstruct(params: {a: [[{b: $c}]]}, src: {}) { ...F } } \
         fragment F on X { apiKeyCreate }",
        "mutation { admin { __typename user { mutate(name: \"x\") { setRole(role: \"r\") {x} } } } }",
        "{ me { name } } fragment Unused on Mutation { apiKeyCreate }",
    ] {
        let asked = document(text);
        assert_eq!(asked.leaves_logins_alone(), Ok(()), "{text}: {asked:?}");
    }
}

#[test]
fn escapes_batches_and_names_of_operations_are_followed() {
    for (body, is_harmless) in [
        (r#"{"query": "mutation { \u0061piKeyCreate }"}"#, false),
        (r#"{"\u0071uery": "mutation { apiKeyCreate }"}"#, false),
        (
            r#"[{"query": "{me{name}}"}, {"query": "mutation{apiKeyCreate}"}]"#,
            false,
        ),
        (
            r#"[{"query": "{me{name}}"}, {"query": "{me{email}}"}]"#,
            true,
        ),
        (
            r#"{"query": "query A{me{name}} mutation B{apiKeyCreate}", "operationName": "B"}"#,
            false,
        ),
        (
            r#"{"query": "query A{me{name}} mutation B{apiKeyCreate}", "operationName": "A"}"#,
            true,
        ),
        (
            r#"{"query": "mutation B{apiKeyCreate}", "operationName": "A"}"#,
            false,
        ),
        (
            r#"{"query": "{me{name}}", "variables": {"a": [1, {"query": 2}]}, "extensions": {}}"#,
            true,
        ),
        (
            r#"{"query": "{me{name}}", "variables": null, "operationName": null}"#,
            true,
        ),
    ] {
        let asked = posted(body.as_bytes());
        assert_eq!(asked.unclear, None, "{body}");
        assert_eq!(asked.leaves_logins_alone().is_ok(), is_harmless, "{body}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_never_harmless() {
    for (body, unclear) in [
        (
            r#"{"query": "{me{name}}", "query": "{me{name}}"}"#,
            Ambiguity::Twice,
        ),
        (
            r#"{"query": "{me{name}}", "operationName": "A", "operationName": "B"}"#,
            Ambiguity::Twice,
        ),
        (
            r#"{"query": "query A{me{name}} query B{me{name}}"}"#,
            Ambiguity::WhichOperation,
        ),
        (
            r#"{"query": "query A{me{name}} query B{me{name}}", "operationName": "C"}"#,
            Ambiguity::WhichOperation,
        ),
        (
            r#"{"query": "query A{me{name}} query A{me{name}}", "operationName": "A"}"#,
            Ambiguity::WhichOperation,
        ),
        (
            r#"{"query": "{me{name}}", "extensions": {"persistedQuery": {}}}"#,
            Ambiguity::Shape,
        ),
        (r#"{"query": "{me{name}}", "id": "x"}"#, Ambiguity::Shape),
        (r#"{"query": "{me{name}}", "Query": "x"}"#, Ambiguity::Shape),
        (r#"{"extensions": {}}"#, Ambiguity::NoDocument),
        (r#"{"query": null}"#, Ambiguity::NoDocument),
        (r#"{"query": ["{me{name}}"]}"#, Ambiguity::Shape),
        ("[]", Ambiguity::NoDocument),
        ("7", Ambiguity::Shape),
        ("", Ambiguity::Syntax),
        ("{me{name}}", Ambiguity::Syntax),
        (r#"{"query": "{me{name}}"} {}"#, Ambiguity::Syntax),
        (
            r#"{"query": "{me{name}}", "variables": NaN}"#,
            Ambiguity::Syntax,
        ),
        ("\u{feff}{\"query\": \"{me{name}}\"}", Ambiguity::Syntax),
        (r#"{"query": "mutation{me{name}"}"#, Ambiguity::Document),
        (r#"{"query": "mutation{...F}"}"#, Ambiguity::Document),
        (
            r#"{"query": "type A { mutation: C }"}"#,
            Ambiguity::Document,
        ),
        (
            r#"{"query": "mutation{...F} fragment F on A {b} fragment F on A {b}"}"#,
            Ambiguity::Twice,
        ),
    ] {
        let asked = posted(body.as_bytes());
        assert_eq!(asked.unclear, Some(unclear), "{body}");
        assert!(is_kept_back(&asked) && asked.may_change_role(), "{body}");
    }
}

#[test]
fn what_stands_around_a_document_is_read_strictly() {
    let fine = r#"{"query": "{me{name}}"}"#;
    let utf16: Vec<u8> = fine.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(is_kept_back(&posted(&utf16)));
    for (method, target, content_type, unclear) in [
        (
            Method::POST,
            "/graphql?query={me{name}}",
            "application/json",
            Ambiguity::Address,
        ),
        (Method::POST, "/graphql", "", Ambiguity::ContentType),
        (
            Method::POST,
            "/graphql",
            "text/plain",
            Ambiguity::ContentType,
        ),
        (
            Method::POST,
            "/graphql",
            "application/json; charset=utf-16",
            Ambiguity::ContentType,
        ),
        (
            Method::POST,
            "/graphql",
            "application/json;charset=utf-8;x=y",
            Ambiguity::ContentType,
        ),
        (
            Method::POST,
            "/graphql",
            "multipart/form-data; boundary=x",
            Ambiguity::ContentType,
        ),
        (
            Method::PUT,
            "/graphql",
            "application/json",
            Ambiguity::Method,
        ),
        (
            Method::GET,
            "/graphql?query={me{name}}",
            "application/json",
            Ambiguity::Twice,
        ),
    ] {
        let asked = read(method.clone(), target, content_type, fine.as_bytes());
        assert_eq!(
            asked.unclear,
            Some(unclear),
            "{method} {target} {content_type}"
        );
    }
    assert_eq!(posted(fine.as_bytes()).leaves_logins_alone(), Ok(()));
    let spelt = "Application/JSON ; charset=\"UTF-8\"";
    let asked = read(Method::POST, "/graphql", spelt, fine.as_bytes());
    assert_eq!(asked.leaves_logins_alone(), Ok(()));
}

#[test]
fn documents_come_in_addresses_and_bare_as_well() {
    let get = |query: &str| read(Method::GET, &format!("/graphql?{query}"), "", b"");
    assert_eq!(
        get("query=%7Bme%7Bname%7D%7D").leaves_logins_alone(),
        Ok(())
    );
    for query in [
        "query=mutation+%7BapiKeyCreate%7D",
        "query=mutation%7B%61piKeyCreate%7D&operationName=",
        "query=%7Bme%7Bname%7D%7D&query=mutation%7BapiKeyCreate%7D",
        "query=%7Bme%7Bname%7D%7D%23;query=mutation%7BapiKeyCreate%7D",
        "query=%7Bme%7Bname%7D%7D&extensions=%7B%22persistedQuery%22%3A1%7D",
        "query=%7Bme%7Bname%7D%7D&id=1",
        "",
    ] {
        assert!(is_kept_back(&get(query)), "{query}");
    }
    let bare = |text: &[u8]| read(Method::POST, "/graphql", "application/graphql", text);
    assert_eq!(bare(b"{ me { name } }").leaves_logins_alone(), Ok(()));
    assert!(is_kept_back(&bare(b"mutation { apiKeyCreate }")));
    assert!(is_kept_back(&bare(b"{ me { name } } #\xff")));
}

#[test]
fn what_is_too_much_to_read_is_told_and_does_no_harm() {
    let deep = |open: &str, close: &str, times| {
        document(&format!("{}me{}", open.repeat(times), close.repeat(times)))
    };
    assert!(is_kept_back(&deep("{a", "}", 20_000)));
    let lists = format!("{{ me(a: {}{}) }}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(document(&lists).unclear, Some(Ambiguity::Document));
    let types = format!(
        "query($a: {}A{}) {{ me }}",
        "[".repeat(9_000),
        "]".repeat(9_000)
    );
    assert_eq!(document(&types).unclear, Some(Ambiguity::Document));
    let long = format!("{{ me }} #{}", "x".repeat(200_000));
    assert_eq!(document(&long).unclear, Some(Ambiguity::TooLarge));
    let many: Vec<_> = (0..300).map(|number| format!("f{number}")).collect();
    let many = many.join(" ");
    assert_eq!(
        document(&format!("{{{many}}}")).unclear,
        Some(Ambiguity::TooLarge)
    );
    // Each fragment names the next one twice.
    let mut text = "mutation { ...F0 }".to_owned();
    for number in 0..300 {
        let next = number + 1;
        write!(
            text,
            "fragment F{number} on M {{ ...F{next} ... {{ ...F{next} }} }}"
        )
        .unwrap();
    }
    text += "fragment F300 on M { apiKeyCreate }";
    let asked = document(&text);
    assert_eq!(asked.unclear, None);
    assert!(is_kept_back(&asked));
    // Each of many operations leads to the same, and each document of a batch.
    let fragment = format!("fragment F on Q {{ {} }}", "a ".repeat(2_000));
    let again = format!("{fragment}{}", "{ ...F }".repeat(1_000));
    assert_eq!(document(&again).unclear, Some(Ambiguity::TooLarge));
    let twice = format!("{fragment}{}", "query A { ...F }".repeat(4));
    let batch = vec![json!({ "query": twice }); 4];
    let asked = posted(json!(batch).to_string().as_bytes());
    assert_eq!(asked.unclear, Some(Ambiguity::WhichOperation));
    let asked = GraphqlRequest {
        unclear: None,
        ..asked
    };
    assert!(asked.operations.len() < 10, "{}", asked.operations.len());
    let batch = vec![json!({"query": "{me}"}); 33];
    let asked = posted(json!(batch).to_string().as_bytes());
    assert_eq!(asked.unclear, Some(Ambiguity::TooLarge));
    let large = json!({"query": "{me}", "variables": {"x": "y".repeat(MAX_READ)}});
    let asked = posted(large.to_string().as_bytes());
    assert_eq!(asked.unclear, Some(Ambiguity::TooLarge));
}

#[test]
fn roles_change_by_switching_and_by_administration() {
    for (text, changes) in [
        (
            "mutation { x: switchRole(roleName: \"r\") { __typename } }",
            true,
        ),
        (
            "mutation { admin { user { mutate(name: \"n\") { setRole(role: \"r\") { x } } } } }",
            true,
        ),
        ("mutation { apiKeyCreate { switchRole } }", false),
        ("{ switchRole }", false),
        // What cannot be read may do it, unless it lacks the word.
        ("{ me", false),
        ("mutation { me", true),
        ("{ me } mutation A { b } mutation B { switchRole }", true),
    ] {
        assert_eq!(document(text).may_change_role(), changes, "{text}");
    }
    for (field, changes) in [("a", false), ("mutation", true)] {
        let large = document(&format!("{{ {} }}", format!("{field} ").repeat(20_000)));
        assert!(large.unclear.is_some() && large.may_change_role() == changes);
    }
    // Beside a document that may be another one's name.
    let named = posted(br#"{"query": "{me", "id": "1"}"#);
    assert!(named.may_change_role());
}

#[test]
fn it_is_described_by_what_is_run() {
    for (body, said) in [
        (
            json!({"query": "mutation me { me: apiKeyCreate }"}),
            "mutation apiKeyCreate",
        ),
        (json!({"query": "{ b { c } a: me }"}), "query b, me"),
        (
            json!([{"query": "{ me }"}, {"query": "mutation { admin { apiKeys { revoke } } }"}]),
            "query me, mutation admin.apiKeys.revoke",
        ),
        (
            json!({"query": "query A { a } mutation B { b }"}),
            "query a, mutation b (it does not say which operation to run)",
        ),
        (json!({"query": "{"}), "(its document cannot be read)"),
        (
            json!({"query": "{a b c d e f g h}"}),
            "query a, b, c, d, e, f, …",
        ),
    ] {
        assert_eq!(posted(body.to_string().as_bytes()).to_string(), said);
    }
    let twice = br#"{"query": "{me}", "query": "mutation { apiKeyCreate }"}"#;
    let said = "query me, mutation apiKeyCreate (it says something twice)";
    assert_eq!(posted(twice).to_string(), said);
    let long = document(&format!("{{ {} }}", "x".repeat(10_000))).to_string();
    assert_eq!(long.chars().count(), "query ".len() + MAX_NAME + 1);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "(\\PC|[{}()\\[\\]:.@$!\"\\\\#\r\n]|mutation|fragment|on| a){0,60}") {
        let _ = document(&text).to_string();
        let _ = posted(text.as_bytes()).to_string();
    }

    /// Wherever fragments, aliases and comments put it, the field is found.
    #[test]
    fn a_field_is_found_wherever_it_is_put(
        wraps in prop::collection::vec(0..4usize, 0..12),
        alias in "[a-z]{1,5}",
        space in "(,| |\t|\n|\r|#[a-z{}\"]{0,5}\n|\u{feff}){1,4}",
    ) {
        let mut inner = format!("{alias}:{space}apiKeyCreate");
        let mut fragments = String::new();
        for (number, wrap) in wraps.into_iter().enumerate() {
            inner = match wrap {
                0 => format!("...{{{space}{inner}}}"),
                1 => format!("... on Mutation @include(if: false) {{{inner}{space}}}"),
                2 => format!("__typename switchRole(roleName: \"}}\") {{ x }} {inner}"),
                _ => {
                    write!(fragments, "fragment F{number} on Mutation {{{space}{inner}}}").unwrap();
                    format!("...F{number}")
                }
            };
        }
        let asked = document(&format!("mutation{space}{{{inner}}}{fragments}"));
        prop_assert_eq!(asked.unclear, None);
        prop_assert!(is_kept_back(&asked));
    }
}
