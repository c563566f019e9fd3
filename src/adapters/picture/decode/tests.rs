//! Both decoders on what is drawn here, and pictures that are bombs, torn, slow or none at all.

use image::{ImageBuffer, Luma, Rgb};

use super::*;
use crate::adapters::picture::{Correction, QrStyle, png};

const CODE: &str = "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=";

fn drawn(text: &str) -> GrayImage {
    let style = QrStyle {
        module_px: 4,
        correction: Correction::Medium,
    };
    image::load_from_memory(&png(text, &style).unwrap())
        .unwrap()
        .into_luma8()
}

fn packed(picture: &image::DynamicImage, format: ImageFormat) -> Bytes {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner().into()
}

async fn read(picture: impl Into<Bytes>) -> Result<Vec<String>, PictureError> {
    PictureReader::new(PictureLimits::default())
        .read(picture.into())
        .await
}

#[test]
fn each_decoder_reads_what_is_drawn() {
    for text in [CODE, "28763443825664394", "最佳运输", &"x".repeat(300)] {
        let picture = drawn(text);
        assert_eq!(with_rqrr(&picture), Some(vec![text.to_owned()]), "rqrr");
        assert_eq!(with_rxing(&picture), Some(vec![text.to_owned()]), "rxing");
    }
}

#[tokio::test]
async fn jpeg_and_colour_pictures_are_read() {
    let code = drawn(CODE);
    let colour = image::DynamicImage::ImageRgb8(ImageBuffer::from_fn(400, 400, |x, y| {
        let grey = code.get_pixel_checked(x.wrapping_sub(60), y.wrapping_sub(90));
        grey.map_or(Rgb([90, 130, 160]), |grey| {
            Rgb([grey.0[0] / 2 + 40, grey.0[0] / 2, 60])
        })
    }));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        assert_eq!(
            read(packed(&colour, format)).await.unwrap(),
            [CODE],
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn all_codes_of_a_picture_are_read_each_once() {
    let (one, two) = (drawn("120061098828009406"), drawn("28763443825664394"));
    let mut sheet = GrayImage::from_pixel(700, 300, Luma([255]));
    for (at, code) in [(10, &one), (230, &two), (450, &one)] {
        image::imageops::overlay(&mut sheet, code, at, 20);
    }
    let mut texts = read(packed(&sheet.into(), ImageFormat::Png)).await.unwrap();
    texts.sort();
    assert_eq!(texts, ["120061098828009406", "28763443825664394"]);
}

#[tokio::test]
async fn what_is_no_picture_is_told_apart_from_a_picture_without_code() {
    assert!(matches!(
        read(Bytes::new()).await,
        Err(PictureError::NotAPicture)
    ));
    assert!(matches!(
        read("hello").await,
        Err(PictureError::NotAPicture)
    ));
    assert!(matches!(
        read("GIF89a......").await,
        Err(PictureError::NotAPicture)
    ));
    let blank = GrayImage::from_pixel(200, 200, Luma([255]));
    let blank = packed(&blank.into(), ImageFormat::Png);
    assert!(matches!(read(blank).await, Err(PictureError::NoCode)));
}

#[tokio::test]
async fn a_picture_cut_at_any_place_is_damaged_or_holds_no_code() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = packed(&drawn(CODE).into(), format);
        for end in (8..whole.len() * 3 / 4).step_by(whole.len() / 12) {
            let answer = read(whole.slice(..end)).await;
            let expected = matches!(answer, Err(PictureError::Damaged(_) | PictureError::NoCode));
            assert!(expected, "{format:?} cut at {end}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_small_file_that_unpacks_to_a_huge_picture_is_refused_by_its_header() {
    let huge = GrayImage::from_pixel(6000, 6000, Luma([255]));
    let bomb = packed(&huge.into(), ImageFormat::Png);
    assert!(bomb.len() < 200_000, "{} bytes", bomb.len());
    assert!(matches!(
        read(bomb).await,
        Err(PictureError::TooLarge { .. })
    ));
    let long = Bytes::from(vec![0; PictureLimits::default().max_bytes + 1]);
    assert!(matches!(
        read(long).await,
        Err(PictureError::TooLarge { .. })
    ));
}

#[tokio::test]
async fn a_decoder_that_panics_costs_only_its_picture() {
    let reader = PictureReader::new(PictureLimits {
        max_readers: 1,
        ..Default::default()
    });
    let limit = Duration::from_secs(60);
    let answer = reader.run::<()>(limit, |_| panic!("as rqrr does")).await;
    assert!(matches!(answer, Err(PictureError::NoCode)));
    let code = packed(&drawn(CODE).into(), ImageFormat::Png);
    assert_eq!(reader.read(code).await.unwrap(), [CODE]);
}

#[tokio::test]
async fn a_slow_picture_is_answered_in_time_and_keeps_its_place_until_it_ends() {
    let reader = PictureReader::new(PictureLimits {
        max_readers: 1,
        ..Default::default()
    });
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let limit = Duration::from_millis(20);
    let slow = reader.run(limit, move |_| Ok(ended.recv().is_ok())).await;
    assert!(matches!(slow, Err(PictureError::TimedOut)));
    let second = reader.run(limit, |_| Ok(())).await;
    assert!(matches!(second, Err(PictureError::Busy)));
    end.send(()).unwrap();
    let third = reader.run(Duration::from_secs(60), |given_up| {
        Ok(given_up.load(Ordering::Relaxed))
    });
    assert!(matches!(third.await, Ok(false)));
}
