//! The variables of Quilt's MCP server, where they lead to this machine but not
//! to where quiltd's gateway is, or to a catalog that `use` left meanwhile.

use quilt_proto::api::ReadGateway;
use quilt_proto::wire::{Finding, FindingCode, Gateway};
use quilt_proto::{Command, RegistryUrl, quoted};

use super::remedy;
use super::variables::Variables;
use crate::context::Context;

/// Names the registry that `quilt-mcp` speaks to.
const REGISTRY: &str = "QUILT_REGISTRY_URL";
/// Names its catalog.
const CATALOG: &str = "QUILT_CATALOG_URL";

pub(super) fn check(variables: &Variables, context: &Context) -> Option<Finding> {
    let is_here = |url: &&str| url.starts_with(RegistryUrl::ON_LOOPBACK);
    let named = variables.get(REGISTRY).filter(is_here)?;
    // A catalog that is unknown is told of by others.
    let gateway = context.of_all_catalogs().send(&ReadGateway);
    gateway.ok().and_then(|gateway| judge(named, &gateway))
}

fn judge(named: &str, gateway: &Gateway) -> Option<Finding> {
    let named = named.trim_end_matches('/');
    let at = gateway
        .addresses
        .iter()
        .find(|it| it.gateway_url.as_str() == named);
    if let (Some(at), Some(led)) = (at, &gateway.catalog_url)
        && at.catalog_url != *led
        && let Some(here) = gateway.own_address()
    {
        // It shows the grant that quilt3 has for the catalog it is led to.
        let what = format!(
            "{REGISTRY} is the address of {}, and quilt3 uses {led} by now: Quilt's MCP server is \
             refused there",
            at.catalog_url
        );
        let hint = Command::of("export").variable(REGISTRY, here);
        let hint = hint.variable(CATALOG, led);
        return Some(Finding::warning(FindingCode::GatewayElsewhere, what, hint));
    }
    let own = gateway.addresses.iter().map(|it| &it.gateway_url);
    let mut known = gateway
        .gateway_url
        .iter()
        .chain(own)
        .chain(&gateway.registry_url);
    if known.any(|known| known.as_str() == named) {
        return None;
    }
    let what = format!(
        "{REGISTRY} is {}, which is not where quiltd's gateway is: Quilt's MCP server finds \
         nobody there",
        quoted::name(named)
    );
    let hint = match gateway.own_address() {
        Some(here) => Command::of("export").variable(REGISTRY, here),
        None => remedy::unset(&[REGISTRY]),
    };
    Some(Finding::warning(FindingCode::GatewayElsewhere, what, hint))
}

#[cfg(test)]
mod tests {
    use quilt_proto::wire::GatewayAddress;

    use super::*;

    #[test]
    fn only_what_is_neither_the_gateway_nor_a_registry_is_told() {
        let here = "http://127.0.0.1:20001";
        let mut gateway = Gateway {
            gateway_url: here.parse().ok(),
            ..Gateway::default()
        };
        assert_eq!(judge(&format!("{here}/"), &gateway), None);
        let found = judge("http://127.0.0.1:1", &gateway).unwrap();
        assert_eq!(found.hint, *format!("export {REGISTRY}={here}").as_str());
        gateway.gateway_url = None;
        let found = judge(here, &gateway).unwrap();
        assert_eq!(found.hint, *format!("unset {REGISTRY}").as_str());
    }

    #[test]
    fn the_address_of_a_catalog_that_quilt3_left_is_told() {
        let catalog = |name: &str| format!("https://{name}.example").parse().unwrap();
        let at = |name: &str| format!("http://127.0.0.1:20001/catalogs/{name}.example");
        let address = |name: &str| GatewayAddress {
            catalog_url: catalog(name),
            gateway_url: at(name).parse().unwrap(),
        };
        let gateway = Gateway {
            catalog_url: Some(catalog("b")),
            addresses: vec![address("a"), address("b")],
            ..Gateway::default()
        };
        assert_eq!(judge(&at("b"), &gateway), None);
        let found = judge(&at("a"), &gateway).unwrap();
        let said = format!("export {REGISTRY}={} {CATALOG}=https://b.example", at("b"));
        assert_eq!(found.hint, *said.as_str());
    }
}
