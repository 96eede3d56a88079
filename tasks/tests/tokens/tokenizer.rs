//! The tokenizer's files: what is refused and how, vocabularies made from sentences, and what is saved.

use std::fs;
use std::path::Path;

use aees_tasks::TextTokenizer;

use crate::files::{fixture_path, folder};

const SENTENCES: [&str; 4] =
    ["A wonderful, wonderful film!", "Dreadful film.", "Ein schönes 世界", "wonder at the film"];

fn refused(folder: &tempfile::TempDir) -> String {
    let error = TextTokenizer::read(folder.path()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&folder.path().display().to_string()), "the place is told: {message}");
    message
}

/// The fixture's `tokenizer.json`, changed.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
    let mut json =
        serde_json::from_str(&fs::read_to_string(fixture_path("tokens").join("tokenizer.json")).unwrap()).unwrap();
    change(&mut json);
    folder(&[("tokenizer.json", Vec::from(json.to_string()))])
}

#[test]
fn what_is_not_there_is_named() {
    let missing = Path::new("no/such/tokenizer.json");
    let error = TextTokenizer::read(missing).unwrap_err();
    assert_eq!(error.to_string(), "no/such/tokenizer.json: no such file or folder");
    assert!(error.help().unwrap().contains("--tokenizer"));
    assert!(
        refused(&folder(&[("config.json", Vec::from("{}"))])).ends_with("holds no tokenizer.json and no vocab.txt")
    );
}

#[test]
fn damaged_files_are_refused_with_their_place() {
    let text = fs::read_to_string(fixture_path("tokens").join("tokenizer.json")).unwrap();
    let cut = text.char_indices().nth(5000).unwrap().0;
    let message = refused(&folder(&[("tokenizer.json", Vec::from(&text[..cut]))]));
    assert!(
        message.contains("tokenizer.json: not a usable tokenizer file: ") && message.contains("line 1"),
        "{message}"
    );
    assert!(refused(&folder(&[("tokenizer.json", Vec::from(""))])).contains("not a usable tokenizer file"));
    assert!(refused(&folder(&[("vocab.txt", Vec::from(b"[PAD]\n\xff\n"))])).contains("not UTF-8 text"));
    let settings = folder(&[("vocab.txt", Vec::from("[PAD]\n[UNK]\n[CLS]\n[SEP]\n"))]);
    fs::write(settings.path().join("tokenizer_config.json"), "{\"do_lower_case\": 3}").unwrap();
    assert!(refused(&settings).contains("tokenizer_config.json: not a usable tokenizer file"));
    fs::write(settings.path().join("tokenizer_config.json"), "{\"truncation_side\": \"left\"}").unwrap();
    assert!(refused(&settings).contains("only \"right\" is supported"));
}

#[test]
fn vocabularies_without_special_tokens_are_refused() {
    let message = refused(&folder(&[("vocab.txt", Vec::from("[PAD]\n[UNK]\nthe\n"))]));
    assert!(message.ends_with("the vocabulary has no [CLS], no [SEP]"), "{message}");
    assert!(refused(&folder(&[("vocab.txt", Vec::from(""))])).ends_with("has no [PAD], no [UNK], no [CLS], no [SEP]"));
}

#[test]
fn other_kinds_of_tokenizers_are_refused() {
    let bpe = changed(|json| json["model"] = serde_json::json!({"type": "BPE", "vocab": {"a": 0}, "merges": []}));
    let message = refused(&bpe);
    assert!(message.ends_with("a BPE tokenizer; expected WordPiece, as BERT and DistilBERT have"), "{message}");
    let message = refused(&changed(|json| json["post_processor"] = serde_json::Value::Null));
    assert!(message.contains("does not frame a sentence as [CLS] ... [SEP]"), "{message}");
}

