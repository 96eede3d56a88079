//! The probe batch: some training examples, always the same, whose loss is measured before and after an episode. The engine gives
//! logits; the cross-entropy is taken here, in double precision, so that it is the same sum for every engine.

use std::ops::Range;

use crate::engine::{Engine, EngineError, Split};

/// Examples that are evaluated at a time.
const BLOCK: usize = 16;

/// Which examples of the training split are probed: blocks that are spread evenly over it, so that a file in the order of its
/// classes does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeBatch {
    blocks: Vec<Range<usize>>,
}

impl ProbeBatch {
    /// `wanted` of so many training examples, or all if there are not more.
    pub(crate) fn new(wanted: usize, total: usize) -> Self {
        let wanted = wanted.min(total);
        let count = wanted.div_ceil(BLOCK);
        let blocks = (0..count).map(|block| {
            let taken = block * BLOCK;
            // What is not wanted lies in equal parts between the blocks.
            let start = taken + block * (total - wanted) / count;
            start..start + BLOCK.min(wanted - taken)
        });
        Self { blocks: blocks.collect() }
    }

    /// How many examples there are.
    pub(crate) fn examples(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }

    /// Their mean loss, against the labels of the training split.
    pub(crate) fn loss(&self, engine: &mut dyn Engine, labels: &[u32]) -> Result<f64, EngineError> {
        let mut sum = 0.0;
        for block in &self.blocks {
            let logits = engine.logits(Split::Train, block.clone())?;
            let classes = (logits.len() / block.len().max(1)).max(1);
            let labels = labels.get(block.clone()).unwrap_or_default();
            for (row, label) in logits.chunks(classes).zip(labels) {
                sum += cross_entropy(row, *label as usize);
            }
        }
        Ok(sum / self.examples().max(1) as f64)
    }
}

/// `-log softmax(logits)[label]`.
fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = |logit: f32| f64::from(logit) - f64::from(highest);
    let total: f64 = logits.iter().map(|logit| shifted(*logit).exp()).sum();
    // A logit that is no number makes the whole loss none.
    logits.get(label).map_or(f64::NAN, |logit| total.ln() - shifted(*logit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_spread_and_never_overlap() {
        for (wanted, total) in [(64, 1000), (64, 64), (40, 41), (1, 5), (100, 30), (17, 33), (0, 5), (5, 0)] {
            let batch = ProbeBatch::new(wanted, total);
            assert_eq!(batch.examples(), wanted.min(total) as u64, "{wanted} of {total}");
            assert!(batch.blocks.windows(2).all(|pair| pair[0].end <= pair[1].start), "{wanted} of {total}: {batch:?}");
            assert!(batch.blocks.last().is_none_or(|block| block.end <= total), "{wanted} of {total}: {batch:?}");
        }
        assert_eq!(ProbeBatch::new(64, 1000).blocks, [0..16, 250..266, 500..516, 750..766]);
    }

    #[test]
    fn the_loss_is_the_cross_entropy() {
        assert!((cross_entropy(&[0.0, 0.0], 1) - 2f64.ln()).abs() < 1e-15);
        assert!((cross_entropy(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-9, "far apart logits do not overflow");
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan() && cross_entropy(&[f32::INFINITY, 0.0], 0).is_nan());
    }
}
