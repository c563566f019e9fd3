//! The charts of the store's page, drawn here as SVG: payments per hour, time to a known outcome,
//! depth of the outbox.
//!
//! They stand in the page, so that they are as fresh as it is; nothing in them is styled in place,
//! which the page's policy forbids. What each shows is said in a sentence, too, and the figures
//! stand in a table below it.

use plotters::{
    chart::ChartBuilder,
    drawing::IntoDrawingArea as _,
    element::Rectangle,
    prelude::{BindKeyPoints as _, LineSeries, SVGBackend},
    style::{Color as _, RGBColor},
};
use store_actors::{domain::timestamp::Timestamp, language::Value};

use super::frame::Frame;
use crate::web::history::{SLOT_MS, SLOTS, Slot};

const WIDTH: u32 = 400;
const HEIGHT: u32 = 190;
const HOUR_MS: i64 = 3_600_000;
/// Colours of the console's style: `--good`, `--bad`, `--busy`, `--warning`, `--quiet`, `--rule`.
const GOOD: RGBColor = RGBColor(0x14, 0x53, 0x2d);
const BAD: RGBColor = RGBColor(0x8f, 0x13, 0x13);
const BUSY: RGBColor = RGBColor(0x1e, 0x3a, 0x8a);
const WARNING: RGBColor = RGBColor(0x7a, 0x3e, 0x00);
const QUIET: RGBColor = RGBColor(0x4b, 0x5a, 0x68);
const RULE: RGBColor = RGBColor(0xcb, 0xd3, 0xda);

/// One chart with its words.
#[derive(Debug)]
pub(super) struct Chart {
    pub id: &'static str,
    pub title: String,
    /// What the colours mean: the class of the style, and words.
    pub legend: Vec<(&'static str, String)>,
    /// For who can't see it.
    pub summary: String,
    pub svg: String,
    /// The figures of each hour, the latest first.
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// An hour of the day.
struct Hour {
    begins: Timestamp,
    paid: u64,
    unpaid: u64,
    depth: Option<u64>,
    /// The worst quarter's, milliseconds.
    median: Option<u64>,
    slowest: Option<u64>,
}

fn hours(slots: &[Slot]) -> Vec<Hour> {
    let hour = |slot: &Slot| slot.begins.unix_ms().div_euclid(HOUR_MS);
    let of_hour = slots.chunk_by(|one, next| hour(one) == hour(next));
    of_hour
        .filter_map(|slots| {
            let begins = slots.first()?.begins;
            Some(Hour {
                begins,
                paid: slots.iter().map(|slot| slot.paid).sum(),
                unpaid: slots.iter().map(|slot| slot.unpaid).sum(),
                depth: slots.iter().filter_map(|slot| slot.depth).max(),
                median: slots.iter().filter_map(|slot| slot.outcome_ms(50)).max(),
                slowest: slots.iter().filter_map(|slot| slot.outcome_ms(95)).max(),
            })
        })
        .collect()
}

/// All three, of the slots of a day up to now; a chart that can't be drawn is left out, and said.
pub(super) fn charts(
    frame: &Frame,
    slots: &[Slot],
    (now, offset): (Timestamp, i32),
    depth: u64,
) -> Vec<Chart> {
    let scene = Scene {
        frame,
        hours: hours(slots),
        ends: now.unix_ms(),
        depth,
        offset,
    };
    let drawn = [scene.payments(), scene.outcomes(slots), scene.outbox(slots)];
    let drawn = drawn.into_iter().filter_map(|chart| {
        chart
            .inspect_err(|cause| tracing::error!(%cause, "a chart can't be drawn"))
            .ok()
    });
    drawn.collect()
}

struct Scene<'f> {
    frame: &'f Frame,
    hours: Vec<Hour>,
    /// Now, the right end.
    ends: i64,
    /// Of the outbox, now.
    depth: u64,
    offset: i32,
}

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;
/// A bar: from when, until when, how high; and the points of a line. Times are Unix milliseconds.
type Bar = (i64, i64, i64, RGBColor);
type Points = (Vec<(i64, i64)>, RGBColor);

impl Scene<'_> {
    fn clock(&self, at: Timestamp) -> String {
        let text = at.local_time(self.offset);
        text.chars().skip(11).take(5).collect()
    }

