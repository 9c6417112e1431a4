//! The operations, each handed to the file that knows it.

use std::sync::Arc;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, BucketLocationConstraint,
    BucketVersioningStatus, CommonPrefix, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteMarkerEntry, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, ETag, GetBucketLocationInput, GetBucketLocationOutput,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectVersion, Owner,
    PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::list::{Line, Page, Query};
use super::objects::{length, timestamp};
use super::{access, multipart, objects, store};
use crate::fake_stack::state::Core;

/// Most keys a page holds.
const PAGE: i32 = 1000;

pub(crate) struct FakeS3(pub(crate) Arc<Core>);

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for FakeS3 {
    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let caller = access::caller(&req.extensions)?;
        let buckets = self.0.buckets.lock();
        let visible = buckets.iter().filter(|(name, _)| caller.may_read(name));
        let shown = visible.map(|(name, bucket)| Bucket {
            name: Some(name.clone()),
            creation_date: Some(timestamp(bucket.created)),
            bucket_region: Some(self.0.region.clone()),
        });
        let owner = Owner {
            id: Some("fake-stack".to_owned()),
            ..Owner::default()
        };
        answer(ListBucketsOutput {
            buckets: Some(shown.collect()),
            owner: Some(owner),
            ..ListBucketsOutput::default()
        })
    }

    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        let bucket_region = Some(self.0.region.clone());
        answer(HeadBucketOutput {
            bucket_region,
            ..HeadBucketOutput::default()
        })
    }

    async fn get_bucket_location(
        &self,
        _: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        // S3's oldest region has no name here.
        let region = Some(self.0.region.clone()).filter(|region| region != "us-east-1");
        let location_constraint = region.map(BucketLocationConstraint::from);
        answer(GetBucketLocationOutput {
            location_constraint,
        })
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        let versioned = objects::with_bucket(&self.0, &req.input.bucket, |b| Ok(b.versioned))?;
        let enabled = || BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED);
        let status = versioned.then(enabled);
        answer(GetBucketVersioningOutput {
            status,
            ..GetBucketVersioningOutput::default()
        })
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        let input = req.input;
        let after = match &input.continuation_token {
            Some(token) => decode(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let query = query(
            input.prefix.as_deref(),
            input.delimiter.as_deref(),
            &after,
            limit,
        );
        let (contents, prefixes, next) = self.page(&input.bucket, &query)?;
        let count = contents.len() + prefixes.len();
        answer(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            max_keys: Some(limit),
            key_count: i32::try_from(count).ok(),
            continuation_token: input.continuation_token,
            start_after: input.start_after,
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|key| encode(&key)),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..ListObjectsV2Output::default()
        })
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let input = req.input;
        let after = input.marker.clone().unwrap_or_default();
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let query = query(
            input.prefix.as_deref(),
            input.delimiter.as_deref(),
            &after,
            limit,
        );
        let (contents, prefixes, next) = self.page(&input.bucket, &query)?;
        answer(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            marker: input.marker,
            max_keys: Some(limit),
            is_truncated: Some(next.is_some()),
            next_marker: next,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..ListObjectsOutput::default()
        })
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> Answer<ListObjectVersionsOutput> {
        let input = req.input;
        let after = input.key_marker.clone().unwrap_or_default();
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let query = query(
            input.prefix.as_deref(),
            input.delimiter.as_deref(),
            &after,
            limit,
        );
        let buckets = self.0.buckets.lock();
        let bucket = buckets
            .get(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let history = bucket.history();
        let page = query.page(history.map(|(key, version, newest)| (key, (key, version, newest))));
        let mut output = ListObjectVersionsOutput {
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next,
            name: Some(input.bucket.clone()),
            prefix: input.prefix.clone(),
            delimiter: input.delimiter.clone(),
            key_marker: input.key_marker.clone(),
            max_keys: Some(limit),
            ..ListObjectVersionsOutput::default()
        };
        let (mut versions, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        for line in page.lines {
            match line {
                Line::CommonPrefix(prefix) => prefixes.push(CommonPrefix {
                    prefix: Some(prefix),
                }),
                Line::Entry((key, version, newest)) => match &version.object {
                    Some(object) => versions.push(object_version(key, version, object, newest)),
                    None => markers.push(DeleteMarkerEntry {
                        key: Some(key.to_owned()),
                        version_id: Some(version.id.clone()),
                        is_latest: Some(newest),
                        last_modified: Some(timestamp(version.modified)),
                        owner: None,
                    }),
                },
            }
        }
        output.versions = Some(versions);
        output.delete_markers = Some(markers);
        output.common_prefixes = Some(prefixes);
        answer(output)
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        answer(objects::get(&self.0, &req.input)?)
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        answer(objects::head(&self.0, &req.input)?)
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        answer(objects::put(&self.0, req.input, req.trailing_headers).await?)
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let caller = access::caller(&req.extensions)?;
        answer(objects::copy(&self.0, caller, req.input)?)
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        answer(objects::delete(&self.0, &req.input)?)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        answer(objects::delete_many(&self.0, &req.input)?)
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        answer(multipart::create(&self.0, req.input)?)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        answer(multipart::upload_part(&self.0, req.input, req.trailing_headers).await?)
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let caller = access::caller(&req.extensions)?;
        answer(multipart::upload_part_copy(&self.0, caller, &req.input)?)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        answer(multipart::complete(&self.0, req.input)?)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        multipart::abort(&self.0, &req.input.bucket, &req.input.upload_id)?;
        answer(AbortMultipartUploadOutput::default())
    }
}

impl FakeS3 {
    /// A page of live objects: contents, common prefixes, and where to go on.
    fn page(
        &self,
        bucket: &str,
        query: &Query<'_>,
    ) -> S3Result<(Vec<Object>, Vec<CommonPrefix>, Option<String>)> {
        let buckets = self.0.buckets.lock();
        let bucket = buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        // As S3 does it, from an index: a page costs what is on it, not what is in the bucket.
        let mut from = query.prefix.max(query.after).to_owned();
        let live = std::iter::from_fn(|| {
            let (key, version, object) = bucket.live_from(&from).next()?;
            from = query.beyond(key);
            let asked = key.starts_with(query.prefix);
            asked.then_some((key, (key, version, object)))
        });
        let Page { lines, next } = query.page(live);
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                Line::CommonPrefix(prefix) => prefixes.push(CommonPrefix {
                    prefix: Some(prefix),
                }),
                Line::Entry((key, version, object)) => contents.push(Object {
                    key: Some(key.to_owned()),
                    size: Some(length(&object.content)),
                    e_tag: Some(ETag::Strong(object.etag.clone())),
                    last_modified: Some(timestamp(version.modified)),
                    ..Object::default()
                }),
            }
        }
        Ok((contents, prefixes, next))
    }
}

fn object_version(
    key: &str,
    version: &store::Version,
    object: &store::Object,
    newest: bool,
) -> ObjectVersion {
    ObjectVersion {
        key: Some(key.to_owned()),
        version_id: Some(version.id.clone()),
        is_latest: Some(newest),
        size: Some(length(&object.content)),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(timestamp(version.modified)),
        ..ObjectVersion::default()
    }
}

fn query<'a>(
    prefix: Option<&'a str>,
    delimiter: Option<&'a str>,
    after: &'a str,
    limit: i32,
) -> Query<'a> {
    Query {
        prefix: prefix.unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        after,
        limit: usize::try_from(limit).unwrap_or(0),
    }
}

/// Continuation tokens are opaque to clients: base64 of the key to go on after.
fn encode(key: &str) -> String {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

fn decode(token: &str) -> S3Result<String> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let invalid = || {
        s3_error!(
            InvalidArgument,
            "The continuation token provided is incorrect"
        )
    };
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the trait wants a result everywhere"
)]
fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}
