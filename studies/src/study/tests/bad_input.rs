//! Every mistake has its message, with its place; all of them are shown together.

use super::super::StudyProblem;
use super::{CIFAR, COMMAND, Folder, errors, errors_in, expand};

fn one(text: &str) -> String {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap()
}

fn cifar(rest: &str) -> String {
    one(&format!("{CIFAR}{rest}"))
}

fn command(rest: &str) -> String {
    one(&format!("{COMMAND}{rest}"))
}

#[test]
fn unknown_keys_name_the_nearest() {
    let error = Folder::new().read(&format!("{CIFAR}sweeep: {{lr: [1]}}\n")).unwrap_err();
    assert!(
        error.to_string().ends_with("study.yaml:3:1: unknown key `sweeep` in the study\n  help: did you mean `sweep`?")
    );
    let error = Folder::new().read(&format!("{CIFAR}sweep: {{batchsize: [1]}}\n")).unwrap_err();
    assert!(
        error.to_string().ends_with("study.yaml:3:21: unknown setting `batchsize`\n  help: did you mean `batch_size`?")
    );
    assert_eq!(cifar("metric: {nam: x, name: val_accuracy}\n"), "study.yaml:3:10: unknown key `nam` in metric");
    assert_eq!(cifar("retry: {ooom: 1}\n"), "study.yaml:3:9: unknown key `ooom` in retry");
    assert_eq!(cifar("cases: [{name: a, sett: {}}]\n"), "study.yaml:3:19: unknown key `sett` in a case");
    let error = Folder::new().read(&format!("{CIFAR}cases: [{{name: a, control_mode: random}}]\n")).unwrap_err();
    assert!(error.to_string().ends_with("`set: {control_mode: ...}`"), "{error}");
    assert_eq!(cifar("set: {train: {lr: 1}}\n"), "study.yaml:3:19: unknown setting `train.lr`");
}

#[test]
fn axes_must_be_axes() {
    assert_eq!(cifar("sweep: {lr: 0.1}\n"), "study.yaml:3:13: `lr` in sweep has one value, not candidates");
    assert_eq!(
        cifar("zip: [{lr: [1], epochs: 3}]\n"),
        "study.yaml:3:25: `epochs` in zip has one value, not candidates"
    );
    assert_eq!(cifar("sweep: {lr: []}\n"), "study.yaml:3:13: the axis `lr` is empty");
    assert_eq!(
        cifar("sweep: {epochs: {range: {from: 2, to: 1, step: 1}}}\n"),
        "study.yaml:3:18: the axis `epochs` is empty"
    );
    assert_eq!(cifar("cases: []\n"), "study.yaml:3:8: the axis `cases` is empty");
    assert_eq!(
        cifar("zip: [{lr: [1, 2], epochs: [3]}]\n"),
        "study.yaml:3:7: coupled axes must be of one length: `lr` has 2, `epochs` has 1"
    );
    assert_eq!(
        cifar("sweep: {lr: [1]}\nzip: [{lr: [1], epochs: [3]}]\n"),
        "study.yaml:4:7: two axes set `lr`: `lr` at study.yaml:3:9"
    );
    assert_eq!(
        command("sweep: {a.b: [1], a: {choice: [{b: 1}]}}\n"),
        "study.yaml:4:19: two axes set `a`: `a.b` at study.yaml:4:9"
    );
    assert_eq!(
        cifar("sweep: {lr: {loguniform: {from: 1, to: 2}}}\n"),
        "study.yaml:3:9: the axis `lr`: a distribution needs a search: `search: {method: random, n: ...}`, or sobol or tpe"
    );
    assert_eq!(
        cifar("sweep: {lr: {logspce: {from: 1, to: 2, n: 2}}}\n"),
        "study.yaml:3:14: the axis `lr`: `logspce` is none of choice, range, linspace, logspace, uniform, loguniform, \
         normal, randint; did you mean `logspace`?"
    );
    assert_eq!(
        cifar("sweep: {lr: {linspace: {from: 1, to: 2}}}\n"),
        "study.yaml:3:13: the axis `lr`: `linspace` needs {from, to, n}, all numbers"
    );
    assert_eq!(
        command("sweep: {a: [{b: 1}]}\n"),
        "study.yaml:4:13: the axis `a`: a map among the candidates needs `{choice: [...]}`"
    );
}

