//! `--only`, `--except`, `--seeds`, `--case`, `--shard` and the limits.

use std::collections::BTreeSet;

use super::super::{Expansion, Overrides};
use super::{CIFAR, COMMAND, expand_with, labels};

fn study() -> String {
    format!(
        "{CIFAR}sweep: {{lr: [0.1, 0.01, 0.001]}}\n\
         cases: [{{name: adamw}}, {{name: sgd, set: {{optimizer: SGD}}, cases: [{{name: slow, set: {{momentum: 0.5}}}}, {{name: fast}}]}}]\nseeds: 4\n"
    )
}

fn filtered(overrides: Overrides) -> Expansion {
    expand_with(&study(), &overrides).unwrap()
}

fn refused(overrides: Overrides) -> String {
    expand_with(&study(), &overrides).unwrap_err().to_string()
}

fn runs(expansion: &Expansion) -> Vec<usize> {
    expansion.settings.iter().flat_map(|setting| setting.seeds.iter().map(|slot| slot.index)).collect()
}

#[test]
fn only_and_except_go_by_typed_values() {
    let only =
        filtered(Overrides { only: vec!["lr=1e-1,0.0010".into(), "optimizer=SGD".into()], ..Default::default() });
    assert_eq!(
        labels(&only),
        ["case=sgd/slow lr=0.1", "case=sgd/fast lr=0.1", "case=sgd/slow lr=0.001", "case=sgd/fast lr=0.001"]
    );
    let except = filtered(Overrides { except: vec!["optimizer=SGD".into()], ..Default::default() });
    let all = filtered(Overrides::default());
    assert_eq!((all.settings.len(), all.runs(), except.settings.len(), except.runs()), (9, 36, 3, 12));
}

#[test]
fn a_case_holds_what_is_inside_it() {
    let of = |case: &str| filtered(Overrides { cases: vec![case.into()], ..Default::default() }).settings.len();
    assert_eq!((of("sgd"), of("sgd/fast"), of("adamw,sgd/slow")), (6, 3, 6));
    assert_eq!(
        refused(Overrides { cases: vec!["sdg".into()], ..Default::default() }),
        "--case: unknown case `sdg`: this study has adamw, sgd, sgd/slow, sgd/fast; did you mean `sgd`?"
    );
}

#[test]
fn seeds_are_chosen_among_the_studys() {
    let some = filtered(Overrides { seeds: Some("1,3-5".into()), limit: Some(1), ..Default::default() });
    assert_eq!(runs(&some), [1, 3]);
    assert_eq!(some.warnings, ["--seeds: the study has no seed 4, 5"]);
    assert!(
        refused(Overrides { seeds: Some("2-".into()), ..Default::default() }).starts_with("--seeds: \"2-\" is not")
    );
}

#[test]
fn shards_of_seven_cover_every_run_once() {
    let study = format!("{COMMAND}sweep: {{a: {{range: {{from: 1, to: 10, step: 1}}}}}}\nseeds: 3\n");
    let mut seen = BTreeSet::new();
    for shard in 0..7 {
        let overrides = Overrides { shard: Some(format!("{shard}/7")), ..Default::default() };
        let indices = runs(&expand_with(&study, &overrides).unwrap());
        assert!(matches!(indices.len(), 4 | 5));
        assert!(indices.into_iter().all(|index| seen.insert(index)));
    }
    assert_eq!(seen, (0..30).collect());
    let strange = Overrides { shard: Some("7/7".into()), ..Default::default() };
    assert_eq!(refused(strange), "--shard must be i/n with i from 0 to n - 1, not `7/7`");
}

#[test]
fn limits_come_last() {
    let limit = |overrides| runs(&filtered(overrides));
    assert_eq!(limit(Overrides { limit: Some(1), ..Default::default() }), [0, 1, 2, 3]);
    assert_eq!(limit(Overrides { limit_runs: Some(5), ..Default::default() }), [0, 1, 2, 3, 4]);
    let late = Overrides { limit: Some(1), shard: Some("1/2".into()), cases: vec!["sgd".into()], ..Default::default() };
    assert_eq!(limit(late), [5, 7], "the index is the one before filters");
}

#[test]
fn strange_filters_are_refused_together() {
    let overrides = Overrides {
        only: vec!["lrr=1".into(), "lr".into(), "epochs=many".into()],
        set: vec!["lr=fast".into(), "lr=-1".into(), "x".into(), " =3".into(), "seed=3".into()],
        ..Default::default()
    };
    assert_eq!(
        refused(overrides).lines().collect::<Vec<_>>(),
        [
            "--only: unknown key `lrr` in the settings of a run",
            "  help: did you mean `lr`?",
            "--only must be key=value or key=value,value, not `lr`",
            "--only: invalid value \"many\" for `epochs`: expected an integer",
            "--override: invalid value \"fast\" for `lr`: expected a number",
            "--override: --lr must be positive.",
            "--override must be key=value, not `x`",
            "--override must be key=value, not ` =3`",
            "--override: `seed` cannot be set in a study",
            "  help: use --seeds to choose among the study's seeds",
        ]
    );
    let idle = filtered(Overrides { only: vec!["epochs=77".into()], ..Default::default() });
    assert_eq!(
        (idle.runs(), &idle.warnings[..]),
        (0, &["--only epochs=77 matches no setting of the study".to_owned()][..])
    );
}
