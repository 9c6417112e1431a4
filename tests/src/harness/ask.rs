//! Plain HTTP over the daemon's socket, for what no typed client shows.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::World;

/// What the daemon answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// `Content-Type`; empty where there is none.
    pub media_type: String,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl World {
    /// Sends a request on a connection of its own. `target` is path and query.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Answer {
        let stream = UnixStream::connect(self.home.socket())
            .await
            .expect("a daemon that listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .expect("a daemon that speaks HTTP");
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(
                body.map(Value::to_string).unwrap_or_default(),
            ))
            .expect("a request that HTTP can carry");
        let (head, body) = sender
            .send_request(request)
            .await
            .expect("an answer")
            .into_parts();
        let media_type = head.headers.get(header::CONTENT_TYPE);
        Answer {
            status: head.status,
            media_type: media_type
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            body: body.collect().await.expect("a whole answer").to_bytes(),
        }
    }
}
