//! DistilBERT and BERT against Hugging Face's transformers, a padded implementation, and their own promises.

#![allow(clippy::unwrap_used, reason = "a panic is the report of a test, in its functions, too")]

mod batch;
mod config;
mod fixture;
mod init;
mod names;
mod one_pass;
mod padded;
mod padded_network;
mod pretrained;
mod saved;
mod weight_files;
