//! CSV for spreadsheets, which take a cell that begins like a formula for one and run it.

use std::{borrow::Cow, io};

use actix_web::HttpResponse;
use rust_decimal::Decimal;

/// How a formula begins, also in the wide letters of Chinese and Japanese keyboards.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Spreadsheet programs know by this mark at the beginning that the file is UTF-8.
pub(super) const MARK: &str = "\u{feff}";

/// Rows of text on their way to a spreadsheet.
pub(super) struct Spreadsheet<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Spreadsheet<W> {
    pub(super) fn new(to: W) -> Self {
        let csv = csv::WriterBuilder::new().flexible(true).from_writer(to);
        Self(csv)
    }

    pub(super) fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> csv::Result<()> {
        for cell in cells {
            self.0.write_field(harmless(cell).as_bytes())?;
        }
        self.0.write_record(None::<&[u8]>)
    }

    pub(super) fn finish(self) -> csv::Result<W> {
        self.0
            .into_inner()
            .map_err(|cause| cause.into_error().into())
    }
}

/// The cell as text, whatever a spreadsheet would make of it. A number stays one.
fn harmless(cell: &str) -> Cow<'_, str> {
    let is_formula = cell.starts_with(FORMULA) && cell.parse::<Decimal>().is_err();
    if is_formula {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// A file to keep, of this name and without its ending.
pub(super) fn download(name: &str, csv: Vec<u8>) -> HttpResponse {
    let name = format!("attachment; filename=\"{name}.csv\"");
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", name))
        .body(csv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text_and_a_number_stays_one() {
        let mut csv = Spreadsheet::new(Vec::new());
        let cells = [
            "=1+1", "+cmd|x", "-12.50", "-x", "@SUM(A1)", "＝1", "\tx", "=\"a\",b", "12.50", "纸",
        ];
        csv.row(cells).unwrap();
        let text = String::from_utf8(csv.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "'=1+1,'+cmd|x,-12.50,'-x,'@SUM(A1),'＝1,'\tx,\"'=\"\"a\"\",b\",12.50,纸\n"
        );
    }
}
