//! What the controllers did: arms over training, rewards by arm, noise against accuracy, norms of the updates.

use aees_control::Axis;

use super::figure::{Dot, Figure, LegendEntry, Mark, NumberAxis, Panel, Sample, Vertical};
use super::palette::{LOOKS, Marker};
use super::scale::Scale;
use super::series::{FigureRuns, PanelRuns, Series, legend, series_csv};
use super::smoothing::rolling_mean;
use super::{FigureOptions, Plot, layout};
use crate::csv::Csv;
use crate::number;
use crate::record::RunRecord;
use crate::statistics::{mean, percentile, sample_sd};

/// Panels below each other that fit on a page.
const MOST_ROWS: usize = 3;
/// Parts of training that norms are gathered in.
const PROGRESS_PARTS: usize = 25;

pub(super) fn axis_words(axis: Axis) -> &'static str {
    match axis {
        Axis::Lr => "learning-rate multiplier",
        Axis::Noise => "gradient noise",
    }
}

pub(super) fn arm_label(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Lr => format!("×{}", number::label(value)),
        Axis::Noise => format!("σ {}", number::label(value)),
    }
}

/// One panel's worth: a series and an axis with more than one arm.
type Choice<'s, 'a> = (&'s PanelRuns<'a>, &'s Series<'a>, Axis);

const NO_CHOICE: &str = "no run has episodes with more than one arm to pick from";

/// All of a study's choices, by group, in pages.
fn choices<'s, 'a>(study: &'s FigureRuns<'a>, options: &FigureOptions) -> Vec<Vec<Choice<'s, 'a>>> {
    let mut pages = Vec::new();
    let most = MOST_ROWS * layout::columns(options.width_mm);
    for group in &study.groups {
        let conditions = group.series.iter().flat_map(|it| [(group, it, Axis::Lr), (group, it, Axis::Noise)]);
        let chosen = |(_, series, axis): &Choice<'_, '_>| {
            let picks = |run: &RunRecord| run.episodes.as_ref().is_some_and(|it| !it.picked(*axis).is_empty());
            series.runs.iter().any(|run| run.candidates(*axis).len() > 1 && picks(run))
        };
        let chosen: Vec<_> = conditions.filter(chosen).collect();
        pages.extend(chosen.chunks(most).map(<[_]>::to_vec));
    }
    pages
}

/// The arms of a page's panels on one axis, in order, so that an arm has one look everywhere.
fn arms(page: &[Choice<'_, '_>], axis: Axis) -> Vec<f64> {
    let runs = page.iter().filter(|(.., of)| *of == axis).flat_map(|(_, series, _)| &series.runs);
    let mut arms: Vec<f64> = runs.flat_map(|run| run.candidates(axis)).copied().collect();
    arms.sort_by(f64::total_cmp);
    arms.dedup();
    arms
}

/// The looks of noise are none of the multipliers'.
const NOISE_ROUND: usize = 4;

/// The look of an arm: of its place among the arms of a page.
pub(super) fn look_of(arm: usize, axis: Axis) -> usize {
    match axis {
        Axis::Lr => [1, 2, 4, 5, 3, 6, 7, 0][arm % LOOKS] + arm / LOOKS * LOOKS,
        // Their rounds begin where no multiplier's do.
        Axis::Noise => [6, 3, 5, 0, 7, 1, 2, 4][arm % LOOKS] + (arm / LOOKS + NOISE_ROUND) * LOOKS,
    }
}

fn arm_entries(page: &[Choice<'_, '_>], sample: impl Fn(usize) -> Sample) -> Vec<LegendEntry> {
    let of = |axis: Axis| {
        let arms = arms(page, axis).into_iter().enumerate();
        arms.map(move |(index, arm)| (arm_label(axis, arm), look_of(index, axis))).collect::<Vec<_>>()
    };
    of(Axis::Lr).into_iter().chain(of(Axis::Noise)).map(|(label, look)| LegendEntry::new(label, sample(look))).collect()
}

fn panel_title((group, series, axis): &Choice<'_, '_>) -> String {
    let optimizer = if group.optimizer.is_empty() { String::new() } else { format!("{}, ", group.optimizer) };
    let label = series.label_with_n();
    let optimizer = if label.starts_with(&group.optimizer) { String::new() } else { optimizer };
    format!("{optimizer}{label}: {}", axis_words(*axis))
}

pub(super) fn arm_selection(study: &FigureRuns<'_>, options: &FigureOptions) -> Result<Vec<Plot>, String> {
    Plot::all(choices(study, options).iter().map(|page| arm_figure(page)), NO_CHOICE)
}

