//! What makes a batch, and what it refuses.

use aees_models::burn::TokenBatch;
use aees_models::{BatchError, TextClassifierConfig};
use burn::tensor::Device;

use super::fixture::network;

fn config() -> TextClassifierConfig {
    let config = TextClassifierConfig::distilbert_base().with_layers(2).with_dim(64).with_vocabulary(30);
    TextClassifierConfig { max_positions: 6, ..config }
}

fn batch(ids: &[i32], lengths: &[usize]) -> Result<TokenBatch, BatchError> {
    TokenBatch::new(&config(), ids, lengths, &Device::flex())
}

#[test]
fn a_batch_knows_its_lengths() {
    let batch = batch(&[1, 2, 3, 4, 5, 6], &[1, 3, 2]).unwrap();
    assert_eq!((batch.sentences(), batch.tokens(), batch.longest()), (3, 6, 3));
    assert_eq!(batch.lengths(), [1, 3, 2]);
}

#[test]
fn a_sentence_has_the_same_logits_in_any_company() {
    let model = network(&config(), 3, &Device::flex());
    let logits = |ids: &[i32], lengths: &[usize]| {
        model.forward(&batch(ids, lengths).unwrap(), None).into_data().try_to_vec::<f32>().unwrap()
    };
    let together = logits(&[1, 2, 3, 4, 5, 6], &[1, 3, 2]);
    let alone = [logits(&[1], &[1]), logits(&[2, 3, 4], &[3]), logits(&[5, 6], &[2])].concat();
    // Without padding at all.
    let equal = logits(&[5, 6, 8, 9], &[2, 2]);
    for (a, b) in together.iter().zip(&alone).chain(together[4..].iter().zip(&equal)) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert!((together[0] - together[2]).abs() > 1e-4, "sentences differ");
}

#[test]
fn what_makes_no_batch_is_refused() {
    let refused = |ids: &[i32], lengths: &[usize]| batch(ids, lengths).unwrap_err();
    assert_eq!(refused(&[], &[]), BatchError::Empty);
    assert_eq!(refused(&[1], &[1, 0]), BatchError::EmptySentence { sentence: 1 });
    assert_eq!(refused(&[1, 2, 3], &[1, 1]), BatchError::Lengths { expected: 2, found: 3 });
    let error = refused(&[1; 8], &[1, 7]);
    assert_eq!(error.to_string(), "sentence 1 of the batch has 7 tokens, but the model has only 6 positions");
    for id in [30, -1] {
        let error = refused(&[1, id], &[2]);
        assert_eq!(error, BatchError::UnknownToken { id, vocabulary_size: 30 });
        assert!(error.to_string().contains("outside the vocabulary of the model, which has 30 entries"));
    }
}
