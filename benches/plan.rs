//! What it takes to plan 10,000 combinations: read, build, validate and tell apart each of them.
//!
//! `cargo bench --bench plan`. The bound is 1 s; the figure is the median of 7, after one that is not counted.

use std::time::Instant;

use aees_studies::study::{Overrides, Study};

const STUDY: &str = "aees: 1
task: cifar100
set: {control_mode: adaptive, lr_candidates: [0.5, 1, 2], weight_decay: 1e-4, epochs: 200, lr_scheduler: cosine}
sweep:
  lr: {logspace: {from: 1e-5, to: 1e-1, n: 25}}
  discount: {linspace: {from: 0.5, to: 1.0, n: 25}}
  exploration_coef: [0.5, 1]
  optimizer: [AdamW, SGD]
  noise_candidates: [[0], [0, 0.0025, 0.005]]
cases:
  - {name: short, set: {episode_length: 100}}
  - {name: long, set: {episode_length: 400}}
exclude:
  - {lr: 1e-5, optimizer: SGD, discount: 0.1}
seeds: 1
";

fn main() {
    let folder = std::env::temp_dir().join(format!("aees-plan-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join("plan.yaml"), STUDY))
    {
        eprintln!("cannot write {}: {error}", folder.display());
        return;
    }
    let mut seconds = Vec::new();
    for _ in 0..8 {
        let start = Instant::now();
        let expansion = Study::read(&folder.join("plan.yaml")).and_then(|study| study.expand(&Overrides::default()));
        match expansion {
            Ok(expansion) => println!("{} combinations in {:.3} s", expansion.runs(), start.elapsed().as_secs_f64()),
            Err(errors) => return eprintln!("{errors}"),
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut counted = seconds.split_off(1);
    counted.sort_by(f64::total_cmp);
    println!("median {:.3} s, from {:.3} to {:.3}", counted[3], counted[0], counted[6]);
    // Left-overs in the folder of temporary files do no harm.
    let _ = std::fs::remove_dir_all(folder);
}
