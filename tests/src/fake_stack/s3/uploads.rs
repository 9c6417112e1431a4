//! Multipart uploads under way.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use s3s::dto::{Checksum, Metadata};

use super::checksums::{self, Algorithm};
use super::store::Object;
use crate::fake_stack::random;

/// An upload that was begun.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) parts: BTreeMap<i32, Part>,
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Bytes,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
}

/// Why an upload cannot be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadError {
    NoSuchUpload,
    InvalidPart,
    InvalidPartOrder,
}

/// The uploads of one bucket, by id.
#[derive(Debug, Default)]
pub(crate) struct Uploads(HashMap<String, Upload>);

impl Uploads {
    pub(crate) fn begin(&mut self, upload: Upload) -> String {
        let id = random::alphanumeric(48);
        self.0.insert(id.clone(), upload);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Upload> {
        self.0.get(id)
    }

    /// Adds a part, replacing an earlier one of the same number.
    pub(crate) fn add(
        &mut self,
        id: &str,
        number: i32,
        content: Bytes,
    ) -> Result<Part, UploadError> {
        let upload = self.0.get_mut(id).ok_or(UploadError::NoSuchUpload)?;
        let part = Part {
            etag: checksums::md5_hex(&content),
            checksum: upload.algorithm.compute(&content),
            content,
        };
        upload.parts.insert(number, part.clone());
        Ok(part)
    }

    pub(crate) fn abort(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// Puts the named parts together; the upload is gone afterwards, unless it failed.
    pub(crate) fn complete(
        &mut self,
        id: &str,
        named: &[(i32, Option<String>)],
    ) -> Result<Object, UploadError> {
        let upload = self.0.get(id).ok_or(UploadError::NoSuchUpload)?;
        if named.is_empty() {
            return Err(UploadError::InvalidPart);
        }
        if !named.is_sorted_by_key(|(number, _)| *number) {
            return Err(UploadError::InvalidPartOrder);
        }
        let mut content = Vec::new();
        let mut digests = Vec::new();
        let mut sums = Vec::new();
        for (number, etag) in named {
            let part = upload.parts.get(number).ok_or(UploadError::InvalidPart)?;
            if etag.as_ref().is_some_and(|etag| *etag != part.etag) {
                return Err(UploadError::InvalidPart);
            }
            content.extend_from_slice(&part.content);
            digests.extend_from_slice(&checksums::md5(&part.content));
            sums.push(part.checksum.clone());
        }
        let object = Object {
            etag: format!("{}-{}", checksums::md5_hex(&digests), named.len()),
            content_type: upload.content_type.clone(),
            metadata: upload.metadata.clone(),
            checksum: upload.algorithm.composite(&content, &sums),
            content: Bytes::from(content),
        };
        self.0.remove(id);
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_in_the_order_of_their_numbers() {
        let mut uploads = Uploads::default();
        let id = uploads.begin(Upload {
            key: "k".to_owned(),
            algorithm: Algorithm::Sha256,
            content_type: None,
            metadata: None,
            parts: BTreeMap::new(),
        });
        uploads.add(&id, 2, Bytes::from_static(b"world")).unwrap();
        uploads.add(&id, 1, Bytes::from_static(b"hello ")).unwrap();
        let wrong = [(1, Some("nonsense".to_owned()))];
        assert_eq!(
            uploads.complete(&id, &wrong).unwrap_err(),
            UploadError::InvalidPart
        );
        let reversed = [(2, None), (1, None)];
        assert_eq!(
            uploads.complete(&id, &reversed).unwrap_err(),
            UploadError::InvalidPartOrder
        );
        let object = uploads.complete(&id, &[(1, None), (2, None)]).unwrap();
        assert_eq!(object.content, "hello world");
        assert!(object.etag.ends_with("-2"));
        assert!(uploads.get(&id).is_none());
    }
}