#[test]
fn two_names_of_one_setting_are_one_setting() {
    assert_eq!(
        cifar("sweep: {control_mode: [random], method: [AdamW]}\n"),
        "study.yaml:3:33: two axes set `method`: `control_mode` at study.yaml:3:9"
    );
}

#[test]
fn bases_must_exist_and_end() {
    let missing = cifar("base: none/base.yaml\n");
    assert!(missing.starts_with("study.yaml:3:7: cannot read none/base.yaml: "), "{missing}");
    let folder = Folder::new().with("a.yaml", "base: b.yaml\n").with("b.yaml", "lr: 0.1\nbase: [a.yaml]\n");
    assert_eq!(
        errors_in(&folder, &format!("{CIFAR}base: a.yaml\n")),
        ["b.yaml:2:8: the base files form a cycle: a.yaml -> b.yaml -> a.yaml"]
    );
    let folder = Folder::new().with("a.yaml", "base: study.yaml\n");
    assert!(errors_in(&folder, &format!("{CIFAR}base: a.yaml\n"))[0].contains("form a cycle"));
    let folder = Folder::new().with("text.yaml", "task: sst2\nlr: 0.1\n");
    assert_eq!(
        errors_in(&folder, &format!("{CIFAR}base: text.yaml\n")),
        ["text.yaml:1:7: the file is for task `sst2`, the study for cifar100"]
    );
}

#[test]
fn yaml_is_read_strictly() {
    assert!(cifar("set: {lr: 1\n").starts_with("study.yaml:"));
    assert_eq!(cifar("task: cifar100\n"), "study.yaml:3:1: duplicate key `task`: it already stands at study.yaml:2:1");
    assert_eq!(
        cifar("set: {lr: 1, epochs: 2, lr: 2}\n"),
        "study.yaml:3:25: duplicate key `lr`: it already stands at study.yaml:3:7"
    );
    assert_eq!(
        command("set: {a.b: 1, a: {b: 2}}\n"),
        "study.yaml:4:22: duplicate key `a.b`: it already stands at study.yaml:4:12"
    );
    assert_eq!(command("set: {a: &a [*a]}\n"), "study.yaml:4:14: the anchor contains itself");
    assert_eq!(cifar("set: {lr: !percent 3}\n"), "study.yaml:3:20: unknown tag `!percent`");
    assert_eq!(cifar("--- {}\n"), "study.yaml:3:5: a second document");
    assert_eq!(one("[1]\n"), "study.yaml:1:1: the file must be `key: value` lines, not a list");
}

#[test]
fn anchors_that_multiply_are_refused_at_once() {
    let mut text = format!("{COMMAND}set:\n  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("  a{level}: &a{level} [{}]\n", vec![alias; 9].join(", ")));
    }
    // Written out they would be 9^12 values: to come to an end at all is to be refused in time.
    assert_eq!(one(&text), "study.yaml:10:12: the file stands for more than 100000 values, its anchors written out");
}

#[test]
fn numbers_must_be_finite() {
    for text in [".nan", ".inf", "-.inf", "1e400"] {
        assert_eq!(
            command(&format!("set: {{a: {text}}}\n")),
            format!("study.yaml:4:10: `{text}` is not a finite number")
        );
        let typed = cifar(&format!("set: {{lr: {text}}}\n"));
        assert!(typed.starts_with("study.yaml:3:11: "), "{typed}");
    }
    assert_eq!(cifar("set: {reward_clip_max: inf}\n"), "study.yaml:3:24: --reward-clip-max must be finite.");
    assert_eq!(cifar("set: {lr: nan}\n"), "study.yaml:3:11: --lr must be positive.");
}

