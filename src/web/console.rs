//! The console: pages for cashiers, managers and operators, served by the controller itself.
//!
//! Pages are made here, from the same questions that the API asks, in the visitor's language.
//! Whenever the feed of events says that something happened, a few lines of script fetch the page
//! again and put the parts that change by themselves (`data-live`) in place of the old ones. So all
//! that is decided about a page is decided in one place, and a page keeps its place over a reload,
//! a lost connection and a restart. Deliberately not here: what only programs ask for (`super`),
//! and any state.

mod assets;
mod charts;
mod counter_page;
mod device_page;
mod frame;
mod lists_page;
mod office;
mod overview;
mod own_page;
mod panel;
mod payments_export;
mod payments_page;
mod people_page;
mod report;
mod sign_in_page;
mod store_page;
mod story;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::DefaultHeaders,
    web::Data,
};
use askama::Template;

use super::{
    Shared,
    caller::Caller,
    problem::{Kind, Problem},
    routes::{Path, Verb},
};
use frame::{Frame, Visitor};

/// What a page may load and do: its own scripts and styles, and nothing written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page and file of the console is sent with.
pub(super) fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("content-security-policy", POLICY))
        .add(("x-content-type-options", "nosniff"))
        .add(("referrer-policy", "same-origin"))
}

pub(super) fn paths() -> Vec<Path> {
    let get = || Verb::Get;
    let post = || Verb::Post;
    let pages = [
        ("/", vec![get().to(store_page::page)]),
        ("/counter/{id}", vec![get().to(counter_page::page)]),
        (
            "/devices/{id}",
            vec![get().to(device_page::page), post().to(device_page::attempt)],
        ),
        ("/payments", vec![get().to(payments_page::page)]),
        ("/payments/{id}", vec![get().to(story::page)]),
        ("/unknown", vec![get().to(lists_page::unknown)]),
        ("/outbox", vec![get().to(lists_page::outbox)]),
        ("/office", vec![get().to(office::statement::page)]),
        (
            "/office/comparison",
            vec![get().to(office::comparison::page)],
        ),
        ("/office/fees", vec![get().to(office::fees::page)]),
        (
            "/office/shifts",
            vec![
                get().to(office::shifts::page),
                post().to(office::shifts::open),
            ],
        ),
        (
            "/office/shifts/{counter}",
            vec![get().to(office::shifts::x_report)],
        ),
        (
            "/office/shifts/{counter}/cash",
            vec![post().to(office::shifts::cash)],
        ),
        (
            "/office/shifts/{counter}/close",
            vec![post().to(office::shifts::close)],
        ),
        (
            "/office/shifts/{counter}/{number}",
            vec![get().to(office::shifts::z_report)],
        ),
        (
            "/office/days",
            vec![get().to(office::days::page), post().to(office::days::close)],
        ),
        (
            "/office/differences",
            vec![get().to(office::differences::page)],
        ),
        (
            "/office/differences/{id}",
            vec![
                get().to(office::differences::story),
                post().to(office::differences::advance),
            ],
        ),
        ("/people", vec![get().to(people_page::page)]),
        ("/tokens", vec![get().to(people_page::tokens)]),
        ("/audit", vec![get().to(people_page::audit_page)]),
        (
            "/sign-in",
            vec![
                get().to(sign_in_page::page),
                post().to(sign_in_page::sign_in),
            ],
        ),
        (
            "/me",
            vec![get().to(own_page::page), post().to(own_page::change)],
        ),
        ("/sign-out", vec![post().to(sign_in_page::sign_out)]),
        (
            "/setup",
            vec![
                get().to(sign_in_page::setup_page),
                post().to(sign_in_page::set_up),
            ],
        ),
        ("/language/{tag}", vec![get().to(frame::choose)]),
        ("/assets/{name}", vec![get().to(assets::file)]),
    ];
    let path = |(pattern, routes)| Path::new(pattern, routes);
    pages.into_iter().map(path).collect()
}

#[derive(Template)]
#[template(path = "refused.html", config = "src/web/console/askama.toml")]
struct RefusedPage {
    frame: Frame,
}

/// For somebody who is signed in, and not for this page.
pub(super) fn not_allowed(
    shared: &Data<Shared>,
    request: &HttpRequest,
    caller: &Caller,
) -> HttpResponse {
    let visitor = Visitor::of(request, caller.clone());
    let frame = Frame::new(shared, visitor, request.path());
    let page = shown_as(StatusCode::FORBIDDEN, &RefusedPage { frame });
    page.unwrap_or_else(|problem| problem.error_response())
}

/// A page.
fn shown(page: &impl Template) -> Result<HttpResponse, Problem> {
    shown_as(StatusCode::OK, page)
}

fn shown_as(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Problem> {
    let html = page.render().map_err(|cause| {
        tracing::error!(%cause, "a page can't be made");
        Problem::new(Kind::Internal, "the page can't be made")
    })?;
    Ok(HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html))
}
