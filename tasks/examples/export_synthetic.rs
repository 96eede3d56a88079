//! Writes the synthetic CIFAR-100 in the official binary layout, for programs that read only files.
//!
//! `cargo run --release -p aees-tasks --example export_synthetic -- FOLDER [TRAIN_IMAGES [TEST_IMAGES]]`

use std::error::Error;
use std::path::Path;

use aees_tasks::{Cifar100Config, DataSource, ImageSplit, superclass_of};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, limits @ ..] = arguments.as_slice() else {
        return Err("usage: export_synthetic FOLDER [TRAIN_IMAGES [TEST_IMAGES]]".into());
    };
    let limit = |place: usize| limits.get(place).map(|text| text.parse()).transpose();
    let config = Cifar100Config {
        source: DataSource::Synthetic,
        limit_train: limit(0)?,
        limit_eval: limit(1)?,
        ..Cifar100Config::default()
    };
    let data = config.load()?;
    std::fs::create_dir_all(folder)?;
    for (name, split) in [("train.bin", &data.train), ("test.bin", &data.test)] {
        std::fs::write(Path::new(folder).join(name), records(split))?;
    }
    println!("{}", data.fingerprint);
    Ok(())
}

fn records(split: &ImageSplit) -> Vec<u8> {
    let mut records = Vec::new();
    for (index, &label) in split.clean_labels().iter().enumerate() {
        records.extend([superclass_of(label) as u8, label as u8]);
        records.extend_from_slice(split.image(index));
    }
    records
}