fn arm_figure(page: &[Choice<'_, '_>]) -> Plot {
    let group = page[0].0;
    let mut csv = series_csv(&["axis", "arm", "episode", "n", "share", "sd"]);
    let mut figure = Figure { title: format!("Arm selection: {}", group.title()), ..Figure::default() };
    for choice in page {
        figure.panels.push(arm_panel(choice, &arms(page, choice.2), &mut csv));
    }
    figure.legend = arm_entries(page, Sample::Line);
    figure.legend.push(LegendEntry::new("1/K: even share", Sample::Reference));
    figure.notes.push("Centred rolling mean over 5 % of the episodes, at least 5.".into());
    if page.iter().any(|(_, series, _)| series.runs.len() > 1) {
        figure.notes.push("Bands: ± 1 sample SD over runs.".into());
    }
    Plot { name: format!("arms-{}-{}", group.slug(), group.optimizer.to_lowercase()), figure, csv }
}

fn arm_panel(choice: &Choice<'_, '_>, arms: &[f64], csv: &mut Csv) -> Panel {
    let (group, series, axis) = choice;
    let picks: Vec<&[f64]> = series.runs.iter().filter_map(|run| Some(run.episodes.as_ref()?.picked(*axis))).collect();
    let episodes = picks.iter().map(|picks| picks.len()).min().unwrap_or(0);
    let window = window(episodes);
    let own = series.runs.first().map_or(&[][..], |run| run.candidates(*axis));
    let (mut bands, mut lines) = (Vec::new(), Vec::new());
    for (index, arm) in arms.iter().enumerate().filter(|(_, arm)| own.contains(arm)) {
        let chosen = |picks: &&[f64]| -> Vec<f64> {
            let share: Vec<f64> = picks[..episodes].iter().map(|pick| f64::from(u8::from(pick == arm))).collect();
            rolling_mean(&share, window)
        };
        let shares: Vec<Vec<f64>> = picks.iter().map(chosen).collect();
        let (mut band, mut line) = (Vec::new(), Vec::new());
        for episode in 0..episodes {
            let values: Vec<f64> = shares.iter().map(|run| run[episode]).collect();
            let (middle, spread) = (mean(&values).unwrap_or(f64::NAN), sample_sd(&values).unwrap_or(0.0));
            let x = (episode + 1) as f64;
            line.push((x, middle));
            band.push((x, (middle - spread).max(0.0), (middle + spread).min(1.0)));
            let (arm, count) = ((*arm).into(), values.len().into());
            let fields = [axis.name().into(), arm, (episode + 1).into(), count, middle.into(), spread.into()];
            group.tell(csv, series, fields);
        }
        let look = look_of(index, *axis);
        if shares.len() > 1 {
            bands.push(Mark::Band { points: band, look });
        }
        lines.push(Mark::Line { points: line, look });
    }
    bands.push(Mark::LevelAt { y: 1.0 / own.len().max(1) as f64 });
    bands.extend(lines);
    let x = NumberAxis::new("Episode", Scale::Whole, [1.0, episodes.max(2) as f64]);
    let mut y = NumberAxis::new("Share of runs", Scale::Linear, [0.0, 1.0]);
    (y.span.low, y.span.high) = (0.0, 1.0);
    Panel { title: panel_title(choice), x, y: Vertical::Numbers(y), marks: bands }
}

/// The odd window of the reference: 5 % of the episodes, at least 5.
fn window(episodes: usize) -> usize {
    let window = ((episodes as f64 * 0.05) as usize).max(5);
    window + (window + 1) % 2
}

pub(super) fn rewards(study: &FigureRuns<'_>, options: &FigureOptions) -> Result<Vec<Plot>, String> {
    Plot::all(choices(study, options).iter().map(|page| reward_figure(page)), NO_CHOICE)
}

fn reward_figure(page: &[Choice<'_, '_>]) -> Plot {
    let group = page[0].0;
    let mut csv = series_csv(&["axis", "arm", "seed", "episodes", "median_reward"]);
    let mut figure = Figure { title: format!("Rewards for each arm: {}", group.title()), ..Figure::default() };
    for choice in page {
        figure.panels.push(reward_panel(choice, &arms(page, choice.2), &mut csv));
    }
    figure.legend = vec![
        LegendEntry::new("median of one run", Sample::Dot(Dot::of(0, 2.2).shaped(Marker::Circle).faint())),
        LegendEntry::new("median of all episodes", Sample::Dot(Dot::of(7, 3.0).shaped(Marker::Diamond))),
        LegendEntry::new("middle half of all episodes", Sample::Bar { look: 0, hollow: true }),
    ];
    figure.notes.push("Whiskers: 5th to 95th percentile of all episodes. Dashed: a reward of 0.".into());
    Plot { name: format!("rewards-{}-{}", group.slug(), group.optimizer.to_lowercase()), figure, csv }
}

