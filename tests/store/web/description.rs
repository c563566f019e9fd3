//! The OpenAPI document: judged by a validator of another house, and each answer of these tests
//! judged by it.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use store_controller::web;

use super::shop::{Answer, Shop};

/// Holds an answer against the description: the path, the method, the status, the media type and
/// the JSON.
pub fn check(method: &str, path: &str, answer: &Answer) {
    let document = document();
    let templates = document["paths"].as_object().unwrap();
    let Some((template, item)) = templates
        .iter()
        .find(|(template, _)| matches(template, path))
    else {
        assert_eq!(answer.status, 404, "{path} is not described");
        return;
    };
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(answer.status, 405, "{method} {template} is not described");
        return;
    };
    let described = operation["responses"].get(answer.status.to_string());
    let described = described
        .unwrap_or_else(|| panic!("{method} {template}: {} is not described", answer.status));
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let content = described["content"].get(media_type);
    let content =
        content.unwrap_or_else(|| panic!("{method} {template} {}: {media_type}", answer.status));
    if media_type.ends_with("json") && template != "/openapi.json" {
        let schema = json!({ "allOf": [content["schema"]], "components": document["components"] });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let body = answer.json();
        let faults: Vec<_> = validator
            .iter_errors(&body)
            .map(|fault| fault.to_string())
            .collect();
        assert!(
            faults.is_empty(),
            "{method} {template} {}: {faults:?} in {body}",
            answer.status
        );
        is_all_described(&content["schema"], document, &body, template);
    }
}

/// No field that the description doesn't know.
fn is_all_described(schema: &Value, document: &Value, value: &Value, at: &str) {
    let name = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix("#/components/schemas/"));
    let schema = name.map_or(schema, |name| &document["components"]["schemas"][name]);
    match value {
        Value::Object(fields) => {
            for (field, inner) in fields {
                let known = schema["properties"].get(field);
                // an optional object is one of null and itself
                let options = known.and_then(|known| known["oneOf"].as_array());
                let option = options
                    .and_then(|options| options.iter().find(|option| option.get("$ref").is_some()));
                let known = option
                    .or(known)
                    .unwrap_or_else(|| panic!("{at}.{field} is not described"));
                is_all_described(known, document, inner, &format!("{at}.{field}"));
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| is_all_described(&schema["items"], document, item, at)),
        _ => {}
    }
}

fn document() -> &'static Value {
    static DOCUMENT: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(&web::description()).unwrap())
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let fits = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

#[actix_web::test]
async fn the_document_is_served_and_a_validator_of_another_house_finds_nothing() {
    let shop = Shop::open().await;
    let served = shop.get("/openapi.json").await;
    assert_eq!(served.json(), *document());
    assert!(
        served.json()["openapi"]
            .as_str()
            .unwrap()
            .starts_with("3.1")
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("openapi.json");
    std::fs::write(&file, &served.body).unwrap();
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/.venv/bin/openapi-spec-validator");
    let judged = Command::new(&program)
        .arg(&file)
        .output()
        .expect("`make peers` installs openapi-spec-validator");
    assert!(
        judged.status.success(),
        "{}",
        String::from_utf8_lossy(&judged.stdout)
    );
}

#[test]
fn every_path_of_the_interface_is_described() {
    let expected = [
        ("/v1/payments", "post"),
        ("/v1/payments", "get"),
        ("/v1/payments/{id}", "get"),
        ("/v1/payments/{id}/cancel", "post"),
        ("/v1/payments/{id}/completion", "post"),
        ("/v1/payments/{id}/refunds", "post"),
        ("/v1/refunds/{id}", "get"),
        ("/v1/payments/{id}/qr.svg", "get"),
        ("/v1/payments/{id}/qr.png", "get"),
        ("/v1/counters", "get"),
        ("/v1/counters/{id}/scan-image", "post"),
        ("/v1/devices", "get"),
        ("/v1/outbox", "get"),
        ("/v1/offline", "get"),
        ("/v1/office/statement", "get"),
        ("/v1/office/comparison", "get"),
        ("/v1/office/shifts", "get"),
        ("/v1/office/shifts", "post"),
        ("/v1/office/shifts/{counter}", "get"),
        ("/v1/office/shifts/{counter}/{number}", "get"),
        ("/v1/office/shifts/{counter}/cash", "post"),
        ("/v1/office/shifts/{counter}/close", "post"),
        ("/v1/office/days", "get"),
        ("/v1/office/days/{day}/close", "post"),
        ("/v1/office/differences", "get"),
        ("/v1/office/differences/{id}", "post"),
        ("/v1/events", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/openapi.json", "get"),
    ];
    for (path, method) in expected {
        assert!(
            document()["paths"][path][method].is_object(),
            "{method} {path}"
        );
    }
}
