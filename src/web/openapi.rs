//! The API's description, generated from the handlers and their types.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use store_actors::domain::people::{
    Role,
    access::{self, Grant, Permission, Rule},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, OpenApi as OpenApiDocument, Ref, Response, ResponseBuilder,
        path::Operation,
        security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        },
    },
};

use super::{
    completions, counters, devices, events, health, office, parked, payments, people, pictures,
    refunds, signature, stickers, unknown,
};

/// The whole description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Store controller",
        description = "Payments of one store. Amounts are decimal strings, times are UTC, errors are RFC 9457 problems.",
    ),
    paths(
        payments::create, payments::list, payments::show, payments::cancel, completions::create,
        signature::create, signature::show,
        unknown::list, refunds::create, refunds::show, pictures::qr_svg, pictures::qr_png, counters::list,
        pictures::scan_image, stickers::list, stickers::issue, stickers::see,
        devices::list, devices::test, devices::outbox, devices::offline,
        office::statement::show, office::statement::compare, office::statement::fees,
        office::shifts::list, office::shifts::open,
        office::shifts::x_report, office::shifts::z_report, office::shifts::cash, office::shifts::close,
        office::days::list, office::days::close, office::differences::list, office::differences::advance,
        office::settlements::list, office::settlements::settle,
        people::list, people::add, people::change, people::remove, people::tokens::list,
        people::tokens::make, people::tokens::revoke, people::approvals::give, people::audit::list,
        parked::list, parked::send, events::feed, health::alive,
        health::ready, health::metrics, document,
    ),
    tags(
        (name = "payments"), (name = "refunds"), (name = "counters"), (name = "devices"), (name = "outbox"),
        (name = "office"), (name = "people"),
        (name = "events"), (name = "health"),
    ),
    modifiers(&Guarded)
)]
struct Description;

/// What the guard of every route answers, and what it wants to see: from the table itself.
struct Guarded;

impl Modify for Guarded {
    fn modify(&self, document: &mut OpenApiDocument) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A program's token, `sc_…`: see /v1/tokens"))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("session"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in [("GET", &mut item.get), ("POST", &mut item.post)] {
                let is_this = |rule: &&Rule| rule.method == method && rule.path == *path;
                let rule = access::TABLE.iter().find(is_this);
                if let (Some(operation), Some(rule)) = (operation.as_mut(), rule) {
                    describe(operation, rule.needs);
                }
            }
        }
    }
}

fn describe(operation: &mut Operation, needs: Permission) {
    if needs == Permission::Open {
        return;
    }
    let scopes = needs.scopes().iter().map(|scope| scope.as_str());
    let scopes: Vec<_> = scopes.collect();
    let mut security = vec![SecurityRequirement::new::<_, [&str; 0], _>("session", [])];
    let mut who = String::new();
    for role in Role::ALL {
        let grant = match needs.of_role(role) {
            Grant::Yes => role.as_str().to_owned(),
            Grant::IfApproved => format!("{} with an approval (`X-Approval`)", role.as_str()),
            Grant::No => continue,
        };
        let comma = if who.is_empty() { "" } else { ", " };
        who = format!("{who}{comma}{grant}");
    }
    if !scopes.is_empty() {
        who = format!("{who}; a token for {}", scopes.join(", "));
        security.push(SecurityRequirement::new("token", scopes));
    }
    if needs == Permission::Measure {
        who = format!("{who}; anybody on the controller's own machine");
        security.push(SecurityRequirement::default());
    }
    let before = operation.description.take().unwrap_or_default();
    operation.description = Some(format!("{before}\n\nFor: {who}.").trim().to_owned());
    operation.security = Some(security);
    let not_allowed = "not-allowed: it is not for this role or token; approval-needed; cross-site";
    for (status, description) in [("401", "sign-in-needed"), ("403", not_allowed)] {
        let described = operation.responses.responses.entry(status.to_owned());
        described.or_insert_with(|| problem(description).into());
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

/// The OpenAPI document, as JSON.
pub fn description() -> String {
    DOCUMENT.clone()
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", operation_id = "openapi",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(DOCUMENT.as_str())
}
