//! S3 and STS, called by the AWS SDK.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::Builder;
use serde_json::{Value, json};

use super::{Session, start, start_with};
use crate::fake_stack::{DEMO_BUCKET, DEMO_KEY, FakeStack, PRIVATE_BUCKET};

const LAKE: &str = "arn:aws:iam::123456789012:role/lake";
const HOP: &str = "arn:aws:iam::123456789012:role/hop";
const VAULT: &str = "arn:aws:iam::123456789012:role/vault";

fn s3(stack: &FakeStack, credentials: Credentials) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .endpoint_url(stack.s3_url())
        .force_path_style(true)
        .credentials_provider(credentials);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn sts(stack: &FakeStack, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .endpoint_url(stack.sts_url())
        .credentials_provider(credentials);
    aws_sdk_sts::Client::from_conf(config.build())
}

fn assumed(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    let token = Some(credentials.session_token().to_owned());
    let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
    Credentials::new(id, secret, token, None, "test")
}

impl Session {
    async fn aws(&self, user: &str) -> Credentials {
        let tokens = self.log_in(user).await;
        let credentials = self.credentials(&tokens.access).await;
        let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
        let token = Some(text("SessionToken"));
        Credentials::new(
            text("AccessKeyId"),
            text("SecretAccessKey"),
            token,
            None,
            "test",
        )
    }
}

/// The code of a refusal.
fn code<T, E>(result: Result<T, E>) -> String
where
    E: ProvideErrorMetadata,
{
    let Err(error) = result else {
        panic!("expected a refusal")
    };
    error.code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn objects_are_listed_read_in_part_and_versioned() {
    let session = start().await;
    let client = s3(&session.stack, session.aws("alice").await);
    let buckets = client.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets().len(), 2);
    let listed = client.list_objects_v2().bucket(DEMO_BUCKET).delimiter("/");
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.common_prefixes()[0].prefix(), Some("data/"));
    let put = client.put_object().bucket(DEMO_BUCKET).key(DEMO_KEY);
    let put = put.body(ByteStream::from_static(b"new content"));
    put.send().await.unwrap();
    let part = client.get_object().bucket(DEMO_BUCKET).key(DEMO_KEY);
    let part = part.range("bytes=4-").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 4-10/11"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"content");
    let versions = client.list_object_versions().bucket(DEMO_BUCKET);
    let versions = versions.prefix(DEMO_KEY).send().await.unwrap();
    assert_eq!(versions.versions().len(), 2);
    let old = versions.versions()[1].version_id().unwrap();
    let old = client
        .get_object()
        .bucket(DEMO_BUCKET)
        .key(DEMO_KEY)
        .version_id(old);
    let old = old.send().await.unwrap().body.collect().await.unwrap();
    assert!(old.to_vec().starts_with(b"Hello"));
    let missing = client.get_object().bucket(DEMO_BUCKET).key("nothing");
    assert_eq!(code(missing.send().await), "NoSuchKey");
    let missing = client.list_objects_v2().bucket("no-such-bucket");
    assert_eq!(code(missing.send().await), "NoSuchBucket");
}

#[tokio::test]
async fn pages_are_walked_with_the_token_they_give() {
    let session = start().await;
    let client = s3(&session.stack, session.aws("alice").await);
    let pages = client.list_objects_v2().bucket(DEMO_BUCKET).max_keys(1);
    let mut pages = pages.into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        assert!(page.contents().len() <= 1);
        keys.extend(
            page.contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
    }
    assert_eq!(keys, session.stack.control().keys(DEMO_BUCKET));
}

