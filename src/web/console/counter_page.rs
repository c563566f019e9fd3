//! `/counter/{id}`: the screen of one counter, for the cashier or, with `?face=customer`, for the
//! customer.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::{
    domain::{ids::CounterId, payment::Payment, people::access::Verdict, timestamp::Timestamp},
    ports::PaymentFilter,
    store::requests::{FindPayments, GetCounters, Refused},
};

use super::{
    frame::{Frame, Visitor},
    panel::{self, Face, Panel, View},
    shown,
};
use crate::web::{Shared, input, problem::Problem};

#[derive(Template)]
#[template(path = "counter.html", config = "src/web/console/askama.toml")]
struct CounterPage {
    frame: Frame,
    panel: Panel,
    currency: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PanelQuery {
    #[serde(default)]
    face: String,
    /// The payment from which the cashier went on.
    seen: Option<String>,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    id: Path<String>,
    query: Query<PanelQuery>,
) -> Result<HttpResponse, Problem> {
    let (frame, panel) = look(&shared, visitor, &id, &query).await?;
    let currency = shared.parts.shop.currency.to_string();
    shown(&CounterPage {
        frame,
        panel,
        currency,
    })
}

async fn look(
    shared: &Data<Shared>,
    visitor: Visitor,
    id: &str,
    query: &PanelQuery,
) -> Result<(Frame, Panel), Problem> {
    let face = match query.face.as_str() {
        "" | "cashier" => Face::Cashier,
        "customer" => Face::Customer,
        _ => return Err(input::invalid("face: cashier or customer")),
    };
    let id: CounterId = input::parsed("id", id)?;
    let parts = &shared.parts;
    let counters = (parts.store.counters)(GetCounters).await?;
    let counter = counters
        .iter()
        .find(|counter| counter.id == id)
        .ok_or_else(|| Refused::NoSuchCounter(id.clone()))?;
    let latest = match counter.at_stand {
        Some(payment) => parts.disk.payment(payment).await?,
        None => last_of(shared, &id).await?,
    };
    let is_bare = !face.is_cashier();
    // who takes no money sees what the customer sees
    let takes = visitor.caller.verdict("POST", "/v1/payments") != Verdict::Refused;
    let face = if takes { face } else { Face::Customer };
    let view = View {
        language: visitor.language,
        face,
        seen: query.seen.as_deref(),
        now: parts.clock.now(),
        shop: &parts.shop,
    };
    let path = format!("/counter/{id}");
    let mut frame = Frame::new(shared, visitor, path);
    frame.is_bare = is_bare;
    Ok((frame, panel::panel(view, counter, latest.as_ref())))
}

async fn last_of(shared: &Shared, id: &CounterId) -> Result<Option<Payment>, Problem> {
    let since = shared.parts.clock.now().unix_ms();
    let since = since.saturating_sub(panel::READS_MS.cast_signed());
    let filter = PaymentFilter {
        counter: Some(id.clone()),
        since: Some(Timestamp::from_unix_ms(since)),
        limit: 1,
        ..PaymentFilter::default()
    };
    let found = (shared.parts.store.find)(FindPayments(filter)).await?;
    Ok(found.into_iter().next())
}
