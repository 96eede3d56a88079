//! `config.json`: reading, writing, and what each architecture calls its fields.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Activation, ModelConfigError, TextArchitecture, TextClassifierConfig, wrong};

/// What both architectures call these fields.
pub(super) const VOCABULARY_SIZE: &str = "vocab_size";
pub(super) const MAX_POSITIONS: &str = "max_position_embeddings";

/// What each architecture calls the others.
pub(super) struct Keys {
    pub(super) layers: &'static str,
    pub(super) dim: &'static str,
    pub(super) heads: &'static str,
    pub(super) hidden_dim: &'static str,
    pub(super) activation: &'static str,
    pub(super) dropout: &'static str,
    pub(super) attention_dropout: &'static str,
    pub(super) classifier_dropout: &'static str,
}

impl Keys {
    pub(super) fn of(architecture: TextArchitecture) -> Self {
        match architecture {
            TextArchitecture::DistilBert => Self {
                layers: "n_layers",
                dim: "dim",
                heads: "n_heads",
                hidden_dim: "hidden_dim",
                activation: "activation",
                dropout: "dropout",
                attention_dropout: "attention_dropout",
                classifier_dropout: "seq_classif_dropout",
            },
            TextArchitecture::Bert => Self {
                layers: "num_hidden_layers",
                dim: "hidden_size",
                heads: "num_attention_heads",
                hidden_dim: "intermediate_size",
                activation: "hidden_act",
                dropout: "hidden_dropout_prob",
                attention_dropout: "attention_probs_dropout_prob",
                classifier_dropout: "classifier_dropout",
            },
        }
    }
}

impl TextClassifierConfig {
    /// Reads a `config.json` file.
    ///
    /// # Errors
    ///
    /// Those of [`from_json`](Self::from_json) with the path, and those of reading.
    pub fn read(path: &Path) -> Result<Self, ModelConfigError> {
        let in_file = |error| ModelConfigError::File { path: path.to_owned(), error: Box::new(error) };
        let text = aees_run::input::read_text(path)
            .map_err(|error| ModelConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        let json: Value = serde_json::from_str(&text)
            .map_err(|error| in_file(ModelConfigError::NotJson { reason: error.to_string() }))?;
        Self::from_json(&json).map_err(in_file)
    }

    /// Reads the content of a `config.json`.
    ///
    /// # Errors
    ///
    /// When the architecture is unknown, a field has a wrong type or range, or asks for what is not here.
    pub fn from_json(json: &Value) -> Result<Self, ModelConfigError> {
        let json =
            json.as_object().ok_or_else(|| ModelConfigError::NotJson { reason: format!("it is {}", kind(json)) })?;
        let fields = Fields(json);
        let architecture = fields.architecture()?;
        fields.refuse_variants()?;
        let keys = Keys::of(architecture);
        // Where a key is absent, the published base model of each family stands.
        let bert = architecture == TextArchitecture::Bert;
        let dropout = fields.number(keys.dropout, 0.1)?;
        let config = Self {
            architecture,
            vocabulary_size: fields.integer(VOCABULARY_SIZE, 30_522)?,
            max_positions: fields.integer(MAX_POSITIONS, 512)?,
            token_types: if bert { fields.integer("type_vocab_size", 2)? } else { 0 },
            layers: fields.integer(keys.layers, if bert { 12 } else { 6 })?,
            dim: fields.integer(keys.dim, 768)?,
            heads: fields.integer(keys.heads, 12)?,
            hidden_dim: fields.integer(keys.hidden_dim, 3072)?,
            activation: fields.activation(keys.activation)?,
            dropout,
            attention_dropout: fields.number(keys.attention_dropout, 0.1)?,
            // BERT's is null by default and then the hidden dropout.
            classifier_dropout: fields.number(keys.classifier_dropout, if bert { dropout } else { 0.2 })?,
            initializer_range: fields.number("initializer_range", 0.02)?,
            // A constant in DistilBERT, whatever the file says.
            layer_norm_epsilon: if bert { fields.number("layer_norm_eps", 1e-12)? } else { 1e-12 },
            padding_id: fields.padding_id()?,
            classes: fields.classes()?,
        };
        config.check()?;
        Ok(config)
    }

    /// A `config.json` that `transformers` reads as this network.
    pub fn to_json(&self) -> Value {
        let keys = Keys::of(self.architecture);
        let mut json = json!({
            "architectures": [format!("{}SequenceClassification", self.architecture.class_stem())],
            "model_type": self.architecture.name(),
            "id2label": label_names(self.classes),
            "label2id": label_numbers(self.classes),
            "initializer_range": self.initializer_range,
            "pad_token_id": self.padding_id,
            "dtype": "float32",
            VOCABULARY_SIZE: self.vocabulary_size,
            MAX_POSITIONS: self.max_positions,
            keys.layers: self.layers,
            keys.dim: self.dim,
            keys.heads: self.heads,
            keys.hidden_dim: self.hidden_dim,
            keys.activation: self.activation.name(),
            keys.dropout: self.dropout,
            keys.attention_dropout: self.attention_dropout,
            keys.classifier_dropout: self.classifier_dropout,
        });
        match self.architecture {
            TextArchitecture::DistilBert => json["sinusoidal_pos_embds"] = json!(false),
            TextArchitecture::Bert => {
                json["type_vocab_size"] = json!(self.token_types);
                json["layer_norm_eps"] = json!(self.layer_norm_epsilon);
            }
        }
        json
    }
}

fn label_names(classes: usize) -> Map<String, Value> {
    (0..classes).map(|class| (class.to_string(), json!(format!("LABEL_{class}")))).collect()
}

fn label_numbers(classes: usize) -> Map<String, Value> {
    (0..classes).map(|class| (format!("LABEL_{class}"), json!(class))).collect()
}

impl Activation {
    fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_new",
            Self::Relu => "relu",
        }
    }
}

