//! The `loop:` block of a study: how it goes on by itself. What becomes of it is [`auto_loop`](crate::auto_loop)'s.

use std::time::Duration;

use super::error::StudyError;
use super::fields::{YamlFields, wrong};
use super::keys;
use super::policy;
use super::yaml::{Kind, YamlNode};

/// How long a program may take to propose.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

/// More than any loop uses.
const MOST: u64 = 1_000_000;

/// How a loop goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopBlock {
    /// Replicates of an incumbent on fresh seeds.
    pub baseline: usize,
    /// Seeds on which a candidate is judged.
    pub seeds: usize,
    /// Seeds more where it is close.
    pub retest: usize,
    /// Seeds after which a hopeless one is dropped; 0 for never.
    pub scout: usize,
    /// Candidates after which an incumbent gets fresh seeds.
    pub refresh: u64,
    /// Iterations where the command line names no number.
    pub loops: Option<u64>,
    /// Iterations without a kept candidate after which it ends.
    pub patience: Option<u64>,
    /// A program that proposes.
    pub command: Option<Vec<String>>,
    /// How long that may take.
    pub command_timeout: Duration,
    /// Random proposals of the built-in proposer before it learns.
    pub first: u64,
    /// Its seed.
    pub seed: u64,
    /// How often failed runs of a candidate are tried again.
    pub max_fixes: u64,
    /// Settings that no proposal may change.
    pub fixed: Vec<String>,
}

impl LoopBlock {
    pub(super) fn read(node: &YamlNode, errors: &mut Vec<StudyError>) -> Option<Self> {
        // `loop:` alone means everything as usual.
        let empty = YamlNode { kind: Kind::Map(Vec::new()), place: node.place.clone(), tag: None };
        let node = if node.is_null() { &empty } else { node };
        let mut fields = YamlFields::of(node, "loop", keys::LOOP, errors)?;
        let mut number = |key: &str, least: u64| {
            let in_range = |text: &str| text.parse().ok().filter(|number| (least..=MOST).contains(number));
            fields.parse(key, &format!("a whole number from {least} to {MOST}"), in_range)
        };
        let mut block = Self {
            baseline: number("baseline", 2).unwrap_or(4) as usize,
            seeds: number("seeds", 1).unwrap_or(3) as usize,
            retest: number("retest", 0).unwrap_or(3) as usize,
            scout: number("scout", 0).unwrap_or(1) as usize,
            refresh: number("refresh", 1).unwrap_or(10),
            loops: number("loops", 1),
            patience: number("patience", 1),
            first: number("first", 0).unwrap_or(10),
            max_fixes: number("max_fixes", 0).unwrap_or(2),
            seed: fields.parse("seed", "a whole number from 0 up", |text| text.parse().ok()).unwrap_or(0),
            command_timeout: fields
                .parse("command_timeout", policy::DURATION, policy::duration)
                .unwrap_or(COMMAND_TIMEOUT),
            command: fields.get("command").and_then(|node| policy::hook(node, "command", fields.errors())),
            fixed: Vec::new(),
        };
        if let Some(node) = fields.get("fixed") {
            match node.texts() {
                Some(names) => block.fixed = names.into_iter().map(str::to_owned).collect(),
                None => fields.errors().push(wrong(node, "`fixed` in loop", "a list of settings")),
            }
        }
        Some(block)
    }
}
