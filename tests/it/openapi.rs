//! The API's description, held against what the daemon really takes and gives.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use quilt_tests::harness::{Answer, World};
use serde_json::{Value, json};

/// A daemon and its own description.
struct Described {
    world: World,
    document: Value,
    /// The operations that were asked for.
    seen: RefCell<BTreeSet<String>>,
}

impl Described {
    async fn new(world: World) -> Self {
        let answer = world.ask("GET", "/v1/openapi.json", "*/*", None).await;
        let mut document = serde_json::from_slice(&answer.body).unwrap();
        close(&mut document);
        Self {
            world,
            document,
            seen: RefCell::default(),
        }
    }

    /// Sends a request, and checks body and answer by the description; what the
    /// answer holds.
    async fn ask(&self, method: &str, target: &str, body: Option<Value>) -> Value {
        let answer = self.send(method, target, "application/json", body).await;
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    async fn send(&self, method: &str, target: &str, accept: &str, body: Option<Value>) -> Answer {
        let separator = if target.contains('?') { '&' } else { '?' };
        let catalog = self.world.stack.catalog_url();
        let whole = format!("{target}{separator}catalog={catalog}");
        let answer = self.world.ask(method, &whole, accept, body.as_ref()).await;

        let operation = self.operation(method, target);
        if let Some(body) = &body {
            let content = "/requestBody/content/application~1json/schema";
            self.check(&format!("{operation}{content}"), body);
        }
        let said = self.answer(&operation, &answer);
        let content = self.at(&said)["content"].as_object();
        let Some(content) = content else {
            assert!(answer.body.is_empty(), "{method} {target}: {answer:?}");
            return answer;
        };
        let kind = answer.media_type.as_str();
        assert!(content.contains_key(kind), "{method} {target}: {answer:?}");
        let schema = format!("{said}/content/{}/schema", kind.replace('/', "~1"));
        match kind {
            "application/x-ndjson" => {
                for line in answer.text().lines() {
                    self.check(&schema, &serde_json::from_str(line).unwrap());
                }
            }
            kind if kind.contains("json") => {
                self.check(&schema, &serde_json::from_slice(&answer.body).unwrap());
            }
            _ => self.check(&schema, &answer.text().into()),
        }
        answer
    }

    /// The pointer to what the document says of a request.
    fn operation(&self, method: &str, target: &str) -> String {
        let path = target.split('?').next().unwrap();
        let fits = |template: &str| {
            let parts = template.split('/').zip(path.split('/'));
            let same = template.split('/').count() == path.split('/').count();
            same && parts.into_iter().all(|(t, p)| t == p || t.starts_with('{'))
        };
        let paths = self.document["paths"].as_object().unwrap().keys();
        let mut fitting: Vec<&String> = paths.filter(|path| fits(path)).collect();
        fitting.sort_by_key(|template| template.contains('{'));
        let template = fitting.first().expect("the path is described");
        let method = method.to_lowercase();
        self.seen
            .borrow_mut()
            .insert(format!("{method} {template}"));
        format!("/paths/{}/{method}", template.replace('/', "~1"))
    }

    /// The pointer to what the document says of an answer of this status.
    fn answer(&self, operation: &str, answer: &Answer) -> String {
        let exact = format!("{operation}/responses/{}", answer.status.as_u16());
        if self.document.pointer(&exact).is_some() {
            return exact;
        }
        let kind = &answer.media_type;
        assert_eq!(kind, "application/problem+json", "{operation}: {answer:?}");
        let default = self.at(&format!("{operation}/responses/default"));
        let reference = default["$ref"].as_str().unwrap();
        reference.trim_start_matches('#').to_owned()
    }

    fn at(&self, pointer: &str) -> &Value {
        let found = self.document.pointer(pointer);
        found.unwrap_or_else(|| panic!("{pointer} is not in the document"))
    }

    #[track_caller]
    fn check(&self, schema: &str, value: &Value) {
        let problems: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{schema}: {problems:#?}\nin {value:#}");
    }

    fn validator(&self, schema: &str) -> Validator {
        let mut root = self.at(schema).clone();
        root["components"] = self.document["components"].clone();
        jsonschema::options()
            .should_validate_formats(true)
            .with_draft(jsonschema::Draft::Draft202012)
            .build(&root)
            .unwrap_or_else(|error| panic!("{schema} is no schema: {error}"))
    }
}

/// For this test, answers have nothing but what is described.
fn close(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for schema in schemas.values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = false.into();
        }
    }
}

