//! Headings, lines and tables laid out on as many A4 pages as they need.

use super::{Align, Document, Page, Style, font};

/// White on each side, in points.
const MARGIN: f32 = 42.0;
const TITLE: Style = Style::bold(16.0);
const HEADING: Style = Style::bold(11.0);
const LINE: Style = Style::plain(9.0);
const FOOT: Style = Style::plain(8.0);
/// Sizes of a table's letters: the largest at which no cell need be broken.
const CELL_SIZES: [f32; 3] = [9.0, 8.0, 7.0];
/// Where there is none.
const BROKEN_SIZE: f32 = 8.0;
/// From one column's letters to the next, in points.
const GAP: f32 = 10.0;
/// From one base line to the next, in sizes.
const LEADING: f32 = 1.4;
/// Lines of one cell; the rest is cut, so that a row is never higher than a page.
const CELL_LINES_MAX: usize = 12;
const SHADE: f32 = 0.9;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub heading: String,
    pub align: Align,
}

/// Rows under headings. A row has a cell for each column.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<String>>,
    /// How many of the last rows are sums.
    pub sums: usize,
}

#[derive(Debug)]
enum Block {
    Heading(String),
    Line(String),
    Table(Table),
}

/// A report under one title. The pages lie on their side where a table is wide.
#[derive(Debug)]
pub struct Sheet {
    title: String,
    blocks: Vec<Block>,
    /// On each page, before its number.
    foot: String,
}

impl Sheet {
    pub fn new(title: impl Into<String>, foot: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
            foot: foot.into(),
        }
    }

    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub fn line(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Line(text.into()));
    }

    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        let upright = Page::a4().width() - 2.0 * MARGIN;
        let is_wide = self.blocks.iter().any(|block| match block {
            Block::Table(table) => {
                let widest: f32 = natural(table, LINE.size).iter().sum();
                widest + gaps(table) > upright
            }
            Block::Heading(_) | Block::Line(_) => false,
        });
        let mut layout = Layout::new(is_wide);
        layout.text(TITLE, &self.title);
        for block in &self.blocks {
            match block {
                Block::Heading(text) => {
                    layout.skip(HEADING.size);
                    layout.text(HEADING, text);
                }
                Block::Line(text) => layout.text(LINE, text),
                Block::Table(table) => layout.table(table),
            }
        }
        layout.finish(&self.title, &self.foot)
    }
}

/// How wide each column would be if nothing were broken into lines.
fn natural(table: &Table, size: f32) -> Vec<f32> {
    let column = |(nth, column): (usize, &Column)| {
        let cells = table.rows.iter().filter_map(|row| row.get(nth));
        cells
            .map(|cell| font::width(cell, size, true))
            .fold(font::width(&column.heading, size, true), f32::max)
    };
    table.columns.iter().enumerate().map(column).collect()
}

fn gaps(table: &Table) -> f32 {
    table.columns.iter().skip(1).map(|_| GAP).sum()
}

/// The columns' widths in a space: as they would be with the rest shared out, or the widest cut
/// down to one width, as far as is needed.
fn fitted(natural: &[f32], space: f32) -> Vec<f32> {
    let sum: f32 = natural.iter().sum();
    let count: f32 = natural.iter().map(|_| 1.0).sum();
    if sum <= space {
        return natural
            .iter()
            .map(|width| width + (space - sum) / count)
            .collect();
    }
    let mut sorted = natural.to_vec();
    sorted.sort_by(f32::total_cmp);
    let (mut rest, mut left) = (space, count);
    let mut cap = rest / left;
    for width in sorted {
        if width > cap {
            break;
        }
        rest -= width;
        left -= 1.0;
        cap = rest / left.max(1.0);
    }
    natural.iter().map(|width| width.min(cap)).collect()
}

/// A text in lines no wider than this, broken at spaces where it has any.
fn wrapped(text: &str, style: Style, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for letter in text.chars() {
        line.push(letter);
        // a hair more than the width, for sums of floats
        if style.width(&line) <= width + 0.01 || line.chars().count() == 1 {
            continue;
        }
        line.pop();
        let rest = match line.rfind(' ') {
            Some(space) if letter != ' ' => line.split_off(space).trim_start().to_owned(),
            _ => String::new(),
        };
        lines.push(std::mem::replace(&mut line, rest));
        if letter != ' ' {
            line.push(letter);
        }
    }
    lines.push(line);
    if lines.len() > CELL_LINES_MAX {
        lines.truncate(CELL_LINES_MAX);
        if let Some(last) = lines.last_mut() {
            last.pop();
            last.push('…');
        }
    }
    lines
}

struct Layout {
    is_wide: bool,
    done: Vec<Page>,
    page: Page,
    /// How far down the page is filled.
    y: f32,
}

