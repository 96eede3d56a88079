//! The known word that somebody meant who wrote another.

/// The known word that looks most like an unknown one, if it looks like it at all.
pub fn nearest<'word>(unknown: &str, known: impl IntoIterator<Item = &'word str>) -> Option<&'word str> {
    let distance = |word: &&str| strsim::damerau_levenshtein(word, unknown);
    let closest = known.into_iter().min_by_key(distance)?;
    // Further away than a third of the word it is another word, not a slip.
    (distance(&closest) <= unknown.len().max(3) / 3).then_some(closest)
}
