//! The files of SST-2 and AG News in every layout, and what is said when something is wrong with them.
//!
//! The rows are made up; `fixtures/make_text_fixtures.py` writes them with Python's csv module and pyarrow.

use std::path::Path;

use aees_tasks::{DataError, DataOrigin, DataSource, TextData, TextDataConfig, TextSplit, TextTask};
use serde::Deserialize;

use crate::files::{fixture, folder, gzip};

#[derive(Deserialize)]
struct Row {
    task: String,
    split: String,
    text: String,
    label: u32,
}

/// The rows of a split as the peers read them, in file order.
fn rows(task: TextTask, split: &str) -> Vec<(String, u32)> {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../fixtures/text_rows.json")).unwrap();
    let rows = rows.into_iter().filter(|row| row.task == task.name() && row.split == split);
    rows.map(|row| (row.text, row.label)).collect()
}

/// GLUE's layout of the made-up phrases.
fn tsv(split: &str) -> String {
    let rows = rows(TextTask::Sst2, split).into_iter().map(|(text, label)| format!("{text}\t{label}\n"));
    format!("sentence\tlabel\n{}", rows.collect::<String>())
}

type Files<'a> = [(&'a str, Vec<u8>)];

fn load(task: TextTask, path: &Path) -> Result<TextData, DataError> {
    TextDataConfig { source: DataSource::Path(path.to_owned()), ..TextDataConfig::new(task) }.load()
}

/// What is wrong with a folder of these files, without the scratch folder's name.
fn complaint(task: TextTask, files: &Files<'_>) -> String {
    let folder = folder(files);
    let message = load(task, folder.path()).unwrap_err().to_string();
    message
        .replace(&format!("{}/", folder.path().display()), "")
        .replace(&folder.path().display().to_string(), "FOLDER")
}

/// What is wrong with this train file of SST-2.
fn sst2_complaint(train: &str) -> String {
    complaint(TextTask::Sst2, &[("train.tsv", train.into()), ("dev.tsv", tsv("validation").into())])
}

/// What is wrong with this train file of AG News.
fn news_complaint(train: &str) -> String {
    complaint(TextTask::AgNews, &[("train.csv", train.into()), ("test.csv", fixture("text_agnews_test.csv"))])
}

fn rows_of(split: &TextSplit) -> Vec<(String, u32)> {
    split.texts().map(str::to_owned).zip(split.labels().iter().copied()).collect()
}

fn trimmed(rows: Vec<(String, u32)>) -> Vec<(String, u32)> {
    rows.into_iter().map(|(text, label)| (text.trim().to_owned(), label)).collect()
}

#[track_caller]
fn assert_layout(data: &TextData, expected: &str) {
    assert!(matches!(&data.origin, DataOrigin::Files { layout, .. } if *layout == expected), "{:?}", data.origin);
}

#[track_caller]
fn assert_is_sst2(files: &Files<'_>, layout: &str) {
    let data = load(TextTask::Sst2, folder(files).path()).unwrap();
    assert_eq!(rows_of(&data.train), trimmed(rows(TextTask::Sst2, "train")));
    assert_eq!(rows_of(&data.validation), trimmed(rows(TextTask::Sst2, "validation")));
    assert_eq!(data.test, None);
    assert_eq!(data.fingerprint, "7f4d1f8f7697f9363eb4f748bc2a6738a71088761741f4306745a5a2bbaf04ff");
    assert_layout(&data, layout);
}

#[track_caller]
fn assert_is_ag_news(files: &Files<'_>, layout: &str) {
    let data = load(TextTask::AgNews, folder(files).path()).unwrap();
    // default_rng(42).permutation(11), by NumPy: two are held out.
    let order = [6, 7, 0, 10, 3, 5, 2, 4, 9, 1, 8];
    let train = trimmed(rows(TextTask::AgNews, "train"));
    let ordered: Vec<_> = order.iter().map(|&position: &usize| train[position].clone()).collect();
    assert_eq!(rows_of(&data.validation), ordered[..2]);
    assert_eq!(rows_of(&data.train), ordered[2..]);
    assert_eq!(rows_of(data.test.as_ref().unwrap()), trimmed(rows(TextTask::AgNews, "test")));
    assert_eq!(data.fingerprint, "cf6d5a89b3fb6ea45703291b69bc10915ec241cc63a8b0b2b89beb17f53ed63e");
    assert_layout(&data, layout);
}

