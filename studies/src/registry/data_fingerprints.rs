//! A cache of data fingerprints: hashing gigabytes for each plan would take longer than planning.

use rusqlite::{OptionalExtension, params};

use super::{Reader, Registry, RegistryResult};

impl Reader {
    /// The fingerprint of the data called `key`, if it was last read while it looked like `stat` (sizes and times of
    /// its files, as the caller writes them).
    pub fn data_fingerprint(&self, key: &str, stat: &str) -> RegistryResult<Option<String>> {
        self.read(|connection| {
            let find = "SELECT fingerprint FROM data_fingerprints WHERE key = ?1 AND stat = ?2";
            Ok(connection.query_row(find, [key, stat], |row| row.get(0)).optional()?)
        })
    }
}

impl Registry {
    /// Remembers a fingerprint, in place of an older one of the same data.
    pub fn remember_data_fingerprint(&mut self, key: &str, stat: &str, fingerprint: &str) -> RegistryResult<()> {
        self.write(|transaction, now| {
            transaction.execute(
                "INSERT INTO data_fingerprints (key, stat, fingerprint, updated_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET stat = ?2, fingerprint = ?3, updated_at = ?4",
                params![key, stat, fingerprint, now],
            )?;
            Ok(())
        })
    }
}
