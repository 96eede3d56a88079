//! Candidate lists as they are typed, their names, and their product.

use aees_control::{Axis, Candidate, CandidateSet, LrMultiplier, NoiseStd, parse_candidates};

fn message(axis: Axis, text: &str) -> String {
    parse_candidates(axis, text).unwrap_err().to_string()
}

#[test]
fn lists_are_read_as_the_reference_reads_them() {
    assert_eq!(parse_candidates(Axis::Lr, " 0.5, 1.0,,2.0 ,").unwrap(), [0.5, 1.0, 2.0]);
    assert_eq!(parse_candidates(Axis::Noise, "0,1e-3,1_0").unwrap(), [0.0, 1e-3, 10.0]);
    assert_eq!(message(Axis::Lr, " , "), "lr_candidates must contain at least one value.");
    assert_eq!(message(Axis::Noise, "0,x y"), "Invalid value 'x y' in noise_candidates.");
    assert_eq!(message(Axis::Lr, "1,0"), "lr_candidates values must be positive.");
    assert_eq!(message(Axis::Noise, "-1"), "noise_candidates values must be non-negative.");
    assert_eq!(message(Axis::Lr, "1,2,1.0"), "lr_candidates contains a duplicate value: 1.0.");
    assert_eq!(message(Axis::Noise, "0,-0.0"), "noise_candidates contains a duplicate value: -0.0.");
}

#[test]
fn given_lists_are_checked_too() {
    let message = |lr: &[f64], noise: &[f64]| CandidateSet::new(lr, noise).unwrap_err().to_string();
    assert_eq!(message(&[], &[0.0]), "lr_candidates must contain at least one value.");
    assert_eq!(message(&[1.0], &[]), "noise_candidates must contain at least one value.");
    assert_eq!(message(&[1.0, 0.0], &[0.0]), "lr_candidates values must all be positive.");
    assert_eq!(message(&[1.0], &[-0.1]), "noise_candidates values must all be non-negative.");
    assert_eq!(LrMultiplier::new(0.0).unwrap_err().to_string(), "lr_multiplier must be positive.");
    assert_eq!(NoiseStd::new(-1.0).unwrap_err().to_string(), "noise_std must be non-negative.");
}

#[test]
fn names_are_the_references() {
    let name = |lr, noise| {
        Candidate { lr_multiplier: LrMultiplier::new(lr).unwrap(), noise_std: NoiseStd::new(noise).unwrap() }.name()
    };
    assert_eq!(name(0.5, 0.0), "lr0p5_n0");
    assert_eq!(name(1.0, 0.0025), "lr1_n0p0025");
    assert_eq!(name(1e-5, 1e13), "lr1em05_n1e+13");
    assert_eq!(name(0.1 + 0.2, 1.0 / 3.0), "lr0p3_n0p333333333333");
}

#[test]
fn the_product_has_the_learning_rate_outermost() {
    let set = CandidateSet::new(&[0.5, 1.0], &[0.0, 0.01]).unwrap();
    let names: Vec<String> = set.product().map(|candidate| candidate.name()).collect();
    assert_eq!(names, ["lr0p5_n0", "lr0p5_n0p01", "lr1_n0", "lr1_n0p01"]);
    assert_eq!(set.get(1, 0).unwrap().name(), "lr1_n0");
    assert_eq!(set.get(2, 0), None);
}

#[test]
fn a_definition_is_saved_as_the_reference_saves_it() {
    let candidate = CandidateSet::new(&[0.5], &[0.01]).unwrap().get(0, 0).unwrap();
    let json = serde_json::to_value(candidate).unwrap();
    assert_eq!(json, serde_json::json!({"name": "lr0p5_n0p01", "lr_multiplier": 0.5, "noise_std": 0.01}));
    assert_eq!(serde_json::from_value::<Candidate>(json).unwrap(), candidate);
    assert!(serde_json::from_str::<Candidate>(r#"{"lr_multiplier": -1.0, "noise_std": 0.0}"#).is_err());
}
