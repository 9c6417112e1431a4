//! The model as a screen: sessions, what is asked, grants, the keys.

use quilt_proto::wire::{
    AuditEntry, CatalogStatus, CredentialStatus, GrantStatus, SessionState, Severity,
};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::Model;
use crate::commands::audit;
use crate::commands::status::view as status;
use crate::grant_text;
use crate::look::width::wrap;
use crate::look::{Look, Symbol, host, name};
use crate::output::clean;

/// Cells of a bar.
const BAR: usize = 16;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: &Look) {
    let area = frame.area();
    let sessions = sessions(model, look, area.width);
    let grants = grants(model, look, area.width);
    let rows = |lines: &[Line<'_>], share: u16| {
        let lines = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        Constraint::Length(lines.min(area.height.saturating_mul(share) / 10).max(1))
    };
    let [title, top, middle, bottom, keys] = Layout::vertical([
        Constraint::Length(2),
        rows(&sessions, 5),
        Constraint::Min(3),
        rows(&grants, 2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(heading(model, look)), title);
    frame.render_widget(Paragraph::new(within(sessions, top)), top);
    frame.render_widget(Paragraph::new(asked(model, look, middle)), middle);
    frame.render_widget(Paragraph::new(within(grants, bottom)), bottom);
    frame.render_widget(Paragraph::new(footer(model)), keys);
}

/// Lines of a list, with the number of those there is no room for.
fn within(mut lines: Vec<Line<'static>>, area: Rect) -> Vec<Line<'static>> {
    let room = usize::from(area.height);
    if lines.len() > room && room > 1 {
        let more = lines.len() + 1 - room;
        lines.truncate(room - 1);
        lines.push(Line::styled(format!("{INDENT}{more} more"), quiet()));
    }
    lines
}

fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn quiet() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// A colour, where there is any.
fn accent(look: &Look, symbol: Symbol) -> Style {
    match symbol {
        _ if !look.color => Style::new(),
        Symbol::Good => Style::new().green(),
        Symbol::Bad | Symbol::Beware => Style::new().red(),
        _ => quiet(),
    }
}

fn heading(model: &Model, look: &Look) -> Line<'static> {
    if model.is_away {
        let mark = look.symbol(Symbol::Bad);
        let text = format!("{mark} quiltd does not answer; waiting for it");
        return Line::styled(text, accent(look, Symbol::Bad));
    }
    let text = match &model.status {
        Some(status) => status::daemon(look, status),
        None => "asking quiltd".to_owned(),
    };
    Line::styled(text, quiet())
}

/// A line a session, and one below it for each profile it gives.
fn sessions(model: &Model, look: &Look, room: u16) -> Vec<Line<'static>> {
    let catalogs = model.catalogs();
    let marked = model.marked();
    let mut lines = Vec::new();
    if catalogs.is_empty() && model.status.is_some() {
        lines.push(Line::raw(if model.filter.is_empty() {
            "Nobody is logged in: press l to log in"
        } else {
            "No session matches."
        }));
    }
    for catalog in catalogs {
        let is_marked = marked.as_ref() == Some(&catalog.catalog_url);
        let all = model.status.as_ref();
        let called = all.map_or_else(String::new, |all| status::called(all, catalog));
        lines.push(session(catalog, called, is_marked, look, room));
        lines.extend(trouble(catalog, look, room));
        for held in &catalog.credentials {
            lines.push(match held.expires_at {
                Some(end) => {
                    let left = end.seconds_since(look.now);
                    let share = model.share(&catalog.catalog_url, held.profile.as_str(), left);
                    let symbol = if share < 0.1 {
                        Symbol::Bad
                    } else {
                        Symbol::Good
                    };
                    Line::from(vec![
                        Span::raw(format!(
                            "    {:12} ",
                            name(held.profile.as_str()).to_string()
                        )),
                        Span::styled(bar(look, share), accent(look, symbol)),
                        Span::raw(format!(" {}", look.left(end))),
                    ])
                }
                None => nothing_held(held, look),
            });
        }
    }
    lines.extend(findings(model, look, room));
    lines
}

/// A profile that gives nothing, and why, where that is known.
fn nothing_held(of: &CredentialStatus, look: &Look) -> Line<'static> {
    let profile = name(of.profile.as_str()).to_string();
    match &of.last_error {
        Some(error) => {
            let mark = look.symbol(Symbol::Bad);
            let text = format!("    {profile:12} {mark} {}", clean(error));
            Line::styled(text, accent(look, Symbol::Bad))
        }
        None => Line::styled(format!("    {profile:12} nothing held"), quiet()),
    }
}

