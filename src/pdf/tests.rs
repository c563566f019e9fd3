//! Which font has which letters, how wide they are, and that any text becomes a file. What readers
//! make of the files is judged in `tests/store/pdf.rs`.

use proptest::prelude::*;

use super::{Column, Document, Page, Sheet, Style, Table, font};

#[test]
fn letters_go_to_the_font_that_has_them() {
    let runs = font::runs("¥12 元 é\t交易");
    assert_eq!(
        runs,
        [
            font::Run::Latin(b"\xa512 ".to_vec()),
            font::Run::Chinese(vec![0x51, 0x43]),
            font::Run::Latin(b" \xe9 ".to_vec()),
            font::Run::Chinese(vec![0x4e, 0xa4, 0x66, 0x13]),
        ]
    );
}

#[test]
fn a_letter_beyond_the_first_plane_is_two_units() {
    assert_eq!(
        font::runs("𠮷"),
        [font::Run::Chinese(vec![0xd8, 0x42, 0xdf, 0xb7])]
    );
}

#[test]
fn widths_are_the_metrics_sums() {
    let ten = Style::plain(10.0);
    assert_eq!(ten.width("0.00"), 10.0 * (3.0 * 0.556 + 0.278));
    assert_eq!(ten.width("交易"), 20.0);
    assert_eq!(Style::bold(10.0).width("A"), 7.22);
}

#[test]
fn a_document_without_pages_has_an_empty_one() {
    let file = Document::new("nothing").finish();
    assert!(file.starts_with(b"%PDF-1.7"));
    assert!(file.windows(8).any(|part| part == b"/Count 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a till or a bill says, there is a file.
    #[test]
    fn any_text_can_be_laid_out(cells in proptest::collection::vec(".{0,200}", 1..40), columns in 1usize..14) {
        let mut sheet = Sheet::new("t", "f");
        let columns = (0..columns).map(|nth| Column { heading: cells[0].clone(), align: if nth == 0 {
            super::Align::Left } else { super::Align::Right } }).collect::<Vec<_>>();
        let rows = cells.chunks(columns.len()).map(<[String]>::to_vec).collect();
        sheet.line(cells.concat());
        sheet.table(Table { columns, rows, sums: 1 });
        let file = sheet.finish();
        prop_assert!(file.ends_with(b"%%EOF"));
    }
}

#[test]
fn a_receipt_is_as_wide_as_its_roll() {
    let page = Page::of_mm(58.0, 100.0);
    assert!((page.width() - 164.4).abs() < 0.1);
}
