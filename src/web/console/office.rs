//! `/office`: statements, fees, shifts, the closing of days, differences with bills.
//!
//! Each page is a report with what can be done about it: `?format=csv` and `?format=pdf` are the
//! same report as files. The figures are those of the API (`web::office`). Forms are sent as forms,
//! so that a page without script does; what was refused comes back with every reason.

pub(super) mod comparison;
pub(super) mod days;
pub(super) mod differences;
pub(super) mod fees;
mod refusal;
pub(super) mod shifts;
pub(super) mod statement;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::LOCATION,
    web::{Data, Query},
};
use serde::Deserialize;
use store_actors::{
    domain::{
        day::Day,
        office::statement::By,
        tender::{Funding, Scheme},
        timestamp::Timestamp,
    },
    language::{Language, Value},
};

use super::{
    frame::{Frame, Visitor},
    overview,
    report::{Format, Report},
};
use crate::web::{Shared, problem::Problem};
use refusal::Refusal;

/// What stands on every page of the office.
#[derive(Debug)]
pub(super) struct Office {
    pub report: Report,
    /// Why what was asked for was not done.
    pub refusals: Vec<String>,
    tabs: Vec<Tab>,
    /// The same report as files.
    files: Vec<Tab>,
}

#[derive(Debug)]
pub(super) struct Tab {
    path: String,
    text: String,
    is_here: bool,
}

const TABS: [(&str, &str); 6] = [
    ("/office", "office-statement"),
    ("/office/comparison", "office-comparison"),
    ("/office/fees", "office-fees"),
    ("/office/shifts", "office-shifts"),
    ("/office/days", "office-days"),
    ("/office/differences", "office-differences"),
];

impl Office {
    fn new(frame: &Frame, report: Report, query: &str) -> Self {
        let is_here = |path: &str| match path {
            "/office" => frame.path == path,
            _ => frame.path.starts_with(path),
        };
        let tab = |(path, id): (&str, &str)| Tab {
            is_here: is_here(path),
            path: path.to_owned(),
            text: frame.say(id),
        };
        let file = |(format, id): (&str, &str)| {
            let mut link = form_urlencoded::Serializer::new(String::new());
            let others =
                form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "format");
            link.extend_pairs(others);
            link.append_pair("format", format);
            Tab {
                path: format!("{}?{}", frame.path, link.finish()),
                text: frame.say(id),
                is_here: false,
            }
        };
        let tabs = TABS.into_iter().filter(|(path, _)| frame.may("GET", path));
        Self {
            report,
            refusals: Vec::new(),
            tabs: tabs.map(tab).collect(),
            files: [("csv", "as-csv"), ("pdf", "as-pdf")]
                .into_iter()
                .map(file)
                .collect(),
        }
    }

    /// There is nothing in it.
    fn without_files(self) -> Self {
        Self {
            files: Vec::new(),
            ..self
        }
    }

    fn refused(self, frame: &Frame, refusal: Option<&Refusal>) -> Self {
        let refusals = refusal.map(|refusal| refusal.words(frame));
        Self {
            refusals: refusals.unwrap_or_default(),
            ..self
        }
    }
}

/// Who asks for which page of the office.
pub(super) struct Asked {
    shared: Data<Shared>,
    frame: Frame,
    query: String,
}

impl Asked {
    fn new(shared: Data<Shared>, visitor: Visitor, request: &HttpRequest, path: &str) -> Self {
        Self {
            frame: Frame::new(&shared, visitor, path),
            shared,
            query: request.query_string().to_owned(),
        }
    }

    fn offset(&self) -> i32 {
        self.shared.parts.shop.letterhead.utc_offset_minutes
    }

    fn now(&self) -> Timestamp {
        self.shared.parts.clock.now()
    }

    fn today(&self) -> Day {
        Day::of(self.now(), self.offset())
    }

    /// A point of time as the API writes it, at the store's place.
    fn local(&self, at: &str) -> String {
        let known = Timestamp::parse(at);
        known.map_or_else(|| at.to_owned(), |at| at.local_time(self.offset()))
    }

    async fn file(&self, report: Report, format: Format) -> Result<HttpResponse, Problem> {
        let foot = format!(
            "{} · {}",
            self.frame.store,
            self.now().local_time(self.offset())
        );
        report.file(format, foot).await
    }
}

/// A page that can be had as a file and has nothing else to be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FormatQuery {
    format: String,
}

type FormatOnly = Query<FormatQuery>;

/// After something was done: the page that shows it, so that a reload does not do it again.
fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .finish()
}

/// An empty field of a form is none.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

fn by_name(frame: &Frame, by: By) -> String {
    frame.say(match by {
        By::Day => "day",
        By::Week => "week",
        By::Month => "month",
        By::Counter => "counter",
        By::Cashier => "cashier",
        By::Tender => "tender",
        By::Scheme => "scheme",
        By::Funding => "card-kind",
        By::Acquirer => "acquirer",
    })
}

/// What a line of a statement is of, for people.
fn of_name(frame: &Frame, by: By, text: &str) -> String {
    match by {
        By::Tender if !text.is_empty() => overview::tender_name(frame.language, text),
        By::Scheme => scheme_name(frame.language, text),
        By::Funding => funding_name(frame.language, text),
        _ if text.is_empty() => "–".to_owned(),
        _ => text.to_owned(),
    }
}

pub(super) fn scheme_name(language: Language, scheme: &str) -> String {
    let Some(scheme) = Scheme::parse(scheme) else {
        return "–".to_owned();
    };
    language.say(match scheme {
        Scheme::Alipay => "scheme-alipay",
        Scheme::WechatPay => "scheme-wechat-pay",
        Scheme::UnionPay => "scheme-union-pay",
        Scheme::EmvcoCpm => "scheme-emvco-cpm",
        Scheme::Visa => "scheme-visa",
        Scheme::Mastercard => "scheme-mastercard",
        Scheme::OtherCard => "scheme-other-card",
    })
}

pub(super) fn funding_name(language: Language, funding: &str) -> String {
    let Some(funding) = Funding::parse(funding) else {
        return "–".to_owned();
    };
    language.say(match funding {
        Funding::Debit => "card-debit",
        Funding::Credit => "card-credit",
    })
}

/// How many movements no rate fits.
fn unpriced(frame: &Frame, count: u64) -> String {
    let count = Value::from(count);
    frame
        .language
        .say_with("unpriced-count", [("count", count)])
}
