//! From a task's text to its token file and back.

use aees_run::settings::LabelNoiseType;

use aees_tasks::{
    DataSource, LabelNoise, StoredTokens, TextDataConfig, TextTask, TextTokenizer, TokenData, TokenKey, TokenStore,
};

fn config(task: TextTask) -> TextDataConfig {
    TextDataConfig {
        source: DataSource::Synthetic,
        limit_train: Some(400),
        limit_eval: Some(40),
        ..TextDataConfig::new(task)
    }
}

#[test]
fn both_tasks_come_back_as_they_were_built() {
    let folder = tempfile::tempdir().unwrap();
    let store = TokenStore::new(folder.path().to_owned());
    let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.2 };
    for config in [config(TextTask::Sst2), TextDataConfig { label_noise: noise, ..config(TextTask::AgNews) }] {
        let text = config.load().unwrap();
        let tokenizer = TextTokenizer::from_sentences(text.train.texts(), 2000).unwrap();
        let data = TokenData::build(&text, &tokenizer, 24, &|_| ()).unwrap();
        let key = TokenKey::of(&config, &text, &tokenizer, 24);
        store.save(&key, &data).unwrap();
        let StoredTokens::Ready(again) = store.open(&key, text.origin.clone()).unwrap() else { panic!("not stored") };
        assert_eq!(*again, data);

        assert_eq!(again.train.labels(), text.train.labels());
        assert_eq!(again.train.clean_labels(), text.train.clean_labels());
        assert_eq!(again.test.is_some(), config.task == TextTask::AgNews);
        for index in [0, 17, 399] {
            let mut ids = Vec::new();
            again.train.extend_ids(index, &mut ids);
            let expected = tokenizer.encode(text.train.text(index), 24).unwrap();
            assert_eq!(ids, expected.iter().map(|&id| id as i32).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_setting_without_effect_makes_no_other_key() {
    let sst2 = config(TextTask::Sst2);
    let text = sst2.load().unwrap();
    let tokenizer = TextTokenizer::from_sentences(text.train.texts(), 2000).unwrap();
    let key = TokenKey::of(&sst2, &text, &tokenizer, 24);
    // SST-2 holds nothing out, and there is no noise to be seeded.
    let other = TextDataConfig { split_seed: 7, label_noise_seed: 7, ..sst2 };
    assert_eq!(TokenKey::of(&other, &text, &tokenizer, 24), key);
}
