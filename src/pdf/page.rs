//! One page, and what is put on it.

use pdf_writer::Content;

use super::font;

/// Points in a millimetre.
const POINTS_PER_MM: f32 = 72.0 / 25.4;

/// To which side of its place a text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// It begins there.
    #[default]
    Left,
    Centre,
    /// It ends there.
    Right,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// In points.
    pub size: f32,
    pub is_bold: bool,
    pub align: Align,
}

impl Style {
    /// `size` in points.
    pub const fn plain(size: f32) -> Self {
        Self {
            size,
            is_bold: false,
            align: Align::Left,
        }
    }

    /// `size` in points.
    pub const fn bold(size: f32) -> Self {
        Self {
            is_bold: true,
            ..Self::plain(size)
        }
    }

    #[must_use]
    pub const fn aligned(self, align: Align) -> Self {
        Self { align, ..self }
    }

    /// Width of a text in this style, in points.
    pub fn width(self, text: &str) -> f32 {
        font::width(text, self.size, self.is_bold)
    }
}

/// A page. Places are points (1/72 inch) from its upper left corner, down and to the right.
pub struct Page {
    width: f32,
    height: f32,
    content: Content,
}

impl Page {
    /// Width and height in points.
    pub fn new(width: f32, height: f32) -> Self {
        Self {
            width,
            height,
            content: Content::new(),
        }
    }

    /// A4, upright.
    pub fn a4() -> Self {
        Self::of_mm(210.0, 297.0)
    }

    /// A4, lying.
    pub fn a4_landscape() -> Self {
        Self::of_mm(297.0, 210.0)
    }

    /// A piece of a receipt printer's roll, which is 58 or 80 mm wide.
    pub fn of_mm(width: f32, height: f32) -> Self {
        Self::new(width * POINTS_PER_MM, height * POINTS_PER_MM)
    }

    pub const fn width(&self) -> f32 {
        self.width
    }

    pub const fn height(&self) -> f32 {
        self.height
    }

    /// One line of text; `y` is that of its base line.
    pub fn text(&mut self, x: f32, y: f32, style: Style, text: &str) {
        let left = match style.align {
            Align::Left => x,
            Align::Centre => x - style.width(text) / 2.0,
            Align::Right => x - style.width(text),
        };
        self.content.begin_text();
        self.content.next_line(left, self.height - y);
        font::show(&mut self.content, text, style.size, style.is_bold);
        self.content.end_text();
    }

    /// A black rectangle; `x` and `y` are of its upper left corner.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32) {
        self.shade(x, y, width, height, 0.0);
    }

    /// A grey rectangle: `grey` from 0, black, to 1, white.
    pub fn shade(&mut self, x: f32, y: f32, width: f32, height: f32, grey: f32) {
        self.content
            .save_state()
            .set_fill_gray(grey)
            .rect(x, self.height - y - height, width, height)
            .fill_nonzero()
            .restore_state();
    }

    pub(super) fn finish(self) -> (f32, f32, Vec<u8>) {
        (self.width, self.height, self.content.finish().into_vec())
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Page({} x {} points)", self.width, self.height)
    }
}