#[test]
fn a_newer_file_is_only_told_to_be_newer() {
    let newer = one("aees: 2\nwarp: 9\ntask: vision\n");
    assert_eq!(newer, "study.yaml:1:7: the study is written for version 2 of study files; this program knows up to 1");
    assert_eq!(
        one("task: cifar100\n"),
        "study.yaml:1:1: `aees` is missing: the version of study files that this one follows, 1"
    );
    assert_eq!(
        one("aees: one\ntask: cifar100\n"),
        "study.yaml:1:7: `aees` must be the version of study files, 1, not `one`"
    );
}

#[test]
fn seeds_have_a_grammar() {
    let seeds = |text: &str| cifar(&format!("seeds: {text}\n"));
    assert_eq!(seeds("0"), "study.yaml:3:8: 0 is not a list of seeds: the number of seeds must be from 1 to 1000000");
    assert_eq!(
        seeds("\"0-4,x\""),
        "study.yaml:3:8: \"0-4,x\" is not a list of seeds: `x` is not a whole number from 0 up"
    );
    assert_eq!(seeds("4-1"), "study.yaml:3:8: `4-1` is not a list of seeds: 4-1 counts down");
    assert_eq!(seeds("\"1,,2\""), "study.yaml:3:8: \"1,,2\" is not a list of seeds: a number is missing");
    assert_eq!(seeds("[1, 2, 1]"), "study.yaml:3:8: [1, 2, 1] is not a list of seeds: seed 1 stands twice");
    assert_eq!(seeds("[0-4]"), "study.yaml:3:8: this is not a list of seeds: a list holds whole numbers only");
    assert_eq!(
        seeds("{count: 3}"),
        "study.yaml:3:8: a map is not a list of seeds: it is neither a number, a text nor a list"
    );
    assert_eq!(cifar("sweep: {seed: [1, 2]}\n"), "study.yaml:3:16: `seed` cannot be set in a study");
    assert_eq!(command("set: {seed: 1}\n"), "study.yaml:4:13: `seed` cannot be set in a study");
    let folder = Folder::new().with("a.yaml", "seed: 3\n");
    let text = format!("{CIFAR}configs: [a.yaml]\n");
    assert_eq!(errors_in(&folder, &text), ["a.yaml:1:7: `seed` cannot be set in a study"]);
    assert_eq!(cifar("set: {hf_token: x}\n"), "study.yaml:3:17: `hf_token` cannot be set in a study");
    for set in ["set: {hf_token: x}", "sweep: {HF_TOKEN: [x, y]}", "set: {hub: {hf-token: x}}"] {
        let said = command(&format!("{set}\n"));
        assert!(said.to_lowercase().contains("`hf_token` cannot be set in a study"), "{set}: {said}");
    }
    assert_eq!(cifar("set: {output: x.json}\n"), "study.yaml:3:15: `output` cannot be set in a study");
}

#[test]
fn rules_go_by_what_the_study_sets() {
    assert_eq!(
        cifar("sweep: {lr: [1]}\nexclude: [{momentum: 0.9}]\n"),
        "study.yaml:4:12: `momentum` is set by nothing in this study, so no rule can go by it"
    );
    assert_eq!(cifar("exclude: [{moment: 0.9}]\n"), "study.yaml:3:12: unknown key `moment` in the settings of a run");
    assert_eq!(
        cifar("exclude: [3]\n"),
        "study.yaml:3:11: a rule of `exclude` must be a map of settings and values, not `3`"
    );
}

