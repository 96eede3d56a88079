//! All settings of the method by key, as files, flags and results have them, and the rows that describe them.
//!
//! Values are kept by key, not by the part of the method that reads them, so that it does not matter in which order a
//! user names the controller and its settings, and so that a value that several controllers share survives a change of
//! the controller. [`MethodSettings::bandit`] and its siblings make typed settings of them.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::context::{Context, ContextMode};
use crate::controller::{BanditConfig, ControllerName};
use crate::episode::StructuredControlMode;
use crate::list::UnknownChoice;
use crate::reward::{Reward, RewardName};
use crate::settings::{Bounds, NumberSetting, SettingNumber};

const EMA_ALPHA: NumberSetting = NumberSetting::real(
    "ema_alpha",
    0.1,
    Bounds::Fraction,
    "Weight of the newest loss in an episode's moving average.",
);

const CREDIT_EPISODES: NumberSetting = NumberSetting::integer(
    "credit_episodes",
    1,
    Bounds::Positive,
    "Episodes whose mean reward an arm is told: its own, and those that follow it.",
);

/// The settings of the method. The defaults are the reference's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MethodSettings {
    /// How the noise axis depends on the learning-rate axis.
    pub structured_control_mode: StructuredControlMode,
    /// What the controllers see of the past.
    pub context_mode: ContextMode,
    /// How episodes are rewarded.
    pub reward: RewardName,
    /// Which bandit learns.
    pub controller: ControllerName,
    /// The numbers that are not at their defaults.
    numbers: BTreeMap<&'static str, SettingNumber>,
}

/// A value of a setting of the method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MethodValue<'a> {
    /// A number.
    Number(SettingNumber),
    /// One of some words.
    Word(&'a str),
}

/// What there is to know of a setting of the method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRow {
    /// The key in files, flags and results.
    pub key: &'static str,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// The value where none is given; it says whether the setting is a whole number, a real number or a word.
    pub default: MethodValue<'static>,
    /// What its number may be.
    pub bounds: Bounds,
    /// The words to choose from; empty for a number.
    pub choices: &'static [&'static str],
    /// The choices it belongs to, as setting and word: `("controller", "exp3")`. Empty: to all.
    pub of: Vec<(&'static str, &'static str)>,
}