#[test]
fn truncation_and_padding_of_the_file_are_ignored() {
    let folder = changed(|json| {
        json["truncation"] =
            serde_json::json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
        json["padding"] = serde_json::json!({"strategy": {"Fixed": 32}, "direction": "Right",
            "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    });
    let plain = TextTokenizer::read(&fixture_path("tokens").join("tokenizer.json")).unwrap();
    let changed = TextTokenizer::read(folder.path()).unwrap();
    for text in ["a, b, c, d, e, f", "é, b, c, d, e, f"] {
        assert_eq!(changed.encode(text, 64).unwrap(), plain.encode(text, 64).unwrap());
    }
    assert_eq!(changed.digest(), plain.digest());
}

#[test]
fn an_added_word_is_found_in_plain_text_too() {
    // An added token that plain text can hold: the short way must stand back.
    let folder = changed(|json| {
        let token = serde_json::json!({"id": 2700, "content": "ba", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": true, "special": false});
        json["added_tokens"].as_array_mut().unwrap().push(token);
    });
    let tokenizer = TextTokenizer::read(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 2701);
    assert_eq!(tokenizer.encode("ba BABA", 9).unwrap(), [11, 2700, 2700, 2700, 12]);
}

#[test]
fn a_length_without_room_for_text_is_refused() {
    let tokenizer = TextTokenizer::read(&fixture_path("tokens")).unwrap();
    for max_length in [0, 1, 2] {
        let error = tokenizer.encode("a", max_length).unwrap_err();
        assert!(error.to_string().starts_with(&format!("--max-length {max_length}: expected at least 3")), "{error}");
        assert!(tokenizer.encode_all(["a"], max_length, &|_| ()).is_err());
    }
    assert_eq!(tokenizer.encode("a b c", 3).unwrap().len(), 3);
}

#[test]
fn a_made_vocabulary_knows_its_sentences() {
    let tokenizer = TextTokenizer::from_sentences(SENTENCES, 300).unwrap();
    assert_eq!(tokenizer.padding_id(), 0);
    let ids = |text: &str| tokenizer.encode(text, 32).unwrap();
    // BERT's order: [PAD] [UNK] [CLS] [SEP] [MASK].
    assert_eq!(ids(""), [2, 3]);
    for sentence in SENTENCES {
        assert!(!ids(sentence).contains(&1), "no [UNK] in {sentence:?}");
    }
    assert_eq!(ids("Wonderful film").len(), 4, "frequent words are one piece");
    assert_eq!(ids("fonderful").len(), 4, "endings are pieces: f ##onderful");
    assert_eq!(ids("qqq"), [2, 1, 3], "letters that never came are unknown");
}

#[test]
fn a_made_vocabulary_is_the_same_in_any_order_and_on_any_machine() {
    let one = TextTokenizer::from_sentences(SENTENCES, 60).unwrap();
    let reversed = TextTokenizer::from_sentences(SENTENCES.into_iter().rev(), 60).unwrap();
    assert_eq!(one.digest(), reversed.digest());
    assert_eq!(one.vocabulary_size(), 60);
    assert_eq!(
        one.digest(),
        "efa599b88455e918cc295f75e44eeac9a83e661db2530acefc388fb71d096a77",
        "pinned: synthetic runs are keyed by it"
    );
    assert_ne!(TextTokenizer::from_sentences(SENTENCES, 61).unwrap().digest(), one.digest());
    let error = TextTokenizer::from_sentences(SENTENCES, 20).unwrap_err();
    assert!(error.to_string().starts_with("a vocabulary of 20 tokens is too small"), "{error}");
}

#[test]
fn a_saved_tokenizer_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = TextTokenizer::from_sentences(SENTENCES, 100).unwrap();
    made.save(folder.path()).unwrap();
    for name in ["", "tokenizer.json", "vocab.txt"] {
        let again = TextTokenizer::read(&folder.path().join(name)).unwrap();
        assert_eq!(again.digest(), made.digest(), "{name}");
    }
    let lines = fs::read_to_string(folder.path().join("vocab.txt")).unwrap();
    assert!(lines.starts_with("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"));
    assert_eq!(lines.lines().count(), made.vocabulary_size());
}