fn reward_panel(choice: &Choice<'_, '_>, arms: &[f64], csv: &mut Csv) -> Panel {
    let (group, series, axis) = choice;
    let own = series.runs.first().map_or(&[][..], |run| run.candidates(*axis));
    let (mut marks, mut names, mut ends) = (vec![Mark::RuleAt { x: 0.0 }], Vec::new(), vec![0.0]);
    for (index, arm) in arms.iter().enumerate().filter(|(_, arm)| own.contains(arm)) {
        let (row, look) = (names.len() as f64, look_of(index, *axis));
        let (mut pooled, mut medians) = (Vec::new(), Vec::new());
        for run in &series.runs {
            let mut rewards = rewards_of(run, *axis, *arm);
            rewards.sort_by(f64::total_cmp);
            let Some(median) = percentile(&rewards, 50.0) else { continue };
            let fields = [axis.name().into(), (*arm).into(), run.seed.into(), rewards.len().into(), median.into()];
            group.tell(csv, series, fields);
            medians.push((median, row + jitter(medians.len())));
            pooled.extend(rewards);
        }
        names.push(format!("{} ({} ep.)", arm_label(*axis, *arm), pooled.len()));
        pooled.sort_by(f64::total_cmp);
        let at = |percent: f64| percentile(&pooled, percent).unwrap_or(f64::NAN);
        if pooled.is_empty() {
            continue;
        }
        ends.extend([at(5.0), at(95.0)]);
        ends.extend(medians.iter().map(|(median, _)| *median));
        marks.push(Mark::Spread { low: at(5.0), high: at(95.0), y: row, look });
        marks.push(Mark::Bar { from: at(25.0), to: at(75.0), y: row, thickness: 0.6, look, hollow: true });
        let style = Dot::of(look, 1.9).shaped(Marker::Circle).faint();
        marks.push(Mark::Dots { class: "run", points: medians, style });
        let middle = Dot::of(7, 2.8).shaped(Marker::Diamond);
        marks.push(Mark::Dots { class: "median", points: vec![(at(50.0), row)], style: middle });
    }
    let x = NumberAxis::new("Reward of an episode", Scale::Linear, ends);
    Panel { title: panel_title(choice), x, y: Vertical::Names(names), marks }
}

fn rewards_of(run: &RunRecord, axis: Axis, arm: f64) -> Vec<f64> {
    let Some(episodes) = &run.episodes else { return Vec::new() };
    let pairs = episodes.picked(axis).iter().zip(&episodes.rewards);
    pairs.filter(|(pick, reward)| **pick == arm && reward.is_finite()).map(|(_, reward)| *reward).collect()
}

/// A place beside the middle of a row, the same in every drawing: -0.2 to 0.2, neighbours far apart.
pub(super) fn jitter(index: usize) -> f64 {
    /// The golden ratio's fraction spreads any number of places evenly.
    const STEP: f64 = 0.618_033_988_749_895;
    ((index as f64 * STEP + 0.5).fract() - 0.5) * 0.4
}

pub(super) fn noise_against_accuracy(study: &FigureRuns<'_>) -> Result<Vec<Plot>, String> {
    let is_noisy =
        |run: &&RunRecord| run.noise_candidates.len() > 1 && run.episodes.is_some() && run.val_accuracies.len() > 1;
    let noisy = |series: &Series<'_>| series.runs.iter().any(is_noisy);
    let plots = study.groups.iter().filter_map(|group| group.only(noisy)).map(|group| noise_figure(&group));
    Plot::all(plots, "no run picks gradient noise from several candidates over at least two epochs")
}

fn noise_figure(group: &PanelRuns<'_>) -> Plot {
    let mut csv = series_csv(&["seed", "epoch", "mean_sigma", "accuracy"]);
    let (mut marks, mut all) = (Vec::new(), Vec::new());
    for series in &group.series {
        let mut points = Vec::new();
        for run in &series.runs {
            for (epoch, sigma, accuracy) in mean_sigma(run) {
                group.tell(&mut csv, series, [run.seed.into(), epoch.into(), sigma.into(), accuracy.into()]);
                points.push((sigma, accuracy * 100.0));
            }
        }
        all.extend(points.iter().copied());
        marks.push(Mark::Dots { class: "epoch", points, style: Dot::of(series.look, 1.8).faint() });
    }
    let x = NumberAxis::new("Mean σ of the epoch's episodes", Scale::Linear, all.iter().map(|point| point.0));
    let y = NumberAxis::new("Accuracy after the epoch (%)", Scale::Linear, all.iter().map(|point| point.1));
    let mut figure = Figure { title: format!("Noise against accuracy: {}", group.title()), ..Figure::default() };
    figure.panels.push(Panel { title: group.full_title(), x, y: Vertical::Numbers(y), marks });
    figure.legend = legend(std::slice::from_ref(group), |look| Sample::Dot(Dot::of(look, 2.6)));
    figure.notes.push("One marker for each epoch of each run.".into());
    Plot { name: format!("sigma-{}-{}", group.slug(), group.optimizer.to_lowercase()), figure, csv }
}

