//! Versions of the file. Migrations go forward only, each in one transaction, each after a copy was laid beside the
//! file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::{RegistryError, Result};

/// "aees" in the file's header: tells a registry from other databases.
const APPLICATION_ID: i64 = 0x6165_6573;

/// Migration `n` makes version `n + 1` of version `n`; an empty file is version 0.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema_v1.sql")];

/// The version of a file, after making sure that it is a registry or empty.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = version == 0 && tables == 0;
    if empty || application == APPLICATION_ID {
        Ok(version)
    } else {
        Err(RegistryError::NotARegistry { path: path.to_owned() })
    }
}

/// Brings a file to the newest version. Gives the place of the copy of the older file, if there was one.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
    now: i64,
) -> Result<Option<PathBuf>> {
    let known = migrations.len() as i64;
    let found = version(connection, path)?;
    if found > known {
        return Err(RegistryError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(None);
    }
    let backup = if found > 0 { Some(back_up(connection, path, found, now)?) } else { None };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster: the version counts under the lock.
    let found = version(&transaction, path)?;
    for (from, script) in migrations.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(script)?;
        if from == 0 {
            transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
            transaction.execute(
                "INSERT INTO meta (key, value) VALUES ('uuid', lower(hex(randomblob(16)))), ('created_at', ?1), ('program', ?2)",
                (now.to_string(), env!("CARGO_PKG_VERSION")),
            )?;
        }
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {known}"))?;
    transaction.commit()?;
    Ok(backup)
}

fn back_up(connection: &Connection, path: &Path, version: i64, now: i64) -> Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}-{now}-{}", std::process::id()));
    let copy = PathBuf::from(name);
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_keeps_a_copy_of_the_older_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let mut connection = Connection::open(&path).unwrap();
        assert_eq!(migrate(&mut connection, &path, MIGRATIONS, 7).unwrap(), None, "a new file has no older one");

        let newer = [MIGRATIONS[0], "ALTER TABLE studies ADD COLUMN note TEXT;"];
        let copy = migrate(&mut connection, &path, &newer, 8).unwrap().unwrap();

        assert_eq!(version(&connection, &path).unwrap(), 2);
        assert!(connection.prepare("SELECT note FROM studies").is_ok());
        let older = Connection::open(&copy).unwrap();
        assert_eq!(version(&older, &copy).unwrap(), 1);
        assert!(older.prepare("SELECT note FROM studies").is_err());
        assert_eq!(migrate(&mut connection, &path, &newer, 9).unwrap(), None, "the second time there is nothing to do");
    }

    #[test]
    fn a_failed_migration_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, MIGRATIONS, 7).unwrap();

        let broken = [MIGRATIONS[0], "ALTER TABLE studies ADD COLUMN note TEXT; SELECT nonsense FROM nowhere;"];
        assert!(migrate(&mut connection, &path, &broken, 8).is_err());

        assert_eq!(version(&connection, &path).unwrap(), 1);
        assert!(connection.prepare("SELECT note FROM studies").is_err());
    }
}
