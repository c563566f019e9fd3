//! The XML of the second interface: one element `xml`, and in it one element per field. Anything
//! richer (a document type, an element within a field, a name that comes twice) is refused.

use quick_xml::{Reader, escape::escape, events::Event};
use zeroize::Zeroizing;

use super::sign::Fields;

const ROOT: &str = "xml";

pub(super) fn write(fields: &Fields) -> Zeroizing<Vec<u8>> {
    let longest = fields
        .iter()
        .map(|(name, value)| 2 * name.len() + 6 * value.len() + 5);
    // room for all of it, so that growing leaves no copy of a code behind
    let mut xml = Zeroizing::new(Vec::with_capacity(longest.sum::<usize>() + 16));
    xml.extend_from_slice(b"<xml>");
    for (name, value) in fields {
        let value = escape(value.as_str());
        for piece in ["<", name, ">", &value, "</", name, ">"] {
            xml.extend_from_slice(piece.as_bytes());
        }
    }
    xml.extend_from_slice(b"</xml>");
    xml
}

/// `None`: it is not such a message.
pub(super) fn read(bytes: &[u8]) -> Option<Fields> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).ok()?);
    let mut fields = Fields::new();
    let mut depth = 0;
    let mut field: Option<(String, String)> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                depth += 1;
                match depth {
                    1 if start.name().as_ref() == ROOT && fields.is_empty() => {}
                    2 => field = Some((start.name().as_ref().to_owned(), String::new())),
                    _ => return None,
                }
            }
            Event::Empty(empty) if depth == 1 => {
                let name = empty.name().as_ref().to_owned();
                put(&mut fields, name, String::new())?;
            }
            Event::Text(piece) => match &mut field {
                Some((_, value)) => value.push_str(&piece),
                None if piece.trim().is_empty() => {}
                None => return None,
            },
            Event::CData(piece) => field.as_mut()?.1.push_str(&piece),
            Event::GeneralRef(reference) => {
                let value = &mut field.as_mut()?.1;
                match reference.resolve_char_ref().ok()? {
                    Some(character) => value.push(character),
                    None => value.push(named(&reference)?),
                }
            }
            Event::End(_) => {
                depth -= 1;
                if let Some((name, value)) = field.take() {
                    put(&mut fields, name, value)?;
                }
            }
            Event::Decl(_) | Event::Comment(_) if depth == 0 => {}
            Event::Eof => return (depth == 0 && !fields.is_empty()).then_some(fields),
            _ => return None,
        }
    }
}

fn put(fields: &mut Fields, name: String, value: String) -> Option<()> {
    match fields.insert(name, value) {
        None => Some(()),
        Some(_) => None,
    }
}

/// XML's own five.
fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}
