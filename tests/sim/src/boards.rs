//! Makes the Grafana boards of `dashboards/` from their descriptions in `dashboards/boards`.
//!
//! A board as Grafana keeps it is a thousand lines that nobody reads; what somebody has to say
//! about it (question, expression, what to do) is four lines a panel. Positions, ids and the words
//! that Grafana wants are made here, and the runbook of the alerts that belong to a board is taken
//! from the README. A test holds the made files against the committed ones.

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

/// Grafana's columns.
const COLUMNS: u32 = 24;
/// The version of Grafana's format; newer ones migrate it by themselves.
const SCHEMA_VERSION: u32 = 41;

#[derive(Debug, Error)]
pub enum BoardFailed {
    #[error("the description can't be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    #[error("alert {0} has no line in the runbook")]
    NoRunbook(String),
    #[error("the board can't be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    uid: String,
    title: String,
    description: String,
    other: Other,
    variable: Vec<Variable>,
    row: Vec<Row>,
}

/// The board a reader wants to go to from here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    uid: String,
    title: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    label: String,
    query: String,
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panel: Vec<Panel>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    TimeSeries,
    Stat,
    Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default = "third")]
    width: u32,
    #[serde(default = "plain")]
    unit: String,
    help: String,
    /// Expression and legend.
    queries: Vec<(String, String)>,
    /// Colour and the value from which on it holds; the first has none.
    #[serde(default)]
    thresholds: Vec<(String, String)>,
    #[serde(default)]
    alerts: Vec<String>,
}

const fn third() -> u32 {
    COLUMNS / 3
}

fn plain() -> String {
    "none".to_owned()
}

/// The JSON of the board that `description` describes, with the runbook's lines from `readme`.
///
/// # Errors
/// The description is none, or names an alert that the runbook does not explain.
pub fn make(description: &str, readme: &str) -> Result<String, BoardFailed> {
    let board: Board = toml::from_str(description)?;
    let runbook_id = board.row.iter().fold(1, |id, row| id + 1 + row.panel.len());
    let runbook = format!("/d/{}?viewPanel=panel-{}", board.uid, runbook_id + 1);
    let mut panels = Vec::new();
    let mut at = Place::default();
    for row in &board.row {
        panels.push(at.row(panels.len() + 1, &row.title));
        for panel in &row.panel {
            panels.push(panel.json(panels.len() + 1, &mut at, &runbook));
        }
    }
    let alerts = board.row.iter().flat_map(|row| &row.panel);
    let alerts = alerts.flat_map(|panel| &panel.alerts);
    let content = excerpt(readme, alerts)?;
    panels.push(at.row(panels.len() + 1, "What to do"));
    panels.push(json!({
        "id": panels.len() + 1, "type": "text", "title": "Runbook", "gridPos": at.take(COLUMNS, 16),
        "options": {"mode": "markdown", "content": content},
    }));
    let made = board.json(&panels);
    Ok(format!("{}\n", serde_json::to_string_pretty(&made)?))
}

impl Board {
    fn json(&self, panels: &[Value]) -> Value {
        let source = json!({
            "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        });
        let variables = self.variable.iter().map(Variable::json);
        let variables: Vec<Value> = std::iter::once(source).chain(variables).collect();
        let other = link(&self.other.title, &format!("/d/{}", self.other.uid));
        json!({
            "uid": self.uid, "title": self.title, "description": self.description,
            "schemaVersion": SCHEMA_VERSION, "editable": true, "tags": ["store-controller"],
            "time": {"from": "now-6h", "to": "now"}, "refresh": "30s", "timezone": "browser",
            "links": [other], "templating": {"list": variables}, "panels": panels,
        })
    }
}

impl Variable {
    fn json(&self) -> Value {
        let mut made = json!({
            "name": self.name, "label": self.label, "type": "query", "query": self.query,
            "datasource": source(), "refresh": 2, "sort": 7, "includeAll": self.all, "multi": self.all,
        });
        if self.all
            && let Some(made) = made.as_object_mut()
        {
            made.insert("allValue".to_owned(), ".*".into());
            made.insert(
                "current".to_owned(),
                json!({"text": "All", "value": "$__all"}),
            );
        }
        made
    }
}

impl Panel {
    fn json(&self, id: usize, at: &mut Place, runbook: &str) -> Value {
        let height = match self.kind {
            Kind::Stat if self.width < third() => 4,
            _ => 8,
        };
        let targets = ('A'..='Z')
            .zip(&self.queries)
            .map(|(id, query)| self.target(id, query));
        let links = match self.alerts.is_empty() {
            true => Vec::new(),
            false => vec![link("Runbook", runbook)],
        };
        let (kind, options, custom) = self.looks();
        json!({
            "id": id, "type": kind, "title": self.title, "description": self.described(),
            "datasource": source(), "gridPos": at.take(self.width, height), "links": links,
            "targets": targets.collect::<Vec<_>>(), "options": options,
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit, "custom": custom, "links": self.drill(),
                    "color": {"mode": self.colour()},
                    "thresholds": {"mode": "absolute", "steps": self.steps()},
                },
                "overrides": [],
            },
        })
    }

