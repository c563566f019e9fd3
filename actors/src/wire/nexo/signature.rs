//! CapturedSignature of the nexo Retailer protocol: what a terminal drew, as the
//! `AdditionalResponse` of an answer to `GetSignature` carries it, plain or in base64.
//!
//! Coordinates are hexadecimal numbers from the upper left corner; a point at FFFF/FFFF lifts the
//! pen.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::signature::{Drawing, DrawingRefused, Strokes};

const PEN_UP: &str = "FFFF";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapturedSignature {
    pub area_size: Point,
    pub signature_point: Vec<Point>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Point {
    pub x: String,
    pub y: String,
}

/// Why a terminal's answer holds no signature.
#[derive(Debug, Error)]
pub enum SignatureUnread {
    #[error("no CapturedSignature: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a coordinate is no hexadecimal number up to FFFF")]
    Coordinate,
    #[error(transparent)]
    Drawing(#[from] DrawingRefused),
}

impl CapturedSignature {
    /// Reads what a terminal sent.
    ///
    /// # Errors
    /// It is in another form, or no signature.
    pub fn read(text: &str) -> Result<Drawing, SignatureUnread> {
        let decoded = STANDARD.decode(text.trim()).ok();
        let bytes = decoded.as_deref().unwrap_or(text.as_bytes());
        let captured: Self = serde_json::from_slice(bytes)?;
        let mut strokes: Strokes = vec![Vec::new()];
        for point in &captured.signature_point {
            let lifts = |side: &str| side.eq_ignore_ascii_case(PEN_UP);
            if lifts(&point.x) && lifts(&point.y) {
                strokes.push(Vec::new());
            } else if let Some(stroke) = strokes.last_mut() {
                stroke.push(point.read()?);
            }
        }
        let [width, height] = captured.area_size.read()?;
        Ok(Drawing::new(width, height, &strokes)?)
    }
}

impl Point {
    pub fn at(x: u16, y: u16) -> Self {
        let hex = |side: u16| format!("{side:04X}");
        Self {
            x: hex(x),
            y: hex(y),
        }
    }

    fn read(&self) -> Result<[u16; 2], SignatureUnread> {
        let side = |text: &str| u16::from_str_radix(text, 16).ok();
        match (side(&self.x), side(&self.y)) {
            (Some(x), Some(y)) => Ok([x, y]),
            _ => Err(SignatureUnread::Coordinate),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DRAWN: &str = r#"{"AreaSize":{"X":"012C","Y":"0064"},"SignaturePoint":[
        {"X":"0001","Y":"0002"},{"X":"001e","Y":"0028"},{"X":"FFFF","Y":"FFFF"},
        {"X":"5","Y":"6"},{"X":"7","Y":"8"}]}"#;

    #[test]
    fn a_terminal_s_drawing_is_read_plain_and_in_base64() {
        let drawing = CapturedSignature::read(DRAWN).unwrap();
        assert_eq!((drawing.width, drawing.height), (300, 100));
        assert_eq!(drawing.path, "M1 2L30 40M5 6L7 8");
        assert_eq!(
            CapturedSignature::read(&STANDARD.encode(DRAWN)).unwrap(),
            drawing
        );
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for text in ["", "M0,0 L9,9", "{}", &DRAWN.replace("0028", "00g8")] {
            assert!(CapturedSignature::read(text).is_err(), "{text}");
        }
        let outside = DRAWN.replace("0028", "0065");
        assert!(matches!(
            CapturedSignature::read(&outside),
            Err(SignatureUnread::Drawing(DrawingRefused::Outside))
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = CapturedSignature::read(&text);
        }
    }
}
