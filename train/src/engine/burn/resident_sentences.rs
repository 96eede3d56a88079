//! Sentences on a GPU: token ids and labels are uploaded once, and the order of an epoch once when it begins. A step uploads
//! nothing: a kernel picks the sentences of a batch and lays them out.

use std::ops::Range;
use std::sync::Arc;

use aees_models::burn::{PaddedPlaces, TokenBatch, TokenTensors};
use aees_models::{MASKED_SCORE, TextClassifierConfig};
use aees_tasks::{Batch, TokenData, TokenSplit};
use burn::tensor::{DType, Device, Int, Shape, Tensor};
use cubecl::prelude::{CubeDim, SequenceArg};

use super::dropout::{BurnDropout, MaskPlace};
use super::engine::Workload;
use super::kernels::operation::{StreamTensor, cubes, empty, enqueue, from_floats, from_integers, part};
use super::kernels::tokens::{
    FIRST_TOKENS, IDS, LABELS, LENGTHS, LISTS, PLACE_OF_TOKEN, POSITIONS, SCORES, SQUARE_SUMS, TOKEN_OF_PLACE, UNITS,
    lay_out,
};
use super::resident_plan::{ResidentPlan, upload};
use super::sentences::{SentenceBatch, sentence_lengths};
use crate::dropout::StepDropout;
use crate::engine::{EngineError, Split};

/// What lists begin at a multiple of, in words: what a device asks of buffers within a buffer.
const ALIGNMENT: usize = 64;

/// Sentences in a GPU's memory.
pub(super) struct ResidentSentences {
    data: Arc<TokenData>,
    config: TextClassifierConfig,
    dropout_seed: u64,
    mask_place: MaskPlace,
    device: Device,
    train: StreamTensor,
    validation: StreamTensor,
    test: Option<StreamTensor>,
    plan: ResidentPlan,
}

impl ResidentSentences {
    /// Uploads the sentences to a device; `device` is the one without gradients.
    ///
    /// # Errors
    /// When it is not a device for kernels of our own.
    pub(super) fn new(
        data: Arc<TokenData>,
        config: TextClassifierConfig,
        dropout_seed: u64,
        device: &Device,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            train: upload(corpus(&data.train), device)?,
            validation: upload(corpus(&data.validation), device)?,
            test: data.test.as_ref().map(|split| upload(corpus(split), device)).transpose()?,
            data,
            config,
            dropout_seed,
            mask_place: MaskPlace::on(device)?,
            device: device.clone(),
            plan: ResidentPlan::default(),
        })
    }

    /// A batch and its labels `[sentences]`: a plan's batch, or the sentences of a split from `first` on.
    fn batch(
        &self,
        of: Split,
        examples: impl Iterator<Item = usize> + Clone,
        first: usize,
        plan: Option<StreamTensor>,
    ) -> Result<(TokenBatch, Tensor<1, Int>), EngineError> {
        let lengths = sentence_lengths(&self.config, &self.data, of, examples)?;
        let all_sentences = of.sentences(&self.data).map_or(0, TokenSplit::len);
        let (sentences, longest) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
        let (tokens, places) = (lengths.iter().sum::<usize>(), sentences * longest);
        let shape = move |list: usize| match list {
            IDS | POSITIONS | PLACE_OF_TOKEN => (Shape::new([tokens]), DType::I32),
            TOKEN_OF_PLACE => (Shape::new([places]), DType::I32),
            SCORES => (Shape::new([sentences, 1, 1, longest]), DType::F32),
            _ => (Shape::new([sentences]), DType::I32),
        };
        let mut end = 0;
        let starts: [usize; LISTS] = std::array::from_fn(|list| {
            let start = end;
            end += shape(list).0.num_elements().next_multiple_of(ALIGNMENT);
            start
        });
        let corpus = self.corpus(of);
        let planned = plan.is_some();
        let inputs = vec![corpus.clone(), plan.unwrap_or_else(|| corpus.clone())];
        let made = enqueue("aees_lay_out", inputs, (0..LISTS).map(shape).collect(), move |inputs| {
            let lists = empty(&inputs[0], [end], DType::I32);
            lay_out::launch(
                &lists.client,
                cubes(places, UNITS),
                CubeDim::new_1d(UNITS),
                inputs[0].clone().into_buffer_arg(),
                inputs[1].clone().into_buffer_arg(),
                lists.clone().into_buffer_arg(),
                SequenceArg { values: starts.iter().map(|start| *start as u32).collect() },
                first as u32,
                sentences as u32,
                longest as u32,
                all_sentences as u32,
                MASKED_SCORE,
                planned,
            );
            (0..LISTS).map(|list| part(&lists, starts[list], shape(list))).collect()
        });
        let training = planned;
        let integers = |list: usize| {
            let list = from_integers(made[list].clone());
            if training { Tensor::from_inner(list) } else { list }
        };
        let scores = from_floats(made[SCORES].clone());
        let padding = (tokens != places).then(|| PaddedPlaces {
            token_of_place: integers(TOKEN_OF_PLACE),
            place_of_token: integers(PLACE_OF_TOKEN),
            scores: if training { Tensor::from_inner(scores) } else { scores },
        });
        let tensors = TokenTensors {
            ids: integers(IDS),
            positions: integers(POSITIONS),
            first_tokens: integers(FIRST_TOKENS),
            lengths: integers(LENGTHS),
            square_sums: integers(SQUARE_SUMS),
            padding,
        };
        Ok((TokenBatch::from_tensors(lengths, tensors), integers(LABELS)))
    }

    fn corpus(&self, split: Split) -> &StreamTensor {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            // A split that is not there has no sentences to lay out.
            Split::Test => self.test.as_ref().unwrap_or(&self.validation),
        }
    }
}

impl Workload for ResidentSentences {
    type Input = SentenceBatch;

    fn training_batch(&mut self, batch: Batch<'_>, key: u64) -> Result<(SentenceBatch, Tensor<1, Int>), EngineError> {
        let plan = self.plan.of(batch, &self.device, |plan| plan.order.clone())?;
        let examples = batch.indices.iter().map(|index| *index as usize);
        let (tokens, labels) = self.batch(Split::Train, examples, batch.start, Some(plan))?;
        let masks = StepDropout::new(self.dropout_seed, key);
        let dropout = Some(BurnDropout { masks, place: self.mask_place.clone() });
        Ok((SentenceBatch { tokens, dropout }, labels))
    }

    fn evaluation_batch(&mut self, split: Split, examples: Range<usize>) -> Result<SentenceBatch, EngineError> {
        let (tokens, _) = self.batch(split, examples.clone(), examples.start, None)?;
        Ok(SentenceBatch { tokens, dropout: None })
    }
}

/// A split as the kernel reads it: where the ids of each sentence begin, and one more; the labels; the ids.
fn corpus(split: &TokenSplit) -> Vec<u32> {
    let mut words = vec![0];
    words.extend(split.lengths().scan(0, |end, length| {
        *end += length as u32;
        Some(*end)
    }));
    // A split without labels has zeros: nobody reads them.
    words.extend((0..split.len()).map(|index| split.labels().get(index).copied().unwrap_or(0)));
    let mut ids = Vec::new();
    (0..split.len()).for_each(|index| split.extend_ids(index, &mut ids));
    words.extend(ids.into_iter().map(i32::cast_unsigned));
    words
}
