//! The checksum that the hub gives as a file's ETag, which is also the name of its blob in the cache.
//!
//! 64 hex digits are the SHA-256 of a large file (LFS, Xet); 40 are Git's name of a small one: the SHA-1 of
//! `blob LENGTH\0` and the content.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use aees_run::hexadecimal::hexadecimal;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A file's checksum as the hub names it, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum(String);

impl Checksum {
    /// The SHA-256 of some bytes.
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self(hexadecimal(&Sha256::digest(bytes)))
    }

    /// Git's name of some bytes, as `git hash-object` prints it.
    pub fn git_blob_of(bytes: &[u8]) -> Self {
        let start = format!("blob {}\0", bytes.len());
        Self(hexadecimal(&Sha1::new().chain_update(start).chain_update(bytes).finalize()))
    }
}

/// The SHA-256 of a file, in hex. A file of the hub's cache, which is a link to a blob, has it in the blob's name: it was
/// checked when it came, and is not read again.
///
/// # Errors
/// A file that cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let target = fs::read_link(path).unwrap_or_default();
    if target.parent().is_some_and(|parent| parent.ends_with("blobs"))
        && let Some(etag) = target.file_name().and_then(|name| name.to_str())
        && matches!(Hasher::of(etag), Hasher::Sha256(_))
    {
        return Ok(etag.to_owned());
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Takes the checksum of a file while it arrives.
pub(super) enum Hasher {
    Sha256(Sha256),
    /// Its length comes first in Git's checksum, and need not be known before the end: kept whole. Such files are small.
    GitBlob(Vec<u8>),
    /// An ETag that is no checksum.
    None,
}

impl Hasher {
    /// For what the ETag, without its quotes, may be the checksum of.
    pub(super) fn of(etag: &str) -> Self {
        // Upper-case digits would be another file name for the same checksum: Python does not take them either.
        let hexadecimal = etag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match etag.len() {
            64 if hexadecimal => Self::Sha256(Sha256::new()),
            40 if hexadecimal => Self::GitBlob(Vec::new()),
            _ => Self::None,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(digest) => digest.update(bytes),
            Self::GitBlob(content) => content.extend_from_slice(bytes),
            Self::None => {}
        }
    }

    /// The checksum of all that came; none where the ETag is not one.
    pub(super) fn finish(&self) -> Option<Checksum> {
        match self {
            Self::Sha256(digest) => Some(Checksum(hexadecimal(&digest.clone().finalize()))),
            Self::GitBlob(content) => Some(Checksum::git_blob_of(content)),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'hello\n' | sha256sum` and `printf 'hello\n' | git hash-object --stdin`.
    #[test]
    fn checksums_are_those_of_sha256sum_and_git() {
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        for (etag, checksum) in [(sha256, Checksum::sha256_of(b"hello\n")), (git, Checksum::git_blob_of(b"hello\n"))] {
            assert_eq!(checksum.to_string(), etag);
            let mut hasher = Hasher::of(etag);
            [b"hel".as_slice(), b"lo\n"].into_iter().for_each(|part| hasher.update(part));
            assert_eq!(hasher.finish(), Some(checksum));
        }
    }

    #[test]
    fn other_etags_are_no_checksums() {
        for etag in ["", "abc", &"g".repeat(64), &"A".repeat(40), &"é".repeat(20)] {
            assert!(Hasher::of(etag).is_none(), "{etag}");
        }
    }
}
