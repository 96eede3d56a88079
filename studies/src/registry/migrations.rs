//! Versions of the file. Migrations go forward only, each in one transaction, each after a copy was laid beside the
//! file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::rows::rows;
use super::{RegistryError, RegistryResult};

/// "aees" in the file's header: tells a registry from other databases.
const APPLICATION_ID: i64 = 0x6165_6573;

/// Migration `n` makes version `n + 1` of version `n`; an empty file is version 0.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("schema_v1.sql"), include_str!("schema_v2.sql"), include_str!("schema_v3.sql")];

/// The version of a file, after making sure that it is a registry or empty.
pub(super) fn version(connection: &Connection, path: &Path) -> RegistryResult<i64> {
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

/// The version of a file that is not newer than these migrations.
pub(super) fn known_version(connection: &Connection, path: &Path, migrations: &[&str]) -> RegistryResult<i64> {
    let (found, known) = (version(connection, path)?, migrations.len() as i64);
    if found > known { Err(RegistryError::Newer { path: path.to_owned(), found, known }) } else { Ok(found) }
}

/// Brings a file to the newest version. Gives the place of the copy of the older file, if there was one.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
    now: i64,
) -> RegistryResult<Option<PathBuf>> {
    let known = migrations.len() as i64;
    let found = known_version(connection, path, migrations)?;
    if found == known {
        return Ok(None);
    }
    let backup = if found > 0 { Some(back_up(connection, path, found, now)?) } else { None };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster: the version counts under the lock.
    let found = known_version(&transaction, path, migrations)?;
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

/// A table, index, view or trigger that a file of this version has and this one has not, or has otherwise.
pub(super) fn missing(connection: &Connection) -> RegistryResult<Option<String>> {
    type Item = (String, String, Option<String>);
    let items = |connection: &Connection| -> RegistryResult<Vec<Item>> {
        let sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
        rows(connection, sql, [], |row| row.try_into())
    };
    let fresh = Connection::open_in_memory()?;
    MIGRATIONS.iter().try_for_each(|script| fresh.execute_batch(script))?;
    let found = items(connection)?;
    let missing = items(&fresh)?.into_iter().find(|item| !found.contains(item));
    Ok(missing.map(|(kind, name, _)| format!("{kind} {name}")))
}

/// A file beside another, with its name and more.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn back_up(connection: &Connection, path: &Path, version: i64, now: i64) -> RegistryResult<PathBuf> {
    let copy = with_suffix(path, &format!(".v{version}-{now}-{}", std::process::id()));
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

        let newer = [MIGRATIONS, &["ALTER TABLE studies ADD COLUMN note TEXT;"]].concat();
        let copy = migrate(&mut connection, &path, &newer, 8).unwrap().unwrap();

        assert_eq!(version(&connection, &path).unwrap(), newer.len() as i64);
        assert!(connection.prepare("SELECT note FROM studies").is_ok());
        let older = Connection::open(&copy).unwrap();
        assert_eq!(version(&older, &copy).unwrap(), MIGRATIONS.len() as i64);
        assert!(older.prepare("SELECT note FROM studies").is_err());
        assert_eq!(migrate(&mut connection, &path, &newer, 9).unwrap(), None, "the second time there is nothing to do");
    }

    /// A registry of the first version has its studies, runs and numbers in this one, and works.
    #[test]
    fn a_registry_of_version_1_is_brought_to_this_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..1], 7).unwrap();
        let id = |digit: &str| digit.repeat(64);
        connection
            .execute_batch(&format!(
                "INSERT INTO studies VALUES (1, 's', 't', 'x', '{{}}', 0, 0);
                 INSERT INTO configs VALUES ('{0}', 't', 'shape', '{{}}');
                 INSERT INTO runs (run_no, run_id, config_id, seed, state, created_at, updated_at)
                     VALUES (1, '{1}', '{0}', 0, 'pending', 0, 0), (2, '{2}', '{0}', 1, 'pending', 0, 0);
                 INSERT INTO study_runs (study_id, run_no, idx, axes_json, reused, state, added_at)
                     VALUES (1, 1, 4, '{{}}', 0, 'pending', 0), (1, 2, 7, '{{}}', 0, 'pending', 0);
                 UPDATE runs SET state = 'running', epoch = 1, lease_until = 5 WHERE run_no = 1;
                 INSERT INTO attempts (run_no, epoch, attempt_no, host, pid, start_ticks, boot_id, started_at)
                     VALUES (1, 1, 1, 'h', 1, 1, 'boot', 0);",
                id("c"),
                id("a"),
                id("b")
            ))
            .unwrap();
        drop(connection);

        let mut registry = crate::registry::Registry::open(&path).unwrap();
        registry.check().unwrap();
        assert_eq!(registry.run("s:7").unwrap().run_id.full(), id("b"));
        assert_eq!(registry.running(Some("s")).unwrap()[0].worker.pid_namespace, "");
        let mut queue = registry.queue("s", None).unwrap();
        let own = crate::process::ProcessIdentity::own();
        let claims = registry.claim(&own, &mut queue, 9, std::time::Duration::from_secs(1)).unwrap();
        let epochs: Vec<i64> = claims.iter().map(|claim| claim.epoch).collect();
        assert_eq!(epochs, [2, 1], "the lease of the older file has ended");
    }

    #[test]
    fn a_failed_migration_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, MIGRATIONS, 7).unwrap();

        let broken =
            [MIGRATIONS, &["ALTER TABLE studies ADD COLUMN note TEXT; SELECT nonsense FROM nowhere;"]].concat();
        assert!(migrate(&mut connection, &path, &broken, 8).is_err());

        assert_eq!(version(&connection, &path).unwrap(), MIGRATIONS.len() as i64);
        assert!(connection.prepare("SELECT note FROM studies").is_err());
    }
}