/// The object of a `config.json`.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn architecture(&self) -> Result<TextArchitecture, ModelConfigError> {
        let known = [TextArchitecture::DistilBert, TextArchitecture::Bert];
        if let Some(found) = self.get("model_type") {
            let by_name = known.into_iter().find(|architecture| found.as_str() == Some(architecture.name()));
            return by_name.ok_or_else(|| ModelConfigError::Architecture { found: found.to_string() });
        }
        if let Some(found) = self.get("architectures") {
            let first = found.get(0).and_then(Value::as_str).unwrap_or_default();
            // "DistilBertForMaskedLM" and the like.
            let by_class = |architecture: &TextArchitecture| first.starts_with(architecture.class_stem());
            return known
                .into_iter()
                .find(by_class)
                .ok_or_else(|| ModelConfigError::Architecture { found: found.to_string() });
        }
        // Google's own small BERTs name neither.
        if self.get("hidden_size").is_some() && self.get("num_hidden_layers").is_some() {
            return Ok(TextArchitecture::Bert);
        }
        Err(ModelConfigError::Architecture { found: "(neither model_type nor architectures is there)".to_owned() })
    }

    /// Values that ask for a computation that is not here.
    fn refuse_variants(&self) -> Result<(), ModelConfigError> {
        let refused = |field: &'static str, allowed: Value| match self.get(field) {
            Some(found) if *found != allowed => {
                Err(wrong(field, found, &format!("{allowed}; nothing else is supported")))
            }
            _ => Ok(()),
        };
        refused("position_embedding_type", json!("absolute"))?;
        refused("sinusoidal_pos_embds", json!(false))?;
        refused("is_decoder", json!(false))?;
        refused("add_cross_attention", json!(false))
    }

    fn integer(&self, field: &'static str, default: usize) -> Result<usize, ModelConfigError> {
        let Some(found) = self.get(field) else { return Ok(default) };
        let value = found.as_u64().and_then(|value| u32::try_from(value).ok());
        value.map(|value| value as usize).ok_or_else(|| wrong(field, found, "a positive integer"))
    }

    fn number(&self, field: &'static str, default: f64) -> Result<f64, ModelConfigError> {
        let Some(found) = self.get(field) else { return Ok(default) };
        found.as_f64().ok_or_else(|| wrong(field, found, "a number"))
    }

    fn activation(&self, field: &'static str) -> Result<Activation, ModelConfigError> {
        let Some(found) = self.get(field) else { return Ok(Activation::Gelu) };
        match found.as_str() {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("relu") => Ok(Activation::Relu),
            _ => Err(wrong(field, found, "\"gelu\", \"gelu_new\" or \"relu\"")),
        }
    }

    fn padding_id(&self) -> Result<Option<u32>, ModelConfigError> {
        match self.0.get("pad_token_id") {
            Some(Value::Null) => Ok(None),
            _ => self.integer("pad_token_id", 0).map(|id| Some(id as u32)),
        }
    }

    fn classes(&self) -> Result<usize, ModelConfigError> {
        match self.get("id2label").and_then(Value::as_object) {
            Some(labels) => Ok(labels.len()),
            None => self.integer("num_labels", 2),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
