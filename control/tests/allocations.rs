//! Counts allocations: selecting, updating and recording a step make none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use aees_control::controller::{Controller, RandomController};
use aees_control::{Aees, AeesConfig, ArmPolicy, BanditConfig, Context, ControllerName, Trend};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; the count is a constant-initialised thread local without a
// destructor, so that touching it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
}

/// Each bandit of the list.
fn bandits() -> impl Iterator<Item = BanditConfig> {
    ControllerName::ALL.iter().map(|name| BanditConfig::read(*name, |setting| setting.default))
}

#[test]
fn select_and_update_allocate_nothing() {
    let contexts = Context::from(Trend::default()).buckets();
    let mut controllers = vec![Controller::Random(RandomController::new(5, Some(0)).unwrap())];
    for bandit in bandits() {
        controllers.push(bandit.controller(5, &[], Some(0)).unwrap());
        controllers.push(bandit.controller(5, contexts, Some(0)).unwrap());
    }
    for mut controller in controllers {
        contexts.iter().for_each(|name| controller.set_context(name).unwrap());
        let counted = allocations(|| {
            for i in 0..2_000 {
                controller.set_context(contexts[i % 3]).unwrap();
                let arm = controller.select().unwrap();
                controller.update(arm, 0.01 * arm as f64).unwrap();
            }
        });
        assert_eq!(counted, 0, "{}", controller.type_name());
    }
}

#[test]
fn recording_a_step_allocates_nothing() {
    for bandit in bandits() {
        let config = AeesConfig {
            lr_candidates: vec![0.5, 1.0, 2.0],
            noise_candidates: vec![0.0, 0.01],
            episode_length: 200,
            policy: ArmPolicy::Bandit(bandit),
            seed: Some(0),
            ..AeesConfig::default()
        };
        let mut aees = Aees::new(config).unwrap();
        for episode in 0..5u64 {
            aees.open(episode * 200).unwrap();
            let inside = allocations(|| {
                for step in 1..200 {
                    aees.open(episode * 200 + step).unwrap();
                    aees.record(1.0 + step as f64, Some(0.5)).unwrap();
                }
            });
            assert_eq!(inside, 0, "episode {episode}");
            aees.record(1.0, Some(0.5)).unwrap();
            assert!(!aees.is_open());
            let opening = allocations(|| assert!(aees.open(episode * 200 + 200).is_ok()));
            assert_eq!(opening, 0, "the next episode uses the memory of the last");
            aees.finalize().unwrap();
        }
    }
}

#[test]
fn recording_many_steps_at_once_allocates_nothing() {
    let config =
        AeesConfig { lr_candidates: vec![0.5, 1.0, 2.0], episode_length: 200, seed: Some(0), ..AeesConfig::default() };
    let mut aees = Aees::new(config).unwrap();
    let (losses, norms) = ([1.5; 199], [0.5; 199]);
    for episode in 0..5u64 {
        aees.open(episode * 200).unwrap();
        assert_eq!(allocations(|| assert!(aees.record_steps(&losses, &norms).is_ok())), 0, "episode {episode}");
        aees.record(1.0, Some(0.5)).unwrap();
    }
}
