//! What is drawn here, read by a program that nobody here wrote: `zbarimg` (Debian: zbar-tools).

use std::{io::Write as _, path::Path, process::Command, time::Duration};

use proptest::prelude::*;

use super::*;

const MERCHANT_QR: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D1560000000103081234\
                           567852044111 5802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京";

/// The text that zbarimg sees in a picture file.
fn zbarimg(picture: &Path) -> String {
    let output = Command::new("zbarimg")
        .args([
            "--quiet",
            "--raw",
            "--oneshot",
            "-Sdisable",
            "-Sqrcode.enable",
        ])
        .arg(picture)
        .output()
        .expect("zbarimg is missing: install zbar-tools, as `make test` does");
    assert!(
        output.status.success(),
        "zbarimg: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end_matches('\n')
        .to_owned()
}

fn file(suffix: &str, content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn another_programs_eye_reads_the_png_at_every_correction_level() {
    use Correction::{High, Low, Medium, Quartile};
    for correction in [Low, Medium, Quartile, High] {
        for (module_px, text) in [
            (3, "28763443825664394"),
            (8, "weixin://wxpay/bizpayurl?pr=1"),
        ] {
            let style = QrStyle {
                module_px,
                correction,
            };
            let picture = file(".png", &png(text, &style).unwrap());
            assert_eq!(zbarimg(picture.path()), text, "{style:?}");
        }
    }
}

#[test]
fn another_programs_eye_reads_chinese_in_the_png() {
    let picture = file(".png", &png(MERCHANT_QR, &QrStyle::default()).unwrap());
    assert_eq!(zbarimg(picture.path()), MERCHANT_QR);
}

/// The rectangles of the SVG painted on a plain bitmap (PGM), which zbarimg takes.
fn paint(svg: &str) -> Vec<u8> {
    let number = |text: &str, name: &str| -> usize {
        let from = text.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        text[from..].split('"').next().unwrap().parse().unwrap()
    };
    let side = number(svg, " width");
    let mut pixels = vec![255_u8; side * side];
    let path = svg
        .split(" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for rectangle in path.split('M').skip(1) {
        // "x yh<width>v<height>H<x>V<y>"
        let numbers: Vec<usize> = rectangle
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty())
            .map(|digits| digits.parse().unwrap())
            .collect();
        let [x, y, width, height, ..] = numbers[..] else {
            panic!("{rectangle}")
        };
        for row in y..y + height {
            pixels[row * side + x..row * side + x + width].fill(0);
        }
    }
    let mut pgm = format!("P5 {side} {side} 255\n").into_bytes();
    pgm.extend(pixels);
    pgm
}

#[test]
fn another_programs_eye_reads_the_svg() {
    let drawing = svg(MERCHANT_QR, &QrStyle::default()).unwrap();
    let picture = file(".pgm", &paint(&drawing));
    assert_eq!(zbarimg(picture.path()), MERCHANT_QR);
}

#[test]
fn a_quiet_zone_of_four_modules_surrounds_the_code() {
    let style = QrStyle {
        module_px: 5,
        correction: Correction::Low,
    };
    let picture = image::load_from_memory(&png("7", &style).unwrap())
        .unwrap()
        .into_luma8();
    assert_eq!(picture.dimensions(), ((21 + 8) * 5, (21 + 8) * 5));
    let dark = |x, y| picture.get_pixel(x, y).0[0] == 0;
    assert!(dark(20, 20) && !dark(19, 20) && !dark(20, 19));
    assert!((0..145).all(|at| !dark(at, 10) && !dark(10, at) && !dark(at, 130) && !dark(130, at)));
}

#[test]
fn texts_and_sizes_beyond_a_code_are_refused() {
    let style = QrStyle::default();
    assert!(matches!(
        png(&"x".repeat(3000), &style),
        Err(RenderError::TooLong(_))
    ));
    for module_px in [0, 1000, u32::MAX] {
        let style = QrStyle { module_px, ..style };
        assert!(
            matches!(png("7", &style), Err(RenderError::BadSize { .. })),
            "{module_px}"
        );
        assert!(
            matches!(svg("7", &style), Err(RenderError::BadSize { .. })),
            "{module_px}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_code_that_is_drawn_is_read(text in "[0-9A-Za-z一-龥]{1,120}", module_px in 3..9_u32) {
        let picture = png(&text, &QrStyle { module_px, correction: Correction::Medium }).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limits = PictureLimits { timeout: Duration::from_secs(60), ..Default::default() };
        let texts = runtime.block_on(PictureReader::new(limits).read(picture.into()));
        prop_assert_eq!(texts.ok(), Some(vec![text]));
    }
}
