//! A file of pages.

use pdf_writer::{
    Finish, Name, Pdf, Rect, Ref, Str, TextStr,
    types::{CidFontType, FontFlags, SystemInfo},
};

use super::{Page, font};

/// The file's objects, by number; pages and their contents follow in turn.
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const INFO: i32 = 3;
const PLAIN: i32 = 4;
const BOLD: i32 = 5;
const CHINESE: i32 = 6;
const CHINESE_LETTERS: i32 = 7;
const CHINESE_METRICS: i32 = 8;
const FIRST_PAGE: i32 = 9;

/// Pages that become a file.
#[derive(Debug)]
pub struct Document {
    title: String,
    pages: Vec<Page>,
}

impl Document {
    /// The title is what a reader shows above the window.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            pages: Vec::new(),
        }
    }

    pub fn add(&mut self, page: Page) {
        self.pages.push(page);
    }

    /// The file. One without a page has an empty one, since a PDF has at least one.
    pub fn finish(mut self) -> Vec<u8> {
        if self.pages.is_empty() {
            self.pages.push(Page::a4());
        }
        let mut pdf = Pdf::new();
        pdf.set_version(1, 7);
        pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES));
        let mut info = pdf.document_info(Ref::new(INFO));
        info.title(TextStr(&self.title));
        info.producer(TextStr("store-controller"));
        info.finish();
        fonts(&mut pdf);

        let ids: Vec<(Ref, Ref)> = (FIRST_PAGE..)
            .step_by(2)
            .map(|id| (Ref::new(id), Ref::new(id + 1)))
            .take(self.pages.len())
            .collect();
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
        pdf.pages(Ref::new(PAGES))
            .kids(ids.iter().map(|(page, _)| *page))
            .count(count);
        for (page, (id, content_id)) in self.pages.into_iter().zip(ids) {
            let (width, height, content) = page.finish();
            let mut page = pdf.page(id);
            page.media_box(Rect::new(0.0, 0.0, width, height));
            page.parent(Ref::new(PAGES));
            page.contents(content_id);
            page.resources()
                .fonts()
                .pair(font::PLAIN, Ref::new(PLAIN))
                .pair(font::BOLD, Ref::new(BOLD))
                .pair(font::CHINESE, Ref::new(CHINESE));
            page.finish();
            pdf.stream(content_id, &content);
        }
        pdf.finish()
    }
}

/// The fonts that every reader has or replaces.
fn fonts(pdf: &mut Pdf) {
    for (id, name) in [(PLAIN, &b"Helvetica"[..]), (BOLD, b"Helvetica-Bold")] {
        pdf.type1_font(Ref::new(id))
            .base_font(Name(name))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    const SONG: Name<'static> = Name(b"STSong-Light");
    pdf.type0_font(Ref::new(CHINESE))
        .base_font(Name(b"STSong-Light-UniGB-UTF16-H"))
        .encoding_predefined(Name(b"UniGB-UTF16-H"))
        .descendant_font(Ref::new(CHINESE_LETTERS));
    pdf.cid_font(Ref::new(CHINESE_LETTERS))
        .subtype(CidFontType::Type0)
        .base_font(SONG)
        .system_info(SystemInfo {
            registry: Str(b"Adobe"),
            ordering: Str(b"GB1"),
            supplement: 5,
        })
        .font_descriptor(Ref::new(CHINESE_METRICS))
        .default_width(1_000.0);
    pdf.font_descriptor(Ref::new(CHINESE_METRICS))
        .name(SONG)
        .flags(FontFlags::SERIF | FontFlags::SYMBOLIC)
        .bbox(Rect::new(-25.0, -254.0, 1_000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(880.0)
        .stem_v(93.0);
}
