//! The sheet of a counter's printed QRs: whose counter it is, who can scan which code, and each
//! sticker's label in letters beside it, so that a person can compare it, too.
//!
//! As SVG and PDF its words are in Chinese and English and drawn by whoever prints it; as PNG they
//! are in a small alphabet of the program's own, capital letters and digits.

use std::fmt::Write as _;
use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode};

use super::{RenderError, glyphs};
use crate::pdf::{Align, Document, Page, Style};

/// Millimetres of an A5 sheet's width, and of what stands on it.
const WIDTH: u32 = 148;
const QR_SIDE: u32 = 90;
const HEAD: u32 = 36;
const ROW: u32 = QR_SIDE + 36;
/// Pixels of one millimetre: 254 dots per inch.
const PNG_SCALE: u32 = 10;
const QUIET_ZONE: usize = 4;

/// One counter's sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub store: String,
    pub counter: String,
    pub codes: Vec<SheetCode>,
}

#[derive(Clone, Debug)]
pub struct SheetCode {
    /// What the QR says.
    pub text: String,
    pub label: String,
    /// `alipay`, …
    pub schemes: Vec<String>,
}

/// A code's modules, quiet zone included: true is dark.
pub struct Modules {
    pub side: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// With room for wear: a quarter of it may be dirty or scratched.
    ///
    /// # Errors
    /// The text is too long for a code.
    pub fn of(text: &str) -> Result<Self, RenderError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::Q);
        let code = code.map_err(RenderError::TooLong)?;
        let (width, colors) = (code.width(), code.to_colors());
        let side = width + 2 * QUIET_ZONE;
        let at = |n: usize| n.checked_sub(QUIET_ZONE).filter(|n| *n < width);
        let is_dark = |n: usize| {
            let (x, y) = (at(n % side), at(n / side));
            let color = x.zip(y).and_then(|(x, y)| colors.get(y * width + x));
            color == Some(&Color::Dark)
        };
        Ok(Self {
            side,
            dark: (0..side * side).map(is_dark).collect(),
        })
    }

    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        let at = y.checked_mul(self.side).and_then(|row| row.checked_add(x));
        x < self.side && at.is_some_and(|at| self.dark.get(at) == Some(&true))
    }

    /// Runs of dark modules: column, row, length.
    pub fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for y in 0..self.side {
            let mut x = 0;
            while x < self.side {
                let length = (x..self.side).take_while(|x| self.is_dark(*x, y)).count();
                if length > 0 {
                    runs.push((x, y, length));
                }
                x += length.max(1);
            }
        }
        runs
    }
}

/// Whose wallets scan it, in both languages.
pub fn scheme_words(schemes: &[String]) -> (String, String) {
    let named = |scheme: &String| match scheme.as_str() {
        "alipay" => Some(("支付宝", "Alipay")),
        "wechat_pay" => Some(("微信支付", "WeChat Pay")),
        "union_pay" => Some(("云闪付", "UnionPay")),
        _ => None,
    };
    let named: Vec<(&str, &str)> = schemes.iter().filter_map(named).collect();
    let (zh, en): (Vec<&str>, Vec<&str>) = named.into_iter().unzip();
    (zh.join(" "), en.join(" / "))
}

/// Where each code's part of the sheet begins.
fn tops() -> impl Iterator<Item = u32> {
    (0..).map(|nth: u32| HEAD.saturating_add(nth.saturating_mul(ROW)))
}

