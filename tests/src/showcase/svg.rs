//! A transcript as a picture: it plays once, and ends with everything shown.
//! Where pictures do not move, everything is shown at once.

use std::fmt::Write;

use super::recorder::{Look, Piece, Transcript};

/// Of a cell, in pixels.
const CELL: (f64, f64) = (8.4, 20.0);
/// Around the text.
const MARGIN: f64 = 18.0;
/// Of the bar above it.
const BAR: f64 = 34.0;

/// How long a character takes to type, in milliseconds.
const KEY: usize = 45;
/// How long a program takes to answer. The real times are shorter.
const ANSWER: usize = 450;
/// How long one reads.
const READ: usize = 1600;

const STYLE: &str = "\
    :root{--paper:#fbfaf8;--ink:#24292f;--quiet:#6e7781;--edge:#d0d7de;--good:#1a7f37;\
    --bad:#b3261e}\
    @media(prefers-color-scheme:dark){:root{--paper:#161b22;--ink:#e6edf3;--quiet:#8b949e;\
    --edge:#30363d;--good:#56d364;--bad:#ff7b72}}\
    .paper{fill:var(--paper);stroke:var(--edge)}\
    .dot{fill:var(--edge)}\
    text{fill:var(--ink);font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,\
    'DejaVu Sans Mono','Liberation Mono',monospace;white-space:pre}\
    .b{font-weight:700}.q{fill:var(--quiet)}.g{fill:var(--good)}.r{fill:var(--bad)}\
    .a{animation:hidden linear}\
    @keyframes hidden{from,to{opacity:0}}\
    @media(prefers-reduced-motion:reduce){.a{animation:none}}";

/// The whole picture.
pub(super) fn picture(transcript: &Transcript) -> String {
    let text = transcript.text();
    let columns = number(Transcript::COLUMNS);
    let width = columns * CELL.0 + 2.0 * MARGIN;
    let height = number(transcript.rows.len()) * CELL.1 + BAR + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>quiltctl on a terminal</title>\n<desc>{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        escaped(&text),
        width - 1.0,
        height - 1.0,
    );
    for dot in 0..3 {
        let x = MARGIN + 5.0 + number(dot) * 18.0;
        // Writing to a String cannot fail.
        let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{x}\" cy=\"18\" r=\"5\"/>");
    }
    let mut time = 400;
    for step in &transcript.steps {
        let mut rows = step.clone();
        if let Some(typed) = rows.next() {
            time = write_typed(&mut svg, typed, &transcript.rows[typed], time);
        }
        time += ANSWER;
        for row in rows {
            for piece in &transcript.rows[row] {
                write_piece(&mut svg, row, piece, time);
            }
        }
        time += READ;
    }
    svg + "</svg>\n"
}

/// What was typed appears by and by; when the last of it has.
fn write_typed(svg: &mut String, row: usize, pieces: &[Piece], start: usize) -> usize {
    let mut time = start;
    for piece in pieces {
        let prompt = if piece.column == 0 { 2 } else { 0 };
        for (at, char) in piece.text.chars().enumerate() {
            if at >= prompt {
                time += KEY;
            }
            if char != ' ' {
                let piece = Piece {
                    column: piece.column + at,
                    text: char.to_string(),
                    look: if at < prompt {
                        Look {
                            dim: true,
                            ..piece.look
                        }
                    } else {
                        piece.look
                    },
                };
                write_piece(svg, row, &piece, time);
            }
        }
    }
    time
}

fn write_piece(svg: &mut String, row: usize, piece: &Piece, time: usize) {
    let blank = piece.text.chars().take_while(|char| *char == ' ').count();
    let text = piece.text.trim();
    if text.is_empty() {
        return;
    }
    let cells = text.chars().count();
    let x = MARGIN + number(piece.column + blank) * CELL.0;
    let y = BAR + number(row) * CELL.1 + 14.0;
    let mut class = "a".to_owned();
    if piece.look.bold {
        class += " b";
    }
    class += match piece.look.color {
        Some(1 | 9) => " r",
        Some(2 | 10) => " g",
        _ if piece.look.dim => " q",
        _ => "",
    };
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" textLength=\"{:.1}\" \
         style=\"animation-duration:{time}ms\">{}</text>",
        number(cells) * CELL.0,
        escaped(text)
    );
}

/// Few enough for a picture.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
