//! Who may do what.

use std::sync::Arc;

use http::Extensions;
use s3s::access::{S3Access, S3AccessContext};
use s3s::path::S3Path;
use s3s::{S3Result, s3_error};

use crate::fake_stack::aws::credentials::Principal;
use crate::fake_stack::aws::signature;
use crate::fake_stack::state::Core;

pub(crate) struct Access(pub(crate) Arc<Core>);

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = cx.s3_op().name();
        self.0.counts.operation(&format!("s3:{operation}"));
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let caller =
            signature::principal(&self.0, &credentials.access_key, cx.headers(), cx.uri())?;
        if let S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } = cx.s3_path() {
            check_bucket(&self.0, &caller, bucket, writes(operation))?;
        }
        cx.extensions_mut().insert(caller);
        Ok(())
    }
}

/// The principal that passed the check.
pub(crate) fn caller(extensions: &Extensions) -> S3Result<&Principal> {
    extensions
        .get()
        .ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))
}

/// Refuses a bucket that does not exist, or that the caller may not use this way.
pub(crate) fn check_bucket(
    core: &Core,
    caller: &Principal,
    bucket: &str,
    write: bool,
) -> S3Result<()> {
    if !core.buckets.lock().exists(bucket) {
        return Err(s3_error!(
            NoSuchBucket,
            "The specified bucket does not exist"
        ));
    }
    let allowed = if write {
        caller.may_write(bucket)
    } else {
        caller.may_read(bucket)
    };
    if allowed {
        Ok(())
    } else {
        Err(s3_error!(AccessDenied, "Access Denied"))
    }
}

fn writes(operation: &str) -> bool {
    !["Get", "Head", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}
