//! Which letters are drawn with which font, and how wide they are.

use pdf_writer::{Content, Name, Str};

/// A run of letters of one font.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Helvetica, in WinAnsiEncoding.
    Latin(Vec<u8>),
    /// STSong-Light, in UTF-16, big end first.
    Chinese(Vec<u8>),
}

/// Names of the fonts in a page's resources.
pub(super) const PLAIN: Name<'static> = Name(b"Plain");
pub(super) const BOLD: Name<'static> = Name(b"Bold");
pub(super) const CHINESE: Name<'static> = Name(b"Chinese");

/// Of a letter that fills its square, in thousandths of the size.
const FULL: u16 = 1_000;

/// Widths of U+0020 to U+007E, then U+00A0 to U+00FF, in thousandths of the size: Adobe's font
/// metrics of Helvetica.
const PLAIN_WIDTHS: [u16; 191] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278,
    278, // space to /
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // 0 to ?
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // @ to O
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // P to _
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // ` to o
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, // p to ~
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333, // U+00A0
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611, // U+00B0
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, // U+00C0
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611, // U+00D0
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278, // U+00E0
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500, // U+00F0
];

/// As `PLAIN_WIDTHS`, of Helvetica-Bold.
const BOLD_WIDTHS: [u16; 191] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278,
    278, // space to /
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, // 0 to ?
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, // @ to O
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, // P to _
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, // ` to o
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, // p to ~
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333, // U+00A0
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611, // U+00B0
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, // U+00C0
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611, // U+00D0
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278, // U+00E0
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556, // U+00F0
];

/// The letter's code in WinAnsiEncoding, which is Latin-1 there, and its place in the widths.
fn latin(letter: char) -> Option<(u8, usize)> {
    let code = u8::try_from(u32::from(letter)).ok()?;
    match code {
        0x20..=0x7e => Some((code, usize::from(code - 0x20))),
        0xa0..=0xff => Some((code, usize::from(code - 0xa0) + 95)),
        _ => None,
    }
}

/// What is drawn for a letter: nothing moves the pen but letters.
fn drawn(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

/// Width of a text, in points.
pub(super) fn width(text: &str, size: f32, is_bold: bool) -> f32 {
    let widths = if is_bold { &BOLD_WIDTHS } else { &PLAIN_WIDTHS };
    let of = |letter| match latin(drawn(letter)) {
        Some((_, place)) => widths.get(place).copied().unwrap_or(FULL),
        None => FULL,
    };
    let thousandths: u32 = text.chars().map(of).map(u32::from).sum();
    // exact up to 16 million
    #[expect(clippy::cast_precision_loss)]
    let thousandths = thousandths as f32;
    thousandths * size / 1_000.0
}

/// A text in runs of one font each.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    for letter in text.chars().map(drawn) {
        let mut units = [0; 2];
        match (latin(letter), runs.last_mut()) {
            (Some((code, _)), Some(Run::Latin(run))) => run.push(code),
            (Some((code, _)), _) => runs.push(Run::Latin(vec![code])),
            (None, last) => {
                let bytes = letter.encode_utf16(&mut units).iter();
                let bytes = bytes.flat_map(|unit| unit.to_be_bytes());
                match last {
                    Some(Run::Chinese(run)) => run.extend(bytes),
                    _ => runs.push(Run::Chinese(bytes.collect())),
                }
            }
        }
    }
    runs
}

/// Shows a text where the content's text position is.
pub(super) fn show(content: &mut Content, text: &str, size: f32, is_bold: bool) {
    for run in runs(text) {
        match run {
            Run::Latin(bytes) => {
                let font = if is_bold { BOLD } else { PLAIN };
                content.set_font(font, size).show(Str(&bytes));
            }
            Run::Chinese(bytes) => {
                content.set_font(CHINESE, size);
                if is_bold {
                    // the font has no bold cut: its outlines are drawn too
                    content.set_line_width(size / 30.0);
                    content
                        .set_text_rendering_mode(pdf_writer::types::TextRenderingMode::FillStroke);
                }
                content.show(Str(&bytes));
                content.set_text_rendering_mode(pdf_writer::types::TextRenderingMode::Fill);
            }
        }
    }
}