    fn payments(&self) -> Drawn<Chart> {
        let frame = self.frame;
        let mut bars: Vec<Bar> = Vec::new();
        for hour in &self.hours {
            let left =
                hour.begins.unix_ms() - hour.begins.unix_ms().rem_euclid(HOUR_MS) + HOUR_MS / 12;
            let right = left + HOUR_MS - HOUR_MS / 6;
            let paid = i64::try_from(hour.paid)?;
            let all = i64::try_from(hour.paid + hour.unpaid)?;
            bars.push((left, right, all, BAD));
            bars.push((left, right, paid, GOOD));
        }
        let highest = bars.iter().map(|bar| bar.2).max().unwrap_or(0);
        let svg = self.draw(&bars, &[], highest.max(4), |count| count.to_string())?;
        let all: u64 = self.hours.iter().map(|hour| hour.paid + hour.unpaid).sum();
        let busiest = self.hours.iter().max_by_key(|hour| hour.paid + hour.unpaid);
        let summary = match busiest.filter(|_| all > 0) {
            None => frame.say("chart-no-payments"),
            Some(hour) => frame.language.say_with(
                "chart-payments-summary",
                [
                    ("count", Value::from(all)),
                    ("time", self.clock(hour.begins).into()),
                    ("most", Value::from(hour.paid + hour.unpaid)),
                ],
            ),
        };
        let row = |hour: &Hour| vec![hour.paid.to_string(), hour.unpaid.to_string()];
        Ok(Chart {
            id: "chart-payments",
            title: frame.say("chart-payments-title"),
            legend: vec![
                ("good", frame.say("chart-paid")),
                ("bad", frame.say("chart-unpaid")),
            ],
            summary,
            svg,
            headings: ["time", "chart-paid", "chart-unpaid"]
                .map(|id| frame.say(id))
                .into(),
            rows: self.rows(row),
        })
    }

    fn outcomes(&self, slots: &[Slot]) -> Drawn<Chart> {
        let frame = self.frame;
        let line = |percent, color| -> Drawn<Points> {
            let point = |slot: &Slot| {
                let ms = slot.outcome_ms(percent)?;
                Some((slot.begins.unix_ms(), i64::try_from(ms).unwrap_or(i64::MAX)))
            };
            Ok((slots.iter().filter_map(point).collect(), color))
        };
        let lines = [line(50, BUSY)?, line(95, WARNING)?];
        let points = lines.iter().flat_map(|(points, _)| points);
        let highest = points.map(|point| point.1).max().unwrap_or(0);
        let svg = self.draw(&[], &lines, highest.max(1_000), time_words)?;
        let slowest = self.hours.iter().filter_map(|hour| hour.slowest).max();
        let median = self.hours.iter().filter_map(|hour| hour.median).max();
        let summary = match (median, slowest) {
            (Some(median), Some(slowest)) => frame.language.say_with(
                "chart-outcomes-summary",
                [
                    ("median", Value::from(time_words(i64::try_from(median)?))),
                    ("slowest", Value::from(time_words(i64::try_from(slowest)?))),
                ],
            ),
            _ => frame.say("chart-no-payments"),
        };
        let cell = |ms: Option<u64>| {
            let ms = ms.and_then(|ms| i64::try_from(ms).ok());
            ms.map_or_else(|| "–".to_owned(), time_words)
        };
        Ok(Chart {
            id: "chart-outcomes",
            title: frame.say("chart-outcomes-title"),
            legend: vec![
                ("busy", frame.say("chart-median")),
                ("warning", frame.say("chart-slowest")),
            ],
            summary,
            svg,
            headings: ["time", "chart-median", "chart-slowest"]
                .map(|id| frame.say(id))
                .into(),
            rows: self.rows(|hour| vec![cell(hour.median), cell(hour.slowest)]),
        })
    }

