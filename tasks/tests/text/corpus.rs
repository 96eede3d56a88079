//! The real SST-2 and AG News, where the corpus is at hand.
//!
//! `python3 fixtures/make_text_fixtures.py CORPUS` computes the fingerprints.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use aees_run::settings::LabelNoiseType;

use aees_tasks::{DataOrigin, DataSource, LabelNoise, TextData, TextDataConfig, TextTask};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

use crate::require::corpus;

fn config(task: TextTask, folder: &Path) -> TextDataConfig {
    TextDataConfig { data_root: folder.parent().unwrap().to_owned(), ..TextDataConfig::new(task) }
}

fn counts(labels: &[u32], classes: u32) -> Vec<usize> {
    (0..classes).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
}

#[test]
fn sst2_has_the_published_counts() {
    let Some(folder) = corpus("sst2") else { return };
    let data = config(TextTask::Sst2, &folder).load().unwrap();
    assert_eq!(counts(data.train.labels(), 2), [29_780, 37_569]);
    assert_eq!(counts(data.validation.labels(), 2), [428, 444]);
    assert_eq!(data.train.text(0), "hide new secretions from the parental units");
    assert_eq!(data.fingerprint, "2771b4e426966cbeb47405fda5629e14d43c23fb1f97517ec8e638b5646f404b");
}

#[test]
fn ag_news_has_the_counts_of_its_files() {
    let Some(folder) = corpus("ag_news") else { return };
    let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.2 };
    let data = TextDataConfig { label_noise: noise, ..config(TextTask::AgNews, &folder) }.load().unwrap();
    assert_eq!((data.train.len(), data.validation.len()), (36_334, 4_038));
    assert_eq!(counts(data.test.as_ref().unwrap().labels(), 4), [1900; 4]);
    let [train, validation] = [&data.train, &data.validation].map(|split| counts(split.clean_labels(), 4));
    assert_eq!([0, 1, 2, 3].map(|class| train[class] + validation[class]), [10_093; 4]);
    assert_eq!(data.fingerprint, "79cda12751be8bd4de82b9f2052d09f4e30ad1abf3cd15e05607285a3c084c37");
    let report = data.label_noise.unwrap();
    assert_eq!(report.num_corrupted_examples, 7_267);
    let changed = data.train.labels().iter().zip(data.train.clean_labels()).filter(|(noisy, clean)| noisy != clean);
    assert_eq!(changed.count(), 7_267);
}

fn unpack(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// A table as the hub has it, in row groups of 1,000.
fn write_table(path: &Path, column: &str, rows: &[(String, i64)]) {
    let schema = format!("message schema {{ required binary {column} (UTF8); required int64 label; }}");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut table = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(1000) {
        let texts: Vec<ByteArray> = rows.iter().map(|(text, _)| text.as_str().into()).collect();
        let labels: Vec<i64> = rows.iter().map(|(_, label)| *label).collect();
        let mut group = table.next_row_group().unwrap();
        let mut writer = group.next_column().unwrap().unwrap();
        writer.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        writer.close().unwrap();
        let mut writer = group.next_column().unwrap().unwrap();
        writer.typed::<Int64Type>().write_batch(&labels, None, None).unwrap();
        writer.close().unwrap();
        group.close().unwrap();
    }
    table.close().unwrap();
}

#[track_caller]
fn assert_same(task: TextTask, folder: &Path, whole: &TextData, layout: &str) {
    let source = DataSource::Path(folder.to_owned());
    let data = TextDataConfig { source, ..TextDataConfig::new(task) }.load().unwrap();
    assert_eq!(data.fingerprint, whole.fingerprint, "{layout}");
    assert!(matches!(data.origin, DataOrigin::Files { layout: found, .. } if found == layout));
}

#[test]
fn every_layout_of_the_real_sst2_is_the_same_data() {
    let Some(folder) = corpus("sst2") else { return };
    let whole = config(TextTask::Sst2, &folder).load().unwrap();
    let (tables, texts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (name, hub) in [("train", "train-00000-of-00001"), ("dev", "validation-00000-of-00001")] {
        let text = unpack(&folder.join(format!("{name}.tsv.gz")));
        let rows = text.lines().skip(1).map(|line| line.split_once('\t').unwrap());
        let turned: String = rows.clone().map(|(text, label)| format!("{label}\t{text}\r\n")).collect();
        fs::write(texts.path().join(name), format!("label\tsentence\r\n{turned}")).unwrap();
        let rows: Vec<_> = rows.map(|(text, label)| (text.to_owned(), label.parse().unwrap())).collect();
        write_table(&tables.path().join(hub).with_extension("parquet"), "sentence", &rows);
    }
    assert_same(TextTask::Sst2, texts.path(), &whole, "tsv");
    assert_same(TextTask::Sst2, tables.path(), &whole, "parquet");
}

#[test]
fn every_layout_of_the_real_ag_news_is_the_same_data() {
    let Some(folder) = corpus("ag_news") else { return };
    let whole = config(TextTask::AgNews, &folder).load().unwrap();
    let (tables, texts) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (name, split) in [("train_subset", "train"), ("test", "test")] {
        let text = unpack(&folder.join(format!("{name}.csv.gz")));
        fs::write(texts.path().join(split), format!("class,title,description\n{text}")).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let rows = reader.records().map(|record| {
            let record = record.unwrap();
            (format!("{} {}", &record[1], &record[2]), record[0].parse::<i64>().unwrap() - 1)
        });
        write_table(&tables.path().join(split).with_extension("parquet"), "text", &rows.collect::<Vec<_>>());
    }
    assert_same(TextTask::AgNews, texts.path(), &whole, "csv");
    assert_same(TextTask::AgNews, tables.path(), &whole, "parquet");
}
