//! The scripts that Slurm gets: what is asked of it, then one command.

use std::fmt::Write;
use std::path::Path;

use super::grouping::ArrayTurn;
use super::launch::LaunchFolder;
use crate::study::{SlurmOptions, quoted};

/// The longest time of the collect job, in seconds.
const COLLECT_TIME: u64 = 600;

/// What the scripts of a launch have in common.
pub(super) struct ScriptWriter<'a> {
    pub(super) folder: &'a LaunchFolder,
    pub(super) job_name: &'a str,
    pub(super) options: &'a SlurmOptions,
    /// This program, where the nodes find it.
    pub(super) program: &'a Path,
}

impl ScriptWriter<'_> {
    /// The script of an array, counted from 0. Its last line becomes this program, so that Slurm's warning reaches it.
    pub(super) fn array(&self, array: usize, turn: &ArrayTurn) -> String {
        let SlurmOptions { cpus, gpus, mem, constraint, exclude, extra, .. } = self.options;
        let throttle = turn.throttle.map_or_else(String::new, |most| format!("%{most}"));
        let mut script = self.head(&format!("array-{}-%a.log", array + 1), self.options.time_seconds);
        option(&mut script, "array", &format!("0-{}{throttle}", turn.tasks.saturating_sub(1)));
        option(&mut script, "signal", &format!("B:USR1@{}", self.options.signal_lead()));
        let cpus = cpus.map(|cpus| cpus.to_string());
        let gpus = gpus.as_ref().map(|gpus| format!("gpu:{gpus}"));
        let asked =
            [("cpus-per-task", &cpus), ("gres", &gpus), ("mem", mem), ("constraint", constraint), ("exclude", exclude)];
        asked.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).for_each(|(name, value)| {
            option(&mut script, name, value);
        });
        extra.iter().for_each(|line| line_of(&mut script, &format!("#SBATCH {line}")));
        line_of(&mut script, "");
        self.options.setup.iter().for_each(|line| line_of(&mut script, line));
        let words = [self.program, Path::new("slurm"), Path::new("task"), self.folder.path()];
        let words: Vec<String> = words.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        line_of(&mut script, &format!("exec {} --array {}", words.join(" "), array + 1));
        script
    }

    /// The script of the job that comes after all arrays.
    pub(super) fn collect(&self, command: &[String]) -> String {
        let time = self.options.time_seconds.map_or(COLLECT_TIME, |time| time.min(COLLECT_TIME));
        let mut script = self.head("collect.log", Some(time));
        line_of(&mut script, "");
        self.options.setup.iter().for_each(|line| line_of(&mut script, line));
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        line_of(&mut script, &format!("exec {} {}", quoted(&self.program.to_string_lossy()), words.join(" ")));
        script
    }

    fn head(&self, log: &str, time_seconds: Option<u64>) -> String {
        let mut script = String::from("#!/bin/bash\n");
        option(&mut script, "job-name", self.job_name);
        // In a path, a percent sign would be a place for something.
        let logs = self.folder.logs().to_string_lossy().replace('%', "%%");
        option(&mut script, "output", &format!("{logs}/{log}"));
        option(&mut script, "open-mode", "append");
        line_of(&mut script, "#SBATCH --requeue");
        option(&mut script, "nodes", "1");
        option(&mut script, "ntasks", "1");
        let SlurmOptions { partition, account, qos, .. } = self.options;
        for (name, value) in [("partition", partition), ("account", account), ("qos", qos)] {
            value.iter().for_each(|value| option(&mut script, name, value));
        }
        time_seconds.iter().for_each(|time| option(&mut script, "time", &slurm_text(*time)));
        script
    }
}

fn line_of(script: &mut String, line: &str) {
    script.push_str(line);
    script.push('\n');
}

/// Slurm reads quotes as a shell does.
fn option(script: &mut String, name: &str, value: &str) {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:%@,+=&|[]".contains(c));
    let value =
        if plain { value.to_owned() } else { format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"")) };
    // Writing into a text cannot fail.
    let _ = writeln!(script, "#SBATCH --{name}={value}");
}

/// `D-HH:MM:SS`.
fn slurm_text(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("{days}-{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_the_study_asks() {
        let options = SlurmOptions {
            partition: Some("gpu".into()),
            time_seconds: Some(5400),
            cpus: Some(8),
            gpus: Some("a100:2".into()),
            mem: Some("16G".into()),
            constraint: Some("a100&nvlink".into()),
            setup: vec!["module load cuda".into()],
            extra: vec!["--mail-type=END".into()],
            ..SlurmOptions::default()
        };
        let folder = LaunchFolder::at("/home/a b/100%/launch/0001");
        let writer = ScriptWriter {
            folder: &folder,
            job_name: "aees-x-1-f",
            options: &options,
            program: Path::new("/bin/aees"),
        };
        let turn = ArrayTurn { tasks: 12, throttle: Some(3), after: None };
        let expected = "#!/bin/bash
#SBATCH --job-name=aees-x-1-f
#SBATCH --output=\"/home/a b/100%%/launch/0001/logs/array-1-%a.log\"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --partition=gpu
#SBATCH --time=0-01:30:00
#SBATCH --array=0-11%3
#SBATCH --signal=B:USR1@120
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:a100:2
#SBATCH --mem=16G
#SBATCH --constraint=a100&nvlink
#SBATCH --mail-type=END

module load cuda
exec /bin/aees slurm task '/home/a b/100%/launch/0001' --array 1
";
        assert_eq!(writer.array(0, &turn), expected);
        let collect = writer.collect(&["slurm".into(), "collect".into(), "x".into()]);
        assert!(collect.ends_with("\nmodule load cuda\nexec /bin/aees slurm collect x\n"), "{collect}");
        assert!(collect.contains("--time=0-00:10:00") && !collect.contains("gres"), "{collect}");
    }
}
