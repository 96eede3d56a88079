//! Crop, flip and normalisation against torchvision, to the bit. `fixtures/make_augmentation.py` makes the fixture.

use aees_tasks::{CropFlip, IMAGE_BYTES, ImageSplit, Normalization, augment_batch, normalize_batch};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn image() -> ImageSplit {
    let places = (0..3_usize).flat_map(|c| (0..32_usize).flat_map(move |y| (0..32_usize).map(move |x| (c, y, x))));
    let pixels: Vec<u8> = places.map(|(c, y, x)| ((c * 50 + y * 13 + x * 29) % 256) as u8).collect();
    ImageSplit::new(pixels, vec![0]).unwrap()
}

fn assert_equals(case: &Value, found: &[f32]) {
    let places: Vec<usize> = serde_json::from_value(case["places"].clone()).unwrap();
    let bits: Vec<u32> = serde_json::from_value(case["bits"].clone()).unwrap();
    for (place, bits) in places.into_iter().zip(bits) {
        assert_eq!(found[place], f32::from_bits(bits), "value {place} of {case}");
    }
    let bytes: Vec<u8> = found.iter().flat_map(|value| value.to_le_bytes()).collect();
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, case["sha256"].as_str().unwrap(), "{case}");
}

#[test]
fn both_transforms_equal_torchvisions_to_the_bit() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/augmentation.json")).unwrap();
    let normalization = Normalization::cifar100();
    let mut out = vec![f32::NAN; IMAGE_BYTES];
    normalize_batch(&image(), &[0], &normalization, &mut out);
    assert_equals(&fixture["test"], &out);
    for case in fixture["train"].as_array().unwrap() {
        let offset = |name: &str| case[name].as_u64().unwrap() as u8;
        let crop = CropFlip { dy: offset("dy"), dx: offset("dx"), flip: case["flip"].as_bool().unwrap() };
        augment_batch(&image(), &[0], &[crop], &normalization, &mut out);
        assert_equals(case, &out);
    }
}
