//! Colour: two accents, and what is bold or quiet. It says nothing that a
//! symbol or a word does not say as well.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};

/// When there is colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorWhen {
    /// Where stdout is a terminal that has it, and NO_COLOR is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Text.
    #[default]
    Plain,
    /// What one looks for.
    Strong,
    /// What one may read.
    Quiet,
    /// It is well.
    Good,
    /// It is not, or will not be.
    Bad,
}

impl Paint {
    /// The text with the codes around it.
    pub(super) fn on(self, text: &str) -> String {
        let style = self.style();
        format!("{}{text}{}", style.render(), style.render_reset())
    }

    fn style(self) -> Style {
        let accent = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().effects(Effects::BOLD),
            Self::Quiet => Style::new().effects(Effects::DIMMED),
            Self::Good => accent(AnsiColor::Green),
            Self::Bad => accent(AnsiColor::Red),
        }
    }
}

/// Whether stdout gets colour. `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and
/// `TERM=dumb` count where nothing is asked for.
pub(super) fn is_wanted(when: ColorWhen) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
    }
}