fn news_files() -> [(&'static str, Vec<u8>); 2] {
    [("train.csv", fixture("text_agnews_train.csv")), ("test.csv", fixture("text_agnews_test.csv"))]
}

#[test]
fn sst2_is_the_same_in_every_layout() {
    let (train, dev) = (tsv("train"), tsv("validation"));
    assert_is_sst2(&[("train.tsv", train.clone().into()), ("dev.tsv", dev.clone().into())], "tsv");
    let hub = [
        ("README.md", b"# glue".to_vec()),
        ("sst2/train-00000-of-00002.parquet", fixture("text_sst2_train_1.parquet")),
        ("sst2/train-00001-of-00002.parquet", fixture("text_sst2_train_2.parquet")),
        ("sst2/validation-00000-of-00001.parquet", fixture("text_sst2_validation.parquet")),
        ("sst2/test-00000-of-00001.parquet", fixture("text_sst2_unlabelled.parquet")),
        // Another task of GLUE with the same columns, earlier in name order.
        ("cola/train-00000-of-00001.parquet", fixture("text_sst2_validation.parquet")),
        ("cola/validation-00000-of-00001.parquet", fixture("text_sst2_validation.parquet")),
    ];
    assert_is_sst2(&hub, "parquet");
    let glue = [
        ("SST-2/train.tsv", gzip(train.as_bytes())),
        ("SST-2/dev.tsv.gz", gzip(&gzip(dev.as_bytes()))),
        ("SST-2/test.tsv", b"index\tsentence\n0\tx\n".to_vec()),
        ("SST-2/train.py", b"import this".to_vec()),
    ];
    assert_is_sst2(&glue, "tsv");
}

#[test]
fn tsv_columns_go_by_name_and_line_ends_and_marks_do_not_matter() {
    let turned = |split: &str| {
        let rows = rows(TextTask::Sst2, split).into_iter().map(|(text, label)| format!("{label}\t7\t{text}\r\n"));
        format!("\u{feff}Label\tidx\tsentence\r\n{}\r\n", rows.collect::<String>())
    };
    let files = [("train", turned("train").into()), ("validation.txt", turned("validation").into())];
    assert_is_sst2(&files, "tsv");
}

#[test]
fn ag_news_is_the_same_in_every_layout() {
    assert_is_ag_news(&news_files(), "csv");
    let hub = [
        ("data/train-00000-of-00001.parquet", fixture("text_agnews_train.parquet")),
        ("data/test-00000-of-00001.parquet", fixture("text_agnews_test.parquet")),
    ];
    assert_is_ag_news(&hub, "parquet");
    let local = [
        ("ag_news/train_subset.csv.gz", gzip(&fixture("text_agnews_train.csv"))),
        ("ag_news/test.csv", fixture("text_agnews_test.csv")),
        ("ag_news/classes.txt", b"World\nSports\nBusiness\nSci/Tech\n".to_vec()),
    ];
    assert_is_ag_news(&local, "csv");
    let windows = |name| String::from_utf8(fixture(name)).unwrap().replace("\"\n\"", "\"\r\n\"");
    let header = |name| format!("\u{feff}Class Index,Title,Description\r\n{}", windows(name));
    let files =
        [("train.csv", header("text_agnews_train.csv").into()), ("test.csv", header("text_agnews_test.csv").into())];
    assert_is_ag_news(&files, "csv");
}

#[test]
fn a_train_file_stands_for_itself_and_the_file_beside_it() {
    let folder = folder(&[
        ("train_subset.csv", fixture("text_agnews_train.csv")),
        ("train.csv", b"no,such,thing".to_vec()),
        ("test.csv", fixture("text_agnews_test.csv")),
    ]);
    let data = load(TextTask::AgNews, &folder.path().join("train_subset.csv")).unwrap();
    assert_eq!((data.train.len(), data.test.unwrap().len()), (9, 6));
    let message = |name: &str| load(TextTask::AgNews, &folder.path().join(name)).unwrap_err().to_string();
    assert!(message("test.csv").contains("test.csv: AG News needs a train file"), "{}", message("test.csv"));
    assert!(message("nothing.csv").ends_with("nothing.csv: no such file or folder"));
    let message = load(TextTask::Sst2, &folder.path().join("train.csv")).unwrap_err().to_string();
    assert!(message.contains("and a dev or validation file beside it"), "{message}");
}

#[test]
fn auto_looks_into_the_data_root_and_says_so() {
    let [train, test] = news_files();
    let root = folder(&[(&format!("ag_news/{}", train.0), train.1), (&format!("ag_news/{}", test.0), test.1)]);
    let config = |task| TextDataConfig { data_root: root.path().to_owned(), ..TextDataConfig::new(task) };
    assert_eq!(config(TextTask::AgNews).load().unwrap().train.len(), 9);
    let message = config(TextTask::Sst2).load().unwrap_err().to_string();
    assert_eq!(
        message.replace(&root.path().display().to_string(), "ROOT"),
        "no GLUE SST-2 files found: looked for SST-2 as GLUE's train.tsv and dev.tsv or as the hub's parquet (plain, .gz, \
         .xz or .zst) in ROOT/sst2, ROOT/sst-2, ROOT/sst_2; give their place with --data PATH, or use --data synthetic"
    );
}

#[test]
fn missing_and_doubtful_files_are_named() {
    let sst2 = |files: &Files<'_>| complaint(TextTask::Sst2, files);
    let (train, dev) = (Vec::from(tsv("train")), Vec::from(tsv("validation")));
    assert_eq!(
        sst2(&[("train.tsv", train.clone()), ("test.tsv", dev.clone())]),
        "FOLDER: no dev or validation file for GLUE SST-2; the folder holds test.tsv, train.tsv"
    );
    assert_eq!(sst2(&[("x.tsv", dev.clone())]), "FOLDER: no train file for GLUE SST-2; the folder holds x.tsv");
    assert_eq!(
        sst2(&[("train.tsv", train.clone()), ("train.tsv.gz", gzip(&train)), ("dev.tsv", dev.clone())]),
        "train.tsv and train.tsv.gz are the same part twice; remove one"
    );
    assert_eq!(
        sst2(&[("train.tsv", train.clone()), ("dev.tsv", dev.clone()), ("validation.tsv", dev.clone())]),
        "dev.tsv and validation.tsv could both be the dev or validation file; move one away, or give one with --data PATH"
    );
    assert_eq!(
        sst2(&[("train_a.tsv", train.clone()), ("train_b.tsv", train), ("dev.tsv", dev.clone())]),
        "train_a.tsv and train_b.tsv could both be the train file; move one away, or give one with --data PATH"
    );
    assert_eq!(
        sst2(&[("train-00000-of-00002.parquet", fixture("text_sst2_train_1.parquet")), ("dev.tsv", dev)]),
        "FOLDER: 1 of 2 parts of the train file are there; fetch the others"
    );
}

#[test]
fn a_missing_column_is_named_with_the_columns_there_are() {
    assert_eq!(
        sst2_complaint("sentence\tscore\nx\t1\n"),
        "train.tsv, line 1: no column \"label\"; the header has sentence, score"
    );
    assert_eq!(
        sst2_complaint("text\tlabel\nx\t1\n"),
        "train.tsv, line 1: no column \"sentence\"; the header has text, label"
    );
    assert_eq!(
        sst2_complaint("index\tsentence\n0\tx\n"),
        "train.tsv, line 1: no column \"label\"; the header has index, sentence (index and sentence are the columns of \
         GLUE's test file, which has no labels)"
    );
    assert_eq!(
        news_complaint("class,headline,description\n1,a,b\n"),
        "train.csv, line 1: no column \"title\"; the header has class, headline, description (AG News' files have class, \
         title, description, and need no header)"
    );
}

#[test]
fn labels_that_are_no_class_are_named_with_their_line() {
    assert_eq!(sst2_complaint("sentence\tlabel\na\t1\nb\t2\n"), "train.tsv, line 3: label \"2\", expected 0 to 1");
    assert_eq!(sst2_complaint("sentence\tlabel\na\tgood\n"), "train.tsv, line 2: label \"good\", expected 0 to 1");
    assert_eq!(
        news_complaint("\"1\",\"a\nb\",\"c\"\r\n\r\n\"5\",\"a\",\"b\"\r\n"),
        "train.csv, line 4: label \"5\", expected 1 to 4"
    );
    assert_eq!(news_complaint("\"0\",\"a\",\"b\"\n"), "train.csv, line 1: label \"0\", expected 1 to 4");
    let unlabelled =
        [("train.tsv", tsv("train").into()), ("validation.parquet", fixture("text_sst2_unlabelled.parquet"))];
    assert_eq!(
        complaint(TextTask::Sst2, &unlabelled),
        "validation.parquet, record 0: label -1, the mark of a test file without labels; train and dev or validation \
         files need labels"
    );
}

#[test]
fn rows_without_text_are_named_with_their_line() {
    assert_eq!(sst2_complaint("sentence\tlabel\na\t1\n \t0\n"), "train.tsv, line 3: a row without text");
    assert_eq!(sst2_complaint("sentence\tlabel\na\t1\n\nb\t0\n"), "train.tsv, line 3: a row without text");
    assert_eq!(news_complaint("\"1\",\"a\",\"b\"\n\"2\",\"\",\" \"\n"), "train.csv, line 2: a row without text");
    let null = [("train.parquet", fixture("text_without_text.parquet")), ("test.csv", fixture("text_agnews_test.csv"))];
    assert_eq!(complaint(TextTask::AgNews, &null), "train.parquet, record 1: a row without text");
}

#[test]
fn rows_of_another_width_are_named_with_their_line() {
    assert_eq!(
        sst2_complaint("sentence\tlabel\na\t1\nb\tc\t1\n"),
        "train.tsv, line 3: 3 fields, expected 2 (separated by tabs)"
    );
    assert_eq!(sst2_complaint("sentence\tlabel\na 1\n"), "train.tsv, line 2: 1 fields, expected 2 (separated by tabs)");
    assert_eq!(
        news_complaint("\"1\",\"a\",\"b\"\n\"2\",\"a\"\n"),
        "train.csv, line 2: 2 fields, expected 3 (class, title, description)"
    );
}

#[test]
fn files_that_are_cut_short_are_never_short_data() {
    let csv = String::from_utf8(fixture("text_agnews_train.csv")).unwrap();
    assert_eq!(
        news_complaint(&csv[..csv.len() - 4]),
        "train.csv, line 12: a quoted field is open at the end of the file; the file is cut short or lacks a quote"
    );
    let message = news_complaint("\"1\",\"a\",\"b\n\"2\",\"c\",\"d\"\n");
    assert!(message.starts_with("train.csv, line 1: a quoted field is open"), "{message}");
    let packed = gzip(tsv("train").as_bytes());
    let cut = [("train.tsv.gz", packed[..packed.len() - 9].to_vec()), ("dev.tsv", tsv("validation").into())];
    let message = complaint(TextTask::Sst2, &cut);
    assert!(message.starts_with("train.tsv.gz: damaged gzip stream: "), "{message}");
    let parquet = fixture("text_agnews_train.parquet");
    let cut =
        [("train.parquet", parquet[..parquet.len() - 40].to_vec()), ("test.csv", fixture("text_agnews_test.csv"))];
    let message = complaint(TextTask::AgNews, &cut);
    assert!(message.starts_with("train.parquet: damaged parquet file: "), "{message}");
}

#[test]
fn empty_files_and_other_encodings_are_refused() {
    assert_eq!(sst2_complaint(""), "train.tsv: holds no records");
    assert_eq!(sst2_complaint("\n\n"), "train.tsv: holds no records");
    assert_eq!(sst2_complaint("sentence\tlabel\n"), "train.tsv: holds no records");
    assert_eq!(news_complaint("class,title,description\n"), "train.csv: holds no records");
    let latin =
        [("train.tsv", b"sentence\tlabel\nfine\t1\ncaf\xe9\t1\n".to_vec()), ("dev.tsv", tsv("validation").into())];
    assert_eq!(complaint(TextTask::Sst2, &latin), "train.tsv, line 3: not UTF-8 (byte 0xe9); save the file as UTF-8");
}

#[test]
fn files_of_the_other_task_are_recognised() {
    let sst2_layouts = "SST-2 as GLUE's train.tsv and dev.tsv or as the hub's parquet (plain, .gz, .xz or .zst)";
    let news_layouts = "AG News as train.csv and test.csv or as the hub's parquet (plain, .gz, .xz or .zst)";
    let [train, (_, dev)] = news_files();
    assert_eq!(
        complaint(TextTask::Sst2, &[train, ("dev.csv", dev)]),
        format!("train.csv: looks like AG News' CSV, expected {sst2_layouts}")
    );
    let parquet = [("train.parquet", fixture("text_agnews_train.parquet")), ("dev.tsv", tsv("validation").into())];
    assert_eq!(
        complaint(TextTask::Sst2, &parquet),
        format!("train.parquet: looks like the hub's table of AG News, expected {sst2_layouts}")
    );
    assert_eq!(
        news_complaint(&tsv("train")),
        format!("train.csv: looks like GLUE's TSV of SST-2, expected {news_layouts}")
    );
    let parquet =
        [("train.parquet", fixture("text_sst2_train_1.parquet")), ("test.csv", fixture("text_agnews_test.csv"))];
    assert_eq!(
        complaint(TextTask::AgNews, &parquet),
        format!("train.parquet: looks like the hub's table of SST-2, expected {news_layouts}")
    );
    let images = [("train.parquet", fixture("cifar10.parquet")), ("dev.tsv", tsv("validation").into())];
    assert_eq!(complaint(TextTask::Sst2, &images), "train.parquet: no field \"sentence\"; it has img, label, other");
}

#[test]
fn one_row_of_ag_news_cannot_be_split() {
    assert_eq!(
        news_complaint("\"1\",\"a\",\"b\"\n"),
        "the training file has 1 rows, too few to hold out a validation split; at least 2 are needed"
    );
}
