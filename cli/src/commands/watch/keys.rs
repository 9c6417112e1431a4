//! What keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Model;

/// The longest filter, in characters.
const MAX_FILTER: usize = 60;

/// What is left to do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Go on.
    Stay,
    /// Leave.
    Quit,
    /// Log in to what is marked.
    LogIn,
    /// See what is wrong with it.
    Doctor,
}

/// Does what a key does.
pub(super) fn press(model: &mut Model, key: KeyEvent) -> Step {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'd') => Step::Quit,
            _ => Step::Stay,
        };
    }
    if model.is_filtering {
        filter(model, key.code);
        return Step::Stay;
    }
    match key.code {
        KeyCode::Char('q') => return Step::Quit,
        KeyCode::Char('l') => return Step::LogIn,
        KeyCode::Char('d') => return Step::Doctor,
        KeyCode::Char('/') => model.is_filtering = true,
        KeyCode::Esc => model.filter.clear(),
        KeyCode::Up | KeyCode::Char('k') => model.mark(-1),
        KeyCode::Down | KeyCode::Char('j') => model.mark(1),
        KeyCode::Home => model.mark(isize::MIN),
        KeyCode::End => model.mark(isize::MAX),
        _ => {}
    }
    Step::Stay
}

fn filter(model: &mut Model, key: KeyCode) {
    match key {
        KeyCode::Enter => model.is_filtering = false,
        KeyCode::Esc => {
            model.filter.clear();
            model.is_filtering = false;
        }
        KeyCode::Backspace => drop(model.filter.pop()),
        KeyCode::Char(key) if model.filter.chars().count() < MAX_FILTER => model.filter.push(key),
        _ => {}
    }
    model.mark(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_into_the_filter_until_it_is_left() {
        let mut model = Model::default();
        let mut press = |code| press(&mut model, KeyEvent::from(code));
        assert_eq!(press(KeyCode::Char('/')), Step::Stay);
        assert_eq!(press(KeyCode::Char('q')), Step::Stay);
        assert_eq!(press(KeyCode::Enter), Step::Stay);
        assert_eq!(press(KeyCode::Char('d')), Step::Doctor);
        assert_eq!(press(KeyCode::Char('q')), Step::Quit);
        assert_eq!(model.filter, "q");
    }
}
