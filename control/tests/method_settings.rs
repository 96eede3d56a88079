//! The settings of the method by key: today's keys with their defaults, ranges and order, and what a new controller adds.

use aees_control::settings::{Bounds, SettingNumber};
use aees_control::{
    BanditConfig, Context, ControllerName, Exp3Config, MethodSettings, MethodValue, Reward, ThompsonConfig, Trend,
    UcbConfig,
};

const fn real(value: f64) -> MethodValue<'static> {
    MethodValue::Number(SettingNumber::Real(value))
}

const fn whole(value: i64) -> MethodValue<'static> {
    MethodValue::Number(SettingNumber::Integer(value))
}

#[test]
fn the_rows_tell_keys_defaults_and_ranges() {
    let rows: Vec<_> = MethodSettings::rows().into_iter().map(|row| (row.key, row.default, row.bounds)).collect();
    let expected = [
        ("reward_epsilon", real(1e-8), Bounds::Positive),
        ("reward_instability_lambda", real(0.0), Bounds::NonNegative),
        ("reward_clip_min", real(-1.0), Bounds::Any),
        ("reward_clip_max", real(1.0), Bounds::Any),
        ("probe_examples", whole(64), Bounds::Positive),
        ("context_trend_window", whole(3), Bounds::Positive),
        ("context_trend_epsilon", real(1e-3), Bounds::NonNegative),
        ("structured_control_mode", MethodValue::Word("independent"), Bounds::Any),
        ("context_mode", MethodValue::Word("none"), Bounds::Any),
        ("reward", MethodValue::Word("log-loss-drop"), Bounds::Any),
        ("ema_alpha", real(0.1), Bounds::Fraction),
        ("credit_episodes", whole(1), Bounds::Positive),
        ("controller", MethodValue::Word("ducb"), Bounds::Any),
        ("exploration_coef", real(1.0), Bounds::NonNegative),
        ("discount", real(0.95), Bounds::Fraction),
        ("warmup_rounds", whole(1), Bounds::NonNegative),
        ("exp3_gamma", real(0.2), Bounds::Fraction),
        ("exp3_share", real(0.0025), Bounds::Unit),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_row_tells_what_it_belongs_to() {
    let of = |key: &str| MethodSettings::rows().into_iter().find(|row| row.key == key).unwrap().of;
    assert_eq!(of("exploration_coef"), [("controller", "ducb"), ("controller", "scaled-ducb")]);
    let all = ["ducb", "thompson", "exp3", "scaled-ducb", "tsallis-inf"];
    assert_eq!(of("discount"), all.map(|name| ("controller", name)));
    assert_eq!(of("exp3_gamma"), [("controller", "exp3")]);
    assert_eq!(of("context_trend_window"), [("context_mode", "trend")]);
    assert_eq!(of("reward_epsilon"), [("reward", "log-loss-drop"), ("reward", "probe")]);
    assert_eq!(of("reward_instability_lambda"), [("reward", "log-loss-drop")]);
    assert_eq!(of("probe_examples"), [("reward", "probe")]);
    assert!(of("credit_episodes").is_empty());
    assert!(of("ema_alpha").is_empty());
    let controller = MethodSettings::rows().into_iter().find(|row| row.key == "controller").unwrap();
    assert_eq!(controller.choices, all);
    assert!(MethodSettings::rows().iter().all(|row| row.help.ends_with('.')), "help is sentences");
}

#[test]
fn settings_of_one_key_agree() {
    let all = ControllerName::ALL.iter().flat_map(|name| name.settings());
    for setting in all {
        let same = ControllerName::ALL.iter().flat_map(|name| name.settings()).filter(|other| other.key == setting.key);
        same.for_each(|other| assert_eq!(other, setting));
    }
}

#[test]
fn values_are_read_and_written_by_key() {
    let mut settings = MethodSettings::default();
    for row in MethodSettings::rows() {
        assert_eq!(settings.get(row.key), Some(row.default), "{}", row.key);
    }
    settings.set("discount", real(0.5)).unwrap();
    settings.set("exp3_gamma", whole(1)).unwrap();
    settings.set("controller", MethodValue::Word("exp3")).unwrap();
    let exp3 = Exp3Config { gamma: 1.0, discount: 0.5, ..Exp3Config::default() };
    assert_eq!(settings.bandit(), BanditConfig::Exp3(exp3));
    settings.set("controller", MethodValue::Word("thompson")).unwrap();
    let thompson = ThompsonConfig { discount: 0.5, ..ThompsonConfig::default() };
    assert_eq!(
        settings.bandit(),
        BanditConfig::Thompson(thompson),
        "a shared value survives a change of the controller"
    );
    settings.set("controller", MethodValue::Word("ducb")).unwrap();
    settings.set("discount", real(0.95)).unwrap();
    assert_eq!(settings.bandit(), BanditConfig::Ducb(UcbConfig::default()));
    settings.set("context_mode", MethodValue::Word("trend")).unwrap();
    settings.set("context_trend_window", whole(5)).unwrap();
    assert_eq!(settings.context(), Context::Trend(Trend { window: 5, ..Trend::default() }));
    assert_eq!((settings.reward(), settings.ema_alpha()), (Reward::default(), 0.1));
}

#[test]
fn a_value_back_at_its_default_leaves_no_trace() {
    let mut settings = MethodSettings::default();
    settings.set("ema_alpha", real(0.2)).unwrap();
    assert_ne!(settings, MethodSettings::default());
    settings.set("ema_alpha", real(0.1)).unwrap();
    assert_eq!(settings, MethodSettings::default());
}

#[test]
fn what_cannot_be_set_is_named() {
    let refused = |key, value| MethodSettings::default().set(key, value).unwrap_err().to_string();
    assert_eq!(refused("lr", real(1.0)), "the method has no setting lr.");
    assert_eq!(refused("warmup_rounds", real(1.5)), "warmup_rounds has another type.");
    assert_eq!(refused("discount", MethodValue::Word("much")), "discount has another type.");
    let message = "controller must be one of ['ducb', 'exp3', 'scaled-ducb', 'thompson', 'tsallis-inf'], got 'ucb'.";
    assert_eq!(refused("controller", MethodValue::Word("ucb")), message);
    assert_eq!(MethodSettings::default().get("lr"), None);
}