fn height(sheet: &Sheet) -> u32 {
    let rows = u32::try_from(sheet.codes.len()).unwrap_or(u32::MAX);
    HEAD.saturating_add(ROW.saturating_mul(rows))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// The sheet as an SVG document, in millimetres.
///
/// # Errors
/// A text is too long for a code.
pub fn svg(sheet: &Sheet) -> Result<String, RenderError> {
    let height = height(sheet);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
         width=\"{WIDTH}mm\" height=\"{height}mm\" viewBox=\"0 0 {WIDTH} {height}\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut text = |y: u32, size: u32, words: &str| {
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{y}\" font-family=\"sans-serif\" font-size=\"{size}\" \
             text-anchor=\"middle\">{}</text>",
            WIDTH / 2,
            escaped(words)
        );
    };
    text(14, 8, &sheet.store);
    text(28, 10, &format!("柜台 Counter {}", sheet.counter));
    for (code, top) in sheet.codes.iter().zip(tops()) {
        let (zh, en) = scheme_words(&code.schemes);
        text(top + 8, 7, &zh);
        text(top + 14, 5, &en);
        text(top + QR_SIDE + 24, 5, &code.label);
    }
    for (code, top) in sheet.codes.iter().zip(tops()) {
        let modules = Modules::of(&code.text)?;
        let (left, top) = ((WIDTH - QR_SIDE) / 2, top + 17);
        let _ = writeln!(
            out,
            "<svg x=\"{left}\" y=\"{top}\" width=\"{QR_SIDE}\" height=\"{QR_SIDE}\" \
             viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><path d=\"{}\"/></svg>",
            path(&modules),
            side = modules.side,
        );
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn path(modules: &Modules) -> String {
    let mut path = String::new();
    for (x, y, length) in modules.runs() {
        let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
    }
    path
}

/// The sheet as a grey PNG of 254 dots per inch.
///
/// # Errors
/// A text is too long for a code, or the picture can't be written.
pub fn png(sheet: &Sheet) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (WIDTH * PNG_SCALE, height(sheet).saturating_mul(PNG_SCALE));
    let mut picture = GrayImage::from_pixel(width, height, Luma([255]));
    let mut text = |y: u32, words: &str| glyphs::centred(&mut picture, y * PNG_SCALE, 6, words);
    text(8, &sheet.store);
    text(20, &format!("COUNTER {}", sheet.counter));
    for (code, top) in sheet.codes.iter().zip(tops()) {
        text(top + 6, &scheme_words(&code.schemes).1);
        text(top + QR_SIDE + 20, &code.label);
    }
    for (code, top) in sheet.codes.iter().zip(tops()) {
        let modules = Modules::of(&code.text)?;
        // whole pixels for each module, or cameras see stripes
        let side = u32::try_from(modules.side).unwrap_or(u32::MAX);
        let module_px = (QR_SIDE * PNG_SCALE / side).max(1);
        let left = (width.saturating_sub(side * module_px)) / 2;
        let top = (top + 17) * PNG_SCALE;
        for (x, y, length) in modules.runs() {
            let of = |n: usize| u32::try_from(n).unwrap_or(0) * module_px;
            let (x, y, length) = (left + of(x), top + of(y), of(length));
            glyphs::fill(&mut picture, (x, y), (length, module_px));
        }
    }
    let mut out = Cursor::new(Vec::new());
    picture
        .write_to(&mut out, ImageFormat::Png)
        .map_err(RenderError::Png)?;
    Ok(out.into_inner())
}

/// The sheet as a PDF of one page, as large as it is.
///
/// # Errors
/// A text is too long for a code.
pub fn pdf(sheet: &Sheet) -> Result<Vec<u8>, RenderError> {
    let mut page = Page::of_mm(WIDTH as f32, height(sheet) as f32);
    // of a millimetre, in points
    let unit = page.width() / WIDTH as f32;
    let middle = page.width() / 2.0;
    let mut text = |y: u32, size: u32, words: &str| {
        let style = Style::plain(size as f32 * unit).aligned(Align::Centre);
        page.text(middle, y as f32 * unit, style, words);
    };
    text(14, 8, &sheet.store);
    text(28, 10, &format!("柜台 Counter {}", sheet.counter));
    for (code, top) in sheet.codes.iter().zip(tops()) {
        let (zh, en) = scheme_words(&code.schemes);
        text(top + 8, 7, &zh);
        text(top + 14, 5, &en);
        text(top + QR_SIDE + 24, 5, &code.label);
    }
    for (code, top) in sheet.codes.iter().zip(tops()) {
        let modules = Modules::of(&code.text)?;
        let module = QR_SIDE as f32 * unit / modules.side as f32;
        let left = (WIDTH - QR_SIDE) as f32 / 2.0 * unit;
        let top = (top + 17) as f32 * unit;
        for (x, y, length) in modules.runs() {
            let place = (left + x as f32 * module, top + y as f32 * module);
            page.rect(place.0, place.1, length as f32 * module, module);
        }
    }
    let mut document = Document::new(format!("{} {}", sheet.store, sheet.counter));
    document.add(page);
    Ok(document.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet {
            store: "Demo <store>".to_owned(),
            counter: "01".to_owned(),
            codes: vec![
                SheetCode {
                    text: "https://qr.example/?l=01-AAAAAAAA".to_owned(),
                    label: "01-AAAAAAAA".to_owned(),
                    schemes: vec!["alipay".to_owned()],
                },
                SheetCode {
                    text: "https://qr.example/?l=01-BBBBBBBB".to_owned(),
                    label: "01-BBBBBBBB".to_owned(),
                    schemes: vec!["wechat_pay".to_owned()],
                },
            ],
        }
    }

    #[test]
    fn an_svg_sheet_says_whose_counter_and_who_can_scan() {
        let svg = svg(&sheet()).unwrap();
        for said in [
            "Demo &lt;store&gt;",
            "柜台 Counter 01",
            "支付宝",
            "WeChat Pay",
            "01-AAAAAAAA",
        ] {
            assert!(svg.contains(said), "{said} in {svg}");
        }
        assert_eq!(svg.matches("<path").count(), 2);
    }

    #[tokio::test]
    async fn both_codes_of_a_png_sheet_are_read_again() {
        let picture = png(&sheet()).unwrap();
        let reader = crate::adapters::picture::PictureReader::new(
            crate::adapters::picture::PictureLimits::default(),
        );
        let mut read = reader.read(picture.into()).await.unwrap();
        read.sort();
        let texts: Vec<String> = sheet().codes.into_iter().map(|code| code.text).collect();
        assert_eq!(read, texts);
    }
}
