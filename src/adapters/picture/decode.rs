//! Reads QR codes from pictures that a camera took.
//!
//! `rqrr` is quick and finds most; it is tried at several sizes, then `rxing`, which finds more.
//! Both run on blocking threads under `catch_unwind`, because `rqrr` panics on some photographs
//! (its issue 54). When the time limit passes the caller is answered; the thread notices between
//! two attempts and keeps its place among the bounded number of readers until then, so that slow
//! pictures cannot take all threads. Sizes are checked before a picture is unpacked.

use std::{
    collections::HashSet,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use image::{
    GrayImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits,
    imageops::{FilterType, resize},
};
use rxing::{BarcodeFormat, DecodeHints};
use tokio::{sync::Semaphore, time::timeout};

/// Sizes at which `rqrr` looks, as numerator and denominator.
const SCALES: [(u32, u32); 4] = [(1, 1), (1, 2), (3, 2), (2, 1)];
/// Pixels above which enlarging is not tried: the modules are not too small then.
const MAX_ENLARGED: u64 = 4_000_000;
/// Codes taken from one picture at most.
const MAX_CODES: usize = 16;

/// Why no text came out of a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("this is neither a PNG nor a JPEG picture")]
    NotAPicture,
    #[error("the picture is damaged")]
    Damaged(#[source] ImageError),
    #[error("the picture is too large: at most {max_bytes} bytes and {max_pixels} pixels")]
    TooLarge { max_bytes: usize, max_pixels: u64 },
    #[error("no QR code was found in the picture")]
    NoCode,
    #[error("the picture took too long to read")]
    TimedOut,
    /// Too many pictures are being read: try again shortly.
    #[error("too many pictures are being read at once")]
    Busy,
}

/// Bounds on what one picture may cost.
#[derive(Debug, Clone, Copy)]
pub struct PictureLimits {
    /// Size of the file.
    pub max_bytes: usize,
    /// Width times height; memory is about five times as many bytes.
    pub max_pixels: u64,
    /// Pictures read at once; each takes a thread.
    pub max_readers: usize,
    /// Waiting for a place and reading together.
    pub timeout: Duration,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            max_bytes: 8 << 20,
            max_pixels: 24_000_000,
            max_readers: 2,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Reads pictures, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct PictureReader {
    limits: PictureLimits,
    places: Arc<Semaphore>,
}

impl PictureReader {
    pub fn new(limits: PictureLimits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.max_readers)),
        }
    }

    /// The texts of the QR codes in a PNG or JPEG picture, each once, at least one.
    ///
    /// # Errors
    /// [`PictureError`]; none of them is the fault of the program.
    pub async fn read(&self, picture: Bytes) -> Result<Vec<String>, PictureError> {
        let PictureLimits {
            max_bytes,
            max_pixels,
            timeout: limit,
            ..
        } = self.limits;
        if picture.len() > max_bytes {
            return Err(PictureError::TooLarge {
                max_bytes,
                max_pixels,
            });
        }
        let limits = self.limits;
        self.run(limit, move |given_up| {
            let grey = unpack(&picture, &limits)?;
            let texts = search(&grey, given_up);
            if texts.is_empty() {
                Err(PictureError::NoCode)
            } else {
                Ok(texts)
            }
        })
        .await
    }

    /// Runs `work` on another thread, with a place among the readers and a time limit.
    async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&AtomicBool) -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        let deadline = tokio::time::Instant::now() + limit;
        let place = timeout(limit, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(PictureError::Busy);
        };
        let given_up = Arc::new(AtomicBool::new(false));
        let notice = Arc::clone(&given_up);
        let task = tokio::task::spawn_blocking(move || {
            // the place is given back when the thread is done, not when the caller was answered
            let _place = place;
            catch_unwind(AssertUnwindSafe(|| work(&notice))).unwrap_or(Err(PictureError::NoCode))
        });
        let answer = tokio::time::timeout_at(deadline, task).await;
        given_up.store(true, Ordering::Relaxed);
        match answer {
            Ok(Ok(result)) => result,
            // the blocking thread cannot be joined: the program is ending
            Ok(Err(_)) | Err(_) => Err(PictureError::TimedOut),
        }
    }
}

