//! The names that people give to runs, as tables and figures show them.

use super::{Method, NoiseSetting, RunRecord};

/// Which axes have something to pick from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axes {
    /// Neither.
    None,
    /// The learning-rate multiplier.
    Lr,
    /// The gradient noise.
    Noise,
    /// Both.
    Dual,
}

impl RunRecord {
    /// `clean`, `sym40`, `asym20`.
    pub fn noise_label(&self) -> String {
        match self.label_noise {
            NoiseSetting::Clean => "clean".into(),
            NoiseSetting::Symmetric(rate) => format!("sym{}", percent(rate)),
            NoiseSetting::Asymmetric(rate) => format!("asym{}", percent(rate)),
        }
    }

    /// Which axes have something to pick from.
    pub fn axes(&self) -> Axes {
        match (self.lr_candidates.len() > 1, self.noise_candidates.len() > 1) {
            (false, false) => Axes::None,
            (true, false) => Axes::Lr,
            (false, true) => Axes::Noise,
            (true, true) => Axes::Dual,
        }
    }

    /// The learning rate that is published for the task and the optimizer.
    pub fn published_lr(&self) -> Option<f64> {
        match (self.task.as_str(), self.optimizer.as_str()) {
            ("cifar100", "SGD") => Some(0.1),
            ("cifar100", "AdamW") => Some(1e-3),
            ("sst2" | "agnews", _) => Some(5e-5),
            _ => None,
        }
    }

    /// The constant factor on the published learning rate of the task: that of a run with one candidate, and that of a plain
    /// run whose `--lr` is another than the published one. The reference's fixed multipliers under label noise are such runs.
    /// None when somebody picks, or no rate is published for the task.
    pub fn fixed_multiplier(&self) -> Option<f64> {
        self.multiplier_of(self.published_lr()?)
    }

    /// The same on any other learning rate.
    pub fn multiplier_of(&self, base_lr: f64) -> Option<f64> {
        let of_candidate = match (self.method, self.lr_candidates.as_slice()) {
            (Method::Baseline, _) => 1.0,
            (_, [single]) => *single,
            _ => return None,
        };
        let factor = of_candidate * self.lr / base_lr;
        // 0.002 / 0.001 is not exactly 2.
        Some((factor * 1e9).round() / 1e9)
    }

    /// The method in words, with its schedule: `AdamW`, `AdamW + cosine`, `AEES`, `AEES + warmup-linear`, `Fixed x0.5`,
    /// `Fixed sigma 0.005`, `Random`, `Uniform random`, `Frequency-matched`.
    pub fn method_label(&self) -> String {
        self.label_with("")
    }

    /// The same with the axes that are controlled: `AEES-LR`, `AEES-Noise`, `AEES-Dual + warmup-linear`.
    pub fn axes_label(&self) -> String {
        self.label_with(match self.axes() {
            Axes::None => "",
            Axes::Lr => "-LR",
            Axes::Noise => "-Noise",
            Axes::Dual => "-Dual",
        })
    }

    fn label_with(&self, axes: &str) -> String {
        let method = match self.method {
            Method::Baseline | Method::Fixed => self.fixed_label(),
            Method::Adaptive => format!("AEES{axes}"),
            Method::Random => format!("Random{axes}"),
            Method::UniformRandom => "Uniform random".into(),
            Method::FrequencyMatched => "Frequency-matched".into(),
        };
        match self.scheduler.as_str() {
            "none" | "" => method,
            scheduler => format!("{method} + {}", scheduler.replace('_', "-")),
        }
    }

    fn fixed_label(&self) -> String {
        let sigma = self.noise_candidates.first().copied().filter(|sigma| self.method == Method::Fixed && *sigma > 0.0);
        let multiplier = self.fixed_multiplier().filter(|multiplier| *multiplier != 1.0);
        match (multiplier, sigma) {
            (Some(multiplier), Some(sigma)) => format!("Fixed x{multiplier}, sigma {sigma}"),
            (Some(multiplier), None) => format!("Fixed x{multiplier}"),
            (None, Some(sigma)) => format!("Fixed sigma {sigma}"),
            (None, None) if self.method == Method::Fixed => "Fixed x1".into(),
            (None, None) if self.task == "command" => self.method_name.clone(),
            (None, None) => self.optimizer.clone(),
        }
    }
}

/// 0.2 is 20, 0.125 is 12.5.
fn percent(rate: f64) -> f64 {
    (rate * 1e9).round() / 1e7
}
