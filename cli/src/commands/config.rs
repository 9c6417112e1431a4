//! `config`: the configuration shared with the Python SDK.

use quilt_proto::api::{AcceptRegistry, ReadConfig, ReadGateway, UpdateConfig};
use quilt_proto::suggested_command::EXAMPLE_CATALOG;
use quilt_proto::wire::{ConfigUpdate, ConfigValues, RegistryAcceptance};
use quilt_proto::{CatalogUrl, Command, RegistryHost, RegistryUrl, python_sdk};
use serde_json::Value;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{catalog_variable, completion, look, output, registry_consent};

/// What the stack's own is called where quilt3 is led through the daemon.
const BEHIND: &str = "registry of the stack";

/// What to do with the configuration; nothing shows it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take the configuration over from this catalog; "" resets it
    #[arg(add = completion::catalogs())]
    url: Option<String>,

    /// Set a value
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, Value)>,

    /// Agree that the catalog's registry is on this host now
    #[arg(long, value_name = "HOST", conflicts_with = "set")]
    accept_registry: Option<RegistryHost>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let update = match (&args.url, args.set.is_empty()) {
        (Some(_), false) => {
            // The Python SDK's words for the same mistake.
            let what = python_sdk::ADDRESS_AND_VALUES;
            return Err(Failure::new(exit::USAGE, what).hint("quiltctl config --help"));
        }
        (None, true) => {
            return match &args.accept_registry {
                Some(host) => accept(context, host),
                None => context.print(&ReadConfig, |values| {
                    show(&values, registry_behind(context, &values).as_ref())
                }),
            };
        }
        (Some(url), true) => return take_over(context, url, args.accept_registry.as_ref()),
        (None, false) => ConfigUpdate::values(args.set.iter().cloned().collect()),
    };
    let sets_catalog = args
        .set
        .iter()
        .any(|(key, _)| key == python_sdk::NAVIGATOR_URL);
    context.print(&UpdateConfig(update), |values| show(&values, None))?;
    if sets_catalog {
        tell_where_quilt3_is_led(context);
    }
    Ok(())
}

/// A value that is text.
pub(super) fn text<'a>(values: &'a ConfigValues, key: &str) -> Option<&'a str> {
    values.get(key)?.as_str()
}

/// The configured catalog.
pub(super) fn catalog(values: &ConfigValues) -> Option<CatalogUrl> {
    text(values, python_sdk::NAVIGATOR_URL)?.parse().ok()
}

/// Agrees to where the registry of a catalog is, whatever is configured.
fn accept(context: &Context, host: &RegistryHost) -> Result<(), Failure> {
    let accept_registry = host.clone();
    let call = AcceptRegistry(RegistryAcceptance { accept_registry });
    context.print(&call, |session| {
        output::note(format_args!(
            "Logins and keys for {} go to {host} from now on.",
            session.catalog_url
        ));
        output::line(session.catalog_url)
    })
}

/// Takes a catalog's configuration over; the values that are configured then.
pub(super) fn switch(context: &Context, catalog: &str) -> Result<ConfigValues, Failure> {
    agreeing(context, catalog, |update| context.send(update))
}

/// Makes the call that takes a catalog's configuration over. Asks where that is
/// another catalog's, or names another registry than before.
fn agreeing<T>(
    context: &Context,
    catalog: &str,
    call: impl Fn(&UpdateConfig) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut catalog = catalog.to_owned();
    loop {
        let update = UpdateConfig(ConfigUpdate::catalog(&catalog));
        let asked = context.of_catalog(&catalog);
        match registry_consent::told(&asked, || call(&update)) {
            Err(failure) => catalog = other(failure)?,
            done => return done,
        }
    }
}

/// The catalog that the one asked for says it is, if the user agrees to it.
fn other(failure: Failure) -> Result<String, Failure> {
    let Some(other) = failure.other_catalog().map(ToString::to_string) else {
        return Err(failure);
    };
    let question = format!("{}.\nConfigure {other} instead? [y/N] ", failure.what());
    if registry_consent::is_agreed(&question)? {
        Ok(other)
    } else {
        Err(failure)
    }
}

