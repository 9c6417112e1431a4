//! Multipart uploads.

use std::collections::BTreeMap;

use s3s::dto::{
    Checksum, ChecksumAlgorithm, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::checksums::{self, Algorithm};
use super::objects::{collect, copy_source, sent_checksum, slice, timestamp, with_bucket};
use super::uploads::{Upload, UploadError};
use crate::fake_stack::aws::credentials::Principal;
use crate::fake_stack::state::Core;

pub(crate) fn create(
    core: &Core,
    input: CreateMultipartUploadInput,
) -> S3Result<CreateMultipartUploadOutput> {
    let named = input
        .checksum_algorithm
        .as_ref()
        .map(ChecksumAlgorithm::as_str);
    let upload = Upload {
        key: input.key.clone(),
        algorithm: Algorithm::named(named),
        content_type: input.content_type,
        metadata: input.metadata,
        parts: BTreeMap::new(),
    };
    let id = with_bucket(core, &input.bucket, |bucket| {
        Ok(bucket.uploads.begin(upload))
    })?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        ..CreateMultipartUploadOutput::default()
    })
}

pub(crate) async fn upload_part(
    core: &Core,
    input: UploadPartInput,
    trailers: Option<TrailingHeaders>,
) -> S3Result<UploadPartOutput> {
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
    if let Some(algorithm) = Algorithm::of(&sent) {
        checksums::verify(&sent, &algorithm.compute(&content))?;
    }
    let part = with_bucket(core, &input.bucket, |bucket| {
        check_key(bucket.uploads.get(&input.upload_id), &input.key)?;
        bucket
            .uploads
            .add(&input.upload_id, input.part_number, content)
            .map_err(refusal)
    })?;
    Ok(UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag)),
        checksum_crc32: part.checksum.checksum_crc32,
        checksum_crc32c: part.checksum.checksum_crc32c,
        checksum_crc64nvme: part.checksum.checksum_crc64nvme,
        checksum_sha1: part.checksum.checksum_sha1,
        checksum_sha256: part.checksum.checksum_sha256,
        ..UploadPartOutput::default()
    })
}

pub(crate) fn upload_part_copy(
    core: &Core,
    caller: &Principal,
    input: &UploadPartCopyInput,
) -> S3Result<UploadPartCopyOutput> {
    let (version, source) = copy_source(core, caller, &input.copy_source)?;
    let content = match &input.copy_source_range {
        None => source.content.clone(),
        Some(range) => {
            let range = s3s::dto::Range::parse(range)
                .map_err(|_| s3_error!(InvalidArgument, "the copy range is not one"))?
                .check(source.content.len() as u64)?;
            slice(&source.content, range.start, range.end)
        }
    };
    let part = with_bucket(core, &input.bucket, |bucket| {
        check_key(bucket.uploads.get(&input.upload_id), &input.key)?;
        bucket
            .uploads
            .add(&input.upload_id, input.part_number, content)
            .map_err(refusal)
    })?;
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(timestamp(core.clock.now())),
            checksum_crc32: part.checksum.checksum_crc32,
            checksum_crc32c: part.checksum.checksum_crc32c,
            checksum_crc64nvme: part.checksum.checksum_crc64nvme,
            checksum_sha1: part.checksum.checksum_sha1,
            checksum_sha256: part.checksum.checksum_sha256,
        }),
        copy_source_version_id: Some(version.id),
        ..UploadPartCopyOutput::default()
    })
}

pub(crate) fn complete(
    core: &Core,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let parts = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let named: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let etag = part.e_tag.map(|etag| etag.value().to_owned());
            (part.part_number.unwrap_or_default(), etag)
        })
        .collect();
    let now = core.clock.now();
    with_bucket(core, &input.bucket, |bucket| {
        check_key(bucket.uploads.get(&input.upload_id), &input.key)?;
        let object = bucket
            .uploads
            .complete(&input.upload_id, &named)
            .map_err(refusal)?;
        let (etag, checksum) = (object.etag.clone(), object.checksum.clone());
        let version_id = bucket.put(&input.key, object, now);
        Ok(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            location: Some(format!("{}/{}/{}", core.urls.s3, input.bucket, input.key)),
            e_tag: Some(ETag::Strong(etag)),
            version_id,
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            ..CompleteMultipartUploadOutput::default()
        })
    })
}

pub(crate) fn abort(core: &Core, bucket: &str, upload: &str) -> S3Result<()> {
    with_bucket(core, bucket, |bucket| {
        if bucket.uploads.abort(upload) {
            Ok(())
        } else {
            Err(refusal(UploadError::NoSuchUpload))
        }
    })
}

fn check_key(upload: Option<&Upload>, key: &str) -> S3Result<()> {
    match upload {
        Some(upload) if upload.key == key => Ok(()),
        _ => Err(refusal(UploadError::NoSuchUpload)),
    }
}

fn refusal(error: UploadError) -> S3Error {
    match error {
        UploadError::NoSuchUpload => s3_error!(NoSuchUpload),
        UploadError::InvalidPart => s3_error!(InvalidPart),
        UploadError::InvalidPartOrder => s3_error!(InvalidPartOrder),
    }
}
