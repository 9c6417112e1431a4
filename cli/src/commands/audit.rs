//! `audit`: which local process got what, when.

use quilt_proto::api::{AuditQuery, ReadAudit, ReadStatus};
use quilt_proto::wire::{Ambiguity, AuditEntry, Finding, FindingCode};

use crate::context::Context;
use crate::exit::Failure;
use crate::look::{Column, Look, Paint, Screen, Span, Symbol, Table, name};
use crate::output;

/// How far back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A time, or how long ago: 90s, 30m, 1h, 7d
    #[arg(long, value_name = "D")]
    since: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let call = ReadAudit(AuditQuery {
        since: args.since.clone(),
    });
    let none = if args.since.is_some() {
        "Nobody asked for anything since then."
    } else {
        "Nobody has asked for anything yet: what programs get is listed here."
    };
    if context.global().catalog.is_some() {
        of_one_catalog(context, &call)?;
    } else {
        context.show_naming(&call, |look, entries| screen(look, entries, none))?;
    }
    if !context.global().json {
        say_what_is_missing(context);
    }
    Ok(())
}

/// The entries about the catalog that `--catalog` names.
fn of_one_catalog(context: &Context, call: &ReadAudit) -> Result<(), Failure> {
    // The daemon knows which one is meant.
    let about = context.session()?;
    let mut entries = context.send(call)?;
    entries.retain(|entry| entry.catalog_url.as_deref() == Some(about.catalog_url.as_str()));
    if context.global().json {
        return output::computed(&entries);
    }
    let look = context.look();
    let none = "Nobody asked for anything of this catalog.";
    screen(&look, &entries, none).print(&look)
}

/// Says where the list is not all there is to say.
fn say_what_is_missing(context: &Context) {
    let status = context.of_all_catalogs().send(&ReadStatus);
    let findings = status.map(|status| status.findings).unwrap_or_default();
    let about = |finding: &&Finding| finding.code == FindingCode::AuditUnwritten.as_str();
    for finding in findings.iter().filter(about) {
        output::note(format_args!("Not all is here: {finding}"));
    }
}

fn screen(look: &Look, entries: &[AuditEntry], none: &str) -> Screen {
    let mut table = Table::new([
        Column::key("WHEN"),
        Column::key("PROGRAM"),
        Column::key("WHAT"),
        Column::of_importance("PROFILE", 4).unless_same(),
        Column::of_importance("CATALOG", 2).unless_same(),
        Column::of_importance("TIMES", 1).right(),
        Column::key("OUTCOME"),
    ]);
    for entry in entries {
        table.row(row(look, entry));
    }
    Screen::listing(table, none)
}

fn row(look: &Look, entry: &AuditEntry) -> [Span; 7] {
    let is_good = entry.is_ok();
    let times = if entry.count > 1 {
        format!("{}{}", look.symbol(Symbol::Times), entry.count)
    } else {
        String::new()
    };
    let outcome = if is_good {
        Span::default()
    } else {
        let mark = look.symbol(Symbol::Bad);
        Span::painted(format!("{mark} {}", words(&entry.outcome)), Paint::Bad)
    };
    let profile = entry.profile.as_deref().map(name);
    let catalog = entry.catalog_url.as_deref();
    let catalog = catalog.map(|url| look.catalog(url));
    [
        Span::painted(look.when(entry.time), Paint::Quiet),
        program(entry).into(),
        what(entry).into(),
        profile.map_or_else(Span::default, Into::into),
        Span::painted(catalog.unwrap_or_default(), Paint::Quiet),
        times.into(),
        outcome,
    ]
}