impl Layout {
    fn new(is_wide: bool) -> Self {
        Self {
            is_wide,
            done: Vec::new(),
            page: blank(is_wide),
            y: MARGIN,
        }
    }

    fn space(&self) -> f32 {
        self.page.width() - 2.0 * MARGIN
    }

    fn skip(&mut self, height: f32) {
        self.y += height;
    }

    /// Whether a new page was begun.
    fn break_before(&mut self, height: f32) -> bool {
        let is_full = self.y + height > self.page.height() - MARGIN - 2.0 * FOOT.size;
        if is_full {
            let full = std::mem::replace(&mut self.page, blank(self.is_wide));
            self.done.push(full);
            self.y = MARGIN;
        }
        is_full
    }

    fn text(&mut self, style: Style, text: &str) {
        for line in wrapped(text, style, self.space()) {
            let height = style.size * LEADING;
            self.break_before(height);
            self.y += height;
            self.page.text(MARGIN, self.y, style, &line);
        }
    }

    fn table(&mut self, table: &Table) {
        let space = self.space() - gaps(table);
        let fits = |size: &&f32| natural(table, **size).iter().sum::<f32>() <= space;
        let size = CELL_SIZES.iter().find(fits);
        let size = size.copied().unwrap_or(BROKEN_SIZE);
        let widths = fitted(&natural(table, size), space);
        let headings: Vec<&str> = table
            .columns
            .iter()
            .map(|one| one.heading.as_str())
            .collect();
        let row = |cells: &[&str], style: Style| Row::of(cells, &table.columns, &widths, style);
        let head = row(&headings, Style::bold(size));
        self.skip(size / 2.0);
        let mut is_headed = false;
        let first_sum = table.rows.len().saturating_sub(table.sums);
        for (nth, cells) in table.rows.iter().enumerate() {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let is_sum = nth >= first_sum;
            let cells = row(
                &cells,
                Style {
                    is_bold: is_sum,
                    ..Style::plain(size)
                },
            );
            let needed = if is_headed { 0.0 } else { head.height() };
            let broke = self.break_before(needed + cells.height());
            if broke || !is_headed {
                self.row(&head, true);
                is_headed = true;
            }
            self.row(&cells, is_sum && nth == first_sum);
        }
        if !is_headed {
            self.break_before(head.height());
            self.row(&head, true);
        }
        self.skip(size / 2.0);
    }

    fn row(&mut self, row: &Row, is_shaded: bool) {
        let space = self.space();
        if is_shaded {
            self.page.shade(MARGIN, self.y, space, row.height(), SHADE);
        } else {
            self.page.shade(MARGIN, self.y, space, 0.4, SHADE);
        }
        let mut left = MARGIN;
        for cell in &row.cells {
            let x = match cell.style.align {
                Align::Left => left,
                Align::Centre => left + cell.width / 2.0,
                Align::Right => left + cell.width,
            };
            let mut y = self.y + cell.style.size * 1.1;
            for line in &cell.lines {
                self.page.text(x, y, cell.style, line);
                y += cell.style.size * LEADING;
            }
            left += cell.width + GAP;
        }
        self.y += row.height();
    }

    fn finish(mut self, title: &str, foot: &str) -> Vec<u8> {
        self.done.push(self.page);
        let mut document = Document::new(title);
        let count = self.done.len();
        for (nth, mut page) in self.done.into_iter().enumerate() {
            let y = page.height() - MARGIN;
            page.text(MARGIN, y, FOOT, foot);
            let right = page.width() - MARGIN;
            let number = format!("{}/{count}", nth + 1);
            page.text(right, y, FOOT.aligned(Align::Right), &number);
            document.add(page);
        }
        document.finish()
    }
}

fn blank(is_wide: bool) -> Page {
    if is_wide {
        Page::a4_landscape()
    } else {
        Page::a4()
    }
}

/// A table's row, broken into lines.
struct Row {
    cells: Vec<Cell>,
}

struct Cell {
    lines: Vec<String>,
    width: f32,
    style: Style,
}

impl Row {
    fn of(texts: &[&str], columns: &[Column], widths: &[f32], style: Style) -> Self {
        let cells = texts.iter().zip(columns).zip(widths);
        let cells = cells.map(|((text, column), width)| Cell {
            lines: wrapped(text, style, *width),
            width: *width,
            style: style.aligned(column.align),
        });
        Self {
            cells: cells.collect(),
        }
    }

    fn height(&self) -> f32 {
        let of = |cell: &Cell| cell.lines.iter().map(|_| cell.style.size * LEADING).sum();
        self.cells.iter().map(of).fold(0.0, f32::max)
    }
}