/// A setting that cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MethodSettingError {
    /// There is no such setting.
    #[error("the method has no setting {0}.")]
    Unknown(String),
    /// A word for a number, a number for a word, or a real number for a whole one.
    #[error("{0} has another type.")]
    Type(&'static str),
    /// Not one of the words.
    #[error(transparent)]
    Choice(#[from] UnknownChoice),
}

impl MethodRow {
    fn number(setting: &NumberSetting, of: Vec<(&'static str, &'static str)>) -> Self {
        let NumberSetting { key, help, default, bounds } = *setting;
        Self { key, help, default: MethodValue::Number(default), bounds, choices: &[], of }
    }

    fn choice(key: &'static str, choices: &'static [&'static str], help: &'static str) -> Self {
        let default = MethodValue::Word(choices[0]);
        Self { key, help, default, bounds: Bounds::Any, choices, of: Vec::new() }
    }

    /// One row for each setting, though several choices have it.
    fn numbers<'a>(
        key: &'static str,
        lists: impl Iterator<Item = (&'static str, &'a [NumberSetting])>,
    ) -> impl Iterator<Item = Self> {
        let mut rows: Vec<Self> = Vec::new();
        for (name, settings) in lists {
            for setting in settings {
                match rows.iter_mut().find(|row| row.key == setting.key) {
                    Some(row) => row.of.push((key, name)),
                    None => rows.push(Self::number(setting, vec![(key, name)])),
                }
            }
        }
        rows.into_iter()
    }
}

impl MethodSettings {
    /// The numbers of rewards and contexts. The reference checks them right after the length of an episode.
    pub fn reward_and_context_rows() -> Vec<MethodRow> {
        let rewards = RewardName::ALL.iter().map(|reward| (reward.name(), reward.settings()));
        let contexts = ContextMode::ALL.iter().map(|context| (context.name(), context.settings()));
        let contexts = MethodRow::numbers(ContextMode::KEY, contexts);
        MethodRow::numbers(RewardName::KEY, rewards).chain(contexts).collect()
    }

    /// The choices, and the numbers of the controllers.
    pub fn controller_rows() -> Vec<MethodRow> {
        let controllers = ControllerName::ALL.iter().map(|controller| (controller.name(), controller.settings()));
        let choices = [
            MethodRow::choice(
                StructuredControlMode::KEY,
                StructuredControlMode::NAMES,
                "One noise controller, or one for each learning-rate arm.",
            ),
            MethodRow::choice(
                ContextMode::KEY,
                ContextMode::NAMES,
                "What the controllers see of the past: nothing, or the trend of the loss.",
            ),
            MethodRow::choice(RewardName::KEY, RewardName::NAMES, "What an episode is rewarded for."),
            MethodRow::number(&EMA_ALPHA, Vec::new()),
            MethodRow::number(&CREDIT_EPISODES, Vec::new()),
            MethodRow::choice(ControllerName::KEY, ControllerName::NAMES, "The bandit that learns from the rewards."),
        ];
        // A choice between one word and nothing is no setting.
        let choices = choices.into_iter().filter(|row| row.choices.len() != 1);
        choices.chain(MethodRow::numbers(ControllerName::KEY, controllers)).collect()
    }

    /// All rows.
    pub fn rows() -> Vec<MethodRow> {
        [Self::reward_and_context_rows(), Self::controller_rows()].concat()
    }

    /// The value of a setting; `None` for a key that is not the method's.
    pub fn get(&self, key: &str) -> Option<MethodValue<'static>> {
        let word = match key {
            StructuredControlMode::KEY => self.structured_control_mode.name(),
            ContextMode::KEY => self.context_mode.name(),
            RewardName::KEY => self.reward.name(),
            ControllerName::KEY => self.controller.name(),
            _ => return Some(MethodValue::Number(self.number(find(key)?))),
        };
        Some(MethodValue::Word(word))
    }

    /// What a number may be; `None` for a key that is not one of the method's numbers.
    pub fn bounds(key: &str) -> Option<Bounds> {
        find(key).map(|setting| setting.bounds)
    }

    /// Sets a setting. Ranges are checked when all are set.
    pub fn set(&mut self, key: &str, value: MethodValue<'_>) -> Result<(), MethodSettingError> {
        match (key, value) {
            (StructuredControlMode::KEY, MethodValue::Word(word)) => self.structured_control_mode = word.parse()?,
            (ContextMode::KEY, MethodValue::Word(word)) => self.context_mode = word.parse()?,
            (RewardName::KEY, MethodValue::Word(word)) => self.reward = word.parse()?,
            (ControllerName::KEY, MethodValue::Word(word)) => self.controller = word.parse()?,
            (_, value) => {
                let setting = find(key).ok_or_else(|| MethodSettingError::Unknown(key.to_owned()))?;
                let number = match (value, setting.default) {
                    (MethodValue::Number(number @ SettingNumber::Integer(_)), SettingNumber::Integer(_)) => number,
                    (MethodValue::Number(number), SettingNumber::Real(_)) => SettingNumber::Real(number.as_f64()),
                    _ => return Err(MethodSettingError::Type(setting.key)),
                };
                self.numbers.remove(setting.key);
                if number != setting.default {
                    self.numbers.insert(setting.key, number);
                }
            }
        }
        Ok(())
    }

    fn number(&self, setting: &NumberSetting) -> SettingNumber {
        self.numbers.get(setting.key).copied().unwrap_or(setting.default)
    }

    /// Weight of the newest loss in an episode's moving average.
    pub fn ema_alpha(&self) -> f64 {
        self.number(&EMA_ALPHA).as_f64()
    }

    /// Episodes whose mean reward an arm is told.
    pub fn credit_episodes(&self) -> usize {
        self.number(&CREDIT_EPISODES).into()
    }

    /// The chosen bandit with its settings.
    pub fn bandit(&self) -> BanditConfig {
        BanditConfig::read(self.controller, |setting| self.number(setting))
    }

    /// The chosen reward with its settings.
    pub fn reward(&self) -> Reward {
        Reward::read(self.reward, |setting| self.number(setting))
    }

    /// The chosen contexts with their settings.
    pub fn context(&self) -> Context {
        Context::read(self.context_mode, |setting| self.number(setting))
    }
}

/// The number of this key.
fn find(key: &str) -> Option<&'static NumberSetting> {
    let rewards = RewardName::ALL.iter().flat_map(|reward| reward.settings());
    let contexts = ContextMode::ALL.iter().flat_map(|context| context.settings());
    let controllers = ControllerName::ALL.iter().flat_map(|controller| controller.settings());
    rewards.chain(contexts).chain([&EMA_ALPHA, &CREDIT_EPISODES]).chain(controllers).find(|setting| setting.key == key)
}
