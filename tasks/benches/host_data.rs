//! What the host does before and between training steps: label noise, an epoch's plan, a batch, synthetic images.

use std::hint::black_box;
use std::time::Duration;

use aees_run::settings::LabelNoiseType;

use aees_tasks::{
    Cifar100Config, DataSource, EpochPlan, IMAGE_BYTES, LabelNoise, Normalization, augment_batch, corrupt_labels,
    next_in_superclass, normalize_batch,
};
use criterion::{Criterion, criterion_group, criterion_main};

fn label_noise(criterion: &mut Criterion) {
    let labels: Vec<u32> = (0..50_000).map(|index| index % 100).collect();
    let next = next_in_superclass();
    for kind in [LabelNoiseType::Symmetric, LabelNoiseType::Asymmetric] {
        let noise = LabelNoise { kind, rate: 0.4 };
        criterion.bench_function(&format!("label noise, {} 0.4, 50,000 labels", kind.name()), |bencher| {
            bencher.iter(|| corrupt_labels(black_box(&labels), noise, 0, &next));
        });
    }
}

fn epoch_plan(criterion: &mut Criterion) {
    criterion.bench_function("epoch plan, 50,000 images", |bencher| {
        bencher.iter(|| EpochPlan::new(black_box(0), 3, 50_000));
    });
}

fn synthetic(train: usize) -> Cifar100Config {
    Cifar100Config {
        source: DataSource::Synthetic,
        limit_train: Some(train),
        limit_eval: Some(1),
        ..Cifar100Config::default()
    }
}

fn batch(criterion: &mut Criterion) {
    let Ok(data) = synthetic(10_000).load() else { return };
    let plan = EpochPlan::new(0, 0, 10_000);
    let normalization = Normalization::cifar100();
    let mut out = vec![0.0; 128 * IMAGE_BYTES];
    // Another batch each time, so that the images come from memory and not from the cache, as in training.
    let mut batches = (0..78).cycle().filter_map(|index| plan.batch(index, 128));
    criterion.bench_function("augment a batch of 128", |bencher| {
        bencher.iter(|| {
            if let Some(batch) = batches.next() {
                augment_batch(&data.train, batch.indices, batch.augmentations, &normalization, &mut out);
            }
        });
    });
    criterion.bench_function("normalise a batch of 128", |bencher| {
        bencher.iter(|| {
            if let Some(batch) = batches.next() {
                normalize_batch(&data.train, batch.indices, &normalization, &mut out);
            }
        });
    });
}

fn synthetic_images(criterion: &mut Criterion) {
    let config = synthetic(1000);
    criterion.bench_function("make 1,000 synthetic images (and their fingerprint)", |bencher| {
        bencher.iter(|| config.load());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = label_noise, epoch_plan, batch, synthetic_images
}
criterion_main!(benches);
