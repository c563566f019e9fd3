//! QR codes as pictures: drawn for screens and paper, read from what a camera took.
//!
//! Drawing is quick and done where it is asked. Reading is not: libraries that look for codes are
//! slow on large pictures and known to panic on some, so it happens on other threads, bounded in
//! number, size and time. What the text of a code means is not decided here.

pub mod decode;
mod glyphs;
pub mod render;
pub mod sheet;

pub use decode::{PictureError, PictureLimits, PictureReader};
pub use render::{Correction, QrStyle, RenderError, png, svg};

#[cfg(test)]
mod tests;
