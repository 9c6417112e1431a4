//! `setup quilt3`: the Python SDK, as whoever is logged in here.

use std::path::Path;

use quilt_proto::api::{ReadConfig, SetUpGateway, UndoGateway};
use quilt_proto::wire::{Gateway, GatewayAddress, GatewayRequest, Session};
use quilt_proto::{CatalogUrl, Command, locations};

use crate::commands::doctor::proxy_in_the_way;
use crate::commands::{aws_profiles_follow, config};
use crate::context::Context;
use crate::exit::Failure;
use crate::look::page;
use crate::{files, look, output, registry_consent};

/// Whether to set up or to take it back.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// Take over the login that `quilt3 login` made
    #[arg(long, conflicts_with = "undo")]
    import: bool,

    /// Keep back what makes API keys, or makes or ends logins: else, programs
    /// that use quilt3 may make keys that work anywhere; `setup quilt3` without
    /// this option lets them again
    #[arg(long, conflicts_with = "undo")]
    without_api_keys: bool,

    /// Put the SDK's files back as they were
    #[arg(long)]
    undo: bool,
}

pub(super) fn run(context: &Context, args: Args) -> Result<(), Failure> {
    if let Ok(dir) = locations::python_sdk_dir() {
        files::may_write([dir.as_path()])?;
    }
    if args.undo {
        return context.of_all_catalogs().print(&UndoGateway, |gateway| {
            output::line(if gateway.changed {
                "quilt3 uses its own login again"
            } else {
                "quilt3 was not set up"
            })
        });
    }
    let request = GatewayRequest {
        import: args.import,
        without_api_keys: args.without_api_keys,
    };
    let call = SetUpGateway(request);
    let default = default_catalog(context);
    registry_consent::told(context, || {
        context.print(&call, |gateway| {
            show(context, args, &gateway, default.as_ref())
        })
    })?;
    if let Some(proxy) = proxy_in_the_way() {
        output::note(proxy);
    }
    Ok(())
}

/// What `config.yml` names, which quilt3 and everything else take for the default.
fn default_catalog(context: &Context) -> Option<CatalogUrl> {
    config::catalog(&context.of_all_catalogs().send(&ReadConfig).ok()?)
}

/// Where the catalog's AWS is.
fn region(context: &Context) -> Option<String> {
    let values = context.send(&ReadConfig).ok()?;
    config::text(&values, "region").map(str::to_owned)
}

fn show(
    context: &Context,
    args: Args,
    gateway: &Gateway,
    default: Option<&CatalogUrl>,
) -> Result<(), Failure> {
    let catalog = gateway.catalog_url.as_ref().map(ToString::to_string);
    let catalog = catalog.unwrap_or_default();
    output::sentence_to_stdout(format_args!(
        "quilt3 {} quiltd's session of {catalog}",
        if gateway.changed {
            "now uses"
        } else {
            "already uses"
        },
    ))?;
    // quilt3 knows one catalog, by the file that says which is the default.
    if let Some(catalog) = &gateway.catalog_url
        && default.is_some_and(|before| before != catalog)
    {
        let host = look::host(catalog);
        output::line(format_args!("{host} is the default catalog now."))?;
        let values = context.of_all_catalogs().send(&ReadConfig);
        aws_profiles_follow::tell(&values.unwrap_or_default());
    }
    for file in gateway.files.iter().filter(|_| gateway.changed) {
        let file = look::file(Path::new(file));
        output::line(format_args!("  changed {file}"))?;
    }
    if gateway.rights_changed {
        output::line(if gateway.without_api_keys {
            "  API keys and logins are kept back now, also from programs that run"
        } else {
            "  API keys and logins are no longer kept back"
        })?;
    }
    if !gateway.without_api_keys && (gateway.changed || gateway.rights_changed) {
        let what = "Programs that use quilt3 may make API keys, which work anywhere, unless that \
                    is kept back";
        let keep_back = Command::of("quiltctl setup quilt3 --without-api-keys");
        output::advise(what, &keep_back);
    }
    if gateway.imported {
        output::note("Took over the login that quilt3 had made.");
        for line in gateway.login.iter().flat_map(Session::welcome) {
            output::note(line);
        }
    } else if args.import {
        output::note("quiltd is logged in already: the login of quilt3 was left alone.");
    } else if gateway.own_login {
        output::note(
            "The login that quilt3 made itself is still in auth.json, for --undo; to take it \
             over instead:",
        );
        output::whole("    quiltctl logout && quiltctl setup quilt3 --import");
    }
    if gateway.changed {
        output::note("Restart programs that use quilt3.");
    }
    let is_other = |it: &&GatewayAddress| gateway.catalog_url.as_ref() != Some(&it.catalog_url);
    for other in gateway.addresses.iter().filter(is_other) {
        output::note(format_args!(
            "For {} beside it, with quilt3 8.1:",
            look::host(&other.catalog_url)
        ));
        output::whole(format_args!(
            "    with quilt3.session.use_registry_url(\"{}\"):",
            other.gateway_url
        ));
    }
    if let (Some(catalog), Some(here)) = (&gateway.catalog_url, gateway.own_address()) {
        // Each to be copied, into a shell or into what starts the server.
        output::note("For Quilt's MCP server, set in the environment of quilt-mcp:");
        output::whole(format_args!(
            "    QUILT_CATALOG_URL={}",
            page(catalog.as_str())
        ));
        output::whole(format_args!("    QUILT_REGISTRY_URL={here}"));
        // Its tools that ask AWS itself go nowhere without one.
        if let Some(region) = region(context) {
            output::whole(format_args!(
                "    AWS_DEFAULT_REGION={}",
                look::name(&region)
            ));
        }
    }
    Ok(())
}
