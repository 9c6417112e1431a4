//! Answers of AWS, taken only as all of its readers read them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use zeroize::Zeroizing;

/// Refuses answers with credentials that have comments, or other markup that is no
/// element, in them.
#[derive(Debug)]
pub(super) struct NoComments;

impl Intercept for NoComments {
    fn name(&self) -> &'static str {
        "NoComments"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let answer = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(WithoutComments::new(answer));
        Ok(())
    }
}

/// What is in the first tag of an answer with credentials, whatever its prefix; how
/// comments, CDATA and declarations begin; how processing instructions do, and the
/// one that an answer may have.
const ANSWER: &[u8] = b"AssumeRoleResponse";
const MARKUP: &[u8] = b"<!";
const INSTRUCTION: &[u8] = b"<?";
const DECLARATION: &[u8] = b"<?xml ";

/// The SDK takes the text of an element to end where a comment, CDATA or an
/// instruction begins, and half a key for all of it. AWS's answers have none; pages
/// of others have, which are told by what is in them.
struct WithoutComments<B> {
    inner: Pin<Box<B>>,
    /// The end of what came, as long as the longest of these may begin there.
    end: Zeroizing<Vec<u8>>,
    is_answer: bool,
    has_markup: bool,
}

impl<B> WithoutComments<B> {
    fn new(body: B) -> Self {
        Self {
            inner: Box::pin(body),
            end: Zeroizing::default(),
            is_answer: false,
            has_markup: false,
        }
    }

    /// Whether it has markup that is no element, with what came now.
    fn has_comment(&mut self, data: &[u8]) -> bool {
        let mut seen = Zeroizing::new(Vec::with_capacity(self.end.len() + data.len()));
        seen.extend_from_slice(&self.end);
        seen.extend_from_slice(data);
        let has = |what: &[u8]| seen.windows(what.len()).any(|at| at == what);
        self.is_answer |= has(ANSWER);
        let is_other = |at: &[u8]| at.starts_with(INSTRUCTION) && at != DECLARATION;
        self.has_markup |= has(MARKUP) || seen.windows(DECLARATION.len()).any(is_other);
        let kept = seen.len().saturating_sub(ANSWER.len() - 1);
        self.end = Zeroizing::new(seen[kept..].to_vec());
        self.is_answer && self.has_markup
    }
}

impl<B> Body for WithoutComments<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match ready!(self.inner.as_mut().poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        if frame.data_ref().is_some_and(|data| self.has_comment(data)) {
            return Poll::Ready(Some(Err(
                "markup that is no element in an answer of AWS".into()
            )));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// Whether a text arrives, in pieces of some size.
    async fn arrives(text: &str, size: usize) -> bool {
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(size)
            .map(|piece| Ok::<_, BoxError>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let read = WithoutComments::new(body).collect().await;
        read.is_ok_and(|read| read.to_bytes() == text)
    }

    #[tokio::test]
    async fn half_a_key_is_never_taken_for_all_of_it() {
        let answer = "<?xml version=\"1.0\"?><AssumeRoleResponse><Secret>half-half</Secret>";
        let markup = [
            "<!-- c -->",
            "<![CDATA[c]]>",
            "<?c c?>",
            "<?xmlc c?>",
            "<?c?>.....",
        ];
        let cut = markup.map(|markup| answer.replace('-', markup));
        let prefixed = cut[0].replace("<Assume", "<x:Assume");
        let page = "<!doctype html><!-- of a portal --><p>Log in</p>";
        for size in 1..answer.len() {
            assert!(arrives(answer, size).await, "{size}");
            for cut in cut.iter().chain([&prefixed]) {
                assert!(!arrives(cut, size).await, "{size}: {cut}");
            }
            assert!(arrives(page, size).await, "{size}");
        }
    }
}
