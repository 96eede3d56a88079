//! The checksum that the hub gives as a file's ETag, which is also the name of its blob in the cache.
//!
//! 64 hex digits are the SHA-256 of a large file (LFS, Xet); 40 are Git's name of a small one: the SHA-1 of
//! `blob LENGTH\0` and the content.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A file's checksum as the hub names it. `Display` writes it in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the content.
    Sha256([u8; 32]),
    /// SHA-1 of `blob LENGTH\0` and the content, as `git hash-object` prints it.
    GitBlob([u8; 20]),
}

impl Checksum {
    /// The SHA-256 of some bytes.
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(bytes).into())
    }

    /// Git's name of some bytes.
    pub fn git_blob_of(bytes: &[u8]) -> Self {
        Self::GitBlob(git_blob_start(bytes.len() as u64).chain_update(bytes).finalize().into())
    }

    /// The checksum in an ETag without its quotes; none for an ETag that is something else.
    pub fn from_etag(etag: &str) -> Option<Self> {
        match etag.len() {
            64 => from_hex(etag).map(Self::Sha256),
            40 => from_hex(etag).map(Self::GitBlob),
            _ => None,
        }
    }

    /// The checksum of the same kind that a file really has.
    pub(super) fn same_kind_of_file(self, path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        Ok(match self {
            Self::Sha256(_) => Self::Sha256(digest(Sha256::new(), &mut file)?.finalize().into()),
            Self::GitBlob(_) => {
                let start = git_blob_start(file.metadata()?.len());
                Self::GitBlob(digest(start, &mut file)?.finalize().into())
            }
        })
    }
}

fn git_blob_start(length: u64) -> Sha1 {
    Sha1::new().chain_update(format!("blob {length}\0"))
}

fn digest<D: Digest>(mut digest: D, file: &mut File) -> io::Result<D> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Upper-case digits would be another file name for the same checksum: Python does not take them either.
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha256(bytes) => bytes,
            Self::GitBlob(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Sha256(_) => "sha256",
            Self::GitBlob(_) => "git blob",
        };
        write!(formatter, "{kind} {self}")
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
        assert_eq!(Checksum::sha256_of(b"hello\n").to_string(), sha256);
        assert_eq!(Checksum::git_blob_of(b"hello\n").to_string(), git);
        assert_eq!(Checksum::from_etag(sha256), Some(Checksum::sha256_of(b"hello\n")));
        assert_eq!(Checksum::from_etag(git), Some(Checksum::git_blob_of(b"hello\n")));
    }

    #[test]
    fn other_etags_are_no_checksums() {
        for etag in ["", "abc", &"g".repeat(64), &"A".repeat(40), &"é".repeat(20)] {
            assert_eq!(Checksum::from_etag(etag), None, "{etag}");
        }
    }
}
