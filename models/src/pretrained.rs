//! The values of networks from weight files, and back: what Hugging Face's `from_pretrained` and `save_pretrained` do.
//!
//! A file may hold a classifier, the bare encoder, or a masked-language model, with the family's prefix (`distilbert.`,
//! `bert.`) or without, and with TensorFlow's names of the layer norms. Everything that the encoder needs must be there; a
//! head that is not is drawn from the run's streams, as if the network were new. Whatever is drawn or left out is told
//! as a [`Notice`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use aees_run::artifact::FileError;
use rand::Rng;
use thiserror::Error;

use crate::tensor_info::parameter_numbers;
use crate::weights::{self, FileTensor, WeightFileError, Weights};
use crate::{
    ModelConfigError, ModelSpec, NamedTensors, TensorInfo, TextArchitecture, TextClassifierConfig, WeightError,
};

/// The values of a network from a weight file.
#[derive(Debug, PartialEq)]
pub struct Pretrained {
    /// A value for each tensor of the network.
    pub tensors: NamedTensors,
    /// What its user should know.
    pub notices: Vec<Notice>,
}

/// Something that weights have too much or too little, and that is no error.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// These tensors of the head are not in the weights and have been drawn.
    NewHead { names: Vec<String> },
    /// These tensors of the weights belong to another head and have been left out.
    OtherHeadDropped { names: Vec<String> },
    /// These tensors of the weights are constants that are computed here.
    ConstantsDropped { names: Vec<String> },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, what) = match self {
            Self::NewHead { names } => (names, "not in the weights and initialised anew"),
            Self::OtherHeadDropped { names } => (names, "of another head in the weights and not used"),
            Self::ConstantsDropped { names } => (names, "constants in the weights and not used"),
        };
        write!(f, "{what}: {}", names.join(", "))
    }
}

/// Why weights are not those of a network.
#[allow(missing_docs, reason = "a field's name says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PretrainedError {
    /// The configuration is not that of a network.
    #[error(transparent)]
    Config(#[from] ModelConfigError),
    /// The encoder lacks tensors.
    #[error(
        "the weights lack {} of the tensors of the {architecture} encoder: {}{}",
        names.len(), names.join(", "), layers_hint(*layers_expected, *layers_found)
    )]
    Missing { architecture: TextArchitecture, names: Vec<String>, layers_expected: usize, layers_found: usize },
    /// The network has no such tensors.
    #[error(
        "the {architecture} network has no {} of the tensors in the weights: {}{}",
        names.len(), names.join(", "), layers_hint(*layers_expected, *layers_found)
    )]
    Unexpected { architecture: TextArchitecture, names: Vec<String>, layers_expected: usize, layers_found: usize },
    /// Two tensors of the file are one of the network.
    #[error("the weights have the tensor `{name}` twice, as `{first}` and as `{second}`")]
    Twice { name: String, first: String, second: String },
    /// A tensor has another shape.
    #[error(transparent)]
    Tensor(#[from] WeightError),
    /// A tensor does not hold floating-point numbers.
    #[error("tensor `{name}`: expected floating-point numbers, found I64")]
    Integers { name: String },
}

fn layers_hint(expected: usize, found: usize) -> String {
    if expected == found {
        return String::new();
    }
    format!("\nhint: the configuration has {expected} layers, the weights have {found}")
}

/// The values of a network of this configuration from these weights.
///
/// `stream(i)` is the generator of parameter `i`, as in [`ModelSpec::draw`]; it is asked only for parameters of the head
/// that the weights lack.
///
/// # Errors
///
/// When tensors of the encoder are missing, tensors are left that nothing here has, or shapes or types differ.
pub fn pretrained<R: Rng>(
    config: &TextClassifierConfig,
    weights: Weights,
    mut stream: impl FnMut(usize) -> R,
) -> Result<Pretrained, PretrainedError> {
    config.check()?;
    let spec = ModelSpec::TextClassifier(config.clone());
    let infos = config.tensors();
    let Matched { mut values, mut notices, layers_found } = matched(config, &infos, weights)?;

    let mut tensors = NamedTensors::new();
    let (mut missing, mut new_head) = (Vec::new(), Vec::new());
    for (info, number) in infos.iter().zip(parameter_numbers(&infos)) {
        let name = || info.name.clone();
        match values.remove(&info.name) {
            Some(given) => {
                info.check_shape(given.shape())?;
                let FileTensor::Float(given) = given else { return Err(PretrainedError::Integers { name: name() }) };
                tensors.insert(name(), given);
            }
            None if is_head(&info.name) => {
                tensors.insert(name(), spec.draw_tensor(info, || stream(number.unwrap_or_default())));
                new_head.push(name());
            }
            None => missing.push(name()),
        }
    }
    if !missing.is_empty() {
        return Err(PretrainedError::Missing {
            architecture: config.architecture,
            names: missing,
            layers_expected: config.layers,
            layers_found,
        });
    }
    if !new_head.is_empty() {
        notices.insert(0, Notice::NewHead { names: new_head });
    }
    Ok(Pretrained { tensors, notices })
}

