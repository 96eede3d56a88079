//! Tells a network file system, where SQLite's locks and shared memory do not hold.

use std::io;
use std::path::Path;

/// What lies under a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// A disk of this machine, as far as one can tell.
    Local,
    /// Shared with other machines.
    Network(&'static str),
}

/// Tells what lies under a folder. A test gives its own.
pub type FileSystemProbe = fn(&Path) -> io::Result<FileSystem>;

/// `f_type` of statfs(2) for file systems that are shared, or may be: behind FUSE anything can lie.
const NETWORK: [(u64, &str); 8] = [
    (0x6969, "NFS"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0xFF53_4D42, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0x00C3_6400, "CephFS"),
    (0x6573_5546, "FUSE"),
];

impl FileSystem {
    /// The file system with a certain `f_type`.
    pub fn of_type(number: u64) -> Self {
        // Some platforms sign-extend the 32-bit number.
        let number = number & 0xFFFF_FFFF;
        NETWORK.iter().find(|(each, _)| *each == number).map_or(Self::Local, |(_, name)| Self::Network(name))
    }
}

/// Asks the system.
///
/// # Errors
/// When the folder does not exist or cannot be entered.
#[cfg(target_os = "linux")]
pub fn probe_file_system(folder: &Path) -> io::Result<FileSystem> {
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the type of f_type differs by platform")]
    Ok(FileSystem::of_type(rustix::fs::statfs(folder)?.f_type as u64))
}

/// Numbers of file systems are Linux's; elsewhere a disk is taken to be local.
#[cfg(not(target_os = "linux"))]
pub fn probe_file_system(_folder: &Path) -> io::Result<FileSystem> {
    Ok(FileSystem::Local)
}
