//! The generators against numbers recorded from CPython 3.11 and NumPy.

use aees_control::rng::{NumpyGenerator, PythonRandom};

#[test]
fn mersenne_twister_outputs() {
    let cases: [(i64, [u32; 4]); 3] = [
        (0, [3_626_764_237, 1_654_615_998, 3_255_389_356, 3_823_568_514]),
        (1, [577_090_037, 2_444_712_010, 3_639_700_191, 3_445_702_192]),
        (101, [2_496_029_389, 3_638_342_495, 836_464_178, 3_901_453_713]),
    ];
    for (seed, expected) in cases {
        let mut random = PythonRandom::new(seed);
        assert_eq!(expected.map(|_| random.next_u32()), expected, "seed {seed}");
    }
}

#[test]
fn below_three() {
    let cases: [(i64, [usize; 12]); 5] = [
        (0, [1, 1, 0, 1, 2, 1, 1, 1, 1, 1, 2, 0]),
        (1, [0, 2, 0, 1, 0, 1, 1, 1, 2, 1, 0, 0]),
        (101, [2, 0, 2, 1, 1, 0, 2, 2, 0, 2, 0, 1]),
        (102, [0, 2, 2, 1, 0, 2, 2, 2, 2, 0, 1, 1]),
        (1001, [0, 0, 0, 2, 1, 0, 1, 2, 1, 2, 2, 1]),
    ];
    for (seed, expected) in cases {
        let mut random = PythonRandom::new(seed);
        assert_eq!(expected.map(|_| random.randrange(3)), expected, "seed {seed}");
    }
}

#[test]
fn below_one_consumes_outputs() {
    for (seed, expected) in [(0i64, [2, 3, 1, 1, 3, 1]), (1, [1, 5, 1, 1, 1, 2])] {
        let mut random = PythonRandom::new(seed);
        let mut follower = random.clone();
        for draws in expected {
            assert_eq!(random.below(1), 0);
            for _ in 0..draws {
                follower.next_u32();
            }
            assert_eq!(random, follower, "seed {seed}");
        }
    }
}

#[test]
fn shuffles_and_samples() {
    for (seed, expected) in [(0i64, [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]), (42, [7, 3, 2, 8, 5, 6, 9, 4, 0, 1])] {
        let mut items: [usize; 10] = std::array::from_fn(|i| i);
        PythonRandom::new(seed).shuffle(&mut items);
        assert_eq!(items, expected);
    }
    assert_eq!(PythonRandom::new(0).sample(100, 5).unwrap(), [49, 97, 53, 5, 33]);
    assert_eq!(PythonRandom::new(42).sample(10, 4).unwrap(), [1, 0, 4, 9]);
    assert!(PythonRandom::new(0).sample(3, 4).is_err());
}

#[test]
fn wide_numbers_are_pythons() {
    // random.Random(2**40 + 3): random(), getrandbits(64), randrange(2**40); and the sign of a seed does not matter.
    let mut random = PythonRandom::new((1i64 << 40) + 3);
    assert_eq!(random.random().to_bits(), WIDE.0);
    assert_eq!(random.getrandbits(64), WIDE.1);
    assert_eq!(random.below(1 << 40), WIDE.2);
    assert_eq!(PythonRandom::new(-7), PythonRandom::new(7));
}

#[test]
fn label_noise_of_the_image_task() {
    let first = [
        (0i64, &[6690usize, 6328, 33879, 1537, 24917, 38051][..]),
        (1, &[6795, 21588, 48095, 14907, 6883, 29592]),
        (2, &[3329, 36509, 11655]),
        (3, &[31401, 45601, 42858]),
        (4, &[20179, 40889, 6915]),
    ];
    let draws = [(0i64, [89, 34, 19, 39, 49, 64]), (1, [42, 76, 51, 41, 32, 65])];
    for (seed, expected) in first {
        let mut indices: Vec<usize> = (0..50_000).collect();
        let mut random = PythonRandom::new(seed);
        random.shuffle(&mut indices);
        assert_eq!(&indices[..expected.len()], expected, "seed {seed}");
        if let Some((_, expected)) = draws.iter().find(|(of, _)| *of == seed) {
            assert_eq!(expected.map(|_| random.randrange(99)), *expected, "seed {seed}");
        }
    }
}

#[test]
fn label_noise_of_the_news_task() {
    let cases = [
        (21_600, &[1usize, 4, 11, 12, 22][..], &[2usize, 1, 1, 0, 2, 2, 2, 2][..]),
        (43_200, &[1, 4, 6, 7, 11, 12], &[1, 1, 1, 1, 0, 1]),
    ];
    for (count, sorted, choices) in cases {
        let mut random = PythonRandom::new(42);
        let mut sample = random.sample(108_000, count).unwrap();
        assert_eq!(sample[..6], [83810, 14592, 3278, 97196, 36048, 32098]);
        sample.sort_unstable();
        assert_eq!(&sample[..sorted.len()], sorted);
        let drawn: Vec<usize> = choices.iter().map(|_| random.randrange(3)).collect();
        assert_eq!(drawn, choices);
    }
}

#[test]
fn pcg64_outputs() {
    let mut generator = NumpyGenerator::new(42);
    let expected = [0xc621_fbcd_16d9_2688, 0x705a_5661_a791_ffc1, 0xdbcd_12c2_6eda_1624];
    assert_eq!(expected.map(|_| generator.next_u64()), expected);
    let mut generator = NumpyGenerator::new(0);
    let expected = [0xa30f_ebcf_d9c2_825f, 0x4510_bdf8_82d9_d721, 0x0a7d_3da9_4ecd_e8b8];
    assert_eq!(expected.map(|_| generator.next_u64()), expected);
}

#[test]
fn numpy_permutations_and_the_news_split() {
    assert_eq!(NumpyGenerator::new(42).permutation(10), [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
    let order = NumpyGenerator::new(42).permutation(120_000);
    let (validation, train) = order.split_at(12_000);
    assert_eq!(validation[..6], [6304, 100_605, 33_765, 58_777, 37_485, 38_358]);
    assert_eq!(validation[11_997..], [62_994, 31_379, 119_524]);
    assert_eq!(train[..6], [18_438, 19_322, 76_290, 61_285, 44_266, 637]);
    assert_eq!(train[107_997..], [5668, 22_113, 75_400]);
}

#[test]
fn numpy_integers() {
    let mut generator = NumpyGenerator::new(0);
    let expected = [4, 3, 2, 1, 1, 0, 0, 0, 0, 4];
    assert_eq!(expected.map(|_| generator.integers(5)), expected);
    // default_rng(2**63 + 5): integers(0, 2**32), integers(0, 2**40 + 1), random().
    let mut generator = NumpyGenerator::new((1 << 63) + 5);
    assert_eq!(generator.integers(1 << 32), NUMPY_WIDE.0);
    assert_eq!(generator.integers((1 << 40) + 1), NUMPY_WIDE.1);
    assert_eq!(generator.random().to_bits(), NUMPY_WIDE.2);
}

const WIDE: (u64, u64, u64) = (0x3fcc21fbe0f92b60, 0xd57172588ca9fc52, 669935018357);
const NUMPY_WIDE: (u64, u64, u64) = (3522250093, 994149141553, 0x3fe4890eaeaa8a18);
