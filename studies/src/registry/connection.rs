//! A connection to the file, for reading alone or for writing too.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::claim::Moment;
use super::open::OpenOptions;
use super::{RegistryError, RegistryResult};

/// Answers questions about runs and studies. Writes nothing.
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) options: OpenOptions,
    pub(super) newer: Option<i64>,
}

/// A [`Reader`] that may also write. Every write is one transaction, on the disk before the call returns.
pub struct Registry {
    pub(super) reader: Reader,
}

impl Reader {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's version, if it is newer than this program.
    pub fn newer_version(&self) -> Option<i64> {
        self.newer
    }

    /// The registry's clock: milliseconds UTC.
    pub fn now(&self) -> i64 {
        (self.options.clock)()
    }

    /// The clock of leases: milliseconds since the boot.
    pub fn uptime(&self) -> i64 {
        (self.options.uptime)()
    }

    /// Both clocks: the time for people, and the one that leases count on.
    pub(super) fn moment(&self) -> Moment {
        Moment { wall: self.now(), uptime: self.uptime() }
    }

    /// Answers from one snapshot: what a question reads belongs together.
    pub(super) fn read<T>(&self, question: impl FnOnce(&Connection) -> RegistryResult<T>) -> RegistryResult<T> {
        let snapshot = || -> RegistryResult<T> {
            let transaction = self.connection.unchecked_transaction()?;
            question(&transaction)
        };
        snapshot().map_err(|error| error.at(&self.path))
    }
}

impl Registry {
    /// Does all of a change or nothing of it.
    pub(super) fn write<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>, i64) -> RegistryResult<T>,
    ) -> RegistryResult<T> {
        let Reader { connection, path, options, .. } = &mut self.reader;
        let transact = || -> RegistryResult<T> {
            // Immediate: a reader that turns writer could meet a newer snapshot and would have to begin again.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // The time counts from when the lock was got: the wait for it may have been long.
            let value = change(&transaction, (options.clock)())?;
            transaction.commit()?;
            Ok(value)
        };
        transact().map_err(|error| error.at(path))
    }

    /// [`Registry::write`] for a change that a loss of power may take back: it does not wait for the disk.
    pub(super) fn write_unsynced<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>, i64) -> RegistryResult<T>,
    ) -> RegistryResult<T> {
        self.synchronous("NORMAL")?;
        let written = self.write(change);
        self.synchronous("FULL")?;
        written
    }

    /// How much of what follows must be on the disk before a call returns. `FULL` is the rule.
    fn synchronous(&self, mode: &str) -> RegistryResult<()> {
        let set = self.reader.connection.execute_batch(&format!("PRAGMA synchronous = {mode}"));
        set.map_err(|error| RegistryError::from(error).at(&self.reader.path))
    }
}

impl Deref for Registry {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}
