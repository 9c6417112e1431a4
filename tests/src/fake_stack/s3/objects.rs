//! Reading, writing, copying and deleting objects.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use s3s::dto::{
    Checksum, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, MetadataDirective,
    PutObjectInput, PutObjectOutput, StreamingBlob,
};
use s3s::{Body, S3Result, TrailingHeaders, s3_error};

use super::access;
use super::checksums::{self, Algorithm};
use super::store::{Bucket, Object, Version};
use crate::fake_stack::aws::credentials::Principal;
use crate::fake_stack::state::Core;

/// Largest object or part: this store is memory.
const CONTENT_LIMIT: usize = 256 << 20;

pub(crate) fn get(core: &Core, input: &GetObjectInput) -> S3Result<GetObjectOutput> {
    let (version, object) = find(core, &input.bucket, &input.key, input.version_id.as_deref())?;
    let full = object.content.len() as u64;
    let (content, content_range) = match &input.range {
        None => (object.content.clone(), None),
        Some(range) => {
            let range = range.check(full)?;
            let shown = format!(
                "bytes {}-{}/{full}",
                range.start,
                range.end.saturating_sub(1)
            );
            (slice(&object.content, range.start, range.end), Some(shown))
        }
    };
    let mut output = GetObjectOutput {
        content_length: Some(length(&content)),
        accept_ranges: Some("bytes".to_owned()),
        content_range,
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(timestamp(version.modified)),
        metadata: object.metadata.clone(),
        version_id: shown_version(core, &input.bucket, &version),
        ..GetObjectOutput::default()
    };
    output.content_type = input
        .response_content_type
        .clone()
        .or(object.content_type.clone());
    // The checksum is of the whole object, so it only goes with the whole object.
    if output.content_range.is_none() {
        let checksum = &object.checksum;
        output.checksum_crc32.clone_from(&checksum.checksum_crc32);
        output.checksum_crc32c.clone_from(&checksum.checksum_crc32c);
        output
            .checksum_crc64nvme
            .clone_from(&checksum.checksum_crc64nvme);
        output.checksum_sha1.clone_from(&checksum.checksum_sha1);
        output.checksum_sha256.clone_from(&checksum.checksum_sha256);
        output.checksum_type.clone_from(&checksum.checksum_type);
    }
    output.body = Some(StreamingBlob::from(Body::from(content)));
    Ok(output)
}

pub(crate) fn head(core: &Core, input: &HeadObjectInput) -> S3Result<HeadObjectOutput> {
    let (version, object) = find(core, &input.bucket, &input.key, input.version_id.as_deref())?;
    let checksum = &object.checksum;
    Ok(HeadObjectOutput {
        content_length: Some(length(&object.content)),
        accept_ranges: Some("bytes".to_owned()),
        content_type: object.content_type.clone(),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(timestamp(version.modified)),
        metadata: object.metadata.clone(),
        version_id: shown_version(core, &input.bucket, &version),
        checksum_crc32: checksum.checksum_crc32.clone(),
        checksum_crc32c: checksum.checksum_crc32c.clone(),
        checksum_crc64nvme: checksum.checksum_crc64nvme.clone(),
        checksum_sha1: checksum.checksum_sha1.clone(),
        checksum_sha256: checksum.checksum_sha256.clone(),
        checksum_type: checksum.checksum_type.clone(),
        ..HeadObjectOutput::default()
    })
}

pub(crate) async fn put(
    core: &Core,
    input: PutObjectInput,
    trailers: Option<TrailingHeaders>,
) -> S3Result<PutObjectOutput> {
    let content = collect(input.body).await?;
    let sent = sent_checksum(
        Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            checksum_type: None,
        },
        trailers.as_ref(),
    );
    let named = input
        .checksum_algorithm
        .as_ref()
        .map(s3s::dto::ChecksumAlgorithm::as_str);
    let algorithm = Algorithm::of(&sent).unwrap_or_else(|| Algorithm::named(named));
    let checksum = algorithm.compute(&content);
    checksums::verify(&sent, &checksum)?;
    let mut object = Object::new(content);
    object.content_type = input.content_type;
    object.metadata = input.metadata;
    object.checksum = checksum.clone();
    let etag = object.etag.clone();
    let now = core.clock.now();
    let version_id = with_bucket(core, &input.bucket, |bucket| {
        let exists = bucket
            .version(&input.key, None)
            .is_some_and(|v| v.object.is_some());
        if input.if_none_match.is_some() && exists {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(bucket.put(&input.key, object, now))
    })?;
    Ok(PutObjectOutput {
        e_tag: Some(ETag::Strong(etag)),
        version_id,
        checksum_crc32: checksum.checksum_crc32,
        checksum_crc32c: checksum.checksum_crc32c,
        checksum_crc64nvme: checksum.checksum_crc64nvme,
        checksum_sha1: checksum.checksum_sha1,
        checksum_sha256: checksum.checksum_sha256,
        checksum_type: checksum.checksum_type,
        ..PutObjectOutput::default()
    })
}