    fn described(&self) -> String {
        match self.alerts.is_empty() {
            true => self.help.clone(),
            false => format!("{}\n\nAlerts: {}", self.help, self.alerts.join(", ")),
        }
    }

    fn target(&self, id: char, (expr, legend): &(String, String)) -> Value {
        let is_table = matches!(self.kind, Kind::Table);
        json!({
            "refId": id.to_string(), "datasource": source(), "expr": expr, "legendFormat": legend,
            "instant": is_table, "range": !is_table,
            "format": if is_table { "table" } else { "time_series" },
        })
    }

    /// Grafana's name of the panel, its options and what is drawn how.
    fn looks(&self) -> (&'static str, Value, Value) {
        let reduced = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind {
            Kind::TimeSeries => (
                "timeseries",
                json!({
                    "legend": {"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []},
                    "tooltip": {"mode": "multi", "sort": "desc"},
                }),
                json!({
                    "fillOpacity": 5, "lineWidth": 1, "showPoints": "never",
                    "thresholdsStyle": {"mode": if self.thresholds.is_empty() { "off" } else { "line" }},
                }),
            ),
            Kind::Stat => (
                "stat",
                json!({
                    "reduceOptions": reduced, "colorMode": "background", "graphMode": "area", "justifyMode": "auto",
                    "orientation": "auto", "percentChangeColorMode": "standard", "showPercentChange": false,
                    "textMode": if self.queries.iter().any(|(_, legend)| legend.contains("{{")) {
                        "value_and_name"
                    } else {
                        "value"
                    },
                    "wideLayout": true,
                }),
                json!({}),
            ),
            Kind::Table => (
                "table",
                json!({"frameIndex": 0, "showHeader": true}),
                json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false}),
            ),
        }
    }

    fn colour(&self) -> &'static str {
        match self.kind {
            Kind::TimeSeries => "palette-classic",
            Kind::Stat | Kind::Table => "thresholds",
        }
    }

    fn steps(&self) -> Vec<Value> {
        let one = |(colour, from): &(String, String)| {
            let value = from.parse::<serde_json::Number>().ok();
            json!({"color": colour, "value": value})
        };
        match self.thresholds.is_empty() {
            true => vec![json!({"color": "green", "value": null})],
            false => self.thresholds.iter().map(one).collect(),
        }
    }

    /// From a store's line in the fleet to the board of that store.
    fn drill(&self) -> Vec<Value> {
        let label = ["instance", "store"].into_iter().find(|label| {
            let legend = format!("{{{{{label}}}}}");
            let is_fleet = |expr: &str| expr.contains("=~\"$store\"");
            self.queries
                .iter()
                .any(|(expr, found)| *found == legend && is_fleet(expr))
        });
        let to = |label| {
            let url = format!("/d/store-controller-store?var-store=${{__field.labels.{label}}}");
            json!({"title": "This store", "url": url})
        };
        label.map(to).into_iter().collect()
    }
}

/// Where the next panel goes: from left to right, then below.
#[derive(Debug, Default)]
struct Place {
    x: u32,
    y: u32,
    height: u32,
}

impl Place {
    fn take(&mut self, width: u32, height: u32) -> Value {
        if self.x + width > COLUMNS {
            self.below();
        }
        let taken = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.height = self.height.max(height);
        taken
    }

    fn below(&mut self) {
        self.y += self.height;
        self.x = 0;
        self.height = 0;
    }

    fn row(&mut self, id: usize, title: &str) -> Value {
        self.below();
        let place = self.take(COLUMNS, 1);
        self.below();
        json!({"id": id, "type": "row", "title": title, "collapsed": false, "panels": [], "gridPos": place})
    }
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn link(title: &str, url: &str) -> Value {
    json!({
        "type": "link", "title": title, "url": url, "icon": "external link", "tooltip": "", "tags": [],
        "asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false,
    })
}

/// The lines of the README's runbook that explain these alerts, as a table of their own.
fn excerpt<'a>(
    readme: &str,
    alerts: impl Iterator<Item = &'a String>,
) -> Result<String, BoardFailed> {
    let head = "| alert | means | do |\n|---|---|---|\n".to_owned();
    let mut lines: Vec<&str> = Vec::new();
    for alert in alerts {
        let explains = |line: &&str| {
            let named = line
                .strip_prefix("| ")
                .and_then(|rest| rest.split('|').next());
            named.is_some_and(|named| named.split(',').any(|name| name.trim() == alert))
        };
        let line = readme.lines().find(explains);
        let line = line.ok_or_else(|| BoardFailed::NoRunbook(alert.clone()))?;
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(head + &lines.join("\n"))
}
