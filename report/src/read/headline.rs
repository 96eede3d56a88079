//! What a result must pass before its numbers are believed: headline values are recomputed from the curves.
//!
//! Best and last accuracy, epochs, steps, FLOP, wall-clock time and the rates made of them all follow from the lists of the same
//! file. Where a file says something else, one of the two was changed or cut, and nobody knows which: the reader tells it, and a
//! replay fails. Fractions that are percentages would be a hundred times too large in every table; such a file is refused.
//!
//! What a file does not say is not checked. Sums are compared with a tolerance for their rounding, everything else exactly.

use aees_control::python_float::repr;
use serde_json::{Map, Value};

use super::document::{Diagnostics, Document, Numbers, Subsets};
use crate::difference::{Difference, RecordPart};

/// Sums of floating-point numbers depend on their order.
const ROUNDING: f64 = 1e-9;

/// The FLOP of epochs are often kept with fewer digits than their sum.
const TFLOPS: f64 = 1e-4;

/// A clock that is read at every epoch's end and one that is read once differ by what lies between.
const CLOCKS: f64 = 1e-3;

/// One number for each epoch, in each.
pub(super) struct Columns {
    pub(super) train_losses: Vec<f64>,
    pub(super) train_accuracies: Vec<f64>,
    pub(super) val_accuracies: Vec<f64>,
    pub(super) epoch_seconds: Vec<f64>,
    pub(super) epoch_tflops: Vec<f64>,
}

/// Refuses accuracies that are no fractions.
pub(super) fn check_fractions(document: &Document) -> Result<(), String> {
    let curve = |name: &str, numbers: &Numbers| {
        let mut values = numbers.iter().flatten().enumerate();
        values.find_map(|(epoch, number)| not_a_fraction(&format!("{name} in epoch {}", epoch + 1), Some(number.0)))
    };
    let of_subsets = |subsets: Option<&Subsets>| {
        subsets.and_then(|subsets| subsets.named().into_iter().find_map(|(name, value)| not_a_fraction(name, value)))
    };
    let at_end = document.config.as_ref().and_then(|config| config.diagnostics.final_subset_accuracies.as_ref());
    let metrics = document.metrics.as_ref().and_then(|metrics| metrics.0.as_ref());
    let metric = metrics.and_then(|metrics| metrics.get("best_val_accuracy")).and_then(Value::as_f64);
    let found = curve("val_accuracies", &document.val_accuracies)
        .or_else(|| curve("train_accuracies", &document.train_accuracies))
        .or_else(|| not_a_fraction("best_val_accuracy", document.best_val_accuracy))
        .or_else(|| not_a_fraction("final_val_accuracy", document.final_val_accuracy))
        .or_else(|| of_subsets(at_end))
        .or_else(|| of_subsets(document.best_epoch_diagnostics.as_ref()))
        .or_else(|| not_a_fraction("metrics.best_val_accuracy", metric));
    found.map_or(Ok(()), Err)
}

fn not_a_fraction(name: &str, value: Option<f64>) -> Option<String> {
    let value = value.filter(|value| value.is_finite() && !(0.0..=1.0).contains(value))?;
    Some(match (0.0..=100.0).contains(&value) {
        true => format!("{name} is {value}, a percentage: accuracies are fractions from 0 to 1"),
        false => format!("{name} is {value}: no accuracy, which is a fraction from 0 to 1"),
    })
}

/// What is known of a run beside its document.
pub(super) struct DocumentContext<'a> {
    pub(super) settings: &'a Map<String, Value>,
    pub(super) diagnostics: &'a Diagnostics,
    pub(super) columns: &'a Columns,
    /// The last step of each episode.
    pub(super) episode_ends: Option<&'a [u64]>,
    /// Whether its loss was no number: then the last epoch is not whole.
    pub(super) diverged: bool,
    /// Whether it ended before all its epochs were done: it diverged, or its patience was over.
    pub(super) is_short: bool,
}

/// Everything that the file says of itself and its lists contradict.
pub(super) fn contradictions(document: &Document, known: &DocumentContext<'_>) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    if document.val_accuracies.is_some() {
        headline(document, known, &mut found);
        work(document, known, &mut found);
        length(document, known, &mut found);
    }
    identity(document, known, &mut found);
    rates(document, known, &mut found);
    found.0
}

