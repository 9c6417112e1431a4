//! `config`: the configuration shared with the Python SDK.

use quilt_proto::call::{ReadConfig, ReadGateway, UpdateConfig};
use quilt_proto::wire::{ConfigUpdate, ConfigValues};
use serde_json::Value;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// What to do with the configuration; nothing shows it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take the configuration over from this catalog; "" resets it
    url: Option<String>,

    /// Set a value
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, Value)>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let update = match (&args.url, args.set.is_empty()) {
        (Some(_), false) => {
            // The Python SDK's words for the same mistake.
            let what = "Expected either an auto-config URL or key=value pairs, but got both.";
            return Err(Failure::new(exit::USAGE, what).hint("quiltctl config --help"));
        }
        (None, true) => return context.print(&ReadConfig, |values| show(&values)),
        (Some(url), true) => ConfigUpdate::CatalogUrl(url.clone()),
        (None, false) => ConfigUpdate::Values(args.set.iter().cloned().collect()),
    };
    let sets_catalog = args.set.iter().any(|(key, _)| key == "navigator_url");
    context.print(&UpdateConfig(update), |values| show(&values))?;
    if sets_catalog {
        tell_where_quilt3_is_led(context);
    }
    Ok(())
}

/// One value set is one value set: quilt3 stays where it was led. Whoever
/// changes the catalog this way has to know.
fn tell_where_quilt3_is_led(context: &Context) {
    let configured = context.send(&ReadConfig).ok();
    let configured = configured.and_then(|values| values.get("navigator_url").cloned());
    let Ok(gateway) = context.send(&ReadGateway) else {
        return;
    };
    let Some(led) = gateway.catalog_url else {
        return;
    };
    let kept_back = if gateway.without_api_keys {
        " --without-api-keys"
    } else {
        ""
    };
    if configured.as_ref().and_then(Value::as_str) != Some(led.as_str()) {
        output::note(format_args!(
            "quilt3 still uses quiltd's session of {led}; run: quiltctl setup quilt3{kept_back}"
        ));
    }
}

/// One `key: value` a line.
fn show(values: &ConfigValues) -> Result<(), Failure> {
    let width = values.keys().map(String::len).max().unwrap_or(0) + 1;
    for (key, value) in values {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        output::line(format_args!("{:width$} {value}", format!("{key}:")))?;
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
