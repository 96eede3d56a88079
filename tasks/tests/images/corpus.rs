//! The real CIFAR-100, where the corpus is at hand.

use aees_run::settings::LabelNoiseType;

use aees_tasks::{Cifar100Config, DataSource, ImageSplit, LabelNoise, PLANE_BYTES};

use crate::require::corpus;

fn count_of_each_class(labels: &[u32]) -> Vec<usize> {
    (0..100).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
}

/// Mean and standard deviation of each channel, in 0..1.
fn channel_statistics(split: &ImageSplit) -> [(f64, f64); 3] {
    std::array::from_fn(|channel| {
        let mut histogram = [0_u64; 256];
        for plane in split.pixels().chunks_exact(PLANE_BYTES).skip(channel).step_by(3) {
            plane.iter().for_each(|&byte| histogram[usize::from(byte)] += 1);
        }
        let count = (split.len() * PLANE_BYTES) as f64;
        let moment = |power| {
            let terms =
                histogram.iter().zip(0..).map(|(&times, byte)| times as f64 * (f64::from(byte) / 255.0).powi(power));
            terms.sum::<f64>() / count
        };
        let mean = moment(1);
        (mean, (moment(2) - mean * mean).sqrt())
    })
}

fn assert_close(found: [(f64, f64); 3], mean: [f64; 3], std: [f64; 3]) {
    for (channel, (found_mean, found_std)) in found.into_iter().enumerate() {
        assert!((found_mean - mean[channel]).abs() < 6e-6, "mean {found_mean}");
        assert!((found_std - std[channel]).abs() < 6e-6, "std {found_std}");
    }
}

#[test]
fn the_whole_set_has_the_published_counts_and_statistics() {
    let Some(folder) = corpus("cifar100") else { return };
    let config = Cifar100Config {
        source: DataSource::Path(folder),
        label_noise: LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.2 },
        ..Cifar100Config::default()
    };
    let data = config.load().unwrap();
    assert_eq!(count_of_each_class(data.train.clean_labels()), [500; 100]);
    assert_eq!(count_of_each_class(data.test.labels()), [100; 100]);
    assert_close(channel_statistics(&data.train), [0.50708, 0.48655, 0.44092], [0.26733, 0.25644, 0.27615]);
    assert_close(channel_statistics(&data.test), [0.50880, 0.48739, 0.44194], [0.26825, 0.25736, 0.27710]);
    // The images of the official order differ, so this is the fingerprint of the corpus, not of the official files.
    assert_eq!(data.fingerprint, "d59c3433a1ef051f50d8fad53a961116caa7c273b79bac196ef7b2a72bafb286");
    let report = data.label_noise.unwrap();
    assert_eq!(report.num_corrupted_examples, 10_000);
    assert_eq!(report.noisy_targets, data.train.labels());
    assert_eq!(&report.corrupted_indices[..3], [6690, 6328, 33879]);

    let wrong =
        data.train.labels().iter().zip(data.train.clean_labels()).filter(|(noisy, clean)| noisy != clean).count();
    assert_eq!(wrong, 10_000);
}
