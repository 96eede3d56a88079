//! The files of CIFAR-100 in every layout, and what is said when they are damaged.
//!
//! The fixtures hold the same 20 train and 8 test images in each layout; `fixtures/make_readers.py` makes them and says what
//! is in them.

use std::path::PathBuf;

use aees_tasks::{Cifar100, Cifar100Config, DataError, DataOrigin, DataSource, ImageSplit};
use tempfile::TempDir;

use crate::files::{fixture, folder, gunzip, gzip};

const RECORD: usize = 3074;

fn load(path: impl Into<PathBuf>) -> Result<Cifar100, DataError> {
    Cifar100Config { source: DataSource::Path(path.into()), ..Cifar100Config::default() }.load()
}

fn load_files(files: &[(&str, Vec<u8>)]) -> Result<Cifar100, DataError> {
    load(folder(files).path())
}

/// What is wrong with a folder of these files, without the scratch folder's name.
fn complaint(files: &[(&str, Vec<u8>)]) -> String {
    let folder = folder(files);
    let message = load(folder.path()).unwrap_err().to_string();
    message
        .replace(&format!("{}/", folder.path().display()), "")
        .replace(&folder.path().display().to_string(), "FOLDER")
}

/// Pixel of image i as the script defines it.
fn pixel(test: bool, i: usize, c: usize, y: usize, x: usize) -> u8 {
    let value = i * 37 + c * 85 + y * (i % 3) + if i.is_multiple_of(5) { x } else { 0 } + if test { 100 } else { 0 };
    (value % 256) as u8
}

fn expected(test: bool, count: usize) -> ImageSplit {
    let places = (0..count)
        .flat_map(|i| (0..3).flat_map(move |c| (0..32).flat_map(move |y| (0..32).map(move |x| (i, c, y, x)))));
    let pixels: Vec<u8> = places.map(|(i, c, y, x)| pixel(test, i, c, y, x)).collect();
    ImageSplit::new(pixels, (0..count as u32).map(|i| i * 7 % 100).collect()).unwrap()
}

/// The coarse label is not kept by the reader, so any in range will do.
fn binary(split: &ImageSplit) -> Vec<u8> {
    (0..split.len()).flat_map(|i| [vec![3, split.labels()[i] as u8], split.image(i).to_vec()].concat()).collect()
}

fn train_binary() -> Vec<u8> {
    binary(&expected(false, 20))
}

fn test_binary() -> Vec<u8> {
    binary(&expected(true, 8))
}

#[track_caller]
fn assert_is_the_fixture(data: &Cifar100, layout: &str) {
    assert_eq!(data.train, expected(false, 20));
    assert_eq!(data.test, expected(true, 8));
    assert_eq!(data.fingerprint, "9e53292ee9e1a0526cb2656b61da6303b307582ee2cda809de0a771e3ad04df6");
    assert!(matches!(&data.origin, DataOrigin::Files { layout: found, .. } if *found == layout), "{:?}", data.origin);
}

fn tar_gz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    gzip(&archive.into_inner().unwrap())
}

#[test]
fn every_layout_gives_the_same_images_and_fingerprint() {
    let python = [
        ("cifar-100-python/train", gunzip(&fixture("train.pickle.gz"))),
        ("cifar-100-python/test", gunzip(&fixture("test.pickle.gz"))),
        ("cifar-100-python/meta", b"\x80\x02}.".to_vec()),
    ];
    let binary =
        [("train.bin", train_binary()), ("test.bin", test_binary()), ("fine_label_names.txt", b"apple\n".to_vec())];
    assert_is_the_fixture(&load_files(&binary).unwrap(), "binary");
    assert_is_the_fixture(&load_files(&python).unwrap(), "python");
    assert_is_the_fixture(&load_files(&[("cifar-100-python.tar.gz", tar_gz(&python))]).unwrap(), "python");
    assert_is_the_fixture(&load_files(&[("x.tar.gz", tar_gz(&binary))]).unwrap(), "binary");
    let packed = [("train.bin.xz", fixture("train.bin.xz")), ("test.bin.zst", fixture("test.bin.zst"))];
    assert_is_the_fixture(&load_files(&packed).unwrap(), "binary");
    for train in ["train.parquet", "train_zstd.parquet"] {
        let hub = [
            ("cifar100/train-00000-of-00001.parquet", fixture(train)),
            ("cifar100/test-00000-of-00001.parquet", fixture("test.parquet")),
            ("README.md", b"# hub\n".to_vec()),
        ];
        assert_is_the_fixture(&load_files(&hub).unwrap(), "parquet");
    }
    let python3 = [("train", fixture("train_python3.pickle.gz")), ("test", fixture("test.pickle.gz"))];
    assert_is_the_fixture(&load_files(&python3).unwrap(), "python");
}

