//! A customer's signature: what a pen drew on a pad.
//!
//! It is kept with the payment as one SVG path, made here from the points that came, so that
//! nothing but numbers reaches a page.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::timestamp::Timestamp;

/// Strokes as they come: each a list of x and y, from the upper left corner of the pad.
pub type Strokes = Vec<Vec<[u16; 2]>>;

/// Points that one signature can have; a pad that samples at 100 Hz gives as many in 20 s.
pub const POINTS_MAX: usize = 2_000;
/// The sides that a pad can have, in its own units.
const SIDE_MAX: u16 = 10_000;

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawing {
    /// The pad's size in the units of the path.
    pub width: u16,
    pub height: u16,
    /// SVG path data (SVG 2, 9.3): a move and lines for each stroke.
    pub path: String,
}

/// A signature that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub at: Timestamp,
    pub drawing: Drawing,
}

/// Why what was drawn is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DrawingRefused {
    #[error("the pad's width and height must be 1 to {SIDE_MAX}")]
    Size,
    #[error("nothing was drawn")]
    Empty,
    #[error("a signature has at most {POINTS_MAX} points")]
    TooMuch,
    #[error("a point lies outside of the pad")]
    Outside,
}

impl Drawing {
    /// # Errors
    /// What was drawn can't be a signature.
    pub fn new(width: u16, height: u16, strokes: &Strokes) -> Result<Self, DrawingRefused> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(DrawingRefused::Size);
        }
        let points = strokes.iter().map(Vec::len).sum::<usize>();
        // a tap of the finger is none
        if points < 2 {
            return Err(DrawingRefused::Empty);
        }
        if points > POINTS_MAX {
            return Err(DrawingRefused::TooMuch);
        }
        let mut path = String::new();
        for stroke in strokes {
            for (n, [x, y]) in stroke.iter().enumerate() {
                if *x > width || *y > height {
                    return Err(DrawingRefused::Outside);
                }
                let pen = if n == 0 { 'M' } else { 'L' };
                // writing to a String can't fail
                let _ = write!(path, "{pen}{x} {y}");
            }
        }
        Ok(Self {
            width,
            height,
            path,
        })
    }

    /// A picture of it.
    pub fn svg(&self) -> String {
        let Self {
            width,
            height,
            path,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\
             <path d=\"{path}\" fill=\"none\" stroke=\"#000\" stroke-width=\"{}\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>",
            (width / 150).max(1)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strokes_become_a_path() {
        let strokes = vec![vec![[1, 2], [30, 40]], vec![[5, 6], [7, 8], [9, 10]]];
        let drawing = Drawing::new(300, 100, &strokes).unwrap();
        assert_eq!(drawing.path, "M1 2L30 40M5 6L7 8L9 10");
        assert!(drawing.svg().contains("viewBox=\"0 0 300 100\""));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let of = |width, height, strokes: &Strokes| Drawing::new(width, height, strokes).err();
        let line = vec![vec![[0, 0], [1, 1]]];
        assert_eq!(of(300, 100, &line), None);
        assert_eq!(of(0, 100, &line), Some(DrawingRefused::Size));
        assert_eq!(of(300, SIDE_MAX + 1, &line), Some(DrawingRefused::Size));
        assert_eq!(of(300, 100, &vec![]), Some(DrawingRefused::Empty));
        let tap = vec![vec![[3, 3]]];
        assert_eq!(of(300, 100, &tap), Some(DrawingRefused::Empty));
        let far = vec![vec![[3, 3], [301, 3]]];
        assert_eq!(of(300, 100, &far), Some(DrawingRefused::Outside));
        let scribble = vec![vec![[1, 1]; POINTS_MAX + 1]];
        assert_eq!(of(300, 100, &scribble), Some(DrawingRefused::TooMuch));
    }

    proptest! {
        #[test]
        fn a_path_is_made_of_numbers_alone(
            strokes in prop::collection::vec(prop::collection::vec(any::<[u16; 2]>(), 0..20), 0..9),
            width: u16,
            height: u16,
        ) {
            if let Ok(drawing) = Drawing::new(width, height, &strokes) {
                let is_path = |c: char| c.is_ascii_digit() || matches!(c, 'M' | 'L' | ' ');
                prop_assert!(drawing.path.chars().all(is_path));
                let points = drawing.path.matches(['M', 'L']).count();
                prop_assert_eq!(points, strokes.iter().map(Vec::len).sum::<usize>());
            }
        }
    }
}