/// Best, last, and what is told of them twice.
fn headline(document: &Document, known: &DocumentContext<'_>, found: &mut Found) {
    let Columns { val_accuracies, train_losses, .. } = known.columns;
    let best = best(known.columns);
    found.exact("best_val_accuracy", document.best_val_accuracy, best);
    found.exact("final_val_accuracy", document.final_val_accuracy, val_accuracies.last().copied());
    found.exact("final_train_loss", document.final_train_loss, train_losses.last().copied());
    let repeated = known.diagnostics.final_subset_accuracies.and_then(|subsets| subsets.final_val_accuracy);
    found.exact("final_subset_accuracies.final_val_accuracy", repeated, val_accuracies.last().copied());
    let peak = val_accuracies.iter().position(|accuracy| Some(*accuracy) == best).map(|index| (index + 1) as f64);
    found.exact("best_epoch", document.best_epoch.map(|epoch| epoch as f64), peak);
}

/// The highest point of the curve; as the reference has it, at least 0. None when no epoch was finished.
fn best(columns: &Columns) -> Option<f64> {
    let accuracies = &columns.val_accuracies;
    (!accuracies.is_empty())
        .then(|| accuracies.iter().copied().filter(|accuracy| !accuracy.is_nan()).fold(0.0, f64::max))
}

/// FLOP and seconds against those of the epochs. An epoch that was not finished has worked, too.
fn work(document: &Document, known: &DocumentContext<'_>, found: &mut Found) {
    let Columns { epoch_seconds, epoch_tflops, .. } = known.columns;
    if !epoch_tflops.is_empty() {
        let flops = epoch_tflops.iter().sum::<f64>() * 1e12;
        match (known.diverged, document.estimated_flops) {
            (true, Some(written)) if written >= flops * (1.0 - TFLOPS) => {}
            (_, written) => found.within("estimated_flops", written, Some(flops), TFLOPS),
        }
    }
    let per_tflop = best(known.columns).zip(document.estimated_flops.filter(|flops| *flops > 0.0));
    found.sum("accuracy_per_tflop", document.accuracy_per_tflop, per_tflop.map(|(best, flops)| best / (flops / 1e12)));
    let (Some(seconds), Some(longest)) = (document.wall_clock_seconds, epoch_seconds.iter().copied().reduce(f64::max))
    else {
        return;
    };
    // Beside its epochs a run measures what it has memorised, which is a few passes over its training set.
    let epochs: f64 = epoch_seconds.iter().sum();
    let (least, most) = (epochs * (1.0 - CLOCKS), 1.5 * epochs + 4.0 * longest + 60.0);
    if seconds < least || seconds > most {
        found.differs("wall_clock_seconds", &repr(seconds), &format!("{epochs:.3} in {} epochs", epoch_seconds.len()));
    }
}

/// Epochs and steps, by settings and by episodes: a record that was cut is shorter than it says.
fn length(document: &Document, known: &DocumentContext<'_>, found: &mut Found) {
    let epochs = known.columns.val_accuracies.len() as u64;
    found.count("total_epochs", document.total_epochs, Some(epochs));
    let planned = known.settings.get("epochs").and_then(Value::as_u64);
    // A run that has cost what it may ends inside an epoch, and before its last.
    let most = known.settings.get("max_tflops").and_then(Value::as_f64);
    let is_spent = most.zip(document.estimated_flops).is_some_and(|(most, flops)| flops >= most * 1e12);
    let ends_early = known.is_short || (is_spent && planned.is_none_or(|planned| epochs <= planned));
    if !ends_early {
        found.count("config.epochs", planned, Some(epochs));
    }
    if let (Some(steps), false) = (document.total_steps, ends_early)
        && (epochs > 0 && steps % epochs != 0)
    {
        found.differs("total_steps", &steps.to_string(), &format!("no whole number in each of {epochs} epochs"));
    }
    let logged = document.controller_logs.as_ref().and_then(|logs| logs.logged_episode_count);
    if let Some(ends) = known.episode_ends {
        let steps = ends.last().map_or(0, |last| last.saturating_add(1));
        found.count("total_steps", document.total_steps, Some(steps).filter(|_| !known.diverged));
        found.count("_logged_episode_count", logged, Some(ends.len() as u64));
    }
}

/// What says twice which run it is.
fn identity(document: &Document, known: &DocumentContext<'_>, found: &mut Found) {
    if let (Some(seed), Some(of_config)) = (document.seed, known.settings.get("seed").and_then(Value::as_i64)) {
        found.0.extend(Difference::between(RecordPart::Whole, "seed", &seed, &of_config));
    }
    let word = |key: &str| known.settings.get(key).and_then(Value::as_str);
    let pairs = [
        ("task_name", document.task_name.as_deref(), word("task_name")),
        ("method_name", document.method_name.as_deref(), word("control_regime").or_else(|| word("method"))),
    ];
    for (name, top, of_config) in pairs {
        if let (Some(top), Some(of_config)) = (top, of_config) {
            found.0.extend(Difference::between(RecordPart::Whole, name, &top, &of_config));
        }
    }
}

