//! What several runs of one process read: images, tokens, weights, each loaded once. Who comes while another one loads it
//! waits for that one.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept under a key, once it is loaded.
type Kept = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

type KeptThings = Mutex<HashMap<(TypeId, String), Kept>>;

/// Where loaded things are kept for further runs. Clones are the same place.
#[derive(Clone, Default)]
pub struct SharedInputs(Option<Arc<KeptThings>>);

impl SharedInputs {
    /// For a process with one run: nothing is kept.
    pub fn for_one_run() -> Self {
        Self::default()
    }

    /// For runs side by side.
    pub fn for_several_runs() -> Self {
        Self(Some(Arc::default()))
    }

    /// The thing of a key, which says all that decides it; loaded if it is not there. Things of the same type with other keys
    /// are dropped that nobody uses any more.
    ///
    /// # Errors
    /// When it cannot be loaded; the next one tries again.
    pub fn take<T: Any + Send + Sync, E>(
        &self,
        key: impl FnOnce() -> String,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let Some(places) = &self.0 else { return load().map(Arc::new) };
        let key = (TypeId::of::<T>(), key());
        let place = {
            let mut places = lock(places);
            places.retain(|known, place| known.0 != key.0 || *known == key || is_used(place));
            places.entry(key).or_default().clone()
        };
        let mut kept = lock(&place);
        if let Some(found) = kept.clone().and_then(|kept| kept.downcast().ok()) {
            return Ok(found);
        }
        let loaded = Arc::new(load()?);
        *kept = Some(loaded.clone());
        Ok(loaded)
    }
}

fn is_used(place: &Kept) -> bool {
    // Somebody loads it or waits for it.
    Arc::strong_count(place) > 1 || lock(place).as_ref().is_some_and(|kept| Arc::strong_count(kept) > 1)
}

/// A run that panicked while it loaded has left nothing half-made.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    fn take(shared: &SharedInputs, key: &str, loads: &AtomicUsize) -> Arc<String> {
        let load = || {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(key.to_owned())
        };
        shared.take(|| key.to_owned(), load).unwrap()
    }

    #[test]
    fn runs_side_by_side_load_once_and_one_alone_keeps_nothing() {
        let (shared, loads) = (SharedInputs::for_several_runs(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(*take(&shared, "images", &loads), "images"));
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        let alone = SharedInputs::for_one_run();
        assert_eq!(Arc::strong_count(&take(&alone, "images", &loads)), 1);
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_nobody_uses_goes_when_something_else_comes_and_a_failure_is_not_kept() {
        let (shared, loads) = (SharedInputs::for_several_runs(), AtomicUsize::new(0));
        let used = take(&shared, "used", &loads);
        drop(take(&shared, "unused", &loads));
        drop(take(&shared, "third", &loads));
        assert!(Arc::ptr_eq(&take(&shared, "used", &loads), &used));
        assert_eq!(loads.load(Ordering::SeqCst), 3);
        take(&shared, "unused", &loads);
        assert_eq!(loads.load(Ordering::SeqCst), 4, "it was dropped");
        let failed: Result<Arc<u8>, &str> = shared.take(|| "number".into(), || Err("no"));
        assert_eq!(failed, Err("no"));
        assert_eq!(shared.take(|| "number".into(), || Ok::<u8, &str>(7)).as_deref(), Ok(&7));
    }
}