/// `python3 train.py (4242)`: the program's name and its script's; where it
/// lies is in the JSON.
pub(super) fn program(entry: &AuditEntry) -> String {
    let path = entry.program.as_deref();
    let file = path.and_then(|path| path.rsplit('/').find(|part| !part.is_empty()));
    let shown = file.map(|file| match &entry.script {
        Some(script) => format!("{} {}", name(file), name(script)),
        None => name(file).to_string(),
    });
    match (shown, entry.pid) {
        (Some(program), Some(pid)) => format!("{program} ({pid})"),
        (Some(program), None) => program,
        (None, Some(pid)) => format!("process {pid}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// What was asked for: the request where one was carried, else the action.
pub(super) fn what(entry: &AuditEntry) -> String {
    match &entry.request {
        // Method and path are words of the protocol; what is in them is not.
        Some(request) => {
            let (said, doubt) = Ambiguity::apart(request);
            let mut shown: Vec<String> = said.split(' ').map(word).collect();
            shown.extend(doubt.map(|doubt| format!("({doubt})")));
            shown.join(" ")
        }
        None => words(&entry.action),
    }
}

/// A word of a request. The mark where the log cut it is ours.
fn word(said: &str) -> String {
    match said.strip_suffix('…') {
        Some("") => said.to_owned(),
        Some(said) => format!("{}…", name(said)),
        None => name(said).to_string(),
    }
}

/// A code of the API as people read it: `stack_refused` is `stack refused`.
pub(super) fn words(code: &str) -> String {
    name(code).to_string().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{at, widths};

    fn asked(request: &str) -> String {
        what(&AuditEntry {
            time: at(0),
            action: "registry".to_owned(),
            outcome: "ok".to_owned(),
            catalog_url: None,
            profile: None,
            grant_id: None,
            request: Some(request.to_owned()),
            pid: None,
            uid: 0,
            program: None,
            script: None,
            count: 1,
        })
    }

    #[test]
    fn our_own_words_are_not_quoted_and_those_of_others_are() {
        for own in Ambiguity::ALL {
            for request in ["POST /graphql", "POST /graphql mutation a, b, …"] {
                let noted = format!("{request} ({own})");
                assert_eq!(asked(&noted), noted);
            }
        }
        assert_eq!(asked("GET /api/search…"), "GET /api/search…");
        assert_eq!(
            asked("POST /graphql query long…"),
            "POST /graphql query long…"
        );
        // Nobody else speaks as we do.
        assert_eq!(asked("GET /(its"), "GET “/(its”");
        assert_eq!(
            asked("POST /x (trust me)"),
            "POST /x “(trust” “me)”",
            "not one of ours"
        );
        let twice = asked("GET /x (it is not JSON) (it is not JSON)");
        assert_eq!(twice, "GET /x “(it” is not “JSON)” (it is not JSON)");
        assert_eq!(asked("GET “x…"), "GET “'x”…");
    }

    #[test]
    fn the_screen_at_every_width() {
        let entry =
            |ago: i64, program: &str, action: &str, profile: Option<&str>, count| AuditEntry {
                time: at(-ago),
                action: action.to_owned(),
                outcome: if count == 3 { "login_required" } else { "ok" }.to_owned(),
                catalog_url: Some("https://demo.quilt.example".to_owned()),
                profile: profile.map(str::to_owned),
                grant_id: None,
                request: (profile.is_none())
                    .then(|| "POST /graphql mutation apiKeyCreate".to_owned()),
                pid: Some(4242),
                uid: 1000,
                program: Some(program.to_owned()),
                script: program.contains("python").then(|| "train.py".to_owned()),
                count,
            };
        let entries = [
            entry(
                120,
                "/usr/bin/python3.13",
                "credentials",
                Some("default"),
                14,
            ),
            entry(300, "/opt/漢字 tools/aws", "credentials", Some("lake"), 3),
            entry(86_400 * 3, "/home/x/x; run: evil", "registry", None, 1),
        ];
        insta::assert_snapshot!(widths(|look| screen(look, &entries, "")));
        insta::assert_snapshot!(
            "audit_empty",
            widths(|look| screen(look, &[], "Nobody asked for anything."))
        );
    }
}