/// What is to be mended that stands at no session.
fn findings(model: &Model, look: &Look, room: u16) -> Vec<Line<'static>> {
    let Some(all) = &model.status else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for finding in status::not_at_a_session(&all.findings, &all.catalogs) {
        let symbol = match finding.severity {
            Severity::Error => Symbol::Bad,
            Severity::Warning => Symbol::Beware,
        };
        let words = clean(&finding.summary);
        let width = usize::from(room).saturating_sub(INDENT.len());
        for (at, words) in wrap(&words, width).into_iter().enumerate() {
            let mark = if at == 0 { look.symbol(symbol) } else { " " };
            lines.push(Line::from(vec![
                Span::raw("  "),
                Span::styled(mark, accent(look, symbol)),
                Span::raw(format!(" {words}")),
            ]));
        }
        let leads = look.symbol(Symbol::Leads);
        lines.push(Line::raw(format!("{INDENT}{leads} {}", finding.hint)));
    }
    lines
}

fn session(
    catalog: &CatalogStatus,
    called: String,
    is_marked: bool,
    look: &Look,
    room: u16,
) -> Line<'static> {
    let session = &catalog.session;
    let state = match session.state {
        SessionState::Expired => "ended: press l to log in".to_owned(),
        SessionState::Active | SessionState::LoggedOut => status::state(look, session),
    };
    let symbol = status::symbol(session);
    let between = format!(" {} ", look.symbol(Symbol::Beside));
    let mut facts: Vec<String> = Vec::new();
    if let Some(user) = &catalog.user {
        facts.push(name(&user.name).to_string());
        facts.extend(user.role.as_deref().map(|role| name(role).to_string()));
    }
    facts.push(state);
    let host = host(&catalog.catalog_url);
    let mut spans = vec![
        Span::raw(if is_marked { "> " } else { "  " }),
        Span::styled(look.symbol(symbol), accent(look, symbol)),
        Span::raw(" "),
        if is_marked {
            Span::styled(host, strong())
        } else {
            Span::raw(host)
        },
        Span::styled(called, quiet()),
    ];
    let first = spans.len();
    for (at, fact) in facts.into_iter().enumerate() {
        let before = if at == 0 { "  " } else { between.as_str() };
        spans.push(Span::raw(format!("{before}{fact}")));
    }
    fitted(spans, first + 1, room)
}

/// Before what belongs to the session above it.
const INDENT: &str = "    ";

/// What is wrong with a session, and the command that mends it.
fn trouble(catalog: &CatalogStatus, look: &Look, room: u16) -> Vec<Line<'static>> {
    let room = usize::from(room).saturating_sub(INDENT.len());
    let error = catalog.session.last_error.as_deref().map(clean);
    let leads = look.symbol(Symbol::Leads);
    let hint = catalog.hint.as_ref().map(|hint| format!("{leads} {hint}"));
    let error = error.map(|error| wrap(&error, room)).unwrap_or_default();
    let lines = error.into_iter().chain(hint);
    lines
        .map(|line| Line::raw(format!("{INDENT}{line}")))
        .collect()
}

