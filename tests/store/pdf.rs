//! Files of the PDF writer, read by programs of other hands: poppler and qpdf.

use std::{fs, path::Path, process::Command};

use store_controller::pdf::{Align, Column, Document, Page, Sheet, Style, Table};
use tempfile::TempDir;

/// What a program prints about a file.
fn output(program: &str, arguments: &[&str], file: &Path, rest: &[&str]) -> Vec<u8> {
    let done = Command::new(program)
        .args(arguments)
        .arg(file)
        .args(rest)
        .output()
        .unwrap_or_else(|cause| panic!("{program}: {cause}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program}: {said}");
    assert_eq!(said, "", "{program}");
    done.stdout
}

pub(crate) struct Paper {
    directory: TempDir,
}

impl Paper {
    pub(crate) fn new(file: &[u8]) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("it.pdf"), file).unwrap();
        Self { directory }
    }

    fn output(&self, program: &str, arguments: &[&str], rest: &[&str]) -> Vec<u8> {
        output(
            program,
            arguments,
            &self.directory.path().join("it.pdf"),
            rest,
        )
    }

    /// As `pdftotext` reads it, each line as it stands on the page; form feeds between pages.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.output("pdftotext", &["-layout"], &["-"])).unwrap()
    }

    /// `qpdf` finds nothing to say against it.
    pub(crate) fn check(&self) {
        let said = self.output("qpdf", &["--check"], &[]);
        let said = String::from_utf8(said).unwrap();
        assert!(
            said.contains("No syntax or stream encoding errors"),
            "{said}"
        );
    }
}

/// Letters of each width that we claim, in words that are read one by one.
fn words() -> Vec<String> {
    let ascii: Vec<char> = ('!'..='~')
        .filter(|letter| !"<>&".contains(*letter))
        .collect();
    let latin: Vec<char> = ('¡'..='ÿ').filter(|letter| *letter != '\u{ad}').collect();
    let words = ascii.chunks(8).chain(latin.chunks(8));
    words.map(|word| word.iter().collect()).collect()
}

#[test]
fn letters_are_as_wide_as_we_say() {
    let mut document = Document::new("widths");
    let words = words();
    for style in [Style::plain(12.0), Style::bold(12.0)] {
        let mut page = Page::a4();
        for (word, y) in words.iter().zip((30..).step_by(20)) {
            page.text(400.0, y as f32, style.aligned(Align::Right), word);
        }
        document.add(page);
    }
    let paper = Paper::new(&document.finish());
    let boxes = String::from_utf8(paper.output("pdftotext", &["-bbox"], &["-"])).unwrap();
    let ends: Vec<f32> = boxes
        .split("xMax=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    let last_of_each_line: Vec<&f32> = ends.iter().filter(|end| **end > 380.0).collect();
    assert!(last_of_each_line.len() >= 2 * words.len(), "{boxes}");
    let most = ends.iter().copied().fold(0.0, f32::max);
    assert!(most < 400.1, "{most}");
    let exact = ends
        .iter()
        .filter(|end| (**end - 400.0).abs() < 0.05)
        .count();
    assert_eq!(exact, 2 * words.len(), "{boxes}");
}

#[test]
fn a_long_table_goes_over_pages_that_are_numbered() {
    let column = |heading: &str, align| Column {
        heading: heading.into(),
        align,
    };
    let mut sheet = Sheet::new("对账单 Statement", "测试门店");
    sheet.line("2026-11-01 – 2026-11-30");
    sheet.heading("明细");
    sheet.table(Table {
        columns: vec![column("收银台", Align::Left), column("Net", Align::Right)],
        rows: (0..150)
            .map(|nth| vec![format!("第{nth}号"), format!("¥{nth}.00")])
            .collect(),
        sums: 1,
    });
    let paper = Paper::new(&sheet.finish());
    paper.check();
    let text = paper.text();
    let pages: Vec<&str> = text
        .split('\u{c}')
        .filter(|page| !page.is_empty())
        .collect();
    assert_eq!(pages.len(), 3, "{text}");
    assert!(text.starts_with("对账单 Statement"), "{text}");
    for (nth, page) in pages.iter().enumerate() {
        assert!(page.contains("收银台"), "{page}");
        assert!(
            page.contains("测试门店") && page.contains(&format!("{}/3", nth + 1)),
            "{page}"
        );
    }
    for nth in 0..150 {
        let row = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words == [format!("第{nth}号"), format!("¥{nth}.00")]
        };
        assert_eq!(
            text.lines().filter(|line| row(line)).count(),
            1,
            "{nth}: {text}"
        );
    }
}

#[test]
fn a_cell_too_long_for_its_column_is_broken_into_lines() {
    let columns = ["one", "two", "three"].map(|heading| Column {
        heading: heading.into(),
        align: Align::Left,
    });
    let long = "a reason that somebody wrote down at length, 以及中文说明, ".repeat(8);
    let mut sheet = Sheet::new("t", "");
    sheet.table(Table {
        columns: columns.into(),
        rows: vec![vec!["1".into(), long.clone(), "end".into()]],
        sums: 0,
    });
    let paper = Paper::new(&sheet.finish());
    paper.check();
    let text = paper.text();
    let words = |text: &str| text.matches("somebody").count() + text.matches("中文说明").count();
    assert_eq!(words(&text), words(&long), "{text}");
    assert!(text.contains("end"), "{text}");
}

#[test]
fn rectangles_are_black_where_they_are_and_nowhere_else() {
    let mut page = Page::new(100.0, 50.0);
    page.rect(10.0, 20.0, 30.0, 5.0);
    page.shade(60.0, 0.0, 10.0, 10.0, 0.5);
    let mut document = Document::new("rectangles");
    document.add(page);
    let paper = Paper::new(&document.finish());
    let picture = paper.output(
        "pdftoppm",
        &["-r", "72", "-gray", "-aa", "no", "-aaVector", "no"],
        &[],
    );
    let header = b"P5\n100 50\n255\n";
    assert_eq!(&picture[..header.len()], header);
    let pixels = &picture[header.len()..];
    for (at, grey) in pixels.iter().enumerate() {
        let (x, y) = (at % 100, at / 100);
        let wanted = match () {
            () if (10..40).contains(&x) && (20..25).contains(&y) => 0..=0,
            () if (60..70).contains(&x) && y < 10 => 126..=129,
            () => 255..=255,
        };
        assert!(wanted.contains(grey), "{x},{y}: {grey}");
    }
}

#[test]
fn chinese_is_drawn_not_only_read() {
    let mut page = Page::new(100.0, 50.0);
    page.text(10.0, 40.0, Style::bold(30.0), "交易");
    let mut document = Document::new("chinese");
    document.add(page);
    let paper = Paper::new(&document.finish());
    paper.check();
    assert_eq!(paper.text().trim(), "交易");
    let picture = paper.output("pdftoppm", &["-r", "72", "-gray"], &[]);
    let dark = picture.iter().skip(15).filter(|grey| **grey < 100).count();
    assert!(dark > 150, "{dark} dark points");
}
