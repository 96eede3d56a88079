//! Opens the file: what must be true of it before a worker may rely on its locks.

use std::cell::Cell;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use aees_run::artifact::FileError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file_system::{FileSystem, FileSystemProbe, probe_file_system};
use super::migrations::{MIGRATIONS, known_version, migrate, missing, version};
use super::{Reader, Registry, RegistryError, RegistryResult, system_clock};

/// Milliseconds UTC. A test gives its own.
pub type Clock = Box<dyn Fn() -> i64 + Send>;

/// Milliseconds since the boot, suspended ones included. A test gives its own.
pub type Uptime = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files up to this size are read whole when they are opened for writing, which takes 4 ms for each MiB. In larger ones
/// damage is found when it is met, or by [`Reader::check`].
const CHECKED_WHEN_OPENED: u64 = 32 << 20;

/// What a test may replace.
pub struct OpenOptions {
    /// Tells a network file system.
    pub file_system: FileSystemProbe,
    /// The time.
    pub clock: Clock,
    /// The clock of leases: no step of the other one moves it.
    pub uptime: Uptime,
    /// Milliseconds that this process was there for: a suspend does not count.
    pub awake: Uptime,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            file_system: probe_file_system,
            clock: Box::new(system_clock),
            uptime: Arc::new(system_uptime),
            awake: Arc::new(time_awake),
        }
    }
}

/// What the kernel says of the time since its boot; where it says nothing, the time of day.
pub(crate) fn system_uptime() -> i64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_ascii_whitespace().next().and_then(|seconds| seconds.parse::<f64>().ok());
    let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    since.map_or_else(system_clock, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What the monotonic clock counts, which stands still while the machine is suspended.
fn time_awake() -> i64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    i64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(i64::MAX)
}

impl Registry {
    /// Opens the file for writing. Makes it if there is none; brings an older one to this version and keeps a copy.
    ///
    /// # Errors
    /// A network file system, a newer or a damaged file, a database of another program. Nothing is changed then.
    pub fn open(path: &Path) -> RegistryResult<Self> {
        Self::open_with(path, OpenOptions::default())
    }

    /// [`Registry::open`] with replaced parts.
    pub fn open_with(path: &Path, options: OpenOptions) -> RegistryResult<Self> {
        refuse_network(path, options.file_system)?;
        let connection = open_for_writing(path, &options.clock).map_err(|error| error.at(path))?;
        Ok(Self { reader: Reader { connection, path: path.to_owned(), options, newer: None } })
    }
}

impl Reader {
    /// Opens the file for reading, also one that is newer than this program, as far as its questions can be answered.
    ///
    /// # Errors
    /// No file, a damaged one, or a database of another program.
    pub fn open(path: &Path) -> RegistryResult<Self> {
        Self::open_with(path, OpenOptions::default())
    }

    /// [`Reader::open`] with replaced parts.
    pub fn open_with(path: &Path, options: OpenOptions) -> RegistryResult<Self> {
        if !path.is_file() {
            return Err(RegistryError::Missing { path: path.to_owned() });
        }
        let network = under(path, options.file_system)? != FileSystem::Local;
        let opened = match open_for_reading(path, network) {
            // Nobody may write there, so nobody changes it either: SQLite needs no helpers beside the file.
            Err(RegistryError::Sqlite { source, .. }) if needs_helpers(&source) => open_unchanging(path),
            opened => opened,
        };
        let (connection, found) = opened.map_err(|error| error.at(path))?;
        let known = MIGRATIONS.len() as i64;
        if found < known {
            // Questions are asked of the newest tables only.
            return Registry::open_with(path, options).map(|registry| registry.reader);
        }
        let newer = (found > known).then_some(found);
        Ok(Self { connection, path: path.to_owned(), options, newer })
    }

    /// Reads the whole file and makes sure that it is in order, and that no table, index or rule is gone or other.
    ///
    /// # Errors
    /// What is damaged.
    pub fn check(&self) -> RegistryResult<()> {
        self.read(|connection| {
            check(connection, &self.path, "integrity_check")?;
            match missing(connection)? {
                Some(missing) if self.newer.is_none() => {
                    let detail = format!("the {missing} is not as this program made it");
                    Err(RegistryError::Corrupt { path: self.path.clone(), detail })
                }
                _ => Ok(()),
            }
        })
    }
}

/// Locks do not hold there: two workers could own one run.
pub(super) fn refuse_network(path: &Path, probe: FileSystemProbe) -> RegistryResult<()> {
    match under(path, probe)? {
        FileSystem::Local => Ok(()),
        FileSystem::Network(file_system) => {
            Err(RegistryError::NetworkFileSystem { path: path.to_owned(), file_system })
        }
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn under(path: &Path, probe: FileSystemProbe) -> RegistryResult<FileSystem> {
    let folder = folder_of(path);
    Ok(probe(folder).map_err(FileError::at("look at", folder))?)
}

fn open_for_writing(path: &Path, clock: &Clock) -> RegistryResult<Connection> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Before anything is changed: is it ours, and not newer?
    let found = known_version(&connection, path, MIGRATIONS)?;
    if found > 0 && path.metadata().is_ok_and(|file| file.len() <= CHECKED_WHEN_OPENED) {
        check(&connection, path, "quick_check")?;
    }
    write_ahead(&connection)?;
    // A claim or a result that was answered for survives a loss of power.
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    migrate(&mut connection, path, MIGRATIONS, clock())?;
    Ok(connection)
}

fn open_for_reading(path: &Path, network: bool) -> RegistryResult<(Connection, i64)> {
    // A connection that may only read leaves its shared-memory file behind, so it is asked for only where nobody may
    // write.
    let flags = if network { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let connection = connect(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    let found = version(&connection, path)?;
    Ok((connection, found))
}

fn needs_helpers(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

fn open_unchanging(path: &Path) -> RegistryResult<(Connection, i64)> {
    let mut name = String::from("file:");
    for byte in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
            _ => name += &format!("%{byte:02X}"),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = connect(format!("{name}?immutable=1"), flags)?;
    let found = version(&connection, path)?;
    Ok((connection, found))
}

fn connect(path: impl AsRef<Path>, flags: OpenFlags) -> RegistryResult<Connection> {
    let mut connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_handler(Some(wait))?;
    connection.set_prepared_statement_cache_capacity(64);
    // recursive_triggers: without it a REPLACE would delete rows unseen by the triggers that protect them.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768",
    )?;
    Ok(connection)
}

/// Turning a file into WAL mode needs it for a moment alone, and SQLite does not wait for that by itself.
fn write_ahead(connection: &Connection) -> RegistryResult<()> {
    let mut attempt = 0;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(_) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(attempt) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn check(connection: &Connection, path: &Path, pragma: &str) -> RegistryResult<()> {
    let found: String = connection.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(RegistryError::Corrupt { path: path.to_owned(), detail: found }) }
}

/// Sleeps before attempt `attempt + 2`. Random lengths, so that workers that met once do not meet again.
fn wait(attempt: i32) -> bool {
    thread_local!(static SINCE: Cell<Option<Instant>> = const { Cell::new(None) });
    if attempt == 0 {
        SINCE.set(Some(Instant::now()));
    }
    if SINCE.get().is_some_and(|since| since.elapsed() > PATIENCE) {
        return false;
    }
    let most = 1_000 * u64::from(attempt.clamp(1, 20).unsigned_abs());
    std::thread::sleep(Duration::from_micros(200 + RandomState::new().hash_one(attempt) % most));
    true
}
