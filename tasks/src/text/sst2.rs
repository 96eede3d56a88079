//! SST-2 of GLUE: phrases and sentences of film reviews, negative or positive.
//!
//! Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank", EMNLP 2013; Wang et al.,
//! "GLUE", ICLR 2019. 67,349 phrases to train on; the 872 sentences of the development file are evaluated. The labels of
//! the test file are not public, so it is not read.

use super::format::{EvaluatedFile, FileLayout, TextFormat};
use crate::dataset_info::DatasetInfo;
use crate::hub_data::HubDataset;

pub(super) const FORMAT: TextFormat = TextFormat {
    dataset: DatasetInfo {
        name: "sst2",
        title: "GLUE SST-2",
        short_title: "SST-2",
        classes: 2,
        folders: &["sst2", "sst-2", "sst_2"],
        train_examples: 67_349,
        test_examples: 872,
    },
    text_column: "sentence",
    layout: FileLayout::Tsv,
    evaluated: EvaluatedFile::Validation,
    hub_table: "the hub's table of SST-2",
    hub: HubDataset { id: "nyu-mll/glue", folder: "sst2", splits: ["train", "validation"] },
    layouts: "SST-2 as GLUE's train.tsv and dev.tsv or as the hub's parquet (plain, .gz, .xz or .zst)",
};
