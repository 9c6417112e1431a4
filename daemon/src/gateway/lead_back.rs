//! Leading the SDK back to the gateway when its user configured it anew.

use std::sync::Arc;

use quilt_proto::RegistryUrl;
use quilt_proto::wire::GrantKind;
use tokio_util::sync::CancellationToken;

use crate::grant::Grants;
use crate::quilt3::{ConfigWatch, SdkFileError, SdkFiles};

/// What changes of the SDK's files are made under, one at a time.
pub(super) type ChangeLock = Arc<tokio::sync::Mutex<()>>;

/// Leads the SDK back whenever `config.yml` names the catalog's own registry
/// again, until `stop`: `quilt3.config(URL)` is how notebooks begin. Only to
/// where this daemon listens.
pub(super) async fn keep_redirecting(
    sdk_files: SdkFiles,
    grants: Arc<Grants>,
    changing: ChangeLock,
    stop: CancellationToken,
) {
    let leading = async {
        let mut config = ConfigWatch::of(&sdk_files);
        loop {
            config.changed().await;
            while grants.address(GrantKind::Registry).is_none() {
                tokio::time::sleep(super::TRY_AGAIN).await;
            }
            let _alone = changing.lock().await;
            match redirect_again(&sdk_files, &grants) {
                Ok(true) => tracing::info!("quilt3 was configured anew and is led back"),
                Ok(false) => {}
                Err(error) => tracing::debug!("cannot lead quilt3 back: {error}"),
            }
        }
    };
    stop.run_until_cancelled(leading).await;
}

fn redirect_again(sdk_files: &SdkFiles, grants: &Grants) -> Result<bool, SdkFileError> {
    let Some(redirection) = sdk_files.redirection()? else {
        return Ok(false);
    };
    let here = grants.address(GrantKind::Registry);
    let is_here =
        here.is_some_and(|here| redirection.gateway_url == RegistryUrl::on_loopback(here.port()));
    let held = sdk_files.grant(&redirection.gateway_url)?;
    let is_good = held.is_some_and(|token| grants.right(token.expose()).is_some());
    if is_here && is_good {
        return sdk_files.redirect_again(&redirection);
    }
    Ok(false)
}
