//! DistilBERT and BERT as they are usually written: every sentence padded to the longest, every layer on every place,
//! and burn's plain operations with burn's own gradients.

use std::collections::BTreeMap;

use aees_models::burn::{DropoutMask, DropoutMasks};
use aees_models::{TextArchitecture, TextClassifierConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// A matrix or a vector.
pub(crate) enum Parameter {
    Matrix(Tensor<2>),
    Vector(Tensor<1>),
}

pub(crate) struct PaddedNetwork<'a> {
    pub(crate) config: &'a TextClassifierConfig,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) lengths: &'a [usize],
    pub(crate) dropout: Option<&'a dyn DropoutMasks>,
    pub(crate) device: &'a Device,
}

impl PaddedNetwork<'_> {
    fn matrix(&self, name: &str) -> Tensor<2> {
        match &self.parameters[name] {
            Parameter::Matrix(matrix) => matrix.clone(),
            Parameter::Vector(_) => panic!("{name} is a vector"),
        }
    }

    fn vector(&self, name: &str) -> Tensor<1> {
        match &self.parameters[name] {
            Parameter::Vector(vector) => vector.clone(),
            Parameter::Matrix(_) => panic!("{name} is a matrix"),
        }
    }

    fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap()
    }

    fn linear<const D: usize>(&self, name: &str, x: Tensor<D>) -> Tensor<D> {
        let weight = self.matrix(&format!("{name}.weight")).transpose();
        x.matmul(weight.unsqueeze()) + self.vector(&format!("{name}.bias")).unsqueeze()
    }

    fn layer_norm(&self, name: &str, x: Tensor<3>) -> Tensor<3> {
        let centred = x.clone() - x.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        let normal = centred / variance.add_scalar(self.config.layer_norm_epsilon).sqrt();
        normal * self.vector(&format!("{name}.weight")).unsqueeze() + self.vector(&format!("{name}.bias")).unsqueeze()
    }

    /// The mask of a site for `[sentences, longest, dim]`; only the first place has one if `first_only`.
    fn hidden_dropout(&self, site: u32, first_only: bool, x: Tensor<3>) -> Tensor<3> {
        let Some(source) = self.dropout else { return x };
        let [sentences, longest, dim] = x.dims();
        let counts: Vec<usize> = self.lengths.iter().map(|&length| if first_only { 1 } else { length }).collect();
        let values = host(source.mask(site, self.config.dropout, counts.iter().sum::<usize>() * dim));
        let mut padded = vec![1.0; sentences * longest * dim];
        let mut rest = values.as_slice();
        for (sentence, count) in padded.chunks_mut(longest * dim).zip(counts) {
            sentence[..count * dim].copy_from_slice(&rest[..count * dim]);
            rest = &rest[count * dim..];
        }
        x * Tensor::from_data(TensorData::new(padded, [sentences, longest, dim]), self.device)
    }

    fn attention_dropout(&self, site: u32, first_only: bool, x: Tensor<4>) -> Tensor<4> {
        let Some(source) = self.dropout else { return x };
        let [_, heads, longest, _] = x.dims();
        let queries = |length: usize| if first_only { 1 } else { length };
        let count = self.lengths.iter().map(|&length| heads * queries(length) * length).sum();
        let mut values = host(source.mask(site, self.config.attention_dropout, count)).into_iter();
        let mut padded = vec![1.0; x.shape().num_elements()];
        for (sentence, &length) in self.lengths.iter().enumerate() {
            for head in 0..heads {
                for query in 0..queries(length) {
                    for key in 0..length {
                        padded[((sentence * heads + head) * longest + query) * longest + key] = values.next().unwrap();
                    }
                }
            }
        }
        x.clone() * Tensor::from_data(TensorData::new(padded, x.shape()), self.device)
    }

    fn attention(&self, names: [&str; 3], site: u32, last: bool, x: Tensor<3>) -> Tensor<3> {
        let [sentences, longest, dim] = x.dims();
        let heads = self.config.heads;
        let [query, key, value] = names
            .map(|name| self.linear(name, x.clone()).reshape([sentences, longest, heads, dim / heads]).swap_dims(1, 2));
        let masked = self
            .lengths
            .iter()
            .flat_map(|&length| (0..longest).map(move |place| if place < length { 0.0 } else { f32::MIN }));
        let mask = TensorData::new(masked.collect::<Vec<f32>>(), [sentences, 1, 1, longest]);
        let scores = query.matmul(key.swap_dims(2, 3)).div_scalar(((dim / heads) as f64).sqrt());
        let weights = softmax(scores + Tensor::from_data(mask, self.device), 3);
        let weights = self.attention_dropout(site, last, weights);
        weights.matmul(value).swap_dims(1, 2).reshape([sentences, longest, dim])
    }

    fn gelu(x: Tensor<3>) -> Tensor<3> {
        let distribution = x.clone().div_scalar(2f64.sqrt()).erf().add_scalar(1.0).div_scalar(2.0);
        x * distribution
    }

    fn embeddings(&self, prefix: &str, ids: Tensor<2, Int>) -> Tensor<3> {
        let [sentences, longest] = ids.dims();
        let dim = self.config.dim;
        let words = self.matrix(&format!("{prefix}.word_embeddings.weight")).select(0, ids.reshape([-1]));
        let positions = self.matrix(&format!("{prefix}.position_embeddings.weight")).narrow(0, 0, longest);
        let mut x = words.reshape([sentences, longest, dim]) + positions.unsqueeze();
        if self.config.architecture == TextArchitecture::Bert {
            let types = self.matrix(&format!("{prefix}.token_type_embeddings.weight"));
            x = x + types.narrow(0, 0, 1).unsqueeze();
        }
        self.hidden_dropout(0, false, self.layer_norm(&format!("{prefix}.LayerNorm"), x))
    }

    fn layer(&self, number: usize, names: &LayerNames, x: Tensor<3>) -> Tensor<3> {
        let last = number + 1 == self.config.layers;
        let site = 2 + 3 * number as u32;
        let at = |name: &str| format!("{}.{number}.{name}", names.layers);
        let attention = names.attention.map(at);
        let context = self.attention(attention.each_ref().map(String::as_str), site, last, x.clone());
        let mut output = self.linear(&at(names.attention_output), context);
        if self.config.architecture == TextArchitecture::Bert {
            output = self.hidden_dropout(site + 1, last, output);
        }
        let x = self.layer_norm(&at(names.attention_norm), output + x);
        let hidden = Self::gelu(self.linear(&at(names.intermediate), x.clone()));
        let output = self.hidden_dropout(site + 2, last, self.linear(&at(names.output), hidden));
        self.layer_norm(&at(names.output_norm), output + x)
    }

    fn classifier_dropout(&self, x: Tensor<2>) -> Tensor<2> {
        let Some(source) = self.dropout else { return x };
        let values = host(source.mask(1, self.config.classifier_dropout, x.shape().num_elements()));
        x.clone() * Tensor::from_data(TensorData::new(values, x.shape()), self.device)
    }

    /// From padded ids `[sentences, longest]` to logits.
    pub(crate) fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        assert_eq!(ids.dims()[1], self.longest());
        let names = LayerNames::of(self.config.architecture);
        let mut x = self.embeddings(names.embeddings, ids);
        for number in 0..self.config.layers {
            x = self.layer(number, &names, x);
        }
        let first = x.narrow(1, 0, 1).squeeze_dim::<2>(1);
        let x = match self.config.architecture {
            TextArchitecture::DistilBert => relu(self.linear("pre_classifier", first)),
            TextArchitecture::Bert => self.linear("bert.pooler.dense", first).tanh(),
        };
        self.linear("classifier", self.classifier_dropout(x))
    }
}