#[test]
fn content_decides_and_names_do_not() {
    let misnamed = [("train.bin", fixture("train.pickle.gz")), ("test.parquet", gunzip(&fixture("test.pickle.gz")))];
    assert_is_the_fixture(&load_files(&misnamed).unwrap(), "python");
    let misnamed = [("train.pickle", fixture("train.bin.xz")), ("test.xz", gzip(&fixture("test.bin.zst")))];
    assert_is_the_fixture(&load_files(&misnamed).unwrap(), "binary");
    let misnamed = [("train.csv", fixture("train.parquet")), ("test", gzip(&fixture("test.parquet")))];
    assert_is_the_fixture(&load_files(&misnamed).unwrap(), "parquet");
    let archive = folder(&[("data.bin", tar_gz(&[("a/train", train_binary()), ("a/test", test_binary())]))]);
    assert_is_the_fixture(&load(archive.path().join("data.bin")).unwrap(), "binary");
}

#[test]
fn parts_are_joined_in_name_order_and_lists_beside_them_are_passed_over() {
    let train = train_binary();
    let data = load_files(&[
        ("train_batch_10.bin", train[12 * RECORD..].to_vec()),
        ("train_batch_9.bin.gz", gzip(&train[5 * RECORD..12 * RECORD])),
        ("train_batch_1.bin", train[..5 * RECORD].to_vec()),
        ("test.bin", test_binary()),
        ("train_filenames.tsv.gz", gzip(b"shard\trow\tname\n1\t0\tapple/a.png\n")),
        ("test_filenames.tsv", b"shard\trow\tname\n".to_vec()),
        (".train_batch_2.bin.part", vec![0; 10]),
    ]);
    assert_is_the_fixture(&data.unwrap(), "binary");
}

#[test]
fn gzip_files_of_several_members_and_zstd_files_of_several_frames_are_read_to_the_end() {
    let train = train_binary();
    let members = [gzip(&train[..RECORD]), gzip(&train[RECORD..])].concat();
    let frames = [fixture("test.bin.zst"), fixture("test.bin.zst")].concat();
    let data = load_files(&[("train.bin.gz", members), ("test.bin.zst", frames)]).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (20, 16));
}

#[test]
fn one_file_needs_a_test_file_beside_it() {
    let both = folder(&[("train.bin", train_binary()), ("train_2.bin", train_binary()), ("test.bin", test_binary())]);
    assert_is_the_fixture(&load(both.path().join("train.bin")).unwrap(), "binary");
    let lonely = folder(&[("train.bin", train_binary())]);
    let message = load(lonely.path().join("train.bin")).unwrap_err().to_string();
    assert!(message.contains("one file cannot be both train and test data"), "{message}");
    let message = load(both.path().join("test.bin")).unwrap_err().to_string();
    assert!(message.contains("one file cannot be both train and test data"), "{message}");
}

#[test]
fn auto_looks_into_the_data_root_and_says_so() {
    let root = folder(&[("cifar100/train.bin", train_binary()), ("cifar100/test.bin", test_binary())]);
    let config = Cifar100Config { data_root: root.path().to_owned(), ..Cifar100Config::default() };
    assert_is_the_fixture(&config.load().unwrap(), "binary");

    let empty = TempDir::new().unwrap();
    let config = Cifar100Config { data_root: empty.path().to_owned(), ..Cifar100Config::default() };
    let message = config.load().unwrap_err().to_string();
    assert_eq!(
        message.replace(&empty.path().display().to_string(), "ROOT"),
        "no CIFAR-100 files found: looked for CIFAR-100 in the binary version, the Python version or the hub's parquet \
         (plain, .gz, .xz or .zst) in ROOT/cifar100; give their place with --data PATH, or use --data synthetic"
    );
}

#[test]
fn missing_files_are_named_with_what_is_there() {
    assert_eq!(
        complaint(&[("train.bin", train_binary()), ("notes.txt", b"hello".to_vec())]),
        "FOLDER: no test file (a name with the word \"test\"); it holds notes.txt, train.bin"
    );
    assert_eq!(
        complaint(&[("notes.txt", b"hello".to_vec())]),
        "FOLDER: no train file (a name with the word \"train\"); it holds notes.txt"
    );
    let message = load("no/such/place").unwrap_err().to_string();
    assert_eq!(message, "no/such/place: no such file or folder");
}

#[test]
fn truncated_files_are_named_with_both_lengths() {
    let mut train = train_binary();
    train.truncate(19 * RECORD + 100);
    assert_eq!(
        complaint(&[("train.bin", train.clone()), ("test.bin", test_binary())]),
        "train.bin: truncated: expected 61480 bytes (20 records of 3074), found 58506"
    );
    assert_eq!(
        complaint(&[("train.bin.gz", gzip(&train)), ("test.bin", test_binary())]),
        "train.bin.gz: truncated: expected 61480 bytes (20 records of 3074), found 58506"
    );
    let ten = [&[3_u8][..], &[7; 3072][..]].concat().repeat(5);
    let message = complaint(&[("train.bin", ten), ("test.bin", test_binary())]);
    assert!(
        message.ends_with("found 15365 (its length is that of CIFAR-10 records, which have one label byte)"),
        "{message}"
    );
    let message = complaint(&[("train.bin", Vec::new()), ("test.bin", test_binary())]);
    assert_eq!(message, "train.bin: holds no records");
}

