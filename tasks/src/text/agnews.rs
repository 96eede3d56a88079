//! AG News: titles and first lines of news, in four topics: world, sports, business, science and technology.
//!
//! Zhang, Zhao and LeCun, "Character-level Convolutional Networks for Text Classification", NIPS 2015. 120,000 training
//! rows, of which a tenth is held out for validation, and 7,600 test rows.

use super::format::{EvaluatedFile, FileLayout, TextFormat};
use crate::dataset_info::DatasetInfo;
use crate::hub_data::HubDataset;

pub(super) const FORMAT: TextFormat = TextFormat {
    dataset: DatasetInfo {
        name: "agnews",
        title: "AG News",
        short_title: "AG News",
        classes: 4,
        folders: &["agnews", "ag_news", "ag-news", "ag_news_csv"],
        train_examples: 120_000,
        test_examples: 7_600,
    },
    text_column: "text",
    layout: FileLayout::Csv,
    evaluated: EvaluatedFile::Test,
    hub_table: "the hub's table of AG News",
    hub: HubDataset { id: "fancyzhx/ag_news", folder: "data", splits: ["train", "test"] },
    layouts: "AG News as train.csv and test.csv or as the hub's parquet (plain, .gz, .xz or .zst)",
};
