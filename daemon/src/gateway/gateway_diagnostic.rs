//! What keeps the Python SDK from the gateway.

use quilt_proto::RegistryUrl;
use quilt_trust::Distrust;

use super::GatewayError;
use crate::files::FileError;
use crate::quilt3::{ConfigError, LostRedirection, SdkFileError};

/// One thing that does. Setting it up again mends each.
#[derive(Debug, thiserror::Error)]
pub enum GatewayDiagnostic {
    /// The SDK's files cannot be understood.
    #[error(transparent)]
    Unreadable(GatewayError),
    /// Nobody listens where the SDK looks.
    #[error("another program has the port of {0}, where quilt3 looks for quiltd")]
    Deaf(RegistryUrl),
    /// What was there before is not known any more.
    #[error("the record of how quilt3 was set up is lost")]
    RecordLost,
    /// The SDK looks elsewhere.
    #[error("quilt3 does not use quiltd any more: {0}")]
    Drifted(LostRedirection),
}

impl GatewayDiagnostic {
    /// Whether it comes of one of these files, which are told of by themselves.
    pub fn is_about(&self, files: &[Distrust]) -> bool {
        matches!(
            self,
            Self::Unreadable(GatewayError::Files(
                SdkFileError::File(FileError::Distrusted(file))
                    | SdkFileError::Config(ConfigError::File(FileError::Distrusted(file)))
            )) if files.contains(file)
        )
    }
}