#[test]
fn a_command_must_be_whole() {
    assert_eq!(
        one("aees: 1\ntask: command\n"),
        "study.yaml:2:7: `command` is missing: the program that a command study runs"
    );
    let missing = "`argv` is missing: the program to run, with its arguments";
    assert_eq!(one("aees: 1\ntask: command\ncommand: {}\n"), format!("study.yaml:3:10: {missing}"));
    assert_eq!(one("aees: 1\ntask: command\ncommand: {argv: []}\n"), format!("study.yaml:3:17: {missing}"));
    assert_eq!(
        one("aees: 1\ntask: command\ncommand: {argv: [a, \"{b\"]}\n"),
        "study.yaml:3:21: \"{b\" has a brace without its partner"
    );
    assert_eq!(
        one(
            "aees: 1\ntask: command\ncommand: {argv: [run, \"--lr={lr}\"]}\nsweep: {x: [1, 2]}\ncases: [{name: a}, {name: b, set: {lr: 1}}]\n"
        ),
        "study.yaml:3:23: \"--lr={lr}\" in `command` names `lr`, which this configuration does not have\n  \
         in 2 of 4 combinations: #0 case=a x=1; #2 case=a x=2"
    );
    assert_eq!(
        one("aees: 1\ntask: command\ncommand: {argv: [a], result: last_line}\n"),
        "study.yaml:3:30: `result` must be last_json_line or {file: PATH}, not `last_line`"
    );
}

#[test]
fn a_task_must_be_known() {
    assert_eq!(one("aees: 1\n"), "study.yaml:1:1: `task` is missing: what the runs do");
    assert_eq!(
        one("aees: 1\ntask: mnist\n"),
        "study.yaml:2:7: `task` must be cifar100, sst2, agnews or command, not `mnist`"
    );
    assert_eq!(
        cifar("command: {argv: [a]}\n"),
        "study.yaml:3:1: unknown key `command` in a study whose task is not command"
    );
    assert_eq!(
        one("aees: 1\ntask: sst2\nset: {model_width: 3}\n"),
        "study.yaml:3:20: `model_width` is no setting of sst2"
    );
}

#[test]
fn names_can_be_paths() {
    assert_eq!(
        cifar("name: My Study\n"),
        "study.yaml:3:7: the name of a study must be 1 to 64 of a-z, 0-9, `_` and `-`, beginning with a letter or digit, not `My Study`"
    );
    assert_eq!(
        cifar("cases: [{name: a/b}]\n"),
        "study.yaml:3:16: the name of a case must be letters, digits, `_`, `-` and `.`, not `a/b`"
    );
    assert_eq!(
        cifar("cases: [{set: {lr: 1}}]\n"),
        "study.yaml:3:9: `name` is missing: a case is shown and chosen by its name"
    );
    assert_eq!(
        cifar("cases: [{name: a}, {name: a}]\n"),
        "study.yaml:3:27: the case name `a` must be unique among its neighbours, not `a`"
    );
}

#[test]
fn what_does_not_fit_together_is_told_at_its_places() {
    assert_eq!(
        errors(&format!(
            "{CIFAR}sweep:\n  label_noise_rate: [0.0, 0.2]\n  label_noise_type: [none, symmetric]\n  lr: [0.1, 0.2, 0.3]\n"
        )),
        ["study.yaml:4:27: --label-noise-rate must be 0.0 when --label-noise-type is none. (label_noise_type at \
          study.yaml:5:22)\n  in 3 of 12 combinations: #6 label_noise_rate=0.2 label_noise_type=none lr=0.1; \
          #7 label_noise_rate=0.2 label_noise_type=none lr=0.2; #8 label_noise_rate=0.2 label_noise_type=none lr=0.3"]
    );
    let folder = Folder::new().with("base.yaml", "warmup_epochs: 2\n");
    assert_eq!(
        errors_in(&folder, &format!("{CIFAR}base: base.yaml\n")),
        ["base.yaml:1:16: --warmup-epochs 2 has no effect with --lr-scheduler none: use warmup_linear."]
    );
}

