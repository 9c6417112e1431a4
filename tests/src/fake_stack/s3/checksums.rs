//! Checksums: computed over what arrived, compared with what the client said.

use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumType};
use s3s::{S3Result, s3_error};

/// The algorithms S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// By the name S3 gives it; S3's default for an unknown or missing one.
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            Some("CRC32") => Self::Crc32,
            Some("CRC32C") => Self::Crc32c,
            Some("SHA1") => Self::Sha1,
            Some("SHA256") => Self::Sha256,
            _ => Self::Crc64Nvme,
        }
    }

    /// The algorithm of the checksum that was sent along, if one was.
    pub(crate) fn of(sent: &Checksum) -> Option<Self> {
        [
            (&sent.checksum_crc32, Self::Crc32),
            (&sent.checksum_crc32c, Self::Crc32c),
            (&sent.checksum_crc64nvme, Self::Crc64Nvme),
            (&sent.checksum_sha1, Self::Sha1),
            (&sent.checksum_sha256, Self::Sha256),
        ]
        .into_iter()
        .find_map(|(value, algorithm)| value.is_some().then_some(algorithm))
    }

    /// The full-object checksum of these bytes.
    pub(crate) fn compute(self, bytes: &[u8]) -> Checksum {
        let mut hasher = ChecksumHasher::default();
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
        hasher.update(bytes);
        let mut checksum = hasher.finalize();
        checksum.checksum_type = Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        checksum
    }

    /// The checksum of checksums of a multipart upload: `<base64>-<parts>`. For CRC64NVME S3
    /// only knows the full-object form.
    pub(crate) fn composite(self, whole: &[u8], parts: &[Checksum]) -> Checksum {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        if self == Self::Crc64Nvme {
            return self.compute(whole);
        }
        let digests: Vec<u8> = parts
            .iter()
            .filter_map(|part| self.value(part))
            .filter_map(|value| BASE64_STANDARD.decode(value).ok())
            .flatten()
            .collect();
        let mut checksum = self.compute(&digests);
        let value = self
            .value(&checksum)
            .map(|value| format!("{value}-{}", parts.len()));
        self.set(&mut checksum, value);
        checksum.checksum_type = Some(ChecksumType::from_static(ChecksumType::COMPOSITE));
        checksum
    }

    fn value(self, checksum: &Checksum) -> Option<&str> {
        match self {
            Self::Crc32 => checksum.checksum_crc32.as_deref(),
            Self::Crc32c => checksum.checksum_crc32c.as_deref(),
            Self::Crc64Nvme => checksum.checksum_crc64nvme.as_deref(),
            Self::Sha1 => checksum.checksum_sha1.as_deref(),
            Self::Sha256 => checksum.checksum_sha256.as_deref(),
        }
    }

    fn set(self, checksum: &mut Checksum, value: Option<String>) {
        *match self {
            Self::Crc32 => &mut checksum.checksum_crc32,
            Self::Crc32c => &mut checksum.checksum_crc32c,
            Self::Crc64Nvme => &mut checksum.checksum_crc64nvme,
            Self::Sha1 => &mut checksum.checksum_sha1,
            Self::Sha256 => &mut checksum.checksum_sha256,
        } = value;
    }
}

/// Refuses content that is not what the client summed up.
pub(crate) fn verify(sent: &Checksum, computed: &Checksum) -> S3Result<()> {
    let Some(algorithm) = Algorithm::of(sent) else {
        return Ok(());
    };
    if algorithm.value(sent) == algorithm.value(computed) {
        return Ok(());
    }
    Err(s3_error!(
        BadDigest,
        "The checksum you specified did not match the content received."
    ))
}

/// MD5 in hexadecimal: the ETag of an object.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    md5(bytes)
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// MD5, as the ETag of a multipart upload sums up its parts'.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = Md5::new();
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_must_be_what_arrived() {
        let computed = Algorithm::Sha256.compute(b"hello");
        assert!(verify(&computed, &computed).is_ok());
        assert!(verify(&Algorithm::Sha256.compute(b"other"), &computed).is_err());
        assert!(verify(&Checksum::default(), &computed).is_ok());
    }

    #[test]
    fn a_composite_checksum_counts_its_parts() {
        let parts = [
            Algorithm::Sha256.compute(b"one"),
            Algorithm::Sha256.compute(b"two"),
        ];
        let composite = Algorithm::Sha256.composite(b"onetwo", &parts);
        assert!(composite.checksum_sha256.unwrap().ends_with("-2"));
        assert_eq!(md5_hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
