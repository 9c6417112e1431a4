use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::event_feed::Update;
use super::*;
use crate::commands::status::view::tests::status;
use crate::look::tests::{at, look};

fn screen(width: u16, model: &Model) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, 24)).unwrap();
    let look = look(usize::from(width), false);
    terminal.draw(|frame| draw(frame, model, &look)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_screen_at_every_width() {
    let mut model = Model::default();
    model.hear(Update::Status(Box::new(status())), at(-20 * 60));
    model.hear(
        Update::Asked(vec![AuditEntry {
            time: at(-120),
            action: "credentials".to_owned(),
            outcome: "login_required".to_owned(),
            catalog_url: Some("https://demo.quilt.example".to_owned()),
            profile: Some("default".to_owned()),
            grant_id: None,
            request: None,
            pid: Some(4242),
            uid: 1000,
            program: Some("/usr/bin/py\u{202e}thon 漢字".to_owned()),
            script: Some("train.py".to_owned()),
            count: 14,
        }]),
        at(0),
    );
    for width in [60, 80, 120, 200] {
        insta::assert_snapshot!(format!("watch_{width}"), screen(width, &model));
    }
    let mut many = status();
    let grant = many.grants[0].clone();
    many.grants = vec![grant; 9];
    for held in &mut many.catalogs[0].credentials {
        held.expires_at = None;
        held.last_error = Some("AWS says no\n".to_owned());
    }
    model.hear(Update::Status(Box::new(many)), at(0));
    let crowded = screen(80, &model);
    assert!(crowded.contains(" more"), "{crowded}");
    assert!(crowded.contains("AWS says no"), "{crowded}");
    model.hear(Update::Away, at(0));
    assert!(screen(60, &model).contains("quiltd does not answer"));
    // However little room there is, it is drawn.
    for (width, height) in [(1, 1), (20, 3), (5, 40)] {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame, &model, &look(20, true)))
            .unwrap();
    }
}