/// Weights under the names of the network.
struct Matched {
    values: Weights,
    notices: Vec<Notice>,
    layers_found: usize,
}

fn matched(config: &TextClassifierConfig, infos: &[TensorInfo], weights: Weights) -> Result<Matched, PretrainedError> {
    let prefix = format!("{}.", config.architecture);
    let mut values = Weights::new();
    let mut file_names: BTreeMap<String, String> = BTreeMap::new();
    let (mut other_head, mut constants, mut unexpected) = (Vec::new(), Vec::new(), Vec::new());
    let mut layers_found = 0;
    for (file_name, data) in weights {
        layers_found = layers_found.max(layer_of(&file_name).map_or(0, |layer| layer + 1));
        let name = modern(&file_name);
        let candidates = [name.clone(), format!("{prefix}{name}")];
        let known = candidates.into_iter().find(|name| infos.iter().any(|info| info.name == *name));
        match known {
            Some(name) => {
                if let Some(first) = file_names.insert(name.clone(), file_name.clone()) {
                    return Err(PretrainedError::Twice { name, first, second: file_name });
                }
                values.insert(name, data);
            }
            None if is_of_other_head(&name, config.architecture) => other_head.push(file_name),
            None if name.ends_with("position_ids") || name.ends_with("token_type_ids") => constants.push(file_name),
            None => unexpected.push(file_name),
        }
    }
    if !unexpected.is_empty() {
        return Err(PretrainedError::Unexpected {
            architecture: config.architecture,
            names: unexpected,
            layers_expected: config.layers,
            layers_found,
        });
    }
    let mut notices = Vec::new();
    if !other_head.is_empty() {
        notices.push(Notice::OtherHeadDropped { names: other_head });
    }
    if !constants.is_empty() {
        notices.push(Notice::ConstantsDropped { names: constants });
    }
    Ok(Matched { values, notices, layers_found })
}

/// Checkpoints that came from TensorFlow call a layer norm's weight gamma and its bias beta.
fn modern(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((module, "gamma")) => format!("{module}.weight"),
        Some((module, "beta")) => format!("{module}.bias"),
        _ => name.to_owned(),
    }
}

/// What a new task draws anew. BERT's pooler is part of it: a masked-language model has none.
fn is_head(name: &str) -> bool {
    ["pre_classifier.", "classifier.", "bert.pooler."].iter().any(|head| name.starts_with(head))
}

/// The heads of masked-language models, next-sentence prediction and question answering.
fn is_of_other_head(name: &str, architecture: TextArchitecture) -> bool {
    let heads: &[&str] = match architecture {
        TextArchitecture::DistilBert => &["vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "qa_outputs."],
        TextArchitecture::Bert => &["cls.", "qa_outputs."],
    };
    heads.iter().any(|head| name.starts_with(head))
}

/// The number in `...layer.NUMBER....`.
fn layer_of(name: &str) -> Option<usize> {
    name.split("layer.").nth(1)?.split('.').next()?.parse().ok()
}

/// Writes `config.json` and `model.safetensors` into a folder, which is made if need be, so that `from_pretrained` of
/// Python's `transformers` reads them.
///
/// # Errors
///
/// When the folder or a file cannot be written.
pub fn save_pretrained(
    folder: &Path,
    config: &TextClassifierConfig,
    tensors: &NamedTensors,
) -> Result<(), WeightFileError> {
    std::fs::create_dir_all(folder).map_err(FileError::at("write", folder))?;
    // The weights first: a folder with a config.json is complete.
    weights::write_safetensors(&folder.join("model.safetensors"), tensors)?;
    let path = folder.join("config.json");
    Ok(std::fs::write(&path, format!("{:#}\n", config.to_json())).map_err(FileError::at("write", &path))?)
}