#[test]
fn everything_wrong_is_told_together() {
    let text = "aees: 1\ntask: cifar100\nnmae: x\nbase: none.yaml\nset: {epochs: 0, lr: -1, momentum: fast, lrr: 3}\n\
        sweep:\n  optimizer: AdamW\n  label_noise_rate: [0.0, 0.2]\n  batch_size: []\nseeds: x\nbudget: {max_hours: -1}\n";
    let errors = errors(text);
    let expected = [
        "study.yaml:3:1: unknown key `nmae` in the study",
        "study.yaml:11:21: `max_hours` in budget must be a number above 0, at most 876000 (a hundred years), not `-1`",
        "study.yaml:10:8: `x` is not a list of seeds: `x` is not a whole number from 0 up",
        "study.yaml:4:7: cannot read none.yaml: No such file or directory (os error 2)",
        "study.yaml:7:14: `optimizer` in sweep has one value, not candidates",
        "study.yaml:9:15: the axis `batch_size` is empty",
        "study.yaml:5:15: --epochs must be positive.",
        "study.yaml:5:22: --lr must be positive.",
        "study.yaml:5:36: invalid value \"fast\" for `momentum`: expected a number",
        "study.yaml:5:47: unknown setting `lrr`",
        "study.yaml:8:27: --label-noise-rate must be 0.0 when --label-noise-type is none.",
    ];
    let first_lines: Vec<&str> = errors.iter().map(|error| error.lines().next().unwrap()).collect();
    assert_eq!(first_lines, expected);
}

#[test]
fn single_mistakes_do_not_hide_impossible_combinations() {
    let text = format!("{CIFAR}sweep:\n  lr: [0.1, -1]\n  label_noise_rate: [0.0, 0.2]\n");
    let errors = errors(&text);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert_eq!(
        errors[0],
        "study.yaml:4:13: --lr must be positive.\n  in 2 of 4 combinations: #2 lr=-1 label_noise_rate=0.0; \
         #3 lr=-1 label_noise_rate=0.2"
    );
    assert!(errors[1].contains("--label-noise-rate must be 0.0") && errors[1].contains("in 2 of 4"), "{errors:#?}");
    // A schedule that cannot be read says nothing about the warm-up.
    let text = format!(
        "{CIFAR}set: {{epochs: 0, warmup_epochs: 2, lr_scheduler: warmup}}\nsweep: {{label_noise_rate: [0.2]}}\n"
    );
    let errors: Vec<String> =
        super::errors(&text).iter().map(|error| error.split_once(" (").unwrap_or((error, "")).0.to_owned()).collect();
    assert_eq!(
        errors,
        [
            "study.yaml:3:15: --epochs must be positive.",
            "study.yaml:3:50: invalid value \"warmup\" for `lr_scheduler`: expected none, cosine, linear, warmup_linear",
            "study.yaml:4:28: --label-noise-rate must be 0.0 when --label-noise-type is none.",
        ]
    );
}

#[test]
fn an_error_tells_its_kind_to_programs() {
    let errors = Folder::new().read(&format!("{CIFAR}sweep: {{lr: 3}}\n")).unwrap_err();
    assert!(matches!(&*errors.0[0].problem, StudyProblem::ScalarInSweep { key, .. } if key == "lr"));
    assert_eq!(errors.0[0].help().unwrap(), "use `set` for a single value, or write a list");
}

