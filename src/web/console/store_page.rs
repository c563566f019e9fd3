//! `/`: the whole store at a glance.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use store_actors::{
    domain::day::Day,
    store::requests::{GetCounters, GetUnknown},
};

use super::{
    charts::{self, Chart},
    frame::{Frame, Visitor},
    overview::{Known, Overview},
    shown,
};
use crate::web::{Shared, problem::Problem};

#[derive(Template)]
#[template(path = "store.html", config = "src/web/console/askama.toml")]
struct StorePage {
    frame: Frame,
    overview: Overview,
    charts: Vec<Chart>,
}

pub(super) async fn page(shared: Data<Shared>, visitor: Visitor) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&shared, visitor, "/");
    let overview = look(&shared, &frame).await?;
    let now = shared.parts.clock.now();
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    let depth = shared.parts.signals.board().outbox.depth;
    let charts = charts::charts(&frame, &shared.history.day(now), (now, offset), depth);
    shown(&StorePage {
        frame,
        overview,
        charts,
    })
}

async fn look(shared: &Data<Shared>, frame: &Frame) -> Result<Overview, Problem> {
    let parts = &shared.parts;
    let now = parts.clock.now();
    let day = Day::of(now, parts.shop.letterhead.utc_offset_minutes).to_string();
    let counters = (parts.store.counters)(GetCounters).await?;
    let unknown = (parts.store.unknown)(GetUnknown).await?;
    let mut at_stand = Vec::new();
    for counter in &counters {
        if let Some(payment) = counter.at_stand {
            at_stand.extend(parts.disk.payment(payment).await?);
        }
    }
    Ok(Overview::of(
        frame,
        &Known {
            now,
            currency: parts.shop.currency,
            totals: &(parts.totals)(day.clone()).await?,
            day,
            counters: &counters,
            at_stand: &at_stand,
            unknown: &unknown,
            board: &parts.signals.board(),
        },
    ))
}