/// Unpacks a picture into grey pixels, if its header keeps the limits.
fn unpack(bytes: &[u8], limits: &PictureLimits) -> Result<GrayImage, PictureError> {
    let PictureLimits {
        max_bytes,
        max_pixels,
        ..
    } = *limits;
    let too_large = || PictureError::TooLarge {
        max_bytes,
        max_pixels,
    };
    let explain = |error| match error {
        ImageError::Limits(_) => too_large(),
        error => PictureError::Damaged(error),
    };
    let format = image::guess_format(bytes).map_err(|_| PictureError::NotAPicture)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(PictureError::NotAPicture);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut memory = Limits::no_limits();
    // at most eight bytes a pixel (16-bit RGBA), and room for the decoder itself
    memory.max_alloc = Some(max_pixels.saturating_mul(8).saturating_add(4 << 20));
    reader.limits(memory);
    let decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(too_large());
    }
    image::DynamicImage::from_decoder(decoder)
        .map(|picture| picture.into_luma8())
        .map_err(explain)
}

/// Looks for codes until an attempt finds some or the caller has given up.
fn search(grey: &GrayImage, given_up: &AtomicBool) -> Vec<String> {
    let mut attempts = SCALES.into_iter().filter_map(|scale| scaled(grey, scale));
    let mut found = attempts.find_map(|picture| {
        if given_up.load(Ordering::Relaxed) {
            Some(Vec::new())
        } else {
            with_rqrr(&picture)
        }
    });
    if found.is_none() {
        found = with_rxing(grey);
    }
    let mut seen = HashSet::new();
    let mut texts = found.unwrap_or_default();
    texts.retain(|text| seen.insert(text.clone()));
    texts.truncate(MAX_CODES);
    texts
}

fn scaled(grey: &GrayImage, (numerator, denominator): (u32, u32)) -> Option<GrayImage> {
    let side = |px: u32| {
        px.checked_mul(numerator)
            .map(|px| (px / denominator).max(1))
    };
    let (width, height) = (side(grey.width())?, side(grey.height())?);
    let pixels = u64::from(width) * u64::from(height);
    match numerator == denominator {
        true => Some(grey.clone()),
        false if numerator > denominator && pixels > MAX_ENLARGED => None,
        false => Some(resize(grey, width, height, FilterType::Triangle)),
    }
}

fn with_rqrr(grey: &GrayImage) -> Option<Vec<String>> {
    let look = || {
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(
            usize::try_from(grey.width()).unwrap_or_default(),
            usize::try_from(grey.height()).unwrap_or_default(),
            |x, y| {
                let at = u32::try_from(x).ok().zip(u32::try_from(y).ok());
                at.and_then(|(x, y)| grey.get_pixel_checked(x, y))
                    .map_or(255, |pixel| pixel.0[0])
            },
        );
        let grids = picture.detect_grids();
        grids
            .iter()
            .filter_map(|grid| Some(grid.decode().ok()?.1))
            .collect::<Vec<_>>()
    };
    catch_unwind(AssertUnwindSafe(look))
        .ok()
        .filter(|texts| !texts.is_empty())
}

fn with_rxing(grey: &GrayImage) -> Option<Vec<String>> {
    let look = || {
        let mut hints = DecodeHints {
            PossibleFormats: Some(HashSet::from([BarcodeFormat::QR_CODE])),
            TryHarder: Some(true),
            ..DecodeHints::default()
        };
        let (width, height) = grey.dimensions();
        let pixels = grey.as_raw().clone();
        rxing::helpers::detect_multiple_in_luma_with_hints(pixels, width, height, &mut hints)
    };
    let found = catch_unwind(AssertUnwindSafe(look)).ok()?.ok()?;
    let texts = found.iter().map(|code| code.getText().to_owned());
    Some(texts.filter(|text| !text.is_empty()).collect())
}

#[cfg(test)]
mod tests;