/// A line without what does not fit: whole facts go, the last ones first, and
/// the first `kept` stay.
fn fitted(mut spans: Vec<Span<'static>>, kept: usize, room: u16) -> Line<'static> {
    let width = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    while spans.len() > kept && width(&spans) > usize::from(room) {
        spans.pop();
    }
    Line::from(spans)
}

fn bar(look: &Look, share: f64) -> String {
    let (full, empty) = if look.unicode {
        ('█', '░')
    } else {
        ('#', '.')
    };
    (0..BAR)
        .map(|cell| {
            let at = (f64::from(u8::try_from(cell).unwrap_or(0)) + 0.5) / 16.0;
            if at < share { full } else { empty }
        })
        .collect()
}

/// What was asked for, the newest first, as far as there is room.
fn asked(model: &Model, look: &Look, area: Rect) -> Vec<Line<'static>> {
    let mut lines = vec![Line::raw(""), Line::styled("Asked for", strong())];
    let matching = model.asked.iter().filter(|entry| {
        let (shown, program) = (audit::what(entry), audit::program(entry));
        let texts = [
            Some(&entry.action),
            entry.program.as_ref(),
            Some(&program),
            entry.profile.as_ref(),
        ];
        let more = [
            entry.catalog_url.as_ref(),
            entry.request.as_ref(),
            Some(&shown),
        ];
        model.lets_through(texts.into_iter().chain(more).flatten().map(String::as_str))
    });
    lines.extend(matching.map(|entry| event(entry, look, area.width)));
    if lines.len() == 2 {
        lines.push(Line::styled("nothing in the last hour", quiet()));
    }
    lines.truncate(usize::from(area.height));
    lines
}

fn event(entry: &AuditEntry, look: &Look, room: u16) -> Line<'static> {
    let times = if entry.count > 1 {
        format!("  {}{}", look.symbol(Symbol::Times), entry.count)
    } else {
        String::new()
    };
    let profile = entry.profile.as_deref();
    let profile = profile.map_or_else(String::new, |profile| format!("  {}", name(profile)));
    let mut spans = vec![Span::styled(
        format!("{:>10}  ", look.when(entry.time)),
        quiet(),
    )];
    // Before what may not fit.
    if !entry.is_ok() {
        let mark = look.symbol(Symbol::Bad);
        let outcome = format!("{mark} {}  ", audit::words(&entry.outcome));
        spans.push(Span::styled(outcome, accent(look, Symbol::Bad)));
    }
    spans.push(Span::raw(format!(
        "{}  {}{profile}{times}",
        audit::program(entry),
        audit::what(entry)
    )));
    let kept = spans.len();
    if let Some(catalog) = &entry.catalog_url {
        spans.push(Span::styled(
            format!("  {}", look.catalog(catalog)),
            quiet(),
        ));
    }
    fitted(spans, kept, room)
}

fn grants(model: &Model, look: &Look, room: u16) -> Vec<Line<'static>> {
    let status = model.status.as_ref();
    let shown: &[GrantStatus] = status.map_or(&[], |status| &status.grants);
    let mut pairs = shown.windows(2);
    let is_of_several = pairs.any(|pair| pair[0].catalog_url != pair[1].catalog_url);
    let mut lines = vec![
        Line::raw(""),
        Line::styled(format!("Grants: {}", shown.len()), strong()),
    ];
    lines.extend(shown.iter().map(|grant| {
        let (what, holder) = (grant_text::opens(grant), grant_text::holder(grant));
        let ends = if grant.pid.is_some() {
            "as long as it runs".to_owned()
        } else {
            look.left(grant.expires_at)
        };
        let mut spans = vec![Span::raw(format!("    {what:12} {holder}  {ends}"))];
        // Where there is one alone, it is that.
        if is_of_several {
            let catalog = format!("  {}", look.catalog(grant.catalog_url.as_str()));
            spans.push(Span::styled(catalog, quiet()));
        }
        fitted(spans, 1, room)
    }));
    lines
}

fn footer(model: &Model) -> Line<'static> {
    if model.is_filtering {
        return Line::raw(format!(
            "/{}_  Enter keeps it, Esc drops it",
            clean(&model.filter)
        ));
    }
    let filter = if model.filter.is_empty() {
        String::new()
    } else {
        format!("  filter: {}", clean(&model.filter))
    };
    Line::styled(
        format!("up/down  / filter  l log in  d doctor  q quit{filter}"),
        quiet(),
    )
}

#[cfg(test)]
mod tests;