fn host(mask: DropoutMask) -> Vec<f32> {
    match mask {
        DropoutMask::Host(mask) => mask,
        DropoutMask::Device(mask) => mask.into_data().try_into_vec().unwrap(),
    }
}

struct LayerNames {
    embeddings: &'static str,
    layers: &'static str,
    attention: [&'static str; 3],
    attention_output: &'static str,
    attention_norm: &'static str,
    intermediate: &'static str,
    output: &'static str,
    output_norm: &'static str,
}

impl LayerNames {
    fn of(architecture: TextArchitecture) -> Self {
        match architecture {
            TextArchitecture::DistilBert => Self {
                embeddings: "distilbert.embeddings",
                layers: "distilbert.transformer.layer",
                attention: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
                attention_output: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                intermediate: "ffn.lin1",
                output: "ffn.lin2",
                output_norm: "output_layer_norm",
            },
            TextArchitecture::Bert => Self {
                embeddings: "bert.embeddings",
                layers: "bert.encoder.layer",
                attention: ["attention.self.query", "attention.self.key", "attention.self.value"],
                attention_output: "attention.output.dense",
                attention_norm: "attention.output.LayerNorm",
                intermediate: "intermediate.dense",
                output: "output.dense",
                output_norm: "output.LayerNorm",
            },
        }
    }
}
