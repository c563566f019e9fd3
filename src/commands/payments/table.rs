//! Payments as columns for people.

use std::io::{self, Write};

use serde_json::Value;

const TITLES: [&str; 7] = [
    "OPENED",
    "COUNTER",
    "STATE",
    "AMOUNT",
    "TENDER",
    "REFERENCE",
    "ID",
];

/// Amounts are easier to compare at the right.
const AMOUNT: usize = 3;

pub(super) fn write(payments: &[Value], out: &mut dyn Write) -> io::Result<()> {
    if payments.is_empty() {
        return writeln!(out, "no such payment");
    }
    let rows: Vec<_> = payments.iter().map(row).collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&TITLES.map(str::to_owned), &widths, out)?;
    rows.iter().try_for_each(|row| line(row, &widths, out))
}

fn row(payment: &Value) -> [String; 7] {
    let text = |key: &str| {
        let text = payment.get(key).and_then(Value::as_str).unwrap_or("-");
        // a till's reference is free text: it must not move the terminal's cursor
        text.replace(char::is_control, " ")
    };
    let amount = format!("{} {}", text("amount"), text("currency"));
    [
        text("opened_at"),
        text("counter"),
        text("state"),
        amount,
        text("tender"),
        text("reference"),
        text("id"),
    ]
}

fn line(cells: &[String; 7], widths: &[usize; 7], out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line += &match at {
            AMOUNT => format!("{cell:>width$}  "),
            _ => format!("{cell:<width$}  "),
        };
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(payments: &[Value]) -> String {
        let mut out = Vec::new();
        write(payments, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_under_each_other_and_free_text_does_no_harm() {
        let payment = |amount: &str, reference: Value| {
            json!({"id": "ab", "opened_at": "2026-11-22T08:00:00.000Z", "counter": "01",
                "state": "approved", "amount": amount, "currency": "CNY", "tender": "card",
                "reference": reference})
        };
        let found = [
            payment("1.00", Value::Null),
            payment("1234.50", json!("\u{1b}[2Jx")),
        ];
        assert_eq!(
            written(&found),
            "OPENED                    COUNTER  STATE          AMOUNT  TENDER  REFERENCE  ID\n\
             2026-11-22T08:00:00.000Z  01       approved     1.00 CNY  card    -          ab\n\
             2026-11-22T08:00:00.000Z  01       approved  1234.50 CNY  card     [2Jx      ab\n"
        );
        assert_eq!(written(&[]), "no such payment\n");
    }
}
