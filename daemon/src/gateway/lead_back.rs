//! Leading the SDK back to the gateway when its user configured it anew.

use std::sync::Arc;

use quilt_proto::RegistryUrl;
use quilt_proto::wire::GrantKind;
use tokio_util::sync::CancellationToken;

use crate::grant::Grants;
use crate::quilt3::{ConfigWatch, SdkFileError, Wiring};

/// What changes of the SDK's files are made under, one at a time.
pub(super) type Changing = Arc<tokio::sync::Mutex<()>>;

/// Leads the SDK back whenever `config.yml` names the catalog's own registry
/// again, until `stop`: `quilt3.config(URL)` is how notebooks begin. Only to
/// where this daemon listens.
pub(super) async fn keep_leading(
    wiring: Wiring,
    grants: Arc<Grants>,
    changing: Changing,
    stop: CancellationToken,
) {
    let leading = async {
        let mut config = ConfigWatch::of(&wiring);
        loop {
            config.changed().await;
            while grants.address(GrantKind::Registry).is_none() {
                tokio::time::sleep(super::TRY_AGAIN).await;
            }
            let _alone = changing.lock().await;
            match lead_back(&wiring, &grants) {
                Ok(true) => tracing::info!("quilt3 was configured anew and is led back"),
                Ok(false) => {}
                Err(error) => tracing::debug!("cannot lead quilt3 back: {error}"),
            }
        }
    };
    stop.run_until_cancelled(leading).await;
}

fn lead_back(wiring: &Wiring, grants: &Grants) -> Result<bool, SdkFileError> {
    let Some(wired) = wiring.wired()? else {
        return Ok(false);
    };
    let here = grants.address(GrantKind::Registry);
    let is_here =
        here.is_some_and(|here| wired.gateway_url == RegistryUrl::on_loopback(here.port()));
    let held = wiring.grant(&wired.gateway_url)?;
    let is_good = held.is_some_and(|token| grants.right(token.expose()).is_some());
    if is_here && is_good {
        return wiring.lead_back();
    }
    Ok(false)
}