pub(crate) fn copy(
    core: &Core,
    caller: &Principal,
    input: CopyObjectInput,
) -> S3Result<CopyObjectOutput> {
    let (version, source) = copy_source(core, caller, &input.copy_source)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let named = input
        .checksum_algorithm
        .as_ref()
        .map(s3s::dto::ChecksumAlgorithm::as_str);
    let checksum = match named {
        Some(_) => Algorithm::named(named).compute(&source.content),
        None => source.checksum.clone(),
    };
    let object = Object {
        content: source.content.clone(),
        etag: checksums::md5_hex(&source.content),
        content_type: if replace {
            input.content_type
        } else {
            source.content_type.clone()
        },
        metadata: if replace {
            input.metadata
        } else {
            source.metadata.clone()
        },
        checksum: checksum.clone(),
    };
    let etag = object.etag.clone();
    let now = core.clock.now();
    let version_id = with_bucket(core, &input.bucket, |bucket| {
        Ok(bucket.put(&input.key, object, now))
    })?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(ETag::Strong(etag)),
            last_modified: Some(timestamp(now)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
        }),
        copy_source_version_id: Some(version.id),
        version_id,
        ..CopyObjectOutput::default()
    })
}

pub(crate) fn delete(core: &Core, input: &DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    let now = core.clock.now();
    let version = input.version_id.as_deref();
    let deleted = with_bucket(core, &input.bucket, |bucket| {
        Ok(bucket.delete(&input.key, version, now))
    })?;
    Ok(DeleteObjectOutput {
        delete_marker: deleted.delete_marker.then_some(true),
        version_id: deleted.version_id,
        ..DeleteObjectOutput::default()
    })
}

pub(crate) fn delete_many(
    core: &Core,
    input: &DeleteObjectsInput,
) -> S3Result<DeleteObjectsOutput> {
    let now = core.clock.now();
    let deleted = with_bucket(core, &input.bucket, |bucket| {
        let delete = |object: &s3s::dto::ObjectIdentifier| {
            let deleted = bucket.delete(&object.key, object.version_id.as_deref(), now);
            DeletedObject {
                key: Some(object.key.clone()),
                version_id: object.version_id.clone(),
                delete_marker: deleted.delete_marker.then_some(true),
                delete_marker_version_id: deleted
                    .delete_marker
                    .then_some(deleted.version_id)
                    .flatten(),
            }
        };
        Ok(input.delete.objects.iter().map(delete).collect::<Vec<_>>())
    })?;
    let quiet = input.delete.quiet.unwrap_or(false);
    Ok(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        ..DeleteObjectsOutput::default()
    })
}

/// What a copy reads from, if the caller may.
pub(crate) fn copy_source(
    core: &Core,
    caller: &Principal,
    source: &CopySource,
) -> S3Result<(Version, Arc<Object>)> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(s3_error!(
            NotImplemented,
            "access points are not served here"
        ));
    };
    access::check_bucket(core, caller, bucket, false)?;
    find(core, bucket, key, version_id.as_deref())
}

fn find(
    core: &Core,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<(Version, Arc<Object>)> {
    let buckets = core.buckets.lock();
    let bucket = buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
    let missing = || match version {
        None => s3_error!(NoSuchKey, "The specified key does not exist."),
        Some(_) => s3_error!(NoSuchVersion, "The specified version does not exist."),
    };
    let found = bucket.version(key, version).ok_or_else(missing)?;
    match (&found.object, version) {
        (Some(object), _) => Ok((found.clone(), Arc::clone(object))),
        (None, None) => Err(missing()),
        (None, Some(_)) => Err(s3_error!(
            MethodNotAllowed,
            "this version is a delete marker"
        )),
    }
}

pub(crate) fn with_bucket<T>(
    core: &Core,
    name: &str,
    act: impl FnOnce(&mut Bucket) -> S3Result<T>,
) -> S3Result<T> {
    let mut buckets = core.buckets.lock();
    let bucket = buckets
        .get_mut(name)
        .ok_or_else(|| s3_error!(NoSuchBucket))?;
    act(bucket)
}

/// The whole body, if it is not too large.
pub(crate) async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else {
        return Ok(Bytes::new());
    };
    let mut content = BytesMut::new();
    while let Some(chunk) = body
        .try_next()
        .await
        .map_err(|e| s3_error!(IncompleteBody, "{e}"))?
    {
        if content.len() + chunk.len() > CONTENT_LIMIT {
            return Err(s3_error!(EntityTooLarge));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

/// The checksum the client sent, in a header or behind the body.
pub(crate) fn sent_checksum(headers: Checksum, trailers: Option<&TrailingHeaders>) -> Checksum {
    if Algorithm::of(&headers).is_some() {
        return headers;
    }
    let trailing = trailers.and_then(|trailers| {
        trailers.read(|trailers| {
            let value = |name: &str| {
                trailers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            };
            Checksum {
                checksum_crc32: value("x-amz-checksum-crc32"),
                checksum_crc32c: value("x-amz-checksum-crc32c"),
                checksum_crc64nvme: value("x-amz-checksum-crc64nvme"),
                checksum_sha1: value("x-amz-checksum-sha1"),
                checksum_sha256: value("x-amz-checksum-sha256"),
                checksum_type: None,
            }
        })
    });
    trailing.unwrap_or_default()
}

/// `content[start..end]`; the range was checked against the length.
pub(crate) fn slice(content: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).map_or(content.len(), |o| o.min(content.len()));
    content.slice(at(start)..at(end))
}

pub(crate) fn length(content: &Bytes) -> i64 {
    i64::try_from(content.len()).unwrap_or(i64::MAX)
}

pub(crate) fn timestamp(at: Timestamp) -> s3s::dto::Timestamp {
    std::time::SystemTime::from(at).into()
}

fn shown_version(core: &Core, bucket: &str, version: &Version) -> Option<String> {
    let buckets = core.buckets.lock();
    let versioned = buckets.get(bucket).is_some_and(|bucket| bucket.versioned);
    versioned.then(|| version.id.clone())
}
