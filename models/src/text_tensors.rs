//! The tensors of DistilBERT and BERT under the names of Hugging Face's `transformers`, in the order of its
//! `state_dict()`, and how new ones are distributed there.
//!
//! Both have the same parts in the same order, and BERT has token types besides: here a part has one name, such as
//! `layers.3.query`, and a table says what each architecture calls it.

use crate::tensor_info::Initial;
use crate::{TensorInfo, TextArchitecture, TextClassifierConfig};

/// What an architecture calls its parts.
struct Names {
    embeddings: &'static str,
    layers: &'static str,
    pooler: &'static str,
    /// Of a layer, by our name.
    in_layer: [(&'static str, &'static str); 8],
}

const DISTILBERT: Names = Names {
    embeddings: "distilbert.embeddings",
    layers: "distilbert.transformer.layer",
    pooler: "pre_classifier",
    in_layer: [
        ("query", "attention.q_lin"),
        ("key", "attention.k_lin"),
        ("value", "attention.v_lin"),
        ("attention_output", "attention.out_lin"),
        ("attention_norm", "sa_layer_norm"),
        ("intermediate", "ffn.lin1"),
        ("output", "ffn.lin2"),
        ("output_norm", "output_layer_norm"),
    ],
};

const BERT: Names = Names {
    embeddings: "bert.embeddings",
    layers: "bert.encoder.layer",
    pooler: "bert.pooler.dense",
    in_layer: [
        ("query", "attention.self.query"),
        ("key", "attention.self.key"),
        ("value", "attention.self.value"),
        ("attention_output", "attention.output.dense"),
        ("attention_norm", "attention.output.LayerNorm"),
        ("intermediate", "intermediate.dense"),
        ("output", "output.dense"),
        ("output_norm", "output.LayerNorm"),
    ],
};

impl TextArchitecture {
    /// What `transformers` calls a part, or a tensor of it: `layers.0.query.weight` is
    /// `distilbert.transformer.layer.0.attention.q_lin.weight`.
    pub(crate) fn tensor_name(self, part: &str) -> String {
        let names = match self {
            Self::DistilBert => DISTILBERT,
            Self::Bert => BERT,
        };
        let (first, rest) = part.split_once('.').unwrap_or((part, ""));
        let renamed = match first {
            "embedding_norm" => format!("{}.LayerNorm", names.embeddings),
            "pooler" => names.pooler.into(),
            "layers" => {
                let mut parts = rest.splitn(3, '.');
                let [layer, part, tensor] = std::array::from_fn(|_| parts.next().unwrap_or_default());
                let theirs = names.in_layer.iter().find(|(ours, _)| *ours == part).map_or(part, |(_, theirs)| *theirs);
                return joined(&format!("{}.{layer}.{theirs}", names.layers), tensor);
            }
            _ if first.ends_with("_embeddings") => format!("{}.{first}", names.embeddings),
            _ => first.into(),
        };
        joined(&renamed, rest)
    }
}

fn joined(part: &str, tensor: &str) -> String {
    if tensor.is_empty() { part.into() } else { format!("{part}.{tensor}") }
}

impl TextClassifierConfig {
    /// Names and shapes of the network's tensors, in PyTorch's `state_dict()` order. All of them are parameters.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        let (dim, hidden_dim) = (self.dim, self.hidden_dim);
        let mut list = List { architecture: self.architecture, tensors: Vec::new() };
        list.matrix("word_embeddings", self.vocabulary_size, dim);
        list.matrix("position_embeddings", self.max_positions, dim);
        if self.architecture == TextArchitecture::Bert {
            list.matrix("token_type_embeddings", self.token_types, dim);
        }
        list.layer_norm("embedding_norm", dim);
        for layer in 0..self.layers {
            let name = |part: &str| format!("layers.{layer}.{part}");
            for part in ["query", "key", "value", "attention_output"] {
                list.linear(&name(part), dim, dim);
            }
            list.layer_norm(&name("attention_norm"), dim);
            list.linear(&name("intermediate"), dim, hidden_dim);
            list.linear(&name("output"), hidden_dim, dim);
            list.layer_norm(&name("output_norm"), dim);
        }
        list.linear("pooler", dim, dim);
        list.linear("classifier", dim, self.classes);
        list.tensors
    }

    /// Weights normal with the deviation `initializer_range`, biases 0, layer norms the identity, and zeros for the word
    /// embedding of padding.
    pub(crate) fn initial(&self, info: &TensorInfo) -> Initial {
        // Biases and layer norms are the only vectors.
        match info.shape.len() {
            1 => Initial::Constant(if info.name.ends_with(".bias") { 0.0 } else { 1.0 }),
            _ => {
                let padding = self.padding_id.filter(|_| info.name.ends_with("word_embeddings.weight"));
                let zero_row = padding.map(|id| id as usize);
                Initial::Normal { deviation: self.initializer_range as f32, zero_row }
            }
        }
    }
}

struct List {
    architecture: TextArchitecture,
    tensors: Vec<TensorInfo>,
}

impl List {
    fn add<const D: usize>(&mut self, part: &str, tensor: &str, shape: [usize; D]) {
        self.tensors.push(TensorInfo::parameter(self.architecture.tensor_name(&format!("{part}.{tensor}")), shape));
    }

    fn matrix(&mut self, part: &str, rows: usize, columns: usize) {
        self.add(part, "weight", [rows, columns]);
    }

    fn linear(&mut self, part: &str, inputs: usize, outputs: usize) {
        self.matrix(part, outputs, inputs);
        self.add(part, "bias", [outputs]);
    }

    fn layer_norm(&mut self, part: &str, width: usize) {
        self.add(part, "weight", [width]);
        self.add(part, "bias", [width]);
    }
}