#[test]
fn mangled_files_are_refused_or_read_and_never_more() {
    // Deletes, doubles and swaps pieces of good studies; the generator is that of Knuth's MMIX.
    let sources = [
        format!(
            "{CIFAR}name: x\nbase: {{epochs: 3}}\nset: &s {{lr: 1e-3, lr_candidates: [0.5, 1]}}\nsweep: {{momentum: {{linspace: {{from: 0, to: 0.5, n: 3}}}}}}\nzip: [{{optimizer: [SGD, AdamW], batch_size: [1, 2]}}]\ncases: [{{name: a}}, {{name: b, set: *s}}]\nexclude: [{{momentum: 0.5, optimizer: [SGD]}}]\nseeds: \"0-2,5\"\n"
        ),
        format!(
            "{COMMAND}set: {{a.b: !replace {{c: 1}}, d: !remove null}}\nsweep: {{e: [1, 2.5, x], f: {{choice: [[1], {{g: 2}}]}}}}\nsearch: {{method: random, n: 5}}\nbudget: {{per_run_timeout: 2h}}\n"
        ),
    ];
    let mut state = 1_u64;
    let mut below = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let folder = Folder::new();
    for round in 0..2000 {
        let mut letters: Vec<char> = sources[round % 2].chars().collect();
        for _ in 0..=below(3) {
            let (at, to) = (below(letters.len()), below(letters.len()));
            match below(4) {
                0 => drop(letters.remove(at)),
                1 => letters.insert(to, letters[at]),
                2 => letters.swap(at, to),
                _ => letters.truncate(at.max(10)),
            }
        }
        let text: String = letters.into_iter().collect();
        if let Ok(study) = folder.read(&text) {
            let _ = study.expand(&super::super::Overrides::default());
        }
    }
}

/// One of the two values would silently mean nothing.
#[test]
fn a_setting_is_set_or_varied() {
    let both = |place: &str, key: &str, axis: &str| {
        format!("study.yaml:{place}: `{key}` is varied at study.yaml:{axis} and set here too")
    };
    assert_eq!(one(&format!("{CIFAR}set: {{lr: 0.5}}\nsweep: {{lr: [0.1, 0.2]}}\n")), both("3:11", "lr", "4:9"));
    assert_eq!(
        one(&format!("{CIFAR}zip: [{{lr: [0.1, 0.2], epochs: [1, 2]}}]\ncases: [{{name: a, set: {{epochs: 3}}}}]\n")),
        both("4:33", "epochs", "3:7")
    );
    assert_eq!(
        one(&format!("{CIFAR}sweep: {{lr: [0.1, 0.2]}}\ncases: [{{name: a, sweep: {{lr: [0.3]}}}}]\n")),
        both("4:27", "lr", "3:9")
    );
    assert_eq!(
        one(&format!("{COMMAND}set: {{opt: {{lr: 1}}}}\nsweep: {{opt.lr: [1, 2]}}\n")),
        both("4:17", "opt.lr", "5:9")
    );
    // A case says more than the study: there is nothing to refuse.
    let case = format!(
        "{CIFAR}set: {{lr: 0.5}}\ncases: [{{name: a, sweep: {{lr: [0.1, 0.2]}}}}, {{name: b, set: {{lr: 0.3}}}}]\n"
    );
    assert_eq!(expand(&case).unwrap().settings.len(), 3);
}

#[test]
fn a_million_seeds_times_a_hundred_are_counted_before_they_are_expanded() {
    let text = format!("{COMMAND}sweep: {{x: {{range: {{from: 1, to: 100, step: 1}}}}}}\nseeds: 1000000\n");
    assert_eq!(
        errors(&text),
        ["study.yaml:2:7: 100 settings with 1000000 seeds are 100000000 runs; no more than 1000000 can be planned"]
    );
}

#[test]
fn a_budget_must_be_possible() {
    for (budget, key) in [
        ("{max_hours: 0}", "max_hours"),
        ("{max_hours: .inf}", "max_hours"),
        ("{max_hours: 1e300}", "max_hours"),
        ("{max_runs: 0}", "max_runs"),
        ("{max_runs: 1.5}", "max_runs"),
        ("{per_run_timeout: 0s}", "per_run_timeout"),
        ("{per_run_timeout: 1e-30s}", "per_run_timeout"),
        ("{per_run_timeout: 9999999d}", "per_run_timeout"),
        ("{per_run_timeout: forever}", "per_run_timeout"),
    ] {
        let error = one(&format!("{CIFAR}budget: {budget}\n"));
        assert!(
            error.starts_with(&format!("study.yaml:3:10: `{key}` in budget must be")) || error.contains(key),
            "{error}"
        );
    }
}