/// `runtime_metrics`, from which times and costs are read.
fn rates(document: &Document, known: &DocumentContext<'_>, found: &mut Found) {
    let Some(Value::Object(metrics)) = document.runtime_metrics.as_ref().and_then(|metrics| metrics.0.as_ref()) else {
        return;
    };
    let Columns { epoch_seconds, epoch_tflops, val_accuracies, .. } = known.columns;
    let (wall, flops) = (document.wall_clock_seconds, document.estimated_flops);
    let (steps, epochs) = (document.total_steps.map(|steps| steps as f64), val_accuracies.len() as f64);
    let ratio = |top: Option<f64>, bottom: Option<f64>| Some(top? / bottom.filter(|bottom| *bottom > 0.0)?);
    let mean = |values: &[f64]| ratio(Some(values.iter().sum()), Some(values.len() as f64));
    let scaled = |value: Option<f64>, factor: f64| value.map(|value| value * factor);
    let examples = steps.and_then(|steps| Some(steps * metrics.get("effective_batch_size")?.as_f64()?));
    for (name, expected) in [
        ("wall_clock_seconds", wall),
        ("wall_clock_minutes", scaled(wall, 1.0 / 60.0)),
        ("wall_clock_hours", scaled(wall, 1.0 / 3600.0)),
        ("mean_epoch_wall_clock_seconds", mean(epoch_seconds)),
        ("min_epoch_wall_clock_seconds", epoch_seconds.iter().copied().reduce(f64::min)),
        ("max_epoch_wall_clock_seconds", epoch_seconds.iter().copied().reduce(f64::max)),
        ("first_epoch_wall_clock_seconds", epoch_seconds.first().copied()),
        ("last_epoch_wall_clock_seconds", epoch_seconds.last().copied()),
        ("total_steps", steps),
        ("total_epochs", Some(epochs)),
        ("seconds_per_step", ratio(wall, steps)),
        ("steps_per_second", ratio(steps, wall)),
        ("seconds_per_epoch", ratio(wall, Some(epochs))),
        ("epochs_per_hour", ratio(Some(epochs * 3600.0), wall)),
        ("estimated_train_examples_processed", examples),
        ("estimated_examples_per_second", ratio(examples, wall)),
        ("estimated_flops", flops),
        ("estimated_tflops_total", scaled(flops, 1e-12)),
        ("estimated_tflops_per_second", ratio(scaled(flops, 1e-12), wall)),
        ("estimated_tflops_per_hour", ratio(scaled(flops, 3600e-12), wall)),
        ("mean_epoch_tflops", mean(epoch_tflops)),
        ("logged_episode_count", known.episode_ends.map(|ends| ends.len() as f64)),
    ] {
        found.sum(&format!("runtime_metrics.{name}"), metrics.get(name).and_then(Value::as_f64), expected);
    }
}

/// Differences so far. What either side does not know is none.
struct Found(Vec<Difference>);

impl Found {
    fn exact(&mut self, name: &str, written: Option<f64>, expected: Option<f64>) {
        self.within(name, written, expected, 0.0);
    }

    fn sum(&mut self, name: &str, written: Option<f64>, expected: Option<f64>) {
        self.within(name, written, expected, ROUNDING);
    }

    fn count(&mut self, name: &str, written: Option<u64>, expected: Option<u64>) {
        if let (Some(written), Some(expected)) = (written, expected) {
            self.0.extend(Difference::between(RecordPart::Whole, name, &written, &expected));
        }
    }

    fn within(&mut self, name: &str, written: Option<f64>, expected: Option<f64>, tolerance: f64) {
        let (Some(written), Some(expected)) = (written, expected) else { return };
        let known = !written.is_nan() && !expected.is_nan();
        if known && (written - expected).abs() > tolerance * expected.abs() {
            self.differs(name, &repr(written), &repr(expected));
        }
    }

    fn differs(&mut self, name: &str, written: &str, expected: &str) {
        self.0.push(Difference {
            place: RecordPart::Whole,
            what: name.into(),
            recorded: written.into(),
            recomputed: expected.into(),
        });
    }
}
