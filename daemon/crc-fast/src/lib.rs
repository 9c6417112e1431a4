//! The checksums of S3, by the interface of the crate `crc-fast`, which it
//! stands for in this workspace.
//!
//! `object_store` names that crate for a checksum that quiltd never asks for.
//! It chooses among sixty algorithms when it runs, so that no linker can leave
//! their tables out: 724,313 bytes of quiltd. Here is what S3 has of them.

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc};

static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
static CRC64_NVME: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// The algorithms S3 takes (Amazon S3 User Guide, "Checking object integrity").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrcAlgorithm {
    /// CRC-32, as of zip and Ethernet.
    Crc32IsoHdlc,
    /// CRC-32C, as of iSCSI (RFC 3720).
    Crc32Iscsi,
    /// CRC-64, as of NVM Express.
    Crc64Nvme,
}

/// A checksum of bytes that come in parts.
#[derive(Clone)]
pub struct Digest(State);

#[derive(Clone)]
enum State {
    Of32(crc::Digest<'static, u32>),
    Of64(crc::Digest<'static, u64>),
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Digest").field(&self.finalize()).finish()
    }
}

impl Digest {
    /// Of no bytes yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Of32(CRC32.digest()),
            CrcAlgorithm::Crc32Iscsi => State::Of32(CRC32C.digest()),
            CrcAlgorithm::Crc64Nvme => State::Of64(CRC64_NVME.digest()),
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Of32(digest) => digest.update(data),
            State::Of64(digest) => digest.update(data),
        }
    }

    /// The checksum of all bytes so far; one of 32 bits is in the lower ones.
    pub fn finalize(&self) -> u64 {
        match self.0.clone() {
            State::Of32(digest) => digest.finalize().into(),
            State::Of64(digest) => digest.finalize(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms.
    #[test]
    fn each_is_the_algorithm_of_its_name() {
        for (algorithm, check) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            for parts in [&["123456789"][..], &["12345", "", "6789"]] {
                let mut digest = Digest::new(algorithm);
                for part in parts {
                    digest.update(part.as_bytes());
                }
                assert_eq!(digest.finalize(), check, "{algorithm:?} of {parts:?}");
            }
        }
    }
}
