//! One flat element `xml`, values in CDATA, as the real one writes them; read by hand.

use super::Fields;

pub(super) fn write(fields: &Fields) -> String {
    let inner: String = fields
        .iter()
        .map(|(name, value)| format!("<{name}><![CDATA[{value}]]></{name}>\n"))
        .collect();
    format!("<xml>\n{inner}</xml>")
}

pub(super) fn read(bytes: &[u8]) -> Option<Fields> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = match text.trim().strip_prefix("<?xml") {
        Some(declared) => declared.split_once("?>")?.1,
        None => text,
    };
    let mut rest = text
        .trim()
        .strip_prefix("<xml>")?
        .strip_suffix("</xml>")?
        .trim();
    let mut fields = Fields::new();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix('<')?.split_once('>')?;
        if let Some(name) = name.strip_suffix('/') {
            fields.insert(name.trim().to_owned(), String::new());
            rest = after.trim_start();
            continue;
        }
        let end = format!("</{name}>");
        let (value, after) = match after.strip_prefix("<![CDATA[") {
            Some(data) => {
                let (value, after) = data.split_once("]]>")?;
                (value.to_owned(), after.strip_prefix(end.as_str())?)
            }
            None => {
                let (value, after) = after.split_once(end.as_str())?;
                (unescaped(value), after)
            }
        };
        if fields.insert(name.to_owned(), value).is_some() {
            return None;
        }
        rest = after.trim_start();
    }
    Some(fields)
}

fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