    fn outbox(&self, slots: &[Slot]) -> Drawn<Chart> {
        let frame = self.frame;
        let mut bars: Vec<Bar> = Vec::new();
        for slot in slots {
            let left = slot.begins.unix_ms();
            let depth = slot.depth.unwrap_or(0);
            bars.push((left, left + SLOT_MS, i64::try_from(depth)?, BUSY));
        }
        let highest = bars.iter().map(|bar| bar.2).max().unwrap_or(0);
        let svg = self.draw(&bars, &[], highest.max(4), |count| count.to_string())?;
        let summary = frame.language.say_with(
            "chart-outbox-summary",
            [
                ("now", Value::from(self.depth)),
                ("most", Value::from(highest)),
            ],
        );
        Ok(Chart {
            id: "chart-outbox",
            title: frame.say("chart-outbox-title"),
            legend: vec![("busy", frame.say("unsent"))],
            summary,
            svg,
            headings: ["time", "unsent"].map(|id| frame.say(id)).into(),
            rows: self.rows(|hour| {
                let depth = hour.depth.map(|depth| depth.to_string());
                vec![depth.unwrap_or_else(|| "–".to_owned())]
            }),
        })
    }

    fn rows(&self, cells: impl Fn(&Hour) -> Vec<String>) -> Vec<Vec<String>> {
        let row = |hour: &Hour| {
            let mut row = vec![self.clock(hour.begins)];
            row.extend(cells(hour));
            row
        };
        self.hours.iter().rev().map(row).collect()
    }

    fn draw(
        &self,
        bars: &[Bar],
        lines: &[Points],
        highest: i64,
        words: impl Fn(i64) -> String,
    ) -> Drawn<String> {
        let begins = self.ends - SLOT_MS * i64::try_from(SLOTS)?;
        let quarter_day = 6 * HOUR_MS;
        // where the store's clock has whole hours
        let first = begins + quarter_day
            - (begins + i64::from(self.offset) * 60_000).rem_euclid(quarter_day);
        let marks = (0..4)
            .map(|nth| first + nth * quarter_day)
            .collect::<Vec<_>>();
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            let mut chart = ChartBuilder::on(&area)
                .margin(6)
                .margin_right(16)
                .x_label_area_size(22)
                .y_label_area_size(52)
                .build_cartesian_2d(
                    (begins..self.ends).with_key_points(marks),
                    0..highest + highest / 10,
                )?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .bold_line_style(RULE)
                .light_line_style(RULE.mix(0.0))
                .axis_style(QUIET)
                .label_style(("sans-serif", 13, &QUIET))
                .x_labels(4)
                .y_labels(5)
                .x_label_formatter(&|at| self.clock(Timestamp::from_unix_ms(*at)))
                .y_label_formatter(&|value| words(*value))
                .draw()?;
            let inside = |at: i64| at.clamp(begins, self.ends);
            chart.draw_series(bars.iter().filter(|bar| bar.2 > 0).map(
                |(left, right, height, color)| {
                    let corners = [(inside(*left), 0), (inside(*right), *height)];
                    Rectangle::new(corners, color.filled())
                },
            ))?;
            for (points, color) in lines {
                let points = points.iter().map(|(at, value)| (inside(*at), *value));
                chart.draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(2))?;
            }
            area.present()?;
        }
        Ok(svg)
    }
}

/// A time in the unit that people would say it in.
fn time_words(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..10_000 if ms % 1_000 > 0 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} s", ms / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::time_words;

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = [0, 50, 1_000, 1_500, 10_900, 900_000].map(time_words);
        assert_eq!(said, ["0 ms", "50 ms", "1 s", "1.5 s", "10 s", "900 s"]);
    }
}
