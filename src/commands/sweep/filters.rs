//! Which runs of a study are meant, and what is set in all of them: the flags of `plan` and `run`.

use aees_studies::study::Overrides;
use clap::Args;

#[derive(Args)]
pub(super) struct FilterFlags {
    /// Set a key in every run, over everything the file says
    #[arg(long, short, value_name = "KEY=VALUE")]
    r#override: Vec<String>,
    /// Only runs with one of these values; given again, both must hold
    #[arg(long, value_name = "KEY=A,B")]
    only: Vec<String>,
    /// Not the runs with one of these values
    #[arg(long, value_name = "KEY=A,B")]
    except: Vec<String>,
    /// Only this case of the study
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    case: Vec<String>,
    /// Of the study's seeds, these: 0-4,7
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<String>,
    /// Every N-th run, from the I-th on, counted from 0
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// The first N settings, with all their seeds
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The first N runs
    #[arg(long, value_name = "N")]
    limit_runs: Option<usize>,
}

impl From<FilterFlags> for Overrides {
    fn from(typed: FilterFlags) -> Self {
        Self {
            set: typed.r#override,
            only: typed.only,
            except: typed.except,
            seeds: typed.seeds,
            cases: typed.case,
            shard: typed.shard,
            limit: typed.limit,
            limit_runs: typed.limit_runs,
        }
    }
}

/// The words that give the same again.
pub(super) fn arguments(overrides: &Overrides) -> Vec<String> {
    let Overrides { set, only, except, seeds, cases, shard, limit, limit_runs } = overrides;
    let several = [("--override", set), ("--only", only), ("--except", except), ("--case", cases)];
    let several = several.into_iter().flat_map(|(flag, values)| values.iter().map(move |value| (flag, value.clone())));
    let one = [
        ("--seeds", seeds.clone()),
        ("--shard", shard.clone()),
        ("--limit", limit.map(|limit| limit.to_string())),
        ("--limit-runs", limit_runs.map(|limit| limit.to_string())),
    ];
    let one = one.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
    several.chain(one).map(|(flag, value)| format!("{flag}={value}")).collect()
}