/// Epoch from 1, mean noise of the episodes that end in it, accuracy at its end. An episode belongs to the epoch
/// `round(end_step * epochs / steps)`, as in the reference, but at least to the first.
fn mean_sigma(run: &RunRecord) -> Vec<(usize, f64, f64)> {
    let Some(episodes) = run.episodes.as_ref().filter(|_| run.total_steps > 0) else { return Vec::new() };
    let epochs = run.val_accuracies.len();
    let mut sums = vec![(0.0, 0usize); epochs];
    for (end, sigma) in episodes.end_steps.iter().zip(&episodes.noise_values) {
        let epoch = (*end as f64 * epochs as f64 / run.total_steps as f64).round() as usize;
        if let Some((sum, count)) = sums.get_mut(epoch.clamp(1, epochs.max(1)) - 1) {
            *sum += sigma;
            *count += 1;
        }
    }
    let epochs = (1..).zip(sums).zip(&run.val_accuracies).filter(|((_, (_, n)), _)| *n > 0);
    epochs.map(|((epoch, (sum, n)), accuracy)| (epoch, sum / n as f64, *accuracy)).collect()
}

pub(super) fn update_norms(study: &FigureRuns<'_>) -> Result<Vec<Plot>, String> {
    let logged = study.together(8, |series| series.runs.iter().any(|run| norms(run).next().is_some()));
    let plots = logged.iter().map(|groups| norm_figure(groups));
    Plot::all(plots, "no run logged the norms of its updates; baselines have none")
}

/// Progress from 0 to 1 and norm. The logarithm is taken, so only positive norms count.
fn norms(run: &RunRecord) -> impl Iterator<Item = (f64, f64)> {
    let episodes = run.episodes.as_ref().filter(|_| run.total_steps > 0);
    let pairs = episodes.into_iter().flat_map(|it| it.end_steps.iter().zip(&it.update_norms));
    let pairs = pairs.map(|(end, norm)| ((*end + 1) as f64 / run.total_steps as f64, *norm));
    pairs.filter(|(_, norm)| norm.is_finite() && *norm > 0.0)
}

fn norm_figure(groups: &[PanelRuns<'_>]) -> Plot {
    let mut csv = series_csv(&["progress", "episodes", "q1", "median", "q3"]);
    let mut figure = Figure::new(format!("Norms of updates: {}", groups[0].title()), groups.len());
    for group in groups {
        let (mut bands, mut lines, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for series in &group.series {
            let (mut band, mut line) = (Vec::new(), Vec::new());
            for (progress, n, [q1, median, q3]) in norm_quartiles(series) {
                group.tell(&mut csv, series, [progress.into(), n.into(), q1.into(), median.into(), q3.into()]);
                all.extend([q1, median, q3]);
                band.push((progress * 100.0, q1, q3));
                line.push((progress * 100.0, median));
            }
            bands.push(Mark::Band { points: band, look: series.look });
            lines.push(Mark::Line { points: line, look: series.look });
        }
        bands.extend(lines);
        let x = NumberAxis::new("Training progress (%)", Scale::Linear, [0.0, 100.0]);
        let y = NumberAxis::new("Mean update norm of an episode", Scale::Log, all);
        let title = group.panel_title(groups.len() == 1);
        figure.panels.push(Panel { title, x, y: Vertical::Numbers(y), marks: bands });
    }
    figure.legend = legend(groups, Sample::Line);
    figure.notes.push("Lines: medians over episodes and runs; bands: quartiles.".into());
    Plot { name: format!("norms-{}", groups[0].slug()), figure, csv }
}

/// The middle of a part of training, how many episodes end in it, and the quartiles of their norms.
fn norm_quartiles(series: &Series<'_>) -> Vec<(f64, usize, [f64; 3])> {
    let fewest = series.runs.iter().map(|run| norms(run).count()).filter(|n| *n > 0).min().unwrap_or(0);
    // Quartiles of fewer than four say nothing.
    let parts = (fewest / 4).clamp(1, PROGRESS_PARTS);
    let mut gathered = vec![Vec::new(); parts];
    for (progress, norm) in series.runs.iter().flat_map(|run| norms(run)) {
        let part = ((progress * parts as f64).ceil() as usize).clamp(1, parts) - 1;
        gathered[part].push(norm);
    }
    let rows = gathered.into_iter().enumerate().filter_map(|(part, mut norms)| {
        norms.sort_by(f64::total_cmp);
        let at = |percent: f64| percentile(&norms, percent);
        Some(((part as f64 + 0.5) / parts as f64, norms.len(), [at(25.0)?, at(50.0)?, at(75.0)?]))
    });
    rows.collect()
}
