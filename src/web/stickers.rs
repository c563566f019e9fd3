//! Printed QRs: issued before they are printed, listed, and looked at by a camera.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::{Deserialize, Serialize};
use store_actors::{
    domain::{
        ids::CounterId,
        office::entry::{Entry, STICKERS},
        people::deed::What,
        sticker::{Seen, Sticker, latest_of},
        tender::Scheme,
    },
    office::requests::IssueStickers,
    signal::Signal,
};
use utoipa::ToSchema;

use super::{
    Shared,
    caller::Caller,
    input, people,
    problem::{Document, Kind, Problem},
};
use crate::stickers::Printable;

/// Stickers that are looked through at most.
const LOOKED_AT_MAX: usize = 10_000;

/// What is to be issued.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueStickers)]
pub struct IssueModel {
    /// New ones, although the counter has some: the old ones stay good, and are looked for no more.
    #[serde(default)]
    pub anew: bool,
}

/// One printed QR.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Sticker)]
pub struct StickerModel {
    /// EMVCo's reference label (62/05).
    pub id: String,
    pub counter: String,
    pub acquirer: String,
    /// Whose wallets scan it.
    pub schemes: Vec<String>,
    /// What the QR says.
    pub text: String,
    #[schema(format = DateTime)]
    pub issued_at: String,
}

/// A counter's printed QRs, one for each acquirer that has such.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Stickers)]
pub struct StickersModel {
    /// For people.
    pub store: String,
    pub stickers: Vec<StickerModel>,
}

/// What a counter's latest stickers are.
#[utoipa::path(
    get, path = "/v1/counters/{id}/stickers", tag = "counters", operation_id = "listStickers",
    params(("id" = String, Path, description = "The counter's id")),
    responses(
        (status = 200, description = "The stickers", body = StickersModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(shared: Data<Shared>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let counter = input::parsed("id", &id)?;
    let all = all(&shared).await?;
    let latest = latest_of(&all, &counter).into_iter();
    let listed = latest.map(|sticker| model(&shared, sticker)).collect();
    Ok(answer(&shared, listed))
}

/// Issues a counter's stickers: those it lacks, those whose text the configuration has changed, and
/// with `anew` all. They are on disk before this answers.
#[utoipa::path(
    post, path = "/v1/counters/{id}/stickers", tag = "counters", operation_id = "issueStickers",
    params(("id" = String, Path, description = "The counter's id")),
    request_body = IssueModel,
    responses(
        (status = 200, description = "The stickers to print", body = StickersModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter, no-sticker: no acquirer has a printed QR", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, disk-nearly-full, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn issue(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let asked: IssueModel = input::json(&request, payload).await?;
    let counter: CounterId = input::parsed("id", &id)?;
    caller.check_counter(&counter)?;
    let known = all(&shared).await?;
    let known = latest_of(&known, &counter);
    let forms = &shared.parts.stickers;
    if forms.printable.is_empty() {
        let detail = "no acquirer has a table `sticker`, see config/acquirers.toml";
        return Err(Problem::new(Kind::NoSticker, detail));
    }
    let (mut print, mut new) = (Vec::new(), Vec::new());
    for printable in &forms.printable {
        let same = known.iter().find(|one| one.acquirer == printable.acquirer);
        match same.filter(|one| !asked.anew && is_current(&shared, printable, one)) {
            Some(sticker) => print.push((*sticker).clone()),
            None => new.push(make(&shared, printable, &counter)?),
        }
    }
    if !new.is_empty() {
        print.extend(shared.parts.office.ask(IssueStickers(new)).await?);
        let to = counter.as_str();
        people::note(&shared, &caller, What::StickersIssued, to, |_| {}).await;
    }
    let listed = print.iter().map(|sticker| model(&shared, sticker));
    Ok(answer(&shared, listed.collect()))
}

/// What a camera saw of a counter's printed QR.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StickerSeen)]
pub struct SeenModel {
    /// `own`; `misplaced`: one of the store's that does not belong there; `swapped`: a code through
    /// which somebody else is paid; `nothing`: no code in the picture. The middle two are alarms.
    pub seen: &'static str,
    pub is_alarm: bool,
}

/// A picture of a counter's printed QR, compared with what the store issued. One that is not the
/// counter's own is an alarm, until the own is seen again.
#[utoipa::path(
    post, path = "/v1/counters/{id}/sticker-image", tag = "counters", operation_id = "seeSticker",
    params(("id" = String, Path, description = "The counter's id")),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"))),
    responses(
        (status = 200, description = "What was seen", body = SeenModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-sticker: nothing was issued for this counter", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "picture-unreadable", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "too-many-readers, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn see(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let counter: CounterId = input::parsed("id", &id)?;
    caller.check_counter(&counter)?;
    let types = ["image/png", "image/jpeg"];
    let picture = input::body(&request, payload, &types, shared.picture_max_bytes).await?;
    let issued = all(&shared).await?;
    if latest_of(&issued, &counter).is_empty() {
        let detail = "nothing was issued for this counter: store-controller qr";
        return Err(Problem::new(Kind::NoSticker, detail));
    }
    let texts = shared.pictures.read(picture).await?;
    let seen = Seen::of(&texts, &issued, &counter);
    if seen.is_alarm() {
        tracing::error!(%counter, seen = seen.as_str(), "the printed QR is not the counter's own");
    }
    shared
        .parts
        .signals
        .emit(Signal::StickerSeen { counter, seen });
    Ok(HttpResponse::Ok().json(SeenModel {
        seen: seen.as_str(),
        is_alarm: seen.is_alarm(),
    }))
}

/// Whether the configuration still has it say the same.
fn is_current(shared: &Shared, printable: &Printable, sticker: &Sticker) -> bool {
    let text = shared
        .parts
        .stickers
        .text(printable, &sticker.counter, &sticker.id);
    text.is_ok_and(|text| text == sticker.text)
}

fn make(shared: &Shared, printable: &Printable, counter: &CounterId) -> Result<Sticker, Problem> {
    let mut random = [0; 5];
    shared.parts.entropy.fill(&mut random);
    let now = shared.parts.clock.now();
    let made = shared.parts.stickers.make(printable, counter, random, now);
    made.map_err(|why| Problem::new(Kind::Internal, why.to_string()))
}

async fn all(shared: &Shared) -> Result<Vec<Sticker>, Problem> {
    let entries = shared.parts.disk.entries(STICKERS, LOOKED_AT_MAX).await?;
    let stickers = entries.into_iter().filter_map(|entry| match entry {
        Entry::Sticker(sticker) => Some(sticker),
        _ => None,
    });
    Ok(stickers.collect())
}

fn model(shared: &Shared, sticker: &Sticker) -> StickerModel {
    let mut printable = shared.parts.stickers.printable.iter();
    let schemes = printable.find(|one| one.acquirer == sticker.acquirer);
    let word = |scheme: &Scheme| scheme.as_str().to_owned();
    StickerModel {
        id: sticker.id.to_string(),
        counter: sticker.counter.to_string(),
        acquirer: sticker.acquirer.to_string(),
        schemes: schemes.map_or_else(Vec::new, |one| one.schemes.iter().map(word).collect()),
        text: sticker.text.clone(),
        issued_at: sticker.issued_at.to_string(),
    }
}

fn answer(shared: &Shared, stickers: Vec<StickerModel>) -> HttpResponse {
    HttpResponse::Ok().json(StickersModel {
        store: shared.parts.stickers.store_name.clone(),
        stickers,
    })
}
