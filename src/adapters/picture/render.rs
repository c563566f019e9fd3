//! Draws QR codes (ISO/IEC 18004) as SVG and PNG, dark on light, with the quiet zone of four
//! modules that the standard asks for.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode, render::svg as svg_render};

/// Modules of light around the code (ISO/IEC 18004, 6.3.8).
const QUIET_ZONE: u32 = 4;
/// Pixels of the picture's side at most.
const MAX_SIDE_PX: u32 = 4096;

/// Why a code was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the text does not fit into a QR code")]
    TooLong(#[source] qrcode::types::QrError),
    #[error("the picture would be {side_px} pixels wide, more than {MAX_SIDE_PX}, or empty")]
    BadSize { side_px: u32 },
    #[error("the PNG could not be written")]
    Png(#[source] image::ImageError),
}

/// How much of a code may be dirty or covered and still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// 7 %: the coarsest modules, for clean screens with few pixels.
    Low,
    /// 15 %: the usual choice for screens.
    Medium,
    /// 25 %: for paper.
    Quartile,
    /// 30 %: for paper that is folded or carries a logo.
    High,
}

/// What the picture looks like.
#[derive(Debug, Clone, Copy)]
pub struct QrStyle {
    /// Pixels of a module's side, from 1. Cameras want 3 or more.
    pub module_px: u32,
    pub correction: Correction,
}

impl Default for QrStyle {
    fn default() -> Self {
        Self {
            module_px: 8,
            correction: Correction::Medium,
        }
    }
}

fn code(text: &str, style: &QrStyle) -> Result<(QrCode, u32), RenderError> {
    let level = match style.correction {
        Correction::Low => EcLevel::L,
        Correction::Medium => EcLevel::M,
        Correction::Quartile => EcLevel::Q,
        Correction::High => EcLevel::H,
    };
    let code = QrCode::with_error_correction_level(text, level).map_err(RenderError::TooLong)?;
    let modules = u32::try_from(code.width())
        .unwrap_or(u32::MAX)
        .saturating_add(2 * QUIET_ZONE);
    let side_px = modules.saturating_mul(style.module_px);
    if (1..=MAX_SIDE_PX).contains(&side_px) {
        Ok((code, side_px))
    } else {
        Err(RenderError::BadSize { side_px })
    }
}

/// The code as an SVG document.
///
/// # Errors
/// [`RenderError`] when the text does not fit a code, or the code not the picture.
pub fn svg(text: &str, style: &QrStyle) -> Result<String, RenderError> {
    let (code, _) = code(text, style)?;
    Ok(code
        .render::<svg_render::Color<'_>>()
        .quiet_zone(true)
        .module_dimensions(style.module_px, style.module_px)
        .dark_color(svg_render::Color("#000000"))
        .light_color(svg_render::Color("#ffffff"))
        .build())
}

/// The code as a grey PNG.
///
/// # Errors
/// As [`svg`].
pub fn png(text: &str, style: &QrStyle) -> Result<Vec<u8>, RenderError> {
    let (code, side_px) = code(text, style)?;
    let (width, colors) = (code.width(), code.to_colors());
    let module = |px: u32| usize::try_from((px / style.module_px).checked_sub(QUIET_ZONE)?).ok();
    let picture = GrayImage::from_fn(side_px, side_px, |x, y| {
        let at = module(x).zip(module(y)).filter(|(x, _)| *x < width);
        match at.and_then(|(x, y)| colors.get(y * width + x)) {
            Some(Color::Dark) => Luma([0]),
            _ => Luma([255]),
        }
    });
    let mut out = Cursor::new(Vec::new());
    picture
        .write_to(&mut out, ImageFormat::Png)
        .map_err(RenderError::Png)?;
    Ok(out.into_inner())
}
