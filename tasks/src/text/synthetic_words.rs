//! The words of `--data synthetic`: made-up words that can be spoken, and the function words of English between them.
//!
//! A task has words of no topic, which all classes share, and words of each class's topic. Rare words are made from them
//! while a sentence is written, by an ending or two, so that a WordPiece vocabulary has something to split.

use std::collections::HashSet;

use crate::keyed_random::{KeyedRng, StreamPurpose, stream};

const FUNCTION_WORDS: [&str; 56] = [
    "the", "a", "of", "and", "to", "in", "is", "it", "that", "with", "for", "as", "on", "this", "but", "its", "by",
    "an", "are", "from", "be", "at", "has", "more", "than", "all", "one", "so", "or", "no", "who", "his", "their",
    "you", "have", "about", "into", "up", "out", "if", "what", "was", "will", "some", "there", "when", "most", "they",
    "does", "can", "he", "after", "over", "said", "new", "even",
];

/// Words that tell nothing of the class.
const GENERAL_WORDS: usize = 240;
/// Words of each class's topic.
const TOPIC_WORDS: usize = 100;

/// How words begin, and how later syllables do.
const FIRST_ONSETS: [&str; 24] = [
    "b", "c", "d", "f", "g", "h", "j", "l", "m", "n", "p", "r", "s", "t", "v", "w", "br", "cl", "dr", "fl", "gr", "pl",
    "st", "tr",
];
const ONSETS: [&str; 14] = ["b", "d", "g", "l", "m", "n", "p", "r", "s", "t", "v", "k", "z", "th"];
const VOWELS: [&str; 12] = ["a", "a", "e", "e", "i", "i", "o", "o", "u", "u", "ea", "ou"];
const CODAS: [&str; 10] = ["", "", "", "", "", "l", "n", "r", "s", "t"];
const ENDINGS: [&str; 8] = ["ing", "ed", "ness", "ly", "er", "ist", "ation", "less"];

/// The words of a task.
pub(super) struct SyntheticWords {
    general: Vec<String>,
    topics: Vec<Vec<String>>,
}

impl SyntheticWords {
    pub(super) fn of(seed: u64, classes: u32) -> Self {
        let mut random = stream(seed, StreamPurpose::SyntheticPattern, 0);
        let mut taken: HashSet<String> = FUNCTION_WORDS.iter().map(|&word| word.to_owned()).collect();
        let mut make = |count| -> Vec<String> { (0..count).map(|_| new_word(&mut random, &mut taken)).collect() };
        let general = make(GENERAL_WORDS);
        let topics = (0..classes).map(|_| make(TOPIC_WORDS)).collect();
        Self { general, topics }
    }

    /// Every word but the rare ones, which are longer forms of these.
    #[cfg(test)]
    pub(super) fn all(self) -> Vec<String> {
        let function = FUNCTION_WORDS.iter().map(|&word| word.to_owned());
        function.chain(self.general).chain(self.topics.into_iter().flatten()).collect()
    }

    pub(super) fn function(&self, random: &mut KeyedRng) -> &'static str {
        // The first words of English are much oftener than the others.
        let draw = random.unit();
        FUNCTION_WORDS[place(draw * draw, FUNCTION_WORDS.len())]
    }

    pub(super) fn general(&self, random: &mut KeyedRng) -> &str {
        &self.general[skewed(random, self.general.len())]
    }

    pub(super) fn of_topic(&self, random: &mut KeyedRng, class: usize) -> &str {
        let words = &self.topics[class];
        &words[skewed(random, words.len())]
    }
}

/// Adds a syllable and an ending, or an ending alone, to a word.
pub(super) fn add_rare_ending(random: &mut KeyedRng, word: &mut String) {
    if random.below(2) == 0 {
        add_syllable(random, &ONSETS, word);
    }
    word.push_str(one_of(random, &ENDINGS));
}

/// A place in a list where early places come oftener than late ones.
fn skewed(random: &mut KeyedRng, count: usize) -> usize {
    let draw = random.unit();
    place(draw * (0.3 + 0.7 * draw), count)
}

fn place(share: f32, count: usize) -> usize {
    ((share * count as f32) as usize).min(count - 1)
}

/// A word of two or three syllables that is not there yet.
fn new_word(random: &mut KeyedRng, taken: &mut HashSet<String>) -> String {
    loop {
        let mut word = String::new();
        add_syllable(random, &FIRST_ONSETS, &mut word);
        for _ in 0..1 + random.below(4) / 3 {
            add_syllable(random, &ONSETS, &mut word);
        }
        if taken.insert(word.clone()) {
            return word;
        }
    }
}

fn add_syllable(random: &mut KeyedRng, onsets: &[&'static str], word: &mut String) {
    word.push_str(one_of(random, onsets));
    word.push_str(one_of(random, &VOWELS));
    word.push_str(one_of(random, &CODAS));
}

fn one_of(random: &mut KeyedRng, pieces: &[&'static str]) -> &'static str {
    pieces[random.below(pieces.len() as u32) as usize]
}
