//! What of a registry a rebuild brings back; everything else is history.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

const FACTS: [(&str, &str); 4] = [
    ("study", "SELECT name, task, spec_sha, spec_json FROM studies ORDER BY name"),
    (
        "run",
        "SELECT r.run_id, r.config_id, r.seed, c.task, c.shape_sig, c.identity_json, r.state, r.outcome, r.result_sha
         FROM runs r JOIN configs c ON c.config_id = r.config_id ORDER BY r.run_id",
    ),
    (
        "member",
        "SELECT s.name, m.idx, m.case_name, m.axes_json, m.withdrawn, r.run_id FROM study_runs m
         JOIN studies s ON s.study_id = m.study_id JOIN runs r ON r.run_no = m.run_no ORDER BY s.name, m.idx, r.run_id",
    ),
    (
        "metric",
        "SELECT r.run_id, x.name, x.measure, x.value FROM metrics x JOIN runs r ON r.run_no = x.run_no
         ORDER BY r.run_id, x.name, x.measure",
    ),
];

/// Lines in a fixed order: studies, runs, memberships, metrics. Without numbers of rows and events, epochs, leases and times, so
/// that a registry and its rebuilt self give the same text.
pub(crate) fn registry_facts(registry: &Path) -> String {
    let connection = Connection::open(registry).unwrap();
    let mut text = String::new();
    for (kind, sql) in FACTS {
        let mut query = connection.prepare(sql).unwrap();
        let columns = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<Value> = (0..columns).map(|column| row.get(column).unwrap()).collect();
            text += &format!("{kind} {values:?}\n");
        }
    }
    text
}
