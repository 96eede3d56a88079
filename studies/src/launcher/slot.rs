//! Slots: where a worker of this machine computes, and how a job is told so.

use std::env;

use serde_json::{Value, json};

use crate::job::{Job, ProgramSlot, Work, device_by_itself};

/// Where a worker computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The device; none: what the run says.
    pub device: Option<String>,
    /// Its share of the processor's cores; none: what the run says.
    pub threads: Option<usize>,
}

impl Slot {
    /// So many slots, devices in turn, with the cores shared out.
    pub fn in_turn(devices: &[String], count: usize, cores: usize) -> Vec<Self> {
        let share = |slot: usize| cores / count + usize::from(slot < cores % count);
        let device = |slot: usize| devices.get(slot % devices.len().max(1)).cloned();
        (0..count).map(|slot| Self { device: device(slot), threads: Some(share(slot).max(1)) }).collect()
    }

    /// A job in this slot. What its study chose for itself stays.
    pub(super) fn place(&self, job: &Job) -> Placement {
        let mut placement = Placement { job: job.clone(), visible_gpus: None, device: self.device.clone() };
        match &mut placement.job.work {
            Work::Command(command) => {
                command.slot = ProgramSlot { device: self.device.clone(), threads: self.threads };
                placement.visible_gpus = self.visible_gpus();
            }
            Work::Train(settings) => {
                if let Some(threads) = self.threads {
                    settings.entry("threads").or_insert_with(|| json!(threads));
                }
                match settings.get("device").and_then(Value::as_str) {
                    Some(own) if own != "auto" => placement.device = Some(own.to_owned()),
                    _ => {
                        placement.visible_gpus = self.visible_gpus();
                        let device = self.device.as_deref().map(device_by_itself);
                        settings.extend(device.map(|device| ("device".to_owned(), json!(device))));
                    }
                }
            }
        }
        placement
    }

    fn visible_gpus(&self) -> Option<String> {
        visible_gpus(self.device.as_deref()?, env::var("CUDA_VISIBLE_DEVICES").ok().as_deref())
    }
}

/// A job where it computes.
pub(super) struct Placement {
    pub(super) job: Job,
    /// What `CUDA_VISIBLE_DEVICES` is for the worker; none: as it is here.
    pub(super) visible_gpus: Option<String>,
    /// The device, by the name that it has on this machine.
    pub(super) device: Option<String>,
}

impl Placement {
    /// What all runs of one process have in common; none for a program, which has a process of its own. Precision is set for
    /// a whole process by some engines.
    pub(super) fn common(&self) -> Option<[Option<String>; 3]> {
        let Work::Train(settings) = &self.job.work else { return None };
        let setting = |key: &str| settings.get(key).map(Value::to_string);
        Some([self.visible_gpus.clone(), setting("engine"), setting("precision")])
    }
}

/// What `CUDA_VISIBLE_DEVICES` is for a device: its GPU, counted among those that this process sees itself; none of them for
/// the CPU. Nothing is changed for devices of other kinds.
fn visible_gpus(device: &str, seen: Option<&str>) -> Option<String> {
    let Some(number) = device.strip_prefix("cuda") else { return (device == "cpu").then(String::new) };
    let number: usize = number.strip_prefix(':').map_or(Some(0), |number| number.parse().ok())?;
    let seen = seen.and_then(|list| list.split(',').nth(number)).map(|name| name.trim().to_owned());
    Some(seen.filter(|name| !name.is_empty()).unwrap_or_else(|| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(device: &str) -> Slot {
        Slot { device: Some(device.to_owned()), threads: Some(2) }
    }

    fn training(settings: Value) -> Job {
        let work = Work::Train(settings.as_object().cloned().unwrap_or_default());
        Job { run_id: "ab".into(), run_directory: "ab".into(), attempt: 1, alone: false, work, stop_at: None }
    }

    #[test]
    fn a_worker_sees_the_gpu_of_its_slot() {
        assert_eq!(visible_gpus("cuda:1", None).as_deref(), Some("1"));
        assert_eq!(visible_gpus("cuda", None).as_deref(), Some("0"));
        assert_eq!(visible_gpus("cuda:1", Some("2, 5")).as_deref(), Some("5"));
        assert_eq!(visible_gpus("cuda:0", Some("GPU-8a1f")).as_deref(), Some("GPU-8a1f"));
        assert_eq!(visible_gpus("cpu", None).as_deref(), Some(""));
        assert_eq!(visible_gpus("vulkan:1", None), None);
    }

    #[test]
    fn a_run_trains_where_its_slot_is_unless_it_chose_itself() {
        let placed = slot("cuda:3").place(&training(json!({"lr": 1})));
        assert_eq!(placed.job, training(json!({"lr": 1, "threads": 2, "device": "cuda:0"})));
        assert!(placed.visible_gpus.is_some() && placed.device.as_deref() == Some("cuda:3"));
        let placed = slot("vulkan:1").place(&training(json!({"device": "auto"})));
        assert_eq!(placed.job, training(json!({"threads": 2, "device": "vulkan:1"})));
        assert!(placed.visible_gpus.is_none());
        let own = training(json!({"device": "cpu", "threads": 1}));
        let placed = slot("cuda:3").place(&own);
        assert_eq!(placed.job, own);
        assert!(placed.visible_gpus.is_none() && placed.device.as_deref() == Some("cpu"));
        let placed = Slot { device: None, threads: None }.place(&own);
        assert_eq!(placed.job, own);
    }

    #[test]
    fn cores_are_shared_out_without_a_rest() {
        let devices = ["cuda:0", "cuda:1"].map(str::to_owned);
        let slots = Slot::in_turn(&devices, 4, 10);
        let threads: Vec<_> = slots.iter().filter_map(|slot| slot.threads).collect();
        assert_eq!(threads, [3, 3, 2, 2]);
        let devices: Vec<_> = slots.iter().filter_map(|slot| slot.device.as_deref()).collect();
        assert_eq!(devices, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]);
        assert_eq!(Slot::in_turn(&[], 4, 2), vec![Slot { device: None, threads: Some(1) }; 4]);
    }
}
