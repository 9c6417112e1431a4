//! STS: the query protocol, signature checked, one action to a file.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use s3s::route::S3Route;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::credentials::Principal;
use super::{assume_role, federation, signature, xml};
use crate::fake_stack::state::Core;

/// Largest request. s3s reads no more when it checks the signature.
const BODY_LIMIT: usize = 8192;
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What an action answers: the content of its result element, or an error.
pub(crate) type StsResult = Result<String, StsError>;

/// A refusal, with the code AWS gives it.
#[derive(Debug)]
pub(crate) struct StsError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl StsError {
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "ValidationError",
            message: message.into(),
        }
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: "AccessDenied",
            message: message.into(),
        }
    }
}

/// A call: its form fields and who signed it.
pub(crate) struct Call {
    pub(crate) fields: HashMap<String, String>,
    pub(crate) caller: Principal,
}

impl Call {
    /// A form field, if it was sent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// `<prefix>.member.1<suffix>`, `<prefix>.member.2<suffix>`, …
    pub(crate) fn members<'a>(
        &'a self,
        prefix: &'a str,
        suffix: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        (1..).map_while(move |index| self.field(&format!("{prefix}.member.{index}{suffix}")))
    }
}

/// STS and, under `/federation`, console sign-in.
pub(crate) fn router(core: &Arc<Core>) -> axum::Router {
    let mut builder = S3ServiceBuilder::new(NoBuckets);
    builder.set_auth(signature::Secrets(Arc::clone(core)));
    builder.set_route(Actions(Arc::clone(core)));
    axum::Router::new()
        .route("/federation", get(federation::federation))
        .route("/console", get(federation::console))
        .with_state(Arc::clone(core))
        .merge(
            axum::Router::new()
                .route("/", any(verify))
                .with_state(builder.build()),
        )
}

/// s3s checks the signature and writes its refusals as S3 does; STS writes them otherwise.
async fn verify(State(service): State<S3Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLarge",
            "The request is too large",
        );
    };
    let request = http::Request::from_parts(parts, s3s::Body::from(body.to_bytes()));
    let Ok(response) = service.call(request).await else {
        return error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            "no answer",
        );
    };
    if response.extensions().get::<Answered>().is_some() {
        return response.map(Body::new);
    }
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let document = String::from_utf8_lossy(&body);
    let code = xml::text_of(&document, "Code").unwrap_or("InternalFailure");
    let message = xml::text_of(&document, "Message").unwrap_or("refused");
    match code {
        "InvalidAccessKeyId" | "InvalidToken" => error(
            StatusCode::FORBIDDEN,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        "ExpiredToken" => error(
            StatusCode::FORBIDDEN,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        "AccessDenied" => error(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
        "RequestTimeTooSkewed" => error(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "Signature expired",
        ),
        "SignatureDoesNotMatch" => error(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method.",
        ),
        other => error(parts.status, other, message),
    }
}

/// Marks a response that is in STS's own form already.
#[derive(Debug, Clone, Copy)]
struct Answered;

/// STS holds no buckets: every request is the route's.
struct NoBuckets;

impl S3 for NoBuckets {}

struct Actions(Arc<Core>);

#[async_trait::async_trait]
impl S3Route for Actions {
    fn is_match(&self, _: &Method, _: &Uri, _: &HeaderMap, _: &mut http::Extensions) -> bool {
        true
    }

    async fn call(&self, request: S3Request<s3s::Body>) -> S3Result<S3Response<s3s::Body>> {
        let Some(credentials) = &request.credentials else {
            return Err(s3_error!(AccessDenied));
        };
        let core = &self.0;
        let key = &credentials.access_key;
        let caller = signature::principal(core, key, &request.headers, &request.uri)?;
        let body = request.input.collect().await;
        let body = body
            .map_err(|error| s3_error!(InvalidRequest, "{error}"))?
            .to_bytes();
        let query = request.uri.query().unwrap_or_default();
        let in_query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let fields = in_query
            .chain(url::form_urlencoded::parse(&body).into_owned())
            .collect();
        let response = act(core, &Call { fields, caller });
        let (parts, body) = response.into_parts();
        let mut answer = S3Response::with_status(s3s::Body::http_body_unsync(body), parts.status);
        answer.headers = parts.headers;
        answer.extensions.insert(Answered);
        Ok(answer)
    }
}

fn act(core: &Core, call: &Call) -> Response {
    let action = call.field("Action").unwrap_or_default();
    core.counts.operation(&format!("sts:{action}"));
    let result = match action {
        "GetCallerIdentity" => Ok(caller_identity(&call.caller)),
        "AssumeRole" => assume_role::assume_role(core, call),
        other => Err(StsError {
            status: StatusCode::BAD_REQUEST,
            code: "InvalidAction",
            message: format!("Could not find operation {other} for version 2011-06-15"),
        }),
    };
    match result {
        Ok(result) => {
            let result = xml::wrap(&format!("{action}Result"), &result);
            let metadata = xml::wrap("ResponseMetadata", &request_id());
            let body = format!(
                "<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>"
            );
            ([(CONTENT_TYPE, "text/xml")], body).into_response()
        }
        Err(refused) => error(refused.status, refused.code, &refused.message),
    }
}

fn caller_identity(caller: &Principal) -> String {
    [
        xml::element("Arn", &caller.arn),
        xml::element("UserId", &caller.user_id),
        xml::element("Account", caller.account()),
    ]
    .concat()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let content = [
        xml::element("Type", "Sender"),
        xml::element("Code", code),
        xml::element("Message", message),
    ]
    .concat();
    let error = xml::wrap("Error", &content);
    let id = request_id();
    let body = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}{id}</ErrorResponse>");
    (status, [(CONTENT_TYPE, "text/xml")], body).into_response()
}

fn request_id() -> String {
    xml::element("RequestId", &crate::fake_stack::random::uuid())
}
