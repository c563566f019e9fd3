//! One payment as the spans of a trace.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use ring::digest::{SHA256, digest};
use store_actors::domain::{payment::Payment, timestamp::Timestamp};

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn resource(chain: &str, store: &str) -> Resource {
    Resource {
        attributes: vec![
            text("service.name", "store-controller"),
            text("service.version", VERSION),
            text("service.namespace", chain),
            text("service.instance.id", store),
        ],
        ..Resource::default()
    }
}

pub(super) fn request(resource: &Resource, payments: &[Arc<Payment>]) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: "payments".into(),
        version: VERSION.into(),
        ..InstrumentationScope::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: payments.iter().flat_map(|payment| spans(payment)).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// The payment, and in it the customer's part and each question to the acquirer. No card number,
/// code or name is among it (SEC-1).
fn spans(payment: &Payment) -> Vec<Span> {
    let ended = payment.ended_at.unwrap_or(payment.changed_at);
    let mut root = span(
        payment,
        0,
        "payment",
        SpanKind::Server,
        payment.opened_at,
        ended,
    );
    root.parent_span_id = Vec::new();
    root.attributes = vec![
        text("payment.id", &payment.id.to_string()),
        text("payment.counter", payment.counter.as_str()),
        text("payment.tender", payment.actual_tender().as_str()),
        text("payment.state", payment.state.as_str()),
        text("payment.amount", &payment.money.amount().to_string()),
        text("payment.currency", payment.money.currency().alpha()),
    ];
    root.status = payment.state.is_paid().then(|| Status {
        code: StatusCode::Ok.into(),
        ..Status::default()
    });
    let presented_at = payment.submitted_at.unwrap_or(ended);
    let kind = SpanKind::Internal;
    let mut spans = vec![root];
    spans.push(span(
        payment,
        1,
        "customer",
        kind,
        payment.opened_at,
        presented_at,
    ));
    for (n, evidence) in (2..).zip(&payment.evidence) {
        let sent_at = evidence.sent_at.unwrap_or(evidence.at);
        let name = evidence.operation.as_str();
        let mut asked = span(payment, n, name, SpanKind::Client, sent_at, evidence.at);
        if let Some(acquirer) = &payment.acquirer {
            asked
                .attributes
                .push(text("payment.acquirer", acquirer.as_str()));
        }
        if let Some(said) = &evidence.said {
            asked.attributes.push(text("payment.answer", said));
        }
        spans.push(asked);
    }
    spans
}

fn span(
    payment: &Payment,
    n: u64,
    name: &str,
    kind: SpanKind,
    from: Timestamp,
    until: Timestamp,
) -> Span {
    Span {
        trace_id: payment.id.to_bytes().to_vec(),
        span_id: span_id(payment, n),
        parent_span_id: span_id(payment, 0),
        name: name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(from),
        end_time_unix_nano: nanos(until.max(from)),
        ..Span::default()
    }
}

/// The same each time that the payment is sent: a refund settles it once more.
fn span_id(payment: &Payment, n: u64) -> Vec<u8> {
    let mut seed = payment.id.to_bytes().to_vec();
    seed.extend(n.to_be_bytes());
    let hash = digest(&SHA256, &seed);
    hash.as_ref().iter().take(8).copied().collect()
}

fn nanos(at: Timestamp) -> u64 {
    let ms = u64::try_from(at.unix_ms()).unwrap_or(0);
    ms.saturating_mul(1_000_000)
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}
