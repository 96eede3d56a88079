//! `aees report figures`, as a user runs it on a folder of result files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

fn figures(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aees"));
    command.current_dir(folder).args(["report", "figures", "archive", "--out", "figures"]).args(arguments);
    command.output().unwrap()
}

/// Plain runs of the reference's old layout: two schedules, two seeds, three epochs.
fn archive(folder: &Path) {
    fs::create_dir(folder.join("archive")).unwrap();
    for (scheduler, height) in [("none", 0.5), ("cosine", 0.6)] {
        for seed in 0..2 {
            let accuracies = [height - 0.2, height + f64::from(seed) * 0.02, height - 0.05];
            let result = json!({
                "method_name": "Baseline", "task_name": "cifar100", "dataset_name": "CIFAR-100", "seed": seed,
                "total_epochs": 3, "total_steps": 1173,
                "train_losses": [3.0, 2.0, 1.0], "train_accuracies": accuracies, "val_accuracies": accuracies,
                "best_val_accuracy": accuracies[1], "final_val_accuracy": accuracies[2],
                "epoch_wall_clock_seconds": [9.0, 5.0, 5.0], "epoch_tflops": [5.92, 5.92, 5.92],
                "episode_logs": null, "controller_logs": null,
                "config": {
                    "control_mode": "baseline", "optimizer": "AdamW", "lr": 0.001, "weight_decay": 0.0001, "epochs": 3,
                    "batch_size": 128, "lr_scheduler": scheduler, "scheduler_t_max": 3, "lr_candidates": [1.0],
                    "noise_candidates": [0.0], "episode_length": 200, "label_noise_rate": 0.0,
                    "label_noise_type": "none", "seed": seed,
                },
            });
            fs::write(folder.join(format!("archive/{scheduler}-{seed}")), result.to_string()).unwrap();
        }
    }
}

#[test]
fn every_figure_comes_as_svg_pdf_png_and_csv() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    let output = figures(folder.path(), &["--smooth", "3", "--theme", "dark"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).unwrap();
    for name in ["curves-cifar100-clean", "peak-final-cifar100-clean", "overhead-cifar100-clean-adamw"] {
        for ending in ["svg", "pdf", "png", "csv"] {
            let path = format!("figures/{name}.{ending}");
            assert!(paths.lines().any(|line| line == path), "{path} is not among\n{paths}");
            assert!(fs::metadata(folder.path().join(&path)).unwrap().len() > 100);
        }
    }
    let read = |name: &str| fs::read(folder.path().join("figures").join(name)).unwrap();
    let png = read("curves-cifar100-clean.png");
    assert!(png.starts_with(b"\x89PNG"));
    // 11811 pixels a metre are 300 an inch: a column of 85 mm has 1004.
    let chunk = png.windows(4).position(|name| name == b"pHYs").unwrap();
    assert_eq!(png[chunk + 4..chunk + 13], [0, 0, 0x2e, 0x23, 0, 0, 0x2e, 0x23, 1]);
    assert_eq!(png[16..20], 1004u32.to_be_bytes());
    // As wide as it was made for, with its font inside, and text that can be searched.
    let pdf = String::from_utf8_lossy(&read("curves-cifar100-clean.pdf")).into_owned();
    assert!(pdf.starts_with("%PDF-1.") && pdf.contains("/MediaBox [0 0 240.94"), "{pdf:.600}");
    assert!(pdf.contains("/FontFile2") && pdf.contains("/ToUnicode") && !pdf.contains("/CreationDate"));
    let svg = String::from_utf8(read("curves-cifar100-clean.svg")).unwrap();
    assert!(roxmltree::Document::parse(&svg).unwrap().root_element().has_tag_name("svg"));
    let csv = String::from_utf8(read("peak-final-cifar100-clean.csv")).unwrap();
    assert!(csv.contains("Baseline + cosine,peak,2,0.61,"), "{csv}");
    assert_eq!(fs::read_dir(folder.path().join("figures")).unwrap().count(), paths.lines().count());
}

#[test]
fn a_figure_without_data_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    let output = figures(folder.path(), &["--figure", "arms", "--format", "svg"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`arms`: no run has episodes with more than one arm to pick from"), "{told}");
}

#[test]
fn an_incomplete_group_is_named_and_drawn_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    fs::remove_file(folder.path().join("archive/cosine-1")).unwrap();
    let output = figures(folder.path(), &["--figure", "curves", "--format", "svg"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("incomplete, not drawn: CIFAR-100, clean labels, AdamW: Baseline + cosine: lacks seed 1"),
        "{told}"
    );
    let svg = || fs::read_to_string(folder.path().join("figures/curves-cifar100-clean.svg")).unwrap();
    assert!(!svg().contains("cosine"));
    let output = figures(folder.path(), &["--figure", "curves", "--format", "svg", "--allow-partial"]);
    assert!(output.status.success());
    assert!(svg().contains("Baseline + cosine (n\u{a0}=\u{a0}1)"));
}

#[test]
fn text_is_as_large_as_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    for (size, drawn) in [("9", "font-size=\"9\""), ("6.5", "font-size=\"6.5\"")] {
        assert!(figures(folder.path(), &["--font-size", size, "--format", "svg", "--width", "160"]).status.success());
        let svg = fs::read_to_string(folder.path().join("figures/curves-cifar100-clean.svg")).unwrap();
        assert!(svg.contains(drawn) && svg.contains("width=\"160.00mm\""), "{svg:.300}");
    }
    let refused = figures(folder.path(), &["--font-size", "40"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("give points from 5 to 16"));
}

#[test]
fn a_width_that_holds_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path());
    for width in ["12", "wide", "NaN"] {
        let output = figures(folder.path(), &["--width", width]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("millimetres from 60 to 400"));
    }
}
