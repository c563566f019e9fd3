//! `/office/fees`: what the acquirers take.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use askama::Template;

use super::{Asked, FormatOnly, Frame, Office, funding_name, scheme_name};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        overview::tender_name,
        report::{Format, Report, Table, number, words},
        shown,
    },
    model::office::{FeeModel, FeesModel},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "office.html", config = "src/web/console/askama.toml")]
struct FeesPage {
    frame: Frame,
    office: Office,
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: FormatOnly,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office/fees");
    let format = Format::parse(&ask.format)?;
    let model = FeesModel::from(asked.shared.parts.office.ledger.table());
    let report = report(&asked.frame, &model);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    shown(&FeesPage {
        frame: asked.frame,
        office,
    })
}

fn report(frame: &Frame, model: &FeesModel) -> Report {
    let say = |id: &str| frame.say(id);
    let mut report = Report::new("fees", say("office-fees"));
    let columns = vec![
        words(say("fee-name")),
        words(say("acquirer")),
        words(say("tender")),
        words(say("scheme")),
        words(say("card-kind")),
        words(say("period")),
        number(say("fee-rate")),
        number(say("fee-fixed")),
        number(say("fee-minimum")),
        number(say("fee-cap")),
        words(say("fee-tiers")),
        words(say("fee-rounding")),
        words(say("fee-refund")),
    ];
    let mut table = Table::new("", columns);
    table.empty = say("no-fees");
    for fee in &model.fees {
        let cells = [
            fee.name.clone(),
            fee.acquirer.clone(),
            listed(frame, &fee.tenders, |one| tender_name(frame.language, one)),
            listed(frame, &fee.schemes, |one| scheme_name(frame.language, one)),
            listed(frame, &fee.card_kinds, |one| {
                funding_name(frame.language, one)
            }),
            period(fee),
            format!("{} %", fee.rate_percent),
            fee.fixed.clone(),
            fee.minimum.clone(),
            fee.cap.clone().unwrap_or_else(|| "–".to_owned()),
            tiers(fee),
            rounding(frame, fee),
            say(match fee.refund {
                "given_back" => "fee-given-back",
                _ => "fee-kept",
            }),
        ];
        table.row("", cells.map(Into::into).into());
    }
    report.tables.push(table);
    report
}

fn listed(frame: &Frame, codes: &[&'static str], name: impl Fn(&str) -> String) -> String {
    if codes.is_empty() {
        return frame.say("all");
    }
    let names: Vec<String> = codes.iter().map(|code| name(code)).collect();
    names.join(", ")
}

fn period(fee: &FeeModel) -> String {
    let day = |day: &Option<String>| day.clone().unwrap_or_default();
    match (&fee.from, &fee.until) {
        (None, None) => "–".to_owned(),
        (from, until) => format!("{} – {}", day(from), day(until)).trim().to_owned(),
    }
}

fn tiers(fee: &FeeModel) -> String {
    let tier = fee
        .tiers
        .iter()
        .map(|tier| format!("≥ {}: {} %", tier.from_volume, tier.rate_percent));
    let tiers: Vec<String> = tier.collect();
    if tiers.is_empty() {
        "–".to_owned()
    } else {
        tiers.join(", ")
    }
}

fn rounding(frame: &Frame, fee: &FeeModel) -> String {
    let how = frame.say(match fee.rounding {
        "half_even" => "rounding-half-even",
        "half_up" => "rounding-half-up",
        "up" => "rounding-up",
        _ => "rounding-down",
    });
    let what = frame.say(match fee.rounded_per {
        "transaction" => "rounded-transaction",
        _ => "rounded-period",
    });
    format!("{how}, {what}")
}