/// Takes a catalog's configuration over, and shows it.
fn take_over(context: &Context, url: &str, accept: Option<&RegistryHost>) -> Result<(), Failure> {
    if let Some(host) = accept {
        registry_consent::tell(&context.of_catalog(url), host.clone())?;
    }
    agreeing(context, url, |update| {
        context.print(update, |values| shown(context, &values))
    })
}

/// One value set is one value set: quilt3 stays where it was led. Whoever
/// changes the catalog this way has to know.
fn tell_where_quilt3_is_led(context: &Context) {
    let configured = context.send(&ReadConfig).unwrap_or_default();
    let Ok(gateway) = context.send(&ReadGateway) else {
        return;
    };
    let Some(led) = gateway.catalog_url else {
        return;
    };
    if text(&configured, python_sdk::NAVIGATOR_URL) != Some(led.as_str()) {
        let what = format!("quilt3 still uses quiltd's session of {led}");
        let again = Command::of("quiltctl setup quilt3")
            .words_if("--without-api-keys", gateway.without_api_keys);
        output::advise(&what, &again);
    }
}

/// The stack's own registry, where another one is configured: where quilt3 is
/// led through the daemon, that is the daemon. Who calls the stack's own has to
/// know which that is.
fn registry_behind(context: &Context, values: &ConfigValues) -> Option<RegistryUrl> {
    let configured = text(values, python_sdk::REGISTRY_URL)?.trim_end_matches('/');
    let asked = context.of_catalog(text(values, python_sdk::NAVIGATOR_URL)?);
    let registry = asked.session().ok()?.registry_url;
    registry.filter(|registry| configured != registry.as_str())
}

/// What is configured now, and whether this shell follows it.
fn shown(context: &Context, values: &ConfigValues) -> Result<(), Failure> {
    show(values, None)?;
    let catalog = text(values, python_sdk::NAVIGATOR_URL);
    if catalog.is_some() {
        catalog_variable::tell_of_another_than(context, catalog);
    }
    Ok(())
}

/// One `key: value` a line, and below the registry that quilt3 uses the stack's
/// own, where that is another.
fn show(values: &ConfigValues, behind: Option<&RegistryUrl>) -> Result<(), Failure> {
    if values.is_empty() {
        output::advise(
            "Nothing is configured; it is taken over from a catalog",
            &Command::of("quiltctl config").operand(EXAMPLE_CATALOG),
        );
    }
    // Values are what others wrote into the file: one line each, whatever is
    // in them.
    let shown = |key: &str| look::name(key).to_string() + ":";
    let behind = behind.map(|registry| (format!("{BEHIND}:"), registry));
    let own = behind.iter().map(|(label, _)| label.clone());
    let keys = values.keys().map(|key| shown(key)).chain(own);
    let width = keys.map(|key| key.chars().count()).max();
    let width = width.unwrap_or(0);
    for (key, value) in values {
        let value = match value {
            Value::String(text) => look::name(text).to_string(),
            Value::Null => "-".to_owned(),
            other => look::says(&other.to_string()).to_string(),
        };
        output::line(format_args!("{:width$} {value}", shown(key)))?;
        if let Some((label, registry)) = behind.as_ref().filter(|_| key == python_sdk::REGISTRY_URL)
        {
            output::line(format_args!("{label:width$} {registry}"))?;
        }
    }
    if behind.is_some() {
        output::note("registryUrl leads quilt3 through quiltd.");
    }
    Ok(())
}

/// Booleans, null and whole numbers are what they look like; the rest is text.
fn key_value(text: &str) -> Result<(String, Value), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() {
        return Err("expected KEY=VALUE");
    }
    let value = match serde_json::from_str(value) {
        Ok(plain @ (Value::Bool(_) | Value::Null)) => plain,
        Ok(Value::Number(number)) if number.is_i64() => Value::Number(number),
        _ => Value::String(value.to_owned()),
    };
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_they_look_like() {
        for (text, value) in [
            ("k=true", json!(true)),
            ("k=1", json!(1)),
            ("k=null", json!(null)),
            ("k=", json!("")),
            ("k=s3://b?x=y", json!("s3://b?x=y")),
            ("k=\"x\"", json!("\"x\"")),
            ("k=1.5", json!("1.5")),
        ] {
            assert_eq!(key_value(text), Ok(("k".to_owned(), value)));
        }
        assert!(key_value("k").is_err());
        assert!(key_value("=v").is_err());
    }
}