#[tokio::test]
async fn large_objects_are_uploaded_in_parts() {
    let session = start().await;
    let client = s3(&session.stack, session.aws("alice").await);
    let begun = client
        .create_multipart_upload()
        .bucket(DEMO_BUCKET)
        .key("large");
    let begun = begun.send().await.unwrap();
    let mut parts = CompletedMultipartUpload::builder();
    for (number, content) in [(1, "one "), (2, "two")] {
        let part = client.upload_part().bucket(DEMO_BUCKET).key("large");
        let part = part
            .set_upload_id(begun.upload_id.clone())
            .part_number(number);
        let part = part.body(ByteStream::from_static(content.as_bytes()));
        let part = part.send().await.unwrap();
        let part = CompletedPart::builder()
            .part_number(number)
            .e_tag(part.e_tag().unwrap());
        parts = parts.parts(part.build());
    }
    let complete = client
        .complete_multipart_upload()
        .bucket(DEMO_BUCKET)
        .key("large")
        .set_upload_id(begun.upload_id.clone())
        .multipart_upload(parts.build());
    complete.send().await.unwrap();
    let object = session.stack.control().object(DEMO_BUCKET, "large");
    assert_eq!(object.as_deref(), Some(b"one two".as_slice()));
}

#[tokio::test]
async fn a_role_opens_what_it_opens_and_no_more() {
    let session = start().await;
    let client = s3(&session.stack, session.aws("bob").await);
    let read = client.get_object().bucket(DEMO_BUCKET).key(DEMO_KEY);
    assert!(read.send().await.is_ok());
    let write = client.put_object().bucket(DEMO_BUCKET).key("x");
    assert_eq!(code(write.send().await), "AccessDenied");
    let other = client.list_objects_v2().bucket(PRIVATE_BUCKET);
    assert_eq!(code(other.send().await), "AccessDenied");
    let source = format!("{PRIVATE_BUCKET}/secret-plans.txt");
    let copy = client.copy_object().bucket(DEMO_BUCKET).key("x");
    assert_eq!(code(copy.copy_source(source).send().await), "AccessDenied");
}

#[tokio::test]
async fn credentials_need_key_secret_token_and_time() {
    let session = start().await;
    let good = session.aws("alice").await;
    let token = good.session_token().map(str::to_owned);
    let (id, secret) = (good.access_key_id(), good.secret_access_key());
    let with = |id: &str, secret: &str, token: Option<&str>| {
        Credentials::new(id, secret, token.map(str::to_owned), None, "test")
    };
    let spoilt = [
        (
            with("ASIANOBODY", secret, token.as_deref()),
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
        ),
        (
            with(id, "wrong", token.as_deref()),
            "SignatureDoesNotMatch",
            "SignatureDoesNotMatch",
        ),
        (
            with(id, secret, Some("wrong")),
            "InvalidToken",
            "InvalidClientTokenId",
        ),
        (
            with(id, secret, None),
            "InvalidToken",
            "InvalidClientTokenId",
        ),
    ];
    for (credentials, on_s3, on_sts) in spoilt {
        let client = s3(&session.stack, credentials.clone());
        assert_eq!(code(client.list_buckets().send().await), on_s3);
        let client = sts(&session.stack, credentials);
        assert_eq!(code(client.get_caller_identity().send().await), on_sts);
    }
    assert_eq!(session.stack.control().expire_credentials(), 1);
    let client = s3(&session.stack, good.clone());
    assert_eq!(code(client.list_buckets().send().await), "ExpiredToken");
    let client = sts(&session.stack, good);
    let identity = client.get_caller_identity().send().await;
    assert_eq!(code(identity), "ExpiredToken");
}

#[tokio::test]
async fn credentials_can_be_expired_on_arrival() {
    let session = start_with(|config| config.settings.credential_seconds = -1).await;
    let client = s3(&session.stack, session.aws("alice").await);
    assert_eq!(code(client.list_buckets().send().await), "ExpiredToken");
}

