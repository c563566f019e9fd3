//! Paper: pages of text, tables and filled rectangles, as PDF 1.7.
//!
//! `Document` takes `Page`s, on which things are put at points from the upper left corner; `Sheet`
//! lays headings, lines and tables out on as many pages as they need and numbers them. No font is
//! in the file: Latin letters are Helvetica, one of the fourteen that every reader has, and the
//! rest is `STSong-Light` with a predefined CMap (ISO 32000-1, 9.7.5.2), for which readers have a
//! Chinese font or take the system's. Deliberately not here: pictures, colours, compression.

mod document;
mod font;
mod page;
mod sheet;

pub use document::Document;
pub use page::{Align, Page, Style};
pub use sheet::{Column, Sheet, Table};

#[cfg(test)]
mod tests;