#[test]
fn a_search_must_be_possible() {
    let head = format!("{CIFAR}sweep: {{lr: {{loguniform: {{from: 1e-4, to: 1e-1}}}}}}\n");
    let missing = "study.yaml:4:9: `metric` is missing: a search that learns must know what is better";
    assert_eq!(one(&format!("{head}search: {{method: tpe, n: 20}}\n")), missing);
    assert!(one(&format!("{head}search: {{method: sobol}}\n")).contains("`n` is missing"));
    assert!(
        errors(&format!("{head}search: {{method: bayes, n: 3}}\n"))[0]
            .contains("must be grid, random, sobol or tpe, not `bayes`")
    );
    let round = one(&format!("{head}search: {{method: sobol, n: 3, round: 2}}\n"));
    assert_eq!(round, "study.yaml:4:38: `round` in search must be left out unless the method is tpe, not `2`");
    let axes: Vec<String> = (0..70).map(|axis| format!("x{axis}: {{uniform: {{from: 0, to: 1}}}}")).collect();
    let many = one(&format!("{COMMAND}sweep: {{{}}}\nsearch: {{method: sobol, n: 3}}\n", axes.join(", ")));
    assert!(many.contains("70 things vary; this search can vary 64"), "{many}");
}

#[test]
fn the_parts_of_a_command_must_be_what_they_are() {
    let one = |parts: &str| one(&format!("aees: 1\ntask: command\ncommand: {{argv: [run], {parts}}}\n"));
    for (parts, words) in [
        ("identity: [argv, paths]", "a list of argv and digest"),
        ("workdir: [x]", "`workdir` in command must be a path"),
        ("workdir: '{device}/x'", "does not depend on {device}"),
        ("workdir: '{absent}'", "names `absent`, which this configuration does not have"),
        ("env: {A=B: 1}", "`A=B` in `env`"),
        ("env: {A: [1]}", "`A` in `env`"),
        ("env: {HF_TOKEN: hf_secret}", "`HF_TOKEN` cannot be set in a study"),
        ("env: {A: '{absent}'}", "names `absent`"),
        ("env: HOME", "a map of variables, or a list of their names"),
        ("defaults: [1]", "`defaults` in command must be a map"),
        ("aliases: {a: a}", "another name"),
        ("aliases: {a: c, b: c}", "two settings were called `c` before"),
        ("log_limit: 3", "a size from 64kB up"),
        ("log_limit: 1kB", "a size from 64kB up"),
    ] {
        assert!(one(parts).contains(words), "{parts}: {}", one(parts));
    }
    let doubled = "aees: 1\ntask: command\ncommand: {argv: [run], aliases: {rate: lr}}\nset: {rate: 1, lr: 2}\n";
    assert!(errors(doubled)[0].contains("`rate` and `lr` are one setting"), "{:?}", errors(doubled));
}