#[tokio::test]
async fn roles_are_assumed_in_a_chain() {
    let session = start().await;
    let client = sts(&session.stack, session.aws("alice").await);
    let vault = |client: &aws_sdk_sts::Client| {
        client
            .assume_role()
            .role_arn(VAULT)
            .role_session_name("me")
            .external_id("quilt-demo")
    };
    assert_eq!(
        code(vault(&client).send().await),
        "AccessDenied",
        "only hop is trusted"
    );
    let hop = client
        .assume_role()
        .role_arn(HOP)
        .role_session_name("me")
        .source_identity("alice");
    let hop = hop.send().await.unwrap();
    let client = sts(&session.stack, assumed(hop.credentials().unwrap()));
    let without_id = client.assume_role().role_arn(VAULT).role_session_name("me");
    assert_eq!(code(without_id.send().await), "AccessDenied");
    let chained = vault(&client).send().await.unwrap();
    assert_eq!(chained.source_identity(), Some("alice"));
    let credentials = assumed(chained.credentials().unwrap());
    let identity = sts(&session.stack, credentials.clone()).get_caller_identity();
    let identity = identity.send().await.unwrap();
    let arn = "arn:aws:sts::123456789012:assumed-role/vault/me";
    assert_eq!(identity.arn(), Some(arn));
    let client = s3(&session.stack, credentials);
    let listed = client.list_objects_v2().bucket(PRIVATE_BUCKET).send().await;
    assert_eq!(listed.unwrap().key_count(), Some(1));
    let calls = session.stack.control().assumed_roles();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].external_id.as_deref(), Some("quilt-demo"));
}

#[tokio::test]
async fn a_session_policy_narrows() {
    let session = start().await;
    let client = sts(&session.stack, session.aws("alice").await);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{DEMO_BUCKET}/*"),
    }]});
    let role = || client.assume_role().role_arn(LAKE).role_session_name("me");
    let narrow = role().policy(policy.to_string()).send().await.unwrap();
    let narrowed = s3(&session.stack, assumed(narrow.credentials().unwrap()));
    let read = narrowed.get_object().bucket(DEMO_BUCKET).key(DEMO_KEY);
    assert!(read.send().await.is_ok());
    let write = narrowed.put_object().bucket(DEMO_BUCKET).key("x");
    assert_eq!(code(write.send().await), "AccessDenied");
    let malformed = role().policy("nonsense").send().await;
    assert_eq!(code(malformed), "MalformedPolicyDocument");
}

#[tokio::test]
async fn session_lengths_have_limits() {
    let session = start().await;
    let client = sts(&session.stack, session.aws("alice").await);
    let role = |seconds| {
        let role = client.assume_role().role_arn(LAKE).role_session_name("me");
        role.duration_seconds(seconds)
    };
    assert_eq!(code(role(60).send().await), "ValidationError");
    assert_eq!(code(role(7200).send().await), "ValidationError", "chained");
    assert!(role(900).send().await.is_ok());
    let user = Credentials::new(
        "AKIAFAKESTACKSTATIC1",
        "fake-stack-static-secret-access-key-0001",
        None,
        None,
        "test",
    );
    let client = sts(&session.stack, user);
    let long = client.assume_role().role_arn(LAKE).role_session_name("me");
    assert!(
        long.duration_seconds(7200).send().await.is_ok(),
        "not chained"
    );
}

#[tokio::test]
async fn credentials_open_the_console() {
    let session = start().await;
    let credentials = session.aws("alice").await;
    let document = json!({
        "sessionId": credentials.access_key_id(),
        "sessionKey": credentials.secret_access_key(),
        "sessionToken": credentials.session_token(),
    })
    .to_string();
    let url = session.stack.federation_url();
    let query = [("Action", "getSigninToken"), ("Session", document.as_str())];
    let token = session.client.get(&url).query(&query).send().await.unwrap();
    let token: Value = token.json().await.unwrap();
    let token = token["SigninToken"].as_str().unwrap();
    let query = [
        ("Action", "login"),
        ("Issuer", "test"),
        ("Destination", "https://console.aws.amazon.com/"),
        ("SigninToken", token),
    ];
    let page = session.client.get(&url).query(&query).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("assumed-role/quilt-ReadWriteQuiltBucket/alice"));
    let query = [
        ("Action", "login"),
        ("Destination", "x"),
        ("SigninToken", "wrong"),
    ];
    let refused = session.client.get(&url).query(&query).send().await.unwrap();
    assert_eq!(refused.status(), 400);
}
