//! DistilBERT and BERT against Hugging Face's transformers, a padded implementation, and their own promises.

mod batch;
mod config;
mod first_values;
pub(crate) mod fixture;
mod names;
mod one_pass;
mod padded;
mod padded_network;
mod pretrained;
mod saved;
mod weight_files;