#[test]
fn a_comparison_must_be_possible() {
    let prune = |rest: &str| cifar(&format!("metric: {{name: val_accuracy}}\nprune: {{{rest}}}\n"));
    assert_eq!(
        cifar("prune: {}\n"),
        "study.yaml:3:8: `metric` is missing: what runs are compared by; in `prune`, or of the study"
    );
    assert_eq!(prune("factor: 1"), "study.yaml:4:17: `factor` in prune must be a whole number from 2 on, not `1`");
    assert_eq!(prune("factor: 2.5"), "study.yaml:4:17: `factor` in prune must be a whole number from 2 on, not `2.5`");
    assert_eq!(prune("grace: 0"), "study.yaml:4:16: `grace` in prune must be a whole number above 0, not `0`");
    assert_eq!(prune("method: median"), "study.yaml:4:17: `method` in prune must be asha or halving, not `median`");
    assert_eq!(prune("seeds: all"), "study.yaml:4:16: `seeds` in prune must be mean or each, not `all`");
    assert_eq!(prune("factr: 3"), "study.yaml:4:9: unknown key `factr` in prune");
    let rungs = "`rungs` in prune must be a list of whole numbers above 0, each larger than the one before, not";
    assert_eq!(prune("rungs: [1, 1]"), format!("study.yaml:4:16: {rungs} a list"));
    assert_eq!(prune("rungs: [0, 1]"), format!("study.yaml:4:16: {rungs} a list"));
    assert_eq!(prune("rungs: 3"), format!("study.yaml:4:16: {rungs} `3`"));
    assert_eq!(
        prune("rungs: [1, 3], grace: 2"),
        "study.yaml:4:31: `grace` in prune must be left out where `rungs` names the rungs, not `2`"
    );
    assert_eq!(
        prune("metric: {name: val_acuracy}"),
        "study.yaml:4:17: `prune` goes by `val_acuracy`, which no training run tells on its way"
    );
    assert_eq!(
        cifar("metric: {name: test_accuracy}\nprune: {}\n"),
        "study.yaml:4:8: `prune` goes by `test_accuracy`, which no training run tells on its way"
    );
    assert_eq!(
        prune("metric: {name: reward}, by: epoch"),
        "study.yaml:4:37: `by` in prune must be step: `reward` is told with each episode, not `epoch`"
    );
    assert_eq!(
        prune("per: [optimizer]"),
        "study.yaml:4:15: `optimizer` is set by nothing in this study, so no rule can go by it"
    );
    assert_eq!(
        prune("per: lr"),
        "study.yaml:4:14: `per` in prune must be a list of settings, or [] to compare all, not `lr`"
    );
    assert_eq!(
        command("prune: {metric: {name: loss}, per: [dat]}\nsweep: {data: [a, b]}\n"),
        "study.yaml:4:37: `dat` is set by nothing in this study, so no rule can go by it"
    );
}

#[test]
fn no_study_holds_a_secret_wherever_it_stands() {
    let token = "hf_abcdefghijklmnopqrstuvwxyz";
    for held in [
        format!("command: {{argv: [run, {token}]}}"),
        format!("command: {{argv: [run, '--auth={token}']}}"),
        "command: {argv: [run, --hf-token, secret]}".to_owned(),
        "command: {argv: [run, '--hf-token=secret']}".to_owned(),
        "command: {argv: [sh, -c, 'HF_TOKEN=secret python train.py']}".to_owned(),
        "command: {argv: [run, 'https://me:word@host/x']}".to_owned(),
        format!("command: {{argv: [run], env: {{AUTH: {token}}}}}"),
        format!("command: {{argv: [run]}}\nset: {{auth: {token}}}"),
        format!("command: {{argv: [run]}}\nsweep: {{auth: [a, {token}]}}"),
        format!("command: {{argv: [run]}}\nnote: my token is {token}"),
        format!("command: {{argv: [run]}}\non_end: [curl, -H, 'Authorization: Bearer {token}']"),
    ] {
        let found = errors(&format!("aees: 1\ntask: command\n{held}\n"));
        assert!(found.iter().any(|error| error.contains("a secret stands here")), "{held}: {found:?}");
    }
    for free in [
        "[run, --hf-token, '{auth}']",
        "[run, --hf-token, $HF_TOKEN]",
        "[run, --hf-token, --verbose]",
        "[run, git@host.org, 'https://host/x', hf_model]",
    ] {
        let text = format!("aees: 1\ntask: command\ncommand: {{argv: {free}}}\nset: {{auth: none}}\n");
        assert!(Folder::new().read(&text).is_ok(), "{free}");
    }
}