#[test]
fn cut_or_changed_archives_are_damaged_and_never_short_data() {
    let tar = tar_gz(&[("train.bin", train_binary()), ("test.bin", test_binary())]);
    for (name, whole) in [
        ("train.bin.xz", fixture("train.bin.xz")),
        ("train.bin.gz", fixture("train.pickle.gz")),
        ("train.bin.zst", fixture("test.bin.zst")),
        ("train.parquet", fixture("train.parquet")),
        ("train", gunzip(&fixture("train.pickle.gz"))),
        ("all.tar.gz", tar),
    ] {
        let cut = whole[..whole.len() - whole.len() / 10 - 1].to_vec();
        let message = complaint(
            &[(name, cut), ("test.bin", test_binary())].as_slice()[..if name == "all.tar.gz" { 1 } else { 2 }],
        );
        assert!(message.starts_with(&format!("{name}: damaged ")), "{message}");
    }
    let mut changed = fixture("train.bin.xz");
    let middle = changed.len() / 2;
    changed[middle] ^= 0x55;
    let message = complaint(&[("train.bin.xz", changed), ("test.bin", test_binary())]);
    assert!(message.starts_with("train.bin.xz: damaged xz stream: "), "{message}");
}

#[test]
fn labels_out_of_range_are_named_with_their_record() {
    let mut train = train_binary();
    train[7 * RECORD + 1] = 100;
    assert_eq!(
        complaint(&[("train.bin", train), ("test.bin", test_binary())]),
        "train.bin: record 7: fine label is 100, expected 0 to 99"
    );
    let mut test = test_binary();
    test[0] = 20;
    assert_eq!(
        complaint(&[("train.bin", train_binary()), ("test.bin", test)]),
        "test.bin: record 0: coarse label is 20, expected 0 to 19"
    );
    let mut pickle = gunzip(&fixture("train.pickle.gz"));
    // The label of record 3, BININT1 21, becomes 200.
    let place = pickle.windows(8).position(|bytes| bytes == b"K\x00K\x07K\x0eK\x15").unwrap();
    pickle[place + 7] = 200;
    assert_eq!(
        complaint(&[("train", pickle), ("test.bin", test_binary())]),
        "train: record 3: fine label is 200, expected 0 to 99"
    );
}

#[test]
fn other_data_sets_and_layouts_are_recognised_as_such() {
    assert_eq!(
        complaint(&[("train", fixture("cifar10.pickle.gz")), ("test", test_binary())]),
        "train: labels of 10 classes, expected 100 (a pickle with \"labels\" and no \"fine_labels\" is CIFAR-10)"
    );
    assert_eq!(
        complaint(&[("train", fixture("cifar10.parquet")), ("test", test_binary())]),
        "train: labels of 10 classes, expected 100 (a table with \"label\" and no \"fine_label\" is CIFAR-10)"
    );
    assert_eq!(
        complaint(&[("train", b"\x80\x02}U\x01aK\x01s.".to_vec()), ("test", test_binary())]),
        "train: no field \"fine_labels\"; it has a"
    );
    assert_eq!(
        complaint(&[("train", b"\x80\x02]U\x01aa.".to_vec()), ("test", test_binary())]),
        "train: pickle: expected a dict with string keys, found a list of 1"
    );
    let message = complaint(&[
        ("train", b"\x80\x02}(U\x0bfine_labels](K\x05K\x06eU\x04dataU\x03abcu.".to_vec()),
        ("test", test_binary()),
    ]);
    assert_eq!(
        message,
        "train: data: expected an array of unsigned bytes [2, 3072], one row for each fine label, found 3 bytes"
    );
    let message = complaint(&[("train", vec![200; 5000]), ("test", test_binary())]);
    assert!(
        message.starts_with("train: not a known layout (first bytes c8c8c8c8c8c8c8c8, 5000 bytes)")
            || message.contains("no train file"),
        "{message}"
    );
    let message = complaint(&[("train", vec![0x1b; 5000]), ("test", test_binary())]);
    assert!(message.starts_with("train: not a known layout (first bytes 1b1b1b1b1b1b1b1b, 5000 bytes)"), "{message}");
}

#[test]
fn the_same_images_twice_are_refused() {
    let message =
        complaint(&[("train.bin", train_binary()), ("train.bin.gz", gzip(&train_binary())), ("test", test_binary())]);
    assert_eq!(message, "train.bin and train.bin.gz are the same part twice; remove one");
    let message = complaint(&[
        ("train.bin", train_binary()),
        ("train.pickle", fixture("train.pickle.gz")),
        ("test", test_binary()),
    ]);
    assert_eq!(message, "train.bin is in the binary layout and train.pickle in the python layout; keep one of them");
}
