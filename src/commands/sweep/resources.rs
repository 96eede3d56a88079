//! Where the runs of a study go on this machine: what was typed, else what the study says, against the devices there are.

use aees_run::nvidia::NvidiaGpu;
use aees_run::settings::Precision;
use aees_studies::launcher::Slot;
use aees_studies::study::{MOST_HOURS, MOST_JOBS, Resources};
use aees_train::engine::{DeviceChoice, available, select};
use clap::{Args, value_parser};

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct ResourceFlags {
    /// Runs at the same time; one for each device when not given. Cores are shared out
    #[arg(long, short, value_name = "N", value_parser = value_parser!(u32).range(1..=i64::from(MOST_JOBS)))]
    jobs: Option<u32>,
    /// The devices to use, such as cuda:0,cuda:1; auto for all
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    devices: Vec<String>,
    /// Runs at the same time on each device
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=i64::from(MOST_JOBS)))]
    per_device: Option<u32>,
    /// Runs of training that share a process, with what they read loaded once [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=i64::from(MOST_JOBS)))]
    pack: Option<u32>,
}

/// How the runs of a plan go to processes.
pub(crate) struct RunSlots {
    /// Where each run computes.
    pub(crate) slots: Vec<Slot>,
    /// Runs of a process.
    pub(crate) pack: usize,
}

impl ResourceFlags {
    /// Refuses words that can be no devices, and hours that nobody can mean, before anything is planned.
    pub(crate) fn check(&self, max_hours: Option<f64>) -> Result<(), Failure> {
        if max_hours.is_some_and(|hours| !(0.0..=MOST_HOURS).contains(&hours)) {
            return Err(Failure::new("--max-hours must be a number of hours from 0 on"));
        }
        names(&self.devices, "--devices").map(drop)
    }

    /// The same flags for another process.
    pub(crate) fn again(&self, max_hours: Option<f64>) -> Vec<String> {
        let devices = (!self.devices.is_empty()).then(|| self.devices.join(","));
        let count = |count: Option<u32>| count.map(|count| count.to_string());
        let flags = [
            ("--jobs", count(self.jobs)),
            ("--devices", devices),
            ("--per-device", count(self.per_device)),
            ("--pack", count(self.pack)),
            ("--max-hours", max_hours.map(|hours| hours.to_string())),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?])).flatten().collect()
    }

    /// Where the runs of a study go, which train or call a program.
    pub(crate) fn run_slots(&self, study: &Resources, trains: bool) -> Result<RunSlots, Failure> {
        let Resources { devices: planned, per_device, jobs, pack } = study;
        let of_study = (planned, "resources.devices of the study");
        let (asked, origin) = if self.devices.is_empty() { of_study } else { (&self.devices, "--devices") };
        let pack = self.pack.or(*pack).unwrap_or(1) as usize;
        if pack > 1 && !trains {
            return Err(Failure::with_help(
                "--pack: a program has a process of its own",
                "`--per-device` and `--jobs` run several programs at the same time",
            ));
        }
        let devices = devices(&names(asked, origin)?, origin, trains)?;
        let places = devices.len().max(1);
        let most = self.per_device.or(*per_device).map(|each| places.saturating_mul(each as usize));
        let jobs = match (self.jobs.or(*jobs).map(|jobs| jobs as usize), most) {
            (Some(jobs), Some(most)) if jobs > most => {
                eprintln!("note: {most} runs at the same time, not {jobs}: the devices take no more");
                most
            }
            (Some(jobs), _) => jobs,
            (None, most) => most.unwrap_or(places.saturating_mul(pack)),
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let mut slots = Slot::in_turn(&devices, jobs, cores);
        if jobs == 1 {
            // A run that is alone takes as many cores as it likes.
            slots.iter_mut().for_each(|slot| slot.threads = None);
        }
        Ok(RunSlots { slots, pack })
    }
}

/// What was asked for, each word read.
fn names(asked: &[String], origin: &str) -> Result<Vec<DeviceChoice>, Failure> {
    let read = |name: &String| name.parse().map_err(|error| Failure::new(format!("{origin}: {error}")));
    let choices: Vec<DeviceChoice> = asked.iter().map(read).collect::<Result<_, _>>()?;
    for (position, choice) in choices.iter().enumerate() {
        let problem = if *choice == DeviceChoice::Auto && choices.len() > 1 {
            "auto stands for all devices, and nothing stands beside it"
        } else if choices[..position].contains(choice) {
            "it is named twice; --per-device says how many runs share a device"
        } else {
            continue;
        };
        return Err(Failure::new(format!("{origin}: {choice}: {problem}")));
    }
    Ok(choices)
}

/// The devices that were asked for, by name; all that there are for `auto`.
fn devices(asked: &[DeviceChoice], origin: &str, trains: bool) -> Result<Vec<String>, Failure> {
    let named = match asked {
        // A run's own default is the best device, and a program's what it likes; of several GPUs each run gets one.
        [] if trains => match all_for_training().as_slice() {
            several @ [DeviceChoice::Cuda(_), _, ..] => several.to_vec(),
            _ => Vec::new(),
        },
        [DeviceChoice::Auto] if trains => all_for_training(),
        [DeviceChoice::Auto] => all_for_programs(),
        named => {
            named.iter().try_for_each(|device| is_there(*device, trains)).map_err(|reason| {
                Failure::with_help(format!("{origin}: {reason}"), "`aees devices` lists what there is")
            })?;
            named.to_vec()
        }
    };
    Ok(named.iter().map(DeviceChoice::to_string).collect())
}

/// The GPUs of the best kind: a card that two kinds reach counts once. The processor where there is none.
fn all_for_training() -> Vec<DeviceChoice> {
    let targets = available();
    let mut found: Vec<DeviceChoice> =
        targets.iter().filter(|target| !target.device.software).map(|target| target.device.choice).collect();
    let kind = found.first().and_then(|best| best.feature());
    found.retain(|choice| choice.feature() == kind);
    let is_first = |at: &usize| !found[..*at].contains(&found[*at]);
    (0..found.len()).filter(is_first).map(|at| found[at]).collect()
}

/// The cards that NVIDIA's driver shows this process; the processor where there is none.
fn all_for_programs() -> Vec<DeviceChoice> {
    let cards: Vec<_> =
        (0..).take_while(|number| NvidiaGpu::of_cuda(*number).is_some()).map(DeviceChoice::Cuda).collect();
    if cards.is_empty() { vec![DeviceChoice::Cpu] } else { cards }
}

/// Why a device cannot be used. What programs can use beside NVIDIA's cards is not known here.
fn is_there(device: DeviceChoice, trains: bool) -> Result<(), String> {
    if trains {
        return select("auto", &device.to_string(), Precision::F32).map(drop).map_err(|error| error.to_string());
    }
    match device {
        DeviceChoice::Cuda(number) if NvidiaGpu::of_cuda(0).is_some() && NvidiaGpu::of_cuda(number).is_none() => {
            Err(format!("there is no device {device} here"))
        }
        _ => Ok(()),
    }
}
