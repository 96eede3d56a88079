//! The tensors of DistilBERT and BERT under the names of Hugging Face's `transformers`, in the order of its
//! `state_dict()`, and how new ones are distributed there.

use crate::tensor_info::Initial;
use crate::{TensorInfo, TextArchitecture, TextClassifierConfig};

impl TextClassifierConfig {
    /// Names and shapes of the network's tensors, in PyTorch's `state_dict()` order. All of them are parameters.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        match self.architecture {
            TextArchitecture::DistilBert => self.distilbert(),
            TextArchitecture::Bert => self.bert(),
        }
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

    fn distilbert(&self) -> Vec<TensorInfo> {
        let (dim, hidden_dim) = (self.dim, self.hidden_dim);
        let mut list = List::default();
        list.matrix("distilbert.embeddings.word_embeddings", self.vocabulary_size, dim);
        list.matrix("distilbert.embeddings.position_embeddings", self.max_positions, dim);
        list.layer_norm("distilbert.embeddings.LayerNorm", dim);
        for layer in 0..self.layers {
            let name = |part: &str| format!("distilbert.transformer.layer.{layer}.{part}");
            for part in ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"] {
                list.linear(&name(part), dim, dim);
            }
            list.layer_norm(&name("sa_layer_norm"), dim);
            list.linear(&name("ffn.lin1"), dim, hidden_dim);
            list.linear(&name("ffn.lin2"), hidden_dim, dim);
            list.layer_norm(&name("output_layer_norm"), dim);
        }
        list.linear("pre_classifier", dim, dim);
        list.linear("classifier", dim, self.classes);
        list.0
    }

    fn bert(&self) -> Vec<TensorInfo> {
        let (dim, hidden_dim) = (self.dim, self.hidden_dim);
        let mut list = List::default();
        list.matrix("bert.embeddings.word_embeddings", self.vocabulary_size, dim);
        list.matrix("bert.embeddings.position_embeddings", self.max_positions, dim);
        list.matrix("bert.embeddings.token_type_embeddings", self.token_types, dim);
        list.layer_norm("bert.embeddings.LayerNorm", dim);
        for layer in 0..self.layers {
            let name = |part: &str| format!("bert.encoder.layer.{layer}.{part}");
            for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
            {
                list.linear(&name(part), dim, dim);
            }
            list.layer_norm(&name("attention.output.LayerNorm"), dim);
            list.linear(&name("intermediate.dense"), dim, hidden_dim);
            list.linear(&name("output.dense"), hidden_dim, dim);
            list.layer_norm(&name("output.LayerNorm"), dim);
        }
        list.linear("bert.pooler.dense", dim, dim);
        list.linear("classifier", dim, self.classes);
        list.0
    }
}

#[derive(Default)]
struct List(Vec<TensorInfo>);

impl List {
    fn matrix(&mut self, layer: &str, rows: usize, columns: usize) {
        self.0.push(TensorInfo::parameter(format!("{layer}.weight"), [rows, columns]));
    }

    fn vector(&mut self, name: String, length: usize) {
        self.0.push(TensorInfo::parameter(name, [length]));
    }

    fn linear(&mut self, layer: &str, inputs: usize, outputs: usize) {
        self.matrix(layer, outputs, inputs);
        self.vector(format!("{layer}.bias"), outputs);
    }

    fn layer_norm(&mut self, layer: &str, width: usize) {
        self.vector(format!("{layer}.weight"), width);
        self.vector(format!("{layer}.bias"), width);
    }
}
