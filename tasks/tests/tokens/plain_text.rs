//! The short way for plain ASCII against the `tokenizers` crate, with the crate's own framing and truncation.

use std::sync::LazyLock;

use aees_tasks::TextTokenizer;
use proptest::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use crate::files::fixture_path;

static OURS: LazyLock<TextTokenizer> = LazyLock::new(|| TextTokenizer::read(&fixture_path("tokens")).unwrap());

fn crates(max_length: usize) -> Tokenizer {
    let mut tokenizer = Tokenizer::from_file(fixture_path("tokens").join("tokenizer.json")).unwrap();
    tokenizer.with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() })).unwrap();
    tokenizer
}

fn assert_equal(tokenizer: &Tokenizer, text: &str, max_length: usize) {
    let expected = tokenizer.encode(text, true).unwrap();
    assert_eq!(OURS.encode(text, max_length).unwrap(), expected.get_ids(), "{text:?}");
}

#[test]
fn every_ascii_character_in_every_place() {
    let tokenizer = crates(64);
    for first in 0..128u8 {
        let first = char::from(first);
        for text in [format!("{first}"), format!("ba{first}"), format!("{first}ba"), format!("ba{first}Be {first} x")] {
            assert_equal(&tokenizer, &text, 64);
        }
        for second in 0..128u8 {
            assert_equal(&tokenizer, &format!("sta{first}{}ted", char::from(second)), 64);
        }
    }
}

#[test]
fn long_words() {
    let tokenizer = crates(128);
    for length in [31, 32, 33, 99, 100, 101, 300] {
        let word = "bA".repeat(length).split_off(length);
        // Twice in one text: the second time a short word is remembered.
        assert_equal(&tokenizer, &format!("{word} {word}, {word}"), 128);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_plain_text(text in "[ -Z\\\\-~\t\n\r]{0,120}", max_length in 3usize..60) {
        static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| (3..60).map(crates).collect());
        assert_equal(&TOKENIZERS[max_length - 3], &text, max_length);
    }

    #[test]
    fn random_ascii(text in "[\\x00-\\x7f]{0,80}") {
        static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| crates(24));
        assert_equal(&TOKENIZER, &text, 24);
    }

    #[test]
    fn random_text(text in "(\\PC| |[a-z]|\\[SEP\\]|\u{301}){0,40}") {
        static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| crates(24));
        assert_equal(&TOKENIZER, &text, 24);
    }
}