/// A registry in a directory that holds one version of `ns/name`.
fn registry(world: &World) -> String {
    let root = world.home.path().join("registry");
    let put = |path: &str, content: &str| {
        let path = root.join(".quilt").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let hash = "ab".repeat(32);
    put(&format!("packages/{hash}"), "{}");
    put("named_packages/ns/name/1700000000", &hash);
    put("named_packages/ns/name/latest", &hash);
    format!("file://{}", root.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_schema_is_one_and_every_reference_leads_somewhere() {
    let api = Described::new(World::start().await).await;
    assert!(
        api.document["openapi"]
            .as_str()
            .unwrap()
            .starts_with("3.1.")
    );
    let schemas = api.document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        jsonschema::draft202012::meta::validate(schema).unwrap();
        api.validator(&format!("/components/schemas/{name}"));
    }
    let text = api.document.to_string();
    for reference in text.split(r##""$ref":"#"##).skip(1) {
        api.at(reference.split('"').next().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_are_as_described() {
    let api = Described::new(World::start().await).await;
    let code = api.world.stack.control().login_code("alice").unwrap();
    let catalog = api.world.stack.catalog_url();

    api.ask("GET", "/v1/health", None).await;
    let refused = api.ask("GET", "/v1/token", None).await;
    assert_eq!(refused["code"], "login_required");
    let values = json!({ "catalog_url": catalog });
    api.ask("PUT", "/v1/config", Some(values)).await;
    let values = json!({ "values": { "telemetry_disabled": true } });
    api.ask("PUT", "/v1/config", Some(values)).await;
    api.ask("GET", "/v1/config", None).await;
    let code = json!({ "code": code });
    api.ask("POST", "/v1/session", Some(code)).await;
    let session = api.ask("GET", "/v1/session?login_url=true", None).await;
    assert_eq!(session["state"], "active");
    api.ask("GET", "/v1/token", None).await;
    let me = api.ask("GET", "/v1/me", None).await;
    let buckets = api.ask("GET", "/v1/buckets", None).await;
    assert_eq!(buckets[0]["name"], "demo-bucket", "{buckets}");
    let role = json!({ "role": me["role"] });
    api.ask("PUT", "/v1/me/role", Some(role)).await;

    api.ask("GET", "/v1/aws/credentials?profile=default", None)
        .await;
    let unknown = api.ask("GET", "/v1/aws/credentials?profile=nope", None);
    assert_eq!(unknown.await["code"], "not_found");
    let wish = json!({ "profile": "default", "ttl_seconds": 60 });
    let grant = api.ask("POST", "/v1/aws/grants", Some(wish)).await;
    api.ask("GET", "/v1/profiles", None).await;
    let status = api.ask("GET", "/v1/status", None).await;
    assert_eq!(status["grants"].as_array().unwrap().len(), 1);
    assert_eq!(
        status["catalogs"][0]["credentials"][0]["profile"],
        "default"
    );
    let grant = format!("/v1/aws/grants/{}", grant["id"].as_str().unwrap());
    api.ask("DELETE", &grant, None).await;
    let gone = api.ask("DELETE", &grant, None).await;
    assert_eq!(gone["code"], "not_found");

    keys(&api).await;
    packages(&api).await;
    for query in [json!("iris"), json!({ "query": { "match_all": {} } })] {
        let search = json!({ "query": query, "limit": 2 });
        let hits = api.ask("POST", "/v1/search", Some(search)).await;
        assert!(!hits.as_array().unwrap().is_empty());
    }
    let web = api.ask("POST", "/v1/session/web", None).await;
    drop(web);
    let audit = api.ask("GET", "/v1/audit?since=1h", None).await;
    assert!(audit.as_array().unwrap().len() > 3, "{audit}");
    api.send("GET", "/metrics", "*/*", None).await;
    api.ask("GET", "/v1/openapi.json", None).await;
    api.ask("DELETE", "/v1/session", None).await;
    api.ask("POST", "/v1/shutdown", None).await;
    assert!(api.seen.borrow().len() >= 30, "{:?}", api.seen);
}

async fn keys(api: &Described) {
    let wish = json!({ "name": "ci", "expires_in_days": 30 });
    let created = api.ask("POST", "/v1/api-keys", Some(wish)).await;
    let wish = json!({ "name": "other" });
    let other = api.ask("POST", "/v1/api-keys", Some(wish)).await;
    let keys = api.ask("GET", "/v1/api-keys?name=ci", None).await;
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let id = created["api_key"]["id"].as_str().unwrap();
    api.ask("GET", &format!("/v1/api-keys/{id}"), None).await;
    api.ask("GET", "/v1/admin/api-keys", None).await;
    api.ask("GET", &format!("/v1/admin/api-keys/{id}"), None)
        .await;
    let handover = json!({ "key": created["secret"] });
    let session = api.ask("PUT", "/v1/session/api-key", Some(handover)).await;
    assert!(session["api_key_fingerprint"].is_string(), "{session}");
    api.ask("GET", "/v1/token", None).await;
    let rotated = api.ask("POST", "/v1/api-keys/rotate", Some(json!({})));
    let rotated = rotated.await;
    assert_eq!(rotated["in_use"], true, "{rotated}");
    let secret = json!({ "secret": rotated["secret"] });
    api.ask("DELETE", &format!("/v1/api-keys/{id}"), None).await;
    api.ask("DELETE", "/v1/session/api-key", None).await;
    api.ask("POST", "/v1/api-keys/revoke", Some(secret)).await;
    let other = other["api_key"]["id"].as_str().unwrap();
    api.ask("DELETE", &format!("/v1/admin/api-keys/{other}"), None)
        .await;
}

async fn packages(api: &Described) {
    let registry = registry(&api.world);
    let list = format!("/v1/packages?registry={registry}");
    assert_eq!(api.ask("GET", &list, None).await, json!(["ns/name"]));
    let lines = api.send("GET", &list, "application/x-ndjson", None).await;
    assert_eq!(lines.media_type, "application/x-ndjson");
    let package = "/v1/packages/ns/name";
    let versions = format!("{package}/versions?registry={registry}");
    let versions = api.ask("GET", &versions, None).await;
    assert_eq!(versions[0]["version"], "latest");
    let missing = format!("/v1/packages/no/such?registry={registry}");
    assert_eq!(api.ask("DELETE", &missing, None).await["code"], "not_found");
    api.ask("DELETE", &format!("{package}?registry={registry}"), None)
        .await;
}
