//! A report: what a page of the office shows as a table, a spreadsheet takes and a printer prints.
//! The three are made of the same cells.

use actix_web::HttpResponse;
use tokio::task::spawn_blocking;

use crate::{
    pdf,
    web::{
        input,
        problem::{Kind, Problem},
        spreadsheet::{self, MARK, Spreadsheet},
    },
};

/// Rows of one table on a page; the files have all of them.
const ROWS_MAX: usize = 1_000;

/// As what a report is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Page,
    Csv,
    Pdf,
}

impl Format {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "" => Ok(Self::Page),
            "csv" => Ok(Self::Csv),
            "pdf" => Ok(Self::Pdf),
            _ => Err(input::invalid("format: csv or pdf")),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Report {
    /// Of the file, without its ending.
    pub name: String,
    pub title: String,
    pub facts: Vec<Fact>,
    pub tables: Vec<Table>,
}

#[derive(Debug)]
pub(super) struct Fact {
    pub label: String,
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    /// Empty for the only one.
    pub heading: String,
    pub columns: Vec<Column>,
    rows: Vec<Row>,
    /// Sums, below the rows.
    sums: Vec<Row>,
    /// What is said where there is no row.
    pub empty: String,
}

#[derive(Debug)]
pub(super) struct Column {
    pub heading: String,
    pub is_number: bool,
}

#[derive(Debug)]
pub(super) struct Row {
    pub cells: Vec<Cell>,
    /// The class of the style.
    pub tone: &'static str,
    pub is_sum: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cell {
    pub text: String,
    pub link: Option<String>,
    pub is_mark: bool,
    pub is_number: bool,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Cell {
    /// A way to where there is more of it.
    pub(super) fn link(text: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            link: Some(path.into()),
            ..Self::from(text.into())
        }
    }

    /// A state, in the tone of its row.
    pub(super) fn mark(text: impl Into<String>) -> Self {
        Self {
            is_mark: true,
            ..Self::from(text.into())
        }
    }
}

impl Report {
    pub(super) fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            ..Self::default()
        }
    }

    pub(super) fn fact(&mut self, label: impl Into<String>, text: impl Into<String>) {
        let (label, text) = (label.into(), text.into());
        if !text.is_empty() {
            self.facts.push(Fact { label, text });
        }
    }

    /// The report as a file; `foot` stands on each page of paper.
    ///
    /// # Errors
    /// The program is at fault.
    pub(super) async fn file(self, format: Format, foot: String) -> Result<HttpResponse, Problem> {
        let internal = |cause: String| Problem::new(Kind::Internal, cause);
        let name = self.name.clone();
        // laying out some thousand rows takes its time, and others wait for this thread
        let made = spawn_blocking(move || match format {
            Format::Pdf => Ok(self.pdf(&foot)),
            Format::Csv | Format::Page => self.csv(),
        });
        let made = made.await.map_err(|died| internal(died.to_string()))?;
        let made = made.map_err(|cause| internal(cause.to_string()))?;
        Ok(match format {
            Format::Pdf => HttpResponse::Ok()
                .content_type("application/pdf")
                .insert_header((
                    "content-disposition",
                    format!("inline; filename=\"{name}.pdf\""),
                ))
                .body(made),
            Format::Csv | Format::Page => spreadsheet::download(&name, made),
        })
    }

    fn csv(&self) -> csv::Result<Vec<u8>> {
        let mut csv = Spreadsheet::new(MARK.as_bytes().to_vec());
        for (nth, table) in self.tables.iter().enumerate() {
            if nth > 0 {
                csv.row([""])?;
            }
            csv.row(table.columns.iter().map(|column| column.heading.as_str()))?;
            for row in table.rows.iter().chain(&table.sums) {
                csv.row(row.cells.iter().map(|cell| cell.text.as_str()))?;
            }
        }
        csv.finish()
    }

    fn pdf(&self, foot: &str) -> Vec<u8> {
        let mut sheet = pdf::Sheet::new(&self.title, foot);
        for Fact { label, text } in &self.facts {
            sheet.line(format!("{label}: {text}"));
        }
        for table in &self.tables {
            if !table.heading.is_empty() {
                sheet.heading(&table.heading);
            }
            if table.is_empty() {
                sheet.line(&table.empty);
            } else {
                sheet.table(table.on_paper());
            }
        }
        sheet.finish()
    }
}

impl Table {
    pub(super) fn new(heading: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            heading: heading.into(),
            columns,
            ..Self::default()
        }
    }

    pub(super) fn row(&mut self, tone: &'static str, cells: Vec<Cell>) {
        let row = self.fitted(tone, cells, false);
        self.rows.push(row);
    }

    pub(super) fn sum(&mut self, cells: Vec<Cell>) {
        let sum = self.fitted("", cells, true);
        self.sums.push(sum);
    }

    fn fitted(&self, tone: &'static str, mut cells: Vec<Cell>, is_sum: bool) -> Row {
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            cell.is_number = column.is_number;
        }
        Row {
            cells,
            tone,
            is_sum,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.sums.is_empty()
    }

    /// As far as a page has them.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().take(ROWS_MAX).chain(&self.sums)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.rows.len() > ROWS_MAX
    }

    fn on_paper(&self) -> pdf::Table {
        let column = |column: &Column| pdf::Column {
            heading: column.heading.clone(),
            align: match column.is_number {
                true => pdf::Align::Right,
                false => pdf::Align::Left,
            },
        };
        let row = |row: &Row| row.cells.iter().map(|cell| cell.text.clone()).collect();
        pdf::Table {
            columns: self.columns.iter().map(column).collect(),
            rows: self.rows.iter().chain(&self.sums).map(row).collect(),
            sums: self.sums.len(),
        }
    }
}

/// A column of words.
pub(super) fn words(heading: impl Into<String>) -> Column {
    Column {
        heading: heading.into(),
        is_number: false,
    }
}

/// A column of amounts and counts.
pub(super) fn number(heading: impl Into<String>) -> Column {
    Column {
        heading: heading.into(),
        is_number: true,
    }
}
